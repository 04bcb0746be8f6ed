"""Likelihood of a class whose log-probabilities are given."""

from __future__ import annotations

import numpy as np

from lossbench.domains import ClassIndex, ClassWeight, LogProbabilities, Number
from lossbench.loss import Denominator, Terms, loss
from lossbench.losses.limits import product


@loss(over="rows", also={"ignore_index": (1, -1)}, relations=("classes_permuted", "not_negative"))
def nll(
    log_probabilities: LogProbabilities, target: ClassIndex, weight: ClassWeight = None, *, ignore_index: Number = -100
) -> Terms:
    """Negative log likelihood of the target class, from log-probabilities that are taken as they are.

    ``-w_t x_t``, and 0 where the target is `ignore_index`; nothing is normalized. log_probabilities [..., C],
    target [...], weight [C]; one term for each row. The mean divides by the sum of the weights of the targets that
    are not ignored. Identity: after a log-softmax, `cross_entropy`.

    Source: C. M. Bishop, "Pattern Recognition and Machine Learning", 4.3.4.
    """
    classes = log_probabilities.shape[-1]
    weights = np.ones(classes) if weight is None else weight
    kept = target != ignore_index
    safe = np.where(kept, target, 0)
    factor = np.where(kept, weights[safe], 0.0)
    picked = np.take_along_axis(log_probabilities, safe[..., None], axis=-1)[..., 0]
    chosen = np.arange(classes) == safe[..., None]
    return Terms(
        np.where(kept, product(factor, 0.0 - picked), 0.0),
        {"log_probabilities": np.where(chosen, -factor[..., None], 0.0)},
        masked=~kept,
        denominators={"mean": Denominator(factor.sum())},
    )


@nll.definition
def _(log_probabilities, target, weight, *, ignore_index):
    return -(1 if weight is None else weight[target]) * log_probabilities[target]
