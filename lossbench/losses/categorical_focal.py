"""Losses of a row that turn the surprise of a class by what the other classes hold: focal, and one term more."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from lossbench.domains import ClassWeight, Fraction, Logits, Mask, NonNegativeNumber, Probabilities, Range
from lossbench.functions import exactly, exp, log, power, total, xlogy
from lossbench.loss import Terms, loss
from lossbench.losses.cross_entropy import only
from lossbench.losses.limits import product, quotient
from lossbench.losses.stable import normalized_parts, softmax_parts
from lossbench.losses.weighed import sample_weighted

EPS = float(np.finfo(np.float64).eps)
SETTINGS = {"alpha": (0.25,), "gamma": (0.0, 0.5, 3.0), "label_smoothing": (0.125,)}
Polynomial = Annotated[float, Range(low=-1.0)]
Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


@sample_weighted
@loss(
    over="rows",
    also=SETTINGS,
    relations=("unmoved_by_shift", "gradients_sum_to_zero", "classes_permuted", "not_negative"),
)
@np.errstate(all="ignore")
def categorical_focal(
    logits: Logits,
    target: Probabilities,
    weight: ClassWeight = None,
    *,
    alpha: NonNegativeNumber = 1.0,
    gamma: NonNegativeNumber = 2.0,
    label_smoothing: Fraction = 0.0,
) -> Terms:
    """Cross entropy of the softmax of the logits, each class turned down by its own probability.

    ``-alpha Σ_c w_c y'_c (1 - p_c)^gamma log p_c`` with p the softmax, ``y' = (1 - ε) y + ε/C`` and w = 1 where no
    weight is given. logits and target [..., C], weight [C]; one term for each row; the mean divides by the number of
    rows. With ``h_c = (1 - p_c)^gamma (1 - gamma p_c log p_c / (1 - p_c))`` the derivative by x_j is
    ``p_j Σ_c a_c h_c - a_j h_j``, a being alpha w y'. Identity: `soft_cross_entropy` where gamma is 0.

    Source: T.-Y. Lin et al., "Focal loss for dense object detection", ICCV 2017.
    """
    rows = softmax_parts(logits)
    rate = factor(weight, alpha, label_smoothing, np.shape(target))
    shares = rate * target + scale(weight, alpha) * label_smoothing / target.shape[-1]
    return assemble("logits", rows, shares, rate, gamma)


@categorical_focal.definition
def _(logits, target, weight, *, alpha, gamma, label_smoothing):
    powers = [exp(x) for x in logits]
    whole = total(powers)
    # 1 - p as the share of all other classes, which no precision is too small for
    missed = [total(other for j, other in enumerate(powers) if j != c) / whole for c in range(len(powers))]
    return _focal([p / whole for p in powers], missed, target, weight, alpha, gamma, label_smoothing)


@sample_weighted
@loss(over="rows", also=SETTINGS, form_of="categorical_focal", relations=("classes_permuted", "not_negative"))
@np.errstate(all="ignore")
def categorical_focal_probability(
    prediction: Probabilities,
    target: Probabilities,
    weight: ClassWeight = None,
    *,
    alpha: NonNegativeNumber = 1.0,
    gamma: NonNegativeNumber = 2.0,
    label_smoothing: Fraction = 0.0,
) -> Terms:
    """Cross entropy of class probabilities, each class turned down by its own probability.

    ``-alpha Σ_c w_c y'_c (1 - p_c)^gamma log p_c`` with ``p = q / Σ_k q_k``, ``y' = (1 - ε) y + ε/C``, 0 log 0 = 0 and
    w = 1 where no weight is given. prediction and target [..., C], weight [C]; one term for each row. Identity:
    `categorical_focal` of the logits log q; `categorical_cross_entropy_prob` where gamma is 0.

    Source: T.-Y. Lin et al., "Focal loss for dense object detection", ICCV 2017.
    """
    rows = normalized_parts(prediction)
    rate = factor(weight, alpha, label_smoothing, np.shape(target))
    shares = rate * target + scale(weight, alpha) * label_smoothing / target.shape[-1]
    return assemble("prediction", rows, shares, rate, gamma, prediction.sum(axis=-1, keepdims=True))


@categorical_focal_probability.definition
def _(prediction, target, weight, *, alpha, gamma, label_smoothing):
    mass = total(prediction)
    shares = [q / mass for q in prediction]
    return _focal(shares, [1 - q for q in shares], target, weight, alpha, gamma, label_smoothing)


def _focal(probabilities, missed, target, weight, alpha, gamma, label_smoothing):
    smoothing = exactly(label_smoothing)
    terms = []
    for c, (p, m, y) in enumerate(zip(probabilities, missed, target, strict=True)):
        share = (1 if weight is None else weight[c]) * ((1 - smoothing) * y + smoothing / len(target))
        terms.append(power(m, gamma) * xlogy(share, p))
    return -alpha * total(terms)


def scale(weight: np.ndarray | None, alpha: float) -> np.ndarray:
    """What the label of a class is multiplied by."""
    return alpha * (np.ones(1) if weight is None else weight)


def factor(weight: np.ndarray | None, alpha: float, label_smoothing: float, shape: tuple[int, ...]) -> np.ndarray:
    """The derivative of a share by its label."""
    return scale(weight, alpha) * (1 - label_smoothing) * np.ones(shape)


@np.errstate(all="ignore")
def assemble(
    name: str, rows: Rows, shares: np.ndarray, rate: np.ndarray, gamma: float, mass: np.ndarray | None = None
) -> Terms:
    """Value and slopes from -log p, p and 1 - p; by logits, or by probabilities whose sum is `mass`."""
    surprisals, probabilities, complements = rows
    power = complements**gamma
    # -log p over 1 - p tends to 1 where p does
    ratio = np.where((complements == 0) & (surprisals == 0), 1.0, surprisals / complements)
    pull = power * (1 + gamma * product(probabilities, ratio))
    # Whoever forms 1 - p by subtraction has it with an absolute error of eps, which its power and slopes inherit.
    blur = 1 + gamma / np.maximum(complements, EPS)
    terms = slopes_of_pull(name, rows, shares, pull, blur, mass)
    value = product(shares, power * surprisals).sum(axis=-1)
    return Terms(
        value,
        {**terms.slopes, "target": product(rate, power * surprisals)},
        magnitude=product(shares, power * (surprisals * blur + 1)).sum(axis=-1),
        slope_magnitudes={**terms.slope_magnitudes, "target": product(rate, power * (surprisals * blur + 1))},
    )


@np.errstate(all="ignore")
def slopes_of_pull(
    name: str, rows: Rows, shares: np.ndarray, pull: np.ndarray, blur: np.ndarray | float, mass: np.ndarray | None
) -> Terms:
    """The slopes ``p_j Σ_c s_c h_c - s_j h_j`` by logits with h the pull, or their quotient by q by probabilities."""
    _, probabilities, complements = rows
    pulls, blurred = product(shares, pull), product(shares, pull * blur)
    others = pulls.sum(axis=-1, keepdims=True) - pulls
    size_of_others = blurred.sum(axis=-1, keepdims=True)
    own, size_of_own = pulls * complements, blurred * complements + pulls
    if mass is None:
        slope = probabilities * others - own
        size = probabilities * size_of_others + size_of_own
    else:
        slope = (others - quotient(own, probabilities)) / mass
        size = (size_of_others + quotient(size_of_own, probabilities)) / mass
    return Terms(np.zeros(0), {name: slope}, slope_magnitudes={name: size})


@loss(
    over="rows",
    also={"epsilon": (0.0, -1.0, 3.0)},
    aliases=("poly1", "poly_loss"),
    relations=("unmoved_by_shift", "gradients_sum_to_zero", "classes_permuted", "not_negative"),
    alone=("mask",),
)
@np.errstate(all="ignore")
def poly1_cross_entropy(
    logits: Logits, target: Probabilities, mask: Mask = None, *, epsilon: Polynomial = 2.0
) -> Terms:
    """Cross entropy of the softmax of the logits with the first term of its expansion in 1 - p weighted anew.

    ``Σ_c y_c (-log p_c + ε (1 - p_c))`` with p the softmax. logits and target [..., C]; one term for each row. With
    ``h_c = 1 + ε p_c`` the derivative by x_j is ``p_j Σ_c y_c h_c - y_j h_j``; that by y_c is
    ``ε (1 - p_c) - log p_c``. With a mask [..., C] softmax and sum are over the classes whose mask is 1. Identity:
    `soft_cross_entropy` where ε is 0.

    Source: Z. Leng et al., "PolyLoss: a polynomial expansion perspective of classification loss functions", ICLR 2022.
    """
    counted = np.ones(logits.shape) if mask is None else mask
    rows = softmax_parts(logits if mask is None else only(logits, mask))
    surprisals, probabilities, complements = rows
    target = product(counted, target)
    terms = slopes_of_pull("logits", rows, target, 1 + epsilon * probabilities, 1.0, None)
    blunt = slopes_of_pull("logits", rows, target, 1 + abs(epsilon) * probabilities, 1.0, None)
    by_target = product(counted, surprisals + epsilon * complements)
    size = product(counted, 1 + surprisals + abs(epsilon))
    return Terms(
        product(target, by_target).sum(axis=-1),
        {**terms.slopes, "target": by_target},
        magnitude=product(target, size).sum(axis=-1),
        slope_magnitudes={**blunt.slope_magnitudes, "target": size},
    )


@poly1_cross_entropy.definition
def _(logits, target, mask, *, epsilon):
    kept = [c for c in range(len(logits)) if mask is None or bool(mask[c] == 1)]
    shares = {c: exp(logits[c]) for c in kept}
    mass = total(shares.values())
    return total(target[c] * (-log(p / mass) + epsilon * (1 - p / mass)) for c, p in shares.items())
