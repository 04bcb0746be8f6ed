"""Deviating formulas of the focal losses: those that form 1 - p_t by subtraction, and what they add to that."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lossbench.domains import BinaryTarget, Fraction, Logit, NonNegativeNumber, PositiveNumber, Probability
from lossbench.loss import Terms, loss
from lossbench.losses.focal import OptionalFraction, Parts, assemble, by_label, logit_parts, probability_parts, smooth
from lossbench.losses.stable import sigmoid
from lossbench.losses.variants.elementwise import reciprocal


@loss(over="elements", variant=True)
@np.errstate(all="ignore")
def binary_focal_by_subtraction(
    logit: Logit,
    target: BinaryTarget,
    *,
    alpha: OptionalFraction = None,
    gamma: NonNegativeNumber = 2.0,
    normalizer: PositiveNumber = 1.0,
    label_smoothing: Fraction = 0.0,
    lost: Fraction = 2.0**-54,
) -> Terms:
    """Focal loss whose 1 - p_t is exactly 0 where it is at most `lost`, so that gamma < 1 has slopes of NaN there.

    `lost` is a quarter of the format's eps (twice that for a target of 1, whose sigmoid rounds to 1 sooner).

    Source: keras.losses.BinaryFocalCrossentropy(from_logits=True), measured.
    """
    parts = logit_parts(logit, target, alpha, gamma, label_smoothing)
    terms = by_label(assemble(parts, gamma, normalizer), label_smoothing)
    return _lost(terms, parts, gamma, _rounded_off(parts, smooth(target, label_smoothing)[0], lost), gamma < 1)


@loss(over="elements", variant=True)
@np.errstate(all="ignore")
def binary_focal_one_sided_at_hard_labels(
    logit: Logit,
    target: BinaryTarget,
    *,
    alpha: OptionalFraction = None,
    gamma: NonNegativeNumber = 2.0,
) -> Terms:
    """Focal loss whose slope by a target of exactly 0 or 1 has lost the half of m's slope that is weighted by 0.

    With ``m = y σ(-x) + (1 - y) σ(x)`` the slope of m by y is taken as ``-σ(x)`` at y = 0 and as ``σ(-x)`` at y = 1,
    instead of ``σ(-x) - σ(x)``: a log-sum-exp leaves out what is weighted by 0, its slope included.

    Source: optax.losses.sigmoid_focal_loss, measured.
    """
    parts = logit_parts(logit, target, alpha, gamma)
    yes, no = sigmoid(logit), sigmoid(-logit)
    by_target = np.where(target == 0, -yes, np.where(target == 1, no, parts.by_miss["target"]))
    return assemble(replace(parts, by_miss={**parts.by_miss, "target": by_target}), gamma, 1.0)


@loss(over="elements", variant=True)
@np.errstate(all="ignore")
def binary_focal_lowered_at_zero(
    logit: Logit,
    target: BinaryTarget,
    *,
    alpha: OptionalFraction = None,
    gamma: NonNegativeNumber = 2.0,
    normalizer: PositiveNumber = 1.0,
    lost: Fraction = 2.0**-54,
) -> Terms:
    """Focal loss by subtraction over a cross entropy whose slope at a logit of 0 is too low by 1, and nil by targets.

    The slope by the target holds that of the focal factor and of the balance alone. `lost` is as in
    `binary_focal_by_subtraction`; gamma = 0 has slopes everywhere.

    Source: paddle.nn.functional.sigmoid_focal_loss, measured.
    """
    parts = logit_parts(logit, target, alpha, gamma)
    shift = np.where(logit == 0, parts.balance, 0.0)
    size_of_miss, size_of_entropy, rounding = parts.sizes["logit"]
    deviating = replace(
        parts,
        by_entropy={"logit": parts.by_entropy["logit"] - shift, "target": np.zeros(np.shape(target))},
        sizes={**parts.sizes, "logit": (size_of_miss, size_of_entropy + shift, rounding)},
    )
    rounded_off = _rounded_off(parts, target, lost)
    return _lost(assemble(deviating, gamma, normalizer), parts, gamma, rounded_off, 0 < gamma < 1)


@loss(over="elements", variant=True)
@np.errstate(all="ignore")
def binary_focal_probability_clipped(
    prediction: Probability,
    target: BinaryTarget,
    *,
    alpha: OptionalFraction = None,
    gamma: NonNegativeNumber = 2.0,
    label_smoothing: Fraction = 0.0,
    low: Fraction = 1e-7,
    high: Fraction = 1 - 1e-7,
    lost: Fraction = 2.0**-54,
    overflow: PositiveNumber = np.inf,
) -> Terms:
    """Focal loss by subtraction whose cross entropy, but not its focal factor, clips the prediction to [low, high].

    Outside, the cross entropy has no slope by the prediction. low, high and overflow are as in
    `binary_cross_entropy_clipped`, `lost` is a quarter of the format's eps: 1 - p_t is 0 where the target is 0 and the
    prediction at most that. An infinite cross entropy makes both slopes NaN.

    Source: keras.losses.BinaryFocalCrossentropy, measured.
    """
    q, (y, _) = np.clip(prediction, low, high), smooth(target, label_smoothing)
    inside = (prediction >= low) & (prediction <= high)
    parts = probability_parts(prediction, target, alpha, gamma, label_smoothing)
    log_yes, log_no = np.log(q), np.log(1 - q)
    for_yes = parts.balance * y * reciprocal(q, overflow)
    for_no = parts.balance * (1 - y) * reciprocal(1 - q, overflow)
    entropy = -(y * log_yes + (1 - y) * log_no)
    one = np.ones(np.shape(q))
    # only here does the entropy stay above 0 where m is 0; their ratio is then asked for with gamma >= 1 alone
    clipped = replace(
        parts,
        entropy=entropy,
        ratio=entropy / np.maximum(parts.miss, np.finfo(np.float64).tiny),
        by_entropy={
            "prediction": np.where(inside, for_no - for_yes, 0.0),
            "target": parts.balance * (log_no - log_yes),
        },
        sizes={
            "prediction": (one, np.where(inside, for_no + for_yes, 0.0), 0 * one),
            "target": (one, parts.balance * (np.abs(log_no) + np.abs(log_yes)), parts.balance),
        },
    )
    rounded_off = np.where(y == 1, parts.miss == 0, parts.miss <= lost)
    terms = by_label(assemble(clipped, gamma, 1.0), label_smoothing)
    terms = _lost(terms, clipped, gamma, rounded_off, gamma < 1)
    slopes = {name: np.where(np.isinf(entropy), np.nan, slope) for name, slope in terms.slopes.items()}
    return replace(terms, slopes=slopes)


def _rounded_off(parts: Parts, target: np.ndarray, lost: float) -> np.ndarray:
    """Where 1 - p_t of a logit rounds to exactly 0."""
    return np.asarray(parts.miss <= np.where(target == 1, 2 * lost, lost))


def _lost(terms: Terms, parts: Parts, gamma: float, rounded_off: np.ndarray, endless: bool) -> Terms:
    """The terms where 1 - p_t is 0: no value unless gamma is 0, and 0 times infinity where its power has no slope."""
    vanishes = rounded_off & (gamma > 0)
    return replace(
        terms,
        value=np.where(vanishes & np.isfinite(parts.entropy), 0.0, terms.value),
        slopes={name: np.where(rounded_off & endless, np.nan, slope) for name, slope in terms.slopes.items()},
    )
