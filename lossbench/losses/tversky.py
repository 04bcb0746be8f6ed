"""Tversky losses: the overlap of masks, with a weight of its own for what is found too much and for what is missed."""

from __future__ import annotations

from typing import Any

import numpy as np

from lossbench.domains import BinaryTarget, Logit, NonNegativeNumber, Probability
from lossbench.functions import sigmoid, total
from lossbench.loss import Terms, loss
from lossbench.losses import stable
from lossbench.losses.limits import product
from lossbench.losses.segmentation import dice_terms, entries
from lossbench.losses.weighed import sample_weighted

ALSO = {"alpha": (0.25, 0.0, 1.0), "beta": (0.75, 0.0), "smooth": (0.0, 0.125)}


@sample_weighted
@loss(over="samples", also={**ALSO, "epsilon": (0.125,)}, relations=("not_negative",))
@np.errstate(all="ignore")
def tversky(
    prediction: Probability,
    target: BinaryTarget,
    *,
    alpha: NonNegativeNumber = 0.5,
    beta: NonNegativeNumber = 0.5,
    smooth: NonNegativeNumber = 1.0,
    epsilon: NonNegativeNumber = 0.0,
) -> Terms:
    """One minus the overlap of two masks, as a share of itself, the false positives and the false negatives.

    ``1 - (I + s) / (I + α FP + β FN + s + ε)`` with ``I = Σqy``, ``FP = Σq(1-y)``, ``FN = Σ(1-q)y``, q the
    prediction, y the target, α = alpha, β = beta, s = smooth and ε = epsilon, the sums over all axes but the first.
    With D the denominator and ``t = (I + s) / D``, the derivative by q_i is
    ``(t (y_i + α (1-y_i) - β y_i) - y_i) / D``, that by y_i the same with q_i for y_i and α, β exchanged. Shapes: both
    alike, one term for each sample. Undefined where D = 0. Identity:
    ``(α FP + β FN + ε) / D``; `soft_dice` with smooth 2s and ε doubled at α = β = 1/2.

    Source: S. Salehi, D. Erdogmus, A. Gholipour, "Tversky loss function for image segmentation using 3D fully
    convolutional deep networks", MLMI 2017.
    """
    return tversky_terms(prediction, target, (alpha, beta, smooth, epsilon), tuple(range(1, np.ndim(prediction))))


@tversky.definition
def _(prediction, target, *, alpha, beta, smooth, epsilon):
    return overlap_lacks(list(entries(prediction)), list(entries(target)), alpha, beta, smooth, epsilon)


@loss(over="samples", also=ALSO, form_of="tversky", relations=("not_negative",))
@np.errstate(all="ignore")
def tversky_with_logits(
    logit: Logit,
    target: BinaryTarget,
    *,
    alpha: NonNegativeNumber = 0.5,
    beta: NonNegativeNumber = 0.5,
    smooth: NonNegativeNumber = 1.0,
) -> Terms:
    """Tversky loss of a mask's logits.

    `tversky` of ``q = σ(x)``, x the logits; the derivative by x_i is ``σ(x_i) σ(-x_i)`` times that by q_i. Shapes: both
    alike, one term for each sample (all axes but the first).

    Source: as `tversky`.
    """
    yes, no = stable.sigmoid(logit), stable.sigmoid(-logit)
    axes = tuple(range(1, np.ndim(logit)))
    return of_logits(tversky_terms(yes, target, (alpha, beta, smooth, 0.0), axes, no), yes, no)


@tversky_with_logits.definition
def _(logit, target, *, alpha, beta, smooth):
    return overlap_lacks([sigmoid(x) for x in entries(logit)], list(entries(target)), alpha, beta, smooth, 0)


@loss(over="samples", also={"smooth": (0.0, 0.125)}, form_of="soft_dice", relations=("not_negative",))
@np.errstate(all="ignore")
def soft_dice_with_logits(logit: Logit, target: BinaryTarget, *, smooth: NonNegativeNumber = 1.0) -> Terms:
    """Dice loss of a mask's logits.

    `soft_dice` of ``q = σ(x)``, x the logits; the derivative by x_i is ``σ(x_i) σ(-x_i)`` times that by q_i. Shapes:
    both alike, one term for each sample (all axes but the first).

    Source: as `soft_dice`.
    """
    yes, no = stable.sigmoid(logit), stable.sigmoid(-logit)
    return of_logits(dice_terms(yes, target, smooth, 0.0, tuple(range(1, np.ndim(logit))), no), yes, no)


@soft_dice_with_logits.definition
def _(logit, target, *, smooth):
    q, y = [sigmoid(x) for x in entries(logit)], list(entries(target))
    overlap = total(a * b for a, b in zip(q, y, strict=True))
    return 1 - (2 * overlap + smooth) / (total(q) + total(y) + smooth)


def of_logits(terms: Terms, yes: np.ndarray, no: np.ndarray) -> Terms:
    """The terms of a loss of σ(x) = yes, 1 - σ(x) = no, as those of a loss of x."""
    sizes = terms.slope_magnitudes
    return Terms(
        terms.value,
        {"logit": product(yes * no, terms.slopes["prediction"]), "target": terms.slopes["target"]},
        terms.magnitude,
        # of no as 1 - yes
        {"logit": product(yes * (1 + yes), sizes["prediction"]), "target": sizes["target"]},
    )


def overlap_lacks(q: list[Any], y: list[Any], alpha: Any, beta: Any, smooth: Any, epsilon: Any) -> Any:
    """The Tversky loss of two lists, as the textbook has it."""
    overlap = total(a * b for a, b in zip(q, y, strict=True))
    excess = total(a * (1 - b) for a, b in zip(q, y, strict=True))
    missed = total((1 - a) * b for a, b in zip(q, y, strict=True))
    return 1 - (overlap + smooth) / (overlap + alpha * excess + beta * missed + smooth + epsilon)


@np.errstate(all="ignore")
def tversky_terms(
    prediction: np.ndarray,
    target: np.ndarray,
    settings: tuple[float, float, float, float],
    axes: tuple[int, ...],
    complement: np.ndarray | None = None,
) -> Terms:
    """Value and slopes over `axes`, by settings (alpha, beta, smooth, epsilon); `complement` is 1 - prediction."""
    alpha, beta, smooth, epsilon = settings
    q, y = prediction, target
    others = 1 - q if complement is None else complement
    overlap = (q * y).sum(axis=axes, keepdims=True) + smooth
    lacking = (alpha * q * (1 - y) + beta * y * others).sum(axis=axes, keepdims=True) + epsilon
    size = overlap + lacking
    ratio = overlap / size
    slopes = {
        "prediction": (ratio * (y + alpha * (1 - y) - beta * y) - y) / size,
        "target": (ratio * (q + beta * others - alpha * q) - q) / size,
    }
    sizes = {
        "prediction": (ratio * (y + alpha * (1 - y) + beta * y) + y) / size,
        "target": (ratio * (q + beta * others + alpha * q) + q) / size,
    }
    return Terms(np.squeeze(lacking / size, axis=axes), slopes, 1 + np.squeeze(ratio, axis=axes), sizes)
