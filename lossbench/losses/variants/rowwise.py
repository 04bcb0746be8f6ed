"""Deviating formulas of the losses over rows: cross entropies and the triplet loss."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from lossbench.domains import (
    ClassIndex,
    ClassWeight,
    Fraction,
    Logits,
    NonNegativeNumber,
    Number,
    Probabilities,
    Real,
)
from lossbench.loss import Denominator, Terms, loss
from lossbench.losses.cross_entropy import soft_cross_entropy, weigh_surprisals
from lossbench.losses.limits import product
from lossbench.losses.metric import Degree, Distance, minkowski, triplet_terms
from lossbench.losses.stable import softmax_parts
from lossbench.losses.weighed import sample_weighted

CLIP = 64.0


@np.errstate(all="ignore")
def clip_at_64(logits: np.ndarray) -> np.ndarray:
    """The logits below the largest of their row, at most 64 below it."""
    raised: np.ndarray = np.maximum(logits - logits.max(axis=-1, keepdims=True, initial=-np.inf), -CLIP)
    return raised


@loss(over="rows", variant=True)
def cross_entropy_clipped_at_64(
    logits: Logits,
    target: ClassIndex,
    weight: ClassWeight = None,
    *,
    ignore_index: Number = -100,
    label_smoothing: Fraction = 0.0,
) -> Terms:
    """Cross entropy whose softmax raises logits to 64 below the largest, with a mean and weights of its own.

    The slopes are those of the softmax so raised: the clip itself stops no gradient. Of the mean: without weights, a
    negative `ignore_index` (the default) leaves ignored rows in the count. Of label smoothing: each row is multiplied
    by ``W = Σ_c w_c y_c``, instead of each class by its weight, and the mean divides by the sum of W; no row is
    ignored, and where `ignore_index` is not negative the mean divides by the number of classes once more. Smoothed
    labels are rounded to float32.

    Source: paddle.nn.CrossEntropyLoss on the CPU, measured.
    """
    classes = logits.shape[-1]
    weights = np.ones(classes) if weight is None else weight
    smoothed = label_smoothing > 0
    kept = (target != ignore_index) | smoothed
    safe = np.where(kept, target, 0)
    onehot = np.arange(classes) == safe[..., None]
    labels = ((1 - label_smoothing) * onehot + label_smoothing / classes).astype(np.float32).astype(float)
    row = np.where(kept, (weights * labels).sum(axis=-1) if smoothed and weight is not None else weights[safe], 0.0)
    terms = _weigh_rows(clip_at_64(logits), labels, row)
    if smoothed:
        divisor = row.sum() * (classes if ignore_index >= 0 else 1)
    else:
        divisor = float(row.size) if weight is None and ignore_index < 0 else row.sum()
    return replace(
        terms,
        value=np.where(kept, terms.value, 0.0),
        slopes={"logits": np.where(kept[..., None], terms.slopes["logits"], 0.0)},
        magnitude=np.where(kept, np.asarray(terms.magnitude), 0.0),
        slope_magnitudes={"logits": np.where(kept[..., None], terms.slope_magnitudes["logits"], 0.0)},
        masked=~kept,
        denominators={"mean": Denominator(divisor)},
    )


@loss(over="rows", variant=True)
def soft_cross_entropy_clipped_at_64(
    logits: Logits, target: Probabilities, weight: ClassWeight = None, *, label_smoothing: Fraction = 0.0
) -> Terms:
    """Cross entropy with a distribution whose softmax raises logits to 64 below the largest, and weights rows.

    Each row is multiplied by ``W = Σ_c w_c y_c``, instead of each class by its weight, and the mean divides by the sum
    of W; label smoothing adds ε/C as rounded to float32. The slope by a logit is ``W (p_c - y_c)`` with p the softmax
    so raised, whatever the target's sum; that by the target goes through W alone, so that it is 0 without weights.

    Source: paddle.nn.CrossEntropyLoss(soft_label=True) on the CPU, measured.
    """
    classes = logits.shape[-1]
    weights = np.ones(classes) if weight is None else weight
    labels = (1 - label_smoothing) * target + float(np.float32(label_smoothing / classes))
    row = (weights * labels).sum(axis=-1) if weight is not None else np.ones(labels.shape[:-1])
    terms = _weigh_rows(clip_at_64(logits), labels, row)
    by_target = (1 - label_smoothing) * weights * np.ones(labels.shape)
    if weight is None:
        return replace(terms, slopes={**terms.slopes, "target": 0 * by_target})
    surprisals, _, _ = softmax_parts(clip_at_64(logits))
    unweighted = product(labels, surprisals).sum(axis=-1, keepdims=True)
    return replace(
        terms,
        slopes={**terms.slopes, "target": by_target * unweighted},
        slope_magnitudes={
            **terms.slope_magnitudes,
            "target": by_target * (unweighted + labels.sum(axis=-1, keepdims=True)),
        },
        denominators={"mean": Denominator(row.sum(), {"target": by_target})},
    )


@sample_weighted
@loss(over="rows", variant=True)
def soft_cross_entropy_slope_p_minus_y(
    logits: Logits, target: Probabilities, *, label_smoothing: Fraction = 0.0
) -> Terms:
    """Cross entropy with a distribution, whose slope by a logit is p - y even where the target does not sum to 1.

    The value is the textbook's, ``Σ_c y_c (log Σ_j exp(x_j) - x_c)``, of which the slope is ``p_c Σ_k y_k - y_c``.

    Source: tf.nn.softmax_cross_entropy_with_logits, measured.
    """
    labels = (1 - label_smoothing) * target + label_smoothing / logits.shape[-1]
    exact = soft_cross_entropy.function(logits, target, label_smoothing=label_smoothing)
    slope = _weigh_rows(logits, labels, np.ones(labels.shape[:-1])).slopes["logits"]
    return replace(exact, slopes={**exact.slopes, "logits": slope})


@np.errstate(all="ignore")
def _weigh_rows(logits: np.ndarray, labels: np.ndarray, row: np.ndarray) -> Terms:
    """Cross entropy with labels, each row by its weight W, with the slope ``W (p - y)`` that takes y to sum to 1."""
    shares = row[..., None] * labels
    terms = weigh_surprisals(logits, shares)
    _, probabilities, _ = softmax_parts(logits)
    surplus = shares.sum(axis=-1, keepdims=True) - row[..., None]
    return replace(terms, slopes={"logits": terms.slopes["logits"] - probabilities * surplus})


@loss(over="rows", variant=True)
@np.errstate(all="ignore")
def triplet_margin_root_rounded_to_float32(
    anchor: Real,
    positive: Real,
    negative: Real,
    *,
    margin: NonNegativeNumber = 1.0,
    p: Degree = 2.0,
    epsilon: NonNegativeNumber = 1e-6,
    swap: bool = False,
) -> Terms:
    """Triplet loss whose p-norm takes the root 1/p rounded to float32, and has no slope at distance 0.

    The distance is ``(Σ_k |t_k|^p)^r`` with r nearest to 1/p in float32, and its slope ``sign(t_k) (|t_k|/d)^(p-1)``
    with that d; where ``1 < p < ∞`` and d = 0 it is NaN, even if the margin is kept.

    Source: paddle.nn.TripletMarginLoss, measured.
    """

    def distance(u: np.ndarray, v: np.ndarray, p: float, shift: np.ndarray) -> Distance:
        exact = minkowski(u, v, p, shift)
        if not 1 < p < np.inf:
            return exact
        length = exact.length ** (p * float(np.float32(1 / p)))
        steeper = np.where(length == 0, 1.0, exact.length / length) ** (p - 1)
        slope = exact.slope * steeper[..., None]
        return exact._replace(length=length, slope=slope, other=-slope)

    terms = triplet_terms((anchor, positive, negative), margin, p, epsilon, swap, distance)
    if not 1 < p < np.inf:
        return terms
    ends = {"anchor": anchor, "positive": positive, "negative": negative}
    lost = {name: np.zeros(anchor.shape[:-1], bool) for name in ends}
    for first, second in itertools.combinations(ends, 2):
        if swap or first == "anchor":
            zero = (ends[first] - ends[second] + epsilon == 0).all(axis=-1)
            lost[first] |= zero
            lost[second] |= zero
    slopes = {name: np.where(lost[name][..., None], np.nan, slope) for name, slope in terms.slopes.items()}
    return replace(terms, slopes=slopes)
