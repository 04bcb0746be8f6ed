"""Deviating formulas of the losses over elements (divergences, binary cross entropies) and of Dice."""

from __future__ import annotations

import numpy as np

from lossbench.domains import (
    BinaryTarget,
    ClassWeight,
    Fraction,
    Logit,
    LogProbabilities,
    NonNegativeNumber,
    PositiveNumber,
    Probabilities,
    Probability,
    RowWeight,
    Weight,
)
from lossbench.loss import Terms, loss
from lossbench.losses.binary import binary_cross_entropy_with_logits, shares, weight_denominators
from lossbench.losses.divergence import kl_div
from lossbench.losses.segmentation import dice_terms
from lossbench.losses.weighed import masked_terms, with_slope


@loss(over="elements", variant=True)
@np.errstate(all="ignore")
def binary_cross_entropy_clamped_at_100(
    prediction: Probability, target: BinaryTarget, weight: Weight = None, *, floor: NonNegativeNumber = 1e-12
) -> Terms:
    """Binary cross entropy whose logarithms are clamped at -100, and q(1 - q) under its gradient at `floor`.

    ``-w (y max(log q, -100) + (1 - y) max(log(1 - q), -100))``; the slope by the prediction is
    ``w (q - y) / max(q (1 - q), floor)``, that by the target is not clamped. The floor is 1e-12 as the format holds it,
    and 0 in float16.

    Source: torch.nn.BCELoss, paddle.nn.BCELoss, measured.
    """
    yes, no, rate = shares(target, weight, 0.0)
    q = prediction
    log_yes, log_no = np.log(q), np.log1p(-q)
    value = -(yes * np.maximum(log_yes, -100) + no * np.maximum(log_no, -100))
    below = np.maximum(q * (1 - q), floor)
    return Terms(
        value,
        {"prediction": rate * (q - target) / below, "target": rate * (log_no - log_yes)},
        magnitude=value + no,
        slope_magnitudes={
            "prediction": (no * q + yes * (1 - q)) / below,
            "target": rate * (1 + np.abs(log_no) + np.abs(log_yes)),
        },
    )


@loss(over="elements", variant=True)
@np.errstate(all="ignore")
def binary_cross_entropy_clipped(
    prediction: Probability,
    target: BinaryTarget,
    weight: Weight = None,
    *,
    label_smoothing: Fraction = 0.0,
    low: Fraction = 1e-7,
    high: Fraction = 1 - 1e-7,
    overflow: PositiveNumber = np.inf,
) -> Terms:
    """Binary cross entropy of a prediction clipped to [low, high], with no slope by it outside.

    low and high are 1e-7 and 1 - 1e-7 as the format holds them: 1 - 1e-7 is 0.9999998807907104 in float32, and 1 in
    the 16-bit formats, where 0 times log(0) then gives NaN. Reciprocals from `overflow` on are infinite (65520 in
    float16), and 0 times those NaN.

    Source: keras.losses.BinaryCrossentropy, measured.
    """
    yes, no, rate = shares(target, weight, label_smoothing)
    q, inside = np.clip(prediction, low, high), (prediction >= low) & (prediction <= high)
    log_yes, log_no = np.log(q), np.log(1 - q)
    for_yes, for_no = yes * reciprocal(q, overflow), no * reciprocal(1 - q, overflow)
    value = -(yes * log_yes + no * log_no)
    return Terms(
        value,
        {
            "prediction": np.where(inside, for_no - for_yes, 0.0),
            "target": rate * (log_no - log_yes),
        },
        magnitude=value + no,
        slope_magnitudes={
            "prediction": np.where(inside, for_no + for_yes, 0.0),
            "target": rate * (1 + np.abs(log_no) + np.abs(log_yes)),
        },
    )


@loss(over="elements", variant=True)
def binary_cross_entropy_with_logits_lowered_at_zero(
    logit: Logit, target: BinaryTarget, weight: Weight = None, pos_weight: ClassWeight = None
) -> Terms:
    """Binary cross entropy whose slope by a logit of exactly 0 is too low by its weight, unless pos_weight is given.

    Source: paddle.nn.BCEWithLogitsLoss, measured.
    """
    terms = binary_cross_entropy_with_logits.function(logit, target, weight, pos_weight, label_smoothing=0.0)
    _, _, rate = shares(target, weight, 0.0)
    shift = np.where((logit == 0) & (pos_weight is None), rate, 0.0)
    return _with_slope(terms, "logit", terms.slopes["logit"] - shift, shift)


@loss(over="elements", variant=True)
def binary_cross_entropy_with_logits_straight_at_zero(
    logit: Logit, target: BinaryTarget, weight: Weight = None, pos_weight: ClassWeight = None
) -> Terms:
    """Binary cross entropy whose slope by a logit of exactly 0 is one minus the target, whatever pos_weight.

    It comes of ``(1 - y) x + (1 + (v - 1) y) (log(1 + exp(-|x|)) + max(-x, 0))`` with slope 0 of |x| and of max at 0.

    Source: tf.nn.weighted_cross_entropy_with_logits, measured.
    """
    terms = binary_cross_entropy_with_logits.function(logit, target, weight, pos_weight, label_smoothing=0.0)
    _, no, _ = shares(target, weight, 0.0)
    return _with_slope(terms, "logit", np.where(logit == 0, no, terms.slopes["logit"]), no)


@masked_terms
@loss(over="elements", variant=True)
@np.errstate(all="ignore")
def kl_div_undefined_at_zero(log_prediction: LogProbabilities, target: Probabilities) -> Terms:
    """Divergence whose slope by a target of exactly 0 is NaN, as is its value there at a log prediction of -infinity.

    Source: torch.nn.KLDivLoss, measured.
    """
    terms = kl_div.function(log_prediction, target)
    absent = target == 0
    slope = np.where(absent, np.nan, terms.slopes["target"])
    value = np.where(absent, -target * log_prediction, terms.value)
    return Terms(
        value,
        {**terms.slopes, "target": slope},
        magnitude=terms.magnitude,
        slope_magnitudes=terms.slope_magnitudes,
    )


@loss(over="elements", variant=True)
@np.errstate(all="ignore")
def kl_div_probability_clipped(
    prediction: Probabilities,
    target: Probabilities,
    sample_weight: RowWeight = None,
    *,
    low: Fraction = 1e-7,
    high: Fraction = 1.0,
    overflow: PositiveNumber = np.inf,
) -> Terms:
    """Divergence of probabilities that are both clipped to [low, high] first, with no slope outside.

    It comes of ``p log(p / q)`` and of ``w p / (p / q)`` over q and times ``-(p / q) / q``, quotients from
    `overflow` on being infinite (65520 in float16), and w = 1 where no weight is given: a weight of 0 times such a
    quotient is NaN.

    Source: keras.losses.KLDivergence, measured.
    """
    q, p = np.clip(prediction, low, high), np.clip(target, low, high)
    moves = (prediction >= low) & (prediction <= high), (target >= low) & (target <= high)

    def held(number: np.ndarray) -> np.ndarray:
        return np.where(number >= overflow, np.inf, number)

    ratio = held(p / q)
    gap = np.log(ratio)
    w = np.ones(p.shape) if sample_weight is None else sample_weight
    inner = held(w * p * held(1 / ratio))  # q, where nothing overflows
    by_prediction, by_target = -inner * held(ratio / q), w * gap + held(inner / q)
    terms = Terms(
        w * (p * gap),
        {"prediction": np.where(moves[0], by_prediction, 0.0), "target": np.where(moves[1], by_target, 0.0)},
        magnitude=w * (p * (1 + np.abs(gap))),
        slope_magnitudes={"target": np.where(moves[1], w * (1 + np.abs(gap)), 0.0)},
        denominators=weight_denominators(sample_weight, p),
    )
    if sample_weight is None:
        return terms
    return with_slope(terms, Terms(p * gap, {}, magnitude=p * (1 + np.abs(gap))), "sample_weight")


@loss(over="batch", variant=True, reductions=("none", "mean", "sum"))
def soft_dice_over_batch(
    prediction: Probability,
    target: BinaryTarget,
    *,
    smooth: NonNegativeNumber = 0.0,
    epsilon: NonNegativeNumber = 1e-7,
) -> Terms:
    """Dice loss with its sums taken over the whole batch: one number for everything.

    Source: keras.losses.Dice(axis=None), measured.
    """
    return dice_terms(prediction, target, smooth, epsilon, tuple(range(np.ndim(prediction))))


def reciprocal(number: np.ndarray, overflow: float) -> np.ndarray:
    """1 / number in a format in which numbers from `overflow` on are infinite."""
    quotient = 1 / number
    return np.where(quotient >= overflow, np.inf, quotient)


def _with_slope(terms: Terms, name: str, slope: np.ndarray, size: np.ndarray) -> Terms:
    """The terms with another slope by one argument, and the absolute size of what changed it."""
    sizes = {**terms.slope_magnitudes, name: terms.slope_magnitudes[name] + size}
    return Terms(terms.value, {**terms.slopes, name: slope}, magnitude=terms.magnitude, slope_magnitudes=sizes)
