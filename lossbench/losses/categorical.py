"""Losses of a row of class probabilities: cross entropies, and the generalized one between them and the distance."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from lossbench.domains import ClassIndex, ClassWeight, Fraction, Number, Probabilities, Range
from lossbench.functions import exactly, log, power, total, xlogy
from lossbench.loss import Denominator, Terms, loss
from lossbench.losses.limits import product, quotient
from lossbench.losses.stable import normalized_parts
from lossbench.losses.weighed import sample_weighted

Exponent = Annotated[float, Range(low=0.0, high=1.0, low_open=True)]


@np.errstate(all="ignore")
def weigh_probabilities(prediction: np.ndarray, shares: np.ndarray) -> Terms:
    """The sum over the classes c of ``-s_c log(q_c / Σ_k q_k)`` with the shares s constant."""
    surprisals, probabilities, complements = normalized_parts(prediction)
    mass, sum_of_shares = prediction.sum(axis=-1, keepdims=True), shares.sum(axis=-1, keepdims=True)
    # (Σs - s_c)/Σq - s_c (1 - p_c)/q_c: what a single leading class would cancel is left out on both sides
    slope = (sum_of_shares - shares) / mass - quotient(shares * complements, prediction)
    return Terms(
        product(shares, surprisals).sum(axis=-1),
        {"prediction": np.where((shares > 0) & (probabilities == 0), -np.inf, slope)},
        # the quotient q/Σq is rounded before the logarithm is taken of it
        magnitude=product(shares, 1 + surprisals).sum(axis=-1),
        slope_magnitudes={"prediction": sum_of_shares / mass + quotient(shares, prediction)},
    )


@sample_weighted
@loss(
    over="rows",
    also={"label_smoothing": (0.125,)},
    aliases=("categorical_cross_entropy_probability", "cce"),
    relations=("classes_permuted", "not_negative"),
)
@np.errstate(all="ignore")
def categorical_cross_entropy_prob(
    prediction: Probabilities, target: Probabilities, *, label_smoothing: Fraction = 0.0
) -> Terms:
    """Cross entropy of predicted class probabilities, relative to a distribution over the classes.

    ``-Σ_c y'_c log(q_c / Σ_k q_k)`` with ``y' = (1 - ε) y + ε/C`` and 0 log 0 = 0: a prediction that does not sum to
    1 is normalized first. prediction and target [..., C]; one term for each row. The derivative by q_c is
    ``(Σ_k y'_k) / Σ_k q_k - y'_c / q_c``, that by y_c is ``-(1 - ε) log(q_c / Σ_k q_k)``. Identity:
    `soft_cross_entropy` of the logits log q.

    Source: T. M. Cover and J. A. Thomas, "Elements of Information Theory", 2.3.
    """
    shares = (1 - label_smoothing) * target + label_smoothing / target.shape[-1]
    terms = weigh_probabilities(prediction, shares)
    surprisals, _, _ = normalized_parts(prediction)
    return Terms(
        terms.value,
        {**terms.slopes, "target": product(np.asarray(1 - label_smoothing), surprisals)},
        magnitude=terms.magnitude,
        slope_magnitudes={**terms.slope_magnitudes, "target": (1 - label_smoothing) * (1 + surprisals)},
    )


@categorical_cross_entropy_prob.definition
def _(prediction, target, *, label_smoothing):
    mass, smoothing = total(prediction), exactly(label_smoothing)
    return -total(
        xlogy((1 - smoothing) * y + smoothing / len(target), q / mass) for q, y in zip(prediction, target, strict=True)
    )


@sample_weighted
@loss(
    over="rows",
    also={"ignore_index": (1, -1)},
    form_of="categorical_cross_entropy_prob",
    aliases=("sparse_categorical_cross_entropy_probability", "scce"),
    relations=("classes_permuted", "not_negative"),
)
@np.errstate(all="ignore")
def sparse_categorical_cross_entropy_prob(
    prediction: Probabilities, target: ClassIndex, weight: ClassWeight = None, *, ignore_index: Number = -100
) -> Terms:
    """Cross entropy of predicted class probabilities, relative to one class.

    ``-w_t log(q_t / Σ_k q_k)``, and 0 where the target is `ignore_index`: a prediction that does not sum to 1 is
    normalized first. prediction [..., C], target [...], weight [C]; one term for each row. The mean divides by the sum
    of the weights of the targets that are not ignored. The derivative by q_c is ``w_t (1/Σ_k q_k - [c = t]/q_t)``.
    Identity: `cross_entropy` of the logits log q.

    Source: C. M. Bishop, "Pattern Recognition and Machine Learning", 4.3.4.
    """
    shares, kept = shares_of_index(prediction.shape[-1], target, weight, ignore_index)
    terms = weigh_probabilities(prediction, shares)
    return ignoring(terms, kept, shares)


@sparse_categorical_cross_entropy_prob.definition
def _(prediction, target, weight, *, ignore_index):
    return -(1 if weight is None else weight[target]) * log(prediction[target] / total(prediction))


def shares_of_index(
    classes: int, target: np.ndarray, weight: np.ndarray | None, ignore_index: float
) -> tuple[np.ndarray, np.ndarray]:
    """For each row the weight of its target's class, at that class; and which rows count."""
    kept = target != ignore_index
    chosen = (np.arange(classes) == np.where(kept, target, 0)[..., None]) & kept[..., None]
    return np.where(chosen, np.ones(classes) if weight is None else weight, 0.0), kept


def ignoring(terms: Terms, kept: np.ndarray, shares: np.ndarray) -> Terms:
    """The terms without the rows that do not count, and the mean's divisor, the sum of the shares."""
    return Terms(
        np.where(kept, terms.value, 0.0),
        {"prediction": np.where(kept[..., None], terms.slopes["prediction"], 0.0)},
        magnitude=np.where(kept, np.asarray(terms.magnitude), 0.0),
        slope_magnitudes={"prediction": np.where(kept[..., None], terms.slope_magnitudes["prediction"], 0.0)},
        masked=~kept,
        denominators={"mean": Denominator(shares.sum())},
    )


@sample_weighted
@loss(over="rows", also={"exponent": (0.125, 0.75)}, aliases=("gce",), relations=("classes_permuted", "not_negative"))
@np.errstate(all="ignore")
def generalized_cross_entropy(prediction: Probabilities, target: ClassIndex, *, exponent: Exponent = 0.5) -> Terms:
    """What lies between the cross entropy and the distance to one, of the probability given to the target's class.

    ``(1 - q_t^k) / k`` with k the exponent; the derivative by q_t is ``-q_t^(k-1)``, by the others 0. Nothing is
    normalized. prediction [..., C], target [...]; one term for each row. Identity: ``1 - q_t`` for k = 1, and
    ``-log q_t`` in the limit k = 0.

    Source: Z. Zhang and M. R. Sabuncu, "Generalized cross entropy loss for training deep neural networks with noisy
    labels", NeurIPS 2018.
    """
    chosen = np.arange(prediction.shape[-1]) == target[..., None]
    picked = np.where(chosen, prediction, 0.0).sum(axis=-1)
    slope = -(picked ** (exponent - 1))
    return Terms(
        -np.expm1(exponent * np.log(picked)) / exponent,
        {"prediction": np.where(chosen, slope[..., None], 0.0)},
        magnitude=np.full(picked.shape, 1 / exponent),
    )


@generalized_cross_entropy.definition
def _(prediction, target, *, exponent):
    return (1 - power(prediction[target], exponent)) / exponent
