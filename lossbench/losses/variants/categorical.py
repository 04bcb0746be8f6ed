"""Deviating formulas of the losses of class probabilities: clips, and what happens at a probability of 0."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lossbench.domains import (
    ClassIndex,
    ClassWeight,
    Fraction,
    Logits,
    NonNegativeNumber,
    Number,
    PositiveNumber,
    Probabilities,
)
from lossbench.loss import Denominator, Terms, loss
from lossbench.losses.categorical import Exponent, generalized_cross_entropy, ignoring, shares_of_index
from lossbench.losses.categorical_focal import EPS, factor, scale
from lossbench.losses.limits import product
from lossbench.losses.stable import normalized_parts, softmax_parts
from lossbench.losses.variants.elementwise import reciprocal
from lossbench.losses.weighed import sample_weighted

LARGEST_LOGARITHM = 1e20


@sample_weighted
@loss(over="rows", variant=True)
@np.errstate(all="ignore")
def categorical_cross_entropy_prob_clipped(
    prediction: Probabilities,
    target: Probabilities,
    *,
    label_smoothing: Fraction = 0.0,
    low: Fraction = 1e-7,
    high: Fraction = 1 - 1e-7,
    overflow: PositiveNumber = np.inf,
) -> Terms:
    """Cross entropy of probabilities that are normalized and then clipped to [low, high], without a slope outside.

    Source: keras.losses.CategoricalCrossentropy, measured.
    """
    _, normal, _ = normalized_parts(prediction)
    clipped, inside = np.clip(normal, low, high), (normal >= low) & (normal <= high)
    logs = np.log(clipped)
    shares = (1 - label_smoothing) * target + label_smoothing / target.shape[-1]
    return Terms(
        -(shares * logs).sum(axis=-1),
        {
            "prediction": through_normalization(
                np.where(inside, -shares * reciprocal(clipped, overflow), 0.0), normal, prediction
            ),
            "target": (label_smoothing - 1) * logs,
        },
        magnitude=(shares * (1 - logs)).sum(axis=-1),
        slope_magnitudes={
            "prediction": through_normalization(shares / clipped, normal, prediction, absolute=True),
            "target": 1 - logs,
        },
    )


@sample_weighted
@loss(over="rows", variant=True)
@np.errstate(all="ignore")
def sparse_categorical_cross_entropy_prob_clipped(
    prediction: Probabilities,
    target: ClassIndex,
    *,
    ignore_index: Number = -100,
    low: Fraction = 1e-7,
    high: Fraction = 1 - 1e-7,
    overflow: PositiveNumber = np.inf,
) -> Terms:
    """Cross entropy of probabilities that are clipped to [low, high] and then normalized, without a slope outside.

    Source: keras.losses.SparseCategoricalCrossentropy, measured.
    """
    shares, kept = shares_of_index(prediction.shape[-1], target, None, ignore_index)
    clipped, inside = np.clip(prediction, low, high), (prediction >= low) & (prediction <= high)
    surprisals, normal, complements = normalized_parts(clipped)
    inverse = reciprocal(clipped, overflow)
    slope = np.where(shares == 1, -complements, normal) * inverse
    terms = Terms(
        (shares * surprisals).sum(axis=-1),
        {"prediction": np.where(inside, slope, 0.0)},
        magnitude=(shares * (1 + surprisals)).sum(axis=-1),
        slope_magnitudes={"prediction": inside * (normal + shares) / clipped},
    )
    return ignoring(terms, kept, shares)


@sample_weighted
@loss(over="rows", variant=True)
@np.errstate(all="ignore")
def categorical_focal_clipped(
    logits: Logits,
    target: Probabilities,
    weight: ClassWeight = None,
    *,
    alpha: NonNegativeNumber = 1.0,
    gamma: NonNegativeNumber = 2.0,
    label_smoothing: Fraction = 0.0,
    low: Fraction = 1e-7,
    high: Fraction = 1 - 1e-7,
    lost: Fraction = 2.0**-54,
    overflow: PositiveNumber = np.inf,
) -> Terms:
    """Focal loss of a softmax that is clipped to [low, high], without a slope outside.

    1 - p is formed by subtraction; `lost` is as in `categorical_focal_probability_clipped`. A row that holds an
    infinite slope by a probability, or an infinite logit, becomes NaN.

    Source: keras.losses.CategoricalFocalCrossentropy(from_logits=True), measured.
    """
    _, normal, complements = softmax_parts(logits)
    endless = np.isinf(logits.max(axis=-1, keepdims=True, initial=-np.inf)) & (logits.shape[-1] > 0)
    normal, complements = np.where(endless, np.nan, normal), np.where(endless, np.nan, complements)
    rate = factor(weight, alpha, label_smoothing, np.shape(target))
    shares = rate * target + scale(weight, alpha) * label_smoothing / target.shape[-1]
    value, pull, size = _focal_clipped(normal, complements, shares, rate, gamma, (low, high, lost, overflow))
    own = np.where(np.isinf(pull).any(axis=-1, keepdims=True), np.nan, (pull * normal).sum(axis=-1, keepdims=True))
    size_of_own = (size * normal).sum(axis=-1, keepdims=True)
    return replace(
        value,
        slopes={**value.slopes, "logits": normal * (pull - own)},
        slope_magnitudes={**value.slope_magnitudes, "logits": normal * (size + size_of_own)},
    )


@sample_weighted
@loss(over="rows", variant=True)
@np.errstate(all="ignore")
def categorical_focal_probability_clipped(
    prediction: Probabilities,
    target: Probabilities,
    weight: ClassWeight = None,
    *,
    alpha: NonNegativeNumber = 1.0,
    gamma: NonNegativeNumber = 2.0,
    label_smoothing: Fraction = 0.0,
    low: Fraction = 1e-7,
    high: Fraction = 1 - 1e-7,
    lost: Fraction = 2.0**-54,
    overflow: PositiveNumber = np.inf,
) -> Terms:
    """Focal loss of probabilities that are normalized and then clipped to [low, high], without a slope outside.

    1 - p is formed by subtraction: where it is at most `lost`, a quarter of the format's eps, p rounds to 1. Where
    high is 1, too, the power of 0 has no slope for gamma < 1, and 0 times infinity is NaN.

    Source: keras.losses.CategoricalFocalCrossentropy, measured.
    """
    _, normal, complements = normalized_parts(prediction)
    rate = factor(weight, alpha, label_smoothing, np.shape(target))
    shares = rate * target + scale(weight, alpha) * label_smoothing / target.shape[-1]
    value, pull, size = _focal_clipped(normal, complements, shares, rate, gamma, (low, high, lost, overflow))
    return replace(
        value,
        slopes={**value.slopes, "prediction": through_normalization(pull, normal, prediction)},
        slope_magnitudes={
            **value.slope_magnitudes,
            "prediction": through_normalization(size, normal, prediction, absolute=True),
        },
    )


def _focal_clipped(
    normal: np.ndarray,
    complements: np.ndarray,
    shares: np.ndarray,
    rate: np.ndarray,
    gamma: float,
    held: tuple[float, float, float, float],
) -> tuple[Terms, np.ndarray, np.ndarray]:
    """The terms but for the slope by the prediction; the slopes by the clipped probabilities, and their sizes."""
    low, high, lost, overflow = held
    inside = (normal >= low) & ((normal <= high) | (high == 1))
    clipped = np.where(complements <= lost, 1.0, normal)
    clipped = np.clip(clipped, low, high)
    missed = np.where(clipped == normal, complements, 1 - clipped)
    logs = np.log(clipped)
    power = missed**gamma
    blur = 1 + gamma / np.maximum(missed, EPS)
    steep = gamma * np.where(missed == 0, 0.0, missed ** (gamma - 1))
    inverse = reciprocal(clipped, overflow)
    pull = np.where(inside, shares * steep * logs - shares * power * inverse, 0.0)
    pull = np.where(inside & (missed == 0) & (gamma < 1) & (gamma > 0), np.nan, pull)
    size = shares * (steep * -logs + power / clipped) * blur + shares * (power + steep)
    terms = Terms(
        -(shares * power * logs).sum(axis=-1),
        {"target": -rate * power * logs},
        magnitude=(shares * power * (1 - logs * blur)).sum(axis=-1),
        slope_magnitudes={"target": rate * power * (1 - logs * blur)},
    )
    return terms, pull, size


@np.errstate(all="ignore")
def through_normalization(
    pull: np.ndarray, normal: np.ndarray, prediction: np.ndarray, *, absolute: bool = False
) -> np.ndarray:
    """Slopes by the normalized row, as slopes by the row itself."""
    own = (pull * normal).sum(axis=-1, keepdims=True)
    mass = prediction.sum(axis=-1, keepdims=True)
    return np.asarray((pull + own if absolute else pull - own) / mass)


@loss(over="rows", variant=True)
@np.errstate(all="ignore")
def sparse_categorical_cross_entropy_prob_as_given(
    prediction: Probabilities, target: ClassIndex, weight: ClassWeight = None, *, ignore_index: Number = -100
) -> Terms:
    """Negative logarithm of the probability of the target's class as it is given: nothing is normalized.

    ``-w_t max(log q_t, -1e20)``. Without weights and with a negative `ignore_index` the mean divides by all rows.

    Source: paddle.nn.CrossEntropyLoss(use_softmax=False), measured.
    """
    shares, kept = shares_of_index(prediction.shape[-1], target, weight, ignore_index)
    costs = np.minimum(-np.log(prediction), LARGEST_LOGARITHM)
    terms = Terms(
        product(shares, costs).sum(axis=-1),
        {"prediction": -np.where(shares == 0, 0.0, shares / prediction)},
        magnitude=product(shares, costs).sum(axis=-1),
        slope_magnitudes={"prediction": np.where(shares == 0, 0.0, shares / prediction)},
    )
    terms = ignoring(terms, kept, shares)
    if weight is None and ignore_index < 0:
        return replace(terms, denominators={"mean": Denominator(float(kept.size))})
    return terms


@loss(over="rows", variant=True)
@np.errstate(all="ignore")
def categorical_cross_entropy_prob_as_given(
    prediction: Probabilities, target: Probabilities, *, label_smoothing: Fraction = 0.0
) -> Terms:
    """Cross entropy of probabilities as they are given: nothing is normalized.

    ``-Σ_c y_c max(log q_c, -1e20)``, with the slope ``-y_c / q_c``, which is 0/0 where both are 0.

    Source: paddle.nn.CrossEntropyLoss(use_softmax=False, soft_label=True), measured.
    """
    shares = (1 - label_smoothing) * target + label_smoothing / target.shape[-1]
    costs = np.minimum(-np.log(prediction), LARGEST_LOGARITHM)
    return Terms(
        (shares * costs).sum(axis=-1),
        {"prediction": -shares / prediction, "target": (1 - label_smoothing) * costs},
        magnitude=(shares * (1 + costs)).sum(axis=-1),
    )


@sample_weighted
@loss(over="rows", variant=True)
@np.errstate(all="ignore")
def generalized_cross_entropy_undefined_at_zero(
    prediction: Probabilities, target: ClassIndex, *, exponent: Exponent = 0.5
) -> Terms:
    """Generalized cross entropy whose slopes by the other classes are NaN where the target's probability is 0.

    They are the infinite slope of the power times 0.

    Source: keras.losses.CategoricalGeneralizedCrossEntropy, measured.
    """
    terms = generalized_cross_entropy.function(prediction, target, exponent=exponent)
    chosen = np.arange(prediction.shape[-1]) == target[..., None]
    endless = np.isinf(terms.slopes["prediction"]).any(axis=-1, keepdims=True)
    return replace(terms, slopes={"prediction": np.where(endless & ~chosen, np.nan, terms.slopes["prediction"])})
