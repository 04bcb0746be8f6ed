"""Losses of a row of independent yes-or-no labels."""

from __future__ import annotations

import numpy as np

from lossbench.domains import BinaryTarget, ClassWeight, Logit
from lossbench.functions import log, sigmoid, total
from lossbench.loss import Terms, loss
from lossbench.losses import stable
from lossbench.losses.limits import product


@loss(over="rows", relations=("labels_mirrored", "classes_permuted", "not_negative"))
@np.errstate(all="ignore")
def multilabel_soft_margin(logits: Logit, target: BinaryTarget, weight: ClassWeight = None) -> Terms:
    """Mean over the classes of the logistic losses of a row of logits.

    ``-(1/C) Σ_c w_c (y_c log σ(x_c) + (1 - y_c) log σ(-x_c))``. logits and target [..., C], weight [C]; one term for
    each row. The derivative by x_c is ``(w_c/C) (σ(x_c) - y_c)``, that by y_c is ``-(w_c/C) x_c``. Identity: the mean
    over the last axis of `binary_cross_entropy_with_logits`.

    Source: C. M. Bishop, "Pattern Recognition and Machine Learning", 4.3.2, a logistic regression for each label.
    """
    factor = (np.ones(logits.shape[-1]) if weight is None else weight) / logits.shape[-1] * np.ones(logits.shape)
    chance, opposite = stable.sigmoid(logits), stable.sigmoid(-logits)
    hit, miss = factor * target, factor * (1 - target)
    above, below = stable.softplus(logits), stable.softplus(-logits)
    value = (product(hit, below) + product(miss, above)).sum(axis=-1)
    return Terms(
        value,
        {"logits": miss * chance - hit * opposite, "target": product(-factor, logits)},
        magnitude=value + factor.sum(axis=-1),  # each logarithm is that of a sum that starts at 1
        slope_magnitudes={"logits": factor * (chance + target), "target": product(factor, 2 + above + below)},
    )


@multilabel_soft_margin.definition
def _(logits, target, weight):
    terms = [y * log(sigmoid(x)) + (1 - y) * log(sigmoid(-x)) for x, y in zip(logits, target, strict=True)]
    return -total(terms if weight is None else (w * term for w, term in zip(weight, terms, strict=True))) / len(terms)
