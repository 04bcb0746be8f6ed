"""Losses of masks of several classes: the overlap of each class by itself, averaged over the classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from lossbench.domains import ClassWeight, Logits, NonNegativeNumber, Probabilities
from lossbench.functions import exactly, exp, total
from lossbench.loss import Denominator, Terms, loss
from lossbench.losses.limits import product
from lossbench.losses.stable import softmax_parts
from lossbench.losses.tversky import overlap_lacks, tversky_terms

SHAPE = (3, 4, 3)
LARGE = (8, 2048, 8)
RARE = 1e-7  # keeps the weight of a class that does not occur finite


@loss(
    over="samples",
    also={"alpha": (0.25, 0.0), "beta": (0.75,), "smooth": (0.125,), "ignore_background": (True,)},
    aliases=("multiclass_tversky",),
    small=SHAPE,
    large=LARGE,
    relations=("unmoved_by_shift", "gradients_sum_to_zero", "classes_permuted", "not_negative"),
)
@np.errstate(all="ignore")
def multiclass_dice(
    logits: Logits,
    target: Probabilities,
    weight: ClassWeight = None,
    *,
    alpha: NonNegativeNumber = 0.5,
    beta: NonNegativeNumber = 0.5,
    smooth: NonNegativeNumber = 1.0,
    ignore_background: bool = False,
) -> Terms:
    """Tversky loss of each class's mask, averaged over the classes; with the default weights, the Dice loss.

    ``(1/C) Σ_c w_c (1 - (I_c + s) / (I_c + α FP_c + β FN_c + s))`` with ``p = softmax(x)`` along the last axis and the
    sums of `tversky` over all axes but the first and the last; with `ignore_background` the sum and the mean leave out
    class 0. logits x and target [N, ..., C], weight [C]; one term for each sample. The derivative by ``x_c`` is
    ``p_c (d_c - Σ_k p_k d_k)`` with d that by p.

    Source: F. Milletari, N. Navab, S.-A. Ahmadi, "V-Net", 3DV 2016, and `tversky`, for each class.
    """
    classes = logits.shape[-1]
    weights = (np.ones(classes) if weight is None else weight) * _counted(classes, ignore_background)
    masks, p = _masks(logits, target, (alpha, beta, smooth, 0.0))
    shares = weights / weights_count(classes, ignore_background)
    value = (shares * masks.value).sum(axis=-1)
    return Terms(
        value,
        {"logits": by_softmax(p, shares * masks.slopes["prediction"]), "target": shares * masks.slopes["target"]},
        (shares * np.asarray(masks.magnitude)).sum(axis=-1),
        {
            "logits": by_softmax(p, shares * masks.slope_magnitudes["prediction"], -1),
            "target": shares * masks.slope_magnitudes["target"],
        },
    )


@multiclass_dice.definition
def _(logits, target, weight, *, alpha, beta, smooth, ignore_background):
    x, y = list(rows(logits)), list(rows(target))
    classes = range(int(ignore_background and len(x[0]) > 1), len(x[0]))
    masks = class_masks([x], [y], (alpha, beta, smooth))[0]
    return total((1 if weight is None else weight[c]) * masks[c] for c in classes) / len(classes)


@loss(
    over="batch",
    also={"smooth": (0.125,), "ignore_background": (True,)},
    reductions=("mean",),
    small=SHAPE,
    large=LARGE,
    relations=("unmoved_by_shift", "gradients_sum_to_zero", "classes_permuted", "not_negative"),
)
@np.errstate(all="ignore")
def generalized_dice(
    logits: Logits, target: Probabilities, *, smooth: NonNegativeNumber = 1.0, ignore_background: bool = False
) -> Terms:
    """Dice loss of each class's mask, in which rare classes weigh more: one number for the batch.

    ``Σ_{n,c} w_c d_{n,c}``, divided by the number of pairs (n, c) in the mean, with
    ``d = 1 - (I + s) / ((P + T)/2 + s)`` for each sample and class, of ``p = softmax(x)``, ``I = Σ p y``, ``P = Σ p``,
    ``T = Σ y`` over all axes but the first and the last; ``w_c = C v_c / Σ_k v_k``, ``v_c = 1 / (f_c² + 1e-7)`` and f_c
    the sum of ``y_c`` over everything. With `ignore_background` sum and mean leave out class 0, which still counts in
    the weights. logits x and target y [N, ..., C]. The derivative by y goes through the weights as well:
    ``∂w_c/∂f_k = w_c (δ_ck - w_k/C) (-2 f_k v_k)``.

    Source: C. Sudre et al., "Generalised Dice overlap as a deep learning loss function for highly unbalanced
    segmentations", DLMIA 2017, with the mean over classes and samples of optax's documentation.
    """
    classes = logits.shape[-1]
    counted = _counted(classes, ignore_background)
    masks, p = _masks(logits, target, (0.5, 0.5, smooth, 0.0))
    frequency = target.reshape(-1, classes).sum(axis=0)
    rarity = 1 / (frequency**2 + RARE)
    weights = classes * rarity / rarity.sum()
    shares = weights * counted
    of_class = (shares * masks.value).sum(axis=0)
    size_of_class = (shares * np.asarray(masks.magnitude)).sum(axis=0)
    steep = 2 * frequency * rarity
    through, through_size = (
        product(steep, sign * of + weights / classes * of.sum()) for sign, of in ((-1, of_class), (1, size_of_class))
    )
    return Terms(
        of_class.sum(),
        {
            "logits": by_softmax(p, shares * masks.slopes["prediction"]),
            "target": shares * masks.slopes["target"] + through,
        },
        size_of_class.sum(),
        {
            "logits": by_softmax(p, shares * masks.slope_magnitudes["prediction"], -1),
            "target": shares * masks.slope_magnitudes["target"] + through_size,
        },
        masked=np.array(len(logits) == 0),
        denominators={"mean": Denominator(float(len(logits) * weights_count(classes, ignore_background)))},
    )


@generalized_dice.definition
def _(logits, target, *, smooth, ignore_background):
    x, y = [list(rows(sample)) for sample in logits], [list(rows(sample)) for sample in target]
    count = len(x[0][0])
    classes = range(int(ignore_background and count > 1), count)
    frequency = [total(row[c] for sample in y for row in sample) for c in range(count)]
    rarity = [1 / (f * f + RARE) for f in frequency]
    half = exactly(1) / 2
    masks = class_masks(x, y, (half, half, smooth))
    whole = total(rarity)
    return total(count * rarity[c] / whole * sample[c] for sample in masks for c in classes)


def rows(nested: Any) -> Any:
    """The innermost lists of nested ones."""
    if nested and isinstance(nested[0], list):
        for part in nested:
            yield from rows(part)
    else:
        yield nested


def class_masks(x: list[Any], y: list[Any], settings: tuple[Any, Any, Any]) -> list[list[Any]]:
    """The Tversky loss of each sample and class, of the softmax of each row, as the textbook has it."""
    found = []
    for scores, labels in zip(x, y, strict=True):
        shares = []
        for row in scores:
            exponentials = [exp(score) for score in row]
            whole = total(exponentials)
            shares.append([e / whole for e in exponentials])
        found.append(
            [
                overlap_lacks([p[c] for p in shares], [label[c] for label in labels], *settings, 0)
                for c in range(len(labels[0]))
            ]
        )
    return found


def _counted(classes: int, ignore_background: bool) -> np.ndarray:
    """1 for each class that counts."""
    return (np.arange(classes) >= int(ignore_background and classes > 1)).astype(float)


def weights_count(classes: int, ignore_background: bool) -> int:
    """How many classes count."""
    return classes - int(ignore_background and classes > 1)


def _masks(
    logits: np.ndarray, target: np.ndarray, settings: tuple[float, float, float, float]
) -> tuple[Terms, np.ndarray]:
    """The Tversky terms of each sample and class, slopes by p in full, and p."""
    _, p, others = softmax_parts(logits)
    axes = tuple(range(1, logits.ndim - 1))
    terms = tversky_terms(p, target, settings, axes, others)
    return terms, p


def by_softmax(p: np.ndarray, slopes: np.ndarray, sign: int = 1) -> np.ndarray:
    """Slopes by logits from those by their softmax p; with sign -1, the sum of the absolute terms."""
    return product(p, slopes - sign * product(p, slopes).sum(axis=-1, keepdims=True))
