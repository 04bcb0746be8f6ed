"""Losses of a mask as a whole: Dice, and Dice beside binary cross entropy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from lossbench.domains import BinaryTarget, Fraction, Logit, NonNegativeNumber, Probability, RowClassIndex
from lossbench.functions import exactly, log, sigmoid, total
from lossbench.loss import Terms, loss
from lossbench.losses import stable
from lossbench.losses.limits import product
from lossbench.losses.weighed import sample_weighted


@sample_weighted
@loss(
    over="samples", also={"smooth": (0.0, 0.125), "epsilon": (0.125,)}, aliases=("dice",), relations=("not_negative",)
)
@np.errstate(all="ignore")
def soft_dice(
    prediction: Probability,
    target: BinaryTarget,
    *,
    smooth: NonNegativeNumber = 1.0,
    epsilon: NonNegativeNumber = 0.0,
) -> Terms:
    """One minus the overlap of two masks, as a share of their mean size.

    ``1 - (2 Σqy + s) / (Σq + Σy + s + ε)`` with q the prediction, y the target, s = smooth and ε = epsilon, the sums
    over all axes but the first; the derivative by q_i is ``((2 Σqy + s) / D - 2 y_i) / D`` with D the denominator, and
    by y_i the same with q_i for y_i. Shapes: both alike, one term for each sample. Undefined where D = 0. Identity:
    ``(Σ q(1-y) + Σ y(1-q) + ε) / D``.

    Source: F. Milletari, N. Navab, S.-A. Ahmadi, "V-Net", 3DV 2016, with first powers in the denominator.
    """
    return dice_terms(prediction, target, smooth, epsilon, tuple(range(1, np.ndim(prediction))))


@soft_dice.definition
def _(prediction, target, *, smooth, epsilon):
    return _dice(list(entries(prediction)), list(entries(target)), smooth, epsilon)


@loss(
    over="samples",
    also={"epsilon": (0.125,)},
    reductions=("mean",),
    form_of="soft_dice",
    small=(3, 4, 3),
    relations=("not_negative",),
)
@np.errstate(all="ignore")
def class_dice(prediction: Probability, target: RowClassIndex, *, epsilon: NonNegativeNumber = 1e-5) -> Terms:
    """One minus the overlap of predicted class probabilities with a map of classes, all classes together.

    ``1 - 2 Σ q_t / (Σq + n + ε)`` with q_t the prediction for the target class and n the number of targets, the sums
    over all axes but the first. prediction [N, ..., C], target [N, ...]; one term for each sample. Identity:
    `soft_dice` with smooth = 0 of the one-hot target.

    Source: as `soft_dice`.
    """
    onehot = (np.arange(np.shape(prediction)[-1]) == target[..., None]).astype(float)
    terms = dice_terms(prediction, onehot, 0.0, epsilon, tuple(range(1, np.ndim(prediction))))
    magnitudes = {name: size for name, size in terms.slope_magnitudes.items() if name == "prediction"}
    return replace(terms, slopes={"prediction": terms.slopes["prediction"]}, slope_magnitudes=magnitudes)


@class_dice.definition
def _(prediction, target, *, epsilon):
    predicted = list(entries(prediction))
    targets = list(entries(target))
    classes = len(predicted) // len(targets)
    return _dice(predicted, [exactly(int(c == t)) for t in targets for c in range(classes)], exactly(0), epsilon)


@loss(over="samples", also={"bce_weight": (0.25, 1.0), "smooth": (0.0, 0.125)}, relations=("not_negative",))
@np.errstate(all="ignore")
def bce_dice(
    logit: Logit, target: BinaryTarget, *, bce_weight: Fraction = 0.5, smooth: NonNegativeNumber = 1.0
) -> Terms:
    """Binary cross entropy of a mask's logits, averaged over the mask, mixed with the Dice loss of the whole mask.

    ``b mean CE(x, y) + (1 - b) dice(σ(x), y)`` with b = bce_weight, mean and Dice over all axes but the first. Shapes:
    logit and target alike, one term for each sample. Identity: `binary_cross_entropy_with_logits`, averaged, at b = 1;
    `soft_dice` of the sigmoid at b = 0.

    Source: F. Isensee et al., "nnU-Net", Nature Methods 18 (2021), with binary labels.
    """
    x, y, rest = logit, target, 1 - bce_weight
    axes = tuple(range(1, np.ndim(x)))
    count = int(np.prod(np.shape(x)[1:], dtype=np.int64))
    yes, no = stable.sigmoid(x), stable.sigmoid(-x)
    dice = dice_terms(yes, y, smooth, 0.0, axes, no)
    entropy = product(y, stable.softplus(-x)) + product(1 - y, stable.softplus(x))
    # divided before the sum, which may exceed the range where the mean does not
    mean = (entropy / count).sum(axis=axes) if count else np.full(np.shape(x)[:1], np.nan)
    share = bce_weight / max(count, 1)
    chain = rest * yes * no
    by_dice, sizes = dice.slopes, dice.slope_magnitudes
    return Terms(
        bce_weight * mean + rest * dice.value,
        {
            "logit": share * ((1 - y) * yes - y * no) + product(chain, by_dice["prediction"]),
            "target": product(np.asarray(share), -x) + rest * by_dice["target"],
        },
        magnitude=bce_weight * (1 + mean) + rest * np.asarray(dice.magnitude),
        slope_magnitudes={
            # of σ(-x) as 1 - σ(x)
            "logit": share * (1 + (1 - y) * yes + y * no) + rest * yes * (1 + yes) * sizes["prediction"],
            "target": product(np.asarray(share), np.abs(x)) + rest * sizes["target"],
        },
    )


@bce_dice.definition
def _(logit, target, *, bce_weight, smooth):
    x, y = list(entries(logit)), list(entries(target))
    likelihood = total(b * log(sigmoid(a)) + (1 - b) * log(sigmoid(-a)) for a, b in zip(x, y, strict=True))
    dice = _dice([sigmoid(a) for a in x], y, smooth, 0)
    return -exactly(bce_weight) * likelihood / len(x) + (1 - exactly(bce_weight)) * dice


def _dice(q, y, smooth, epsilon):
    overlap = total(a * b for a, b in zip(q, y, strict=True))
    return 1 - (2 * overlap + smooth) / (total(q) + total(y) + smooth + epsilon)


def entries(nested: Any) -> Iterator[Any]:
    """The numbers in nested lists, or the number itself."""
    if isinstance(nested, list):
        for part in nested:
            yield from entries(part)
    else:
        yield nested


@np.errstate(all="ignore")
def dice_terms(
    prediction: np.ndarray,
    target: np.ndarray,
    smooth: float,
    epsilon: float,
    axes: tuple[int, ...],
    complement: np.ndarray | None = None,
) -> Terms:
    """Value and slopes of a Dice loss over `axes`; `complement` is 1 - prediction where that is known better."""
    q, y = prediction, target
    others = 1 - q if complement is None else complement
    size = q.sum(axis=axes, keepdims=True) + y.sum(axis=axes, keepdims=True) + smooth + epsilon
    # what does not overlap, which 1 - 2 Σqy/D loses to cancellation as the masks come to agree
    apart = (q * (1 - y) + y * others).sum(axis=axes, keepdims=True) + epsilon
    ratio = (2 * (q * y).sum(axis=axes, keepdims=True) + smooth) / size
    return Terms(
        np.squeeze(apart / size, axis=axes),
        {"prediction": (ratio - 2 * y) / size, "target": (ratio - 2 * q) / size},
        magnitude=1 + np.squeeze(ratio, axis=axes),
        slope_magnitudes={"prediction": (ratio + 2 * y) / size, "target": (ratio + 2 * q) / size},
    )
