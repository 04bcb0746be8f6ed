"""Deviating formulas of the losses that ask for a margin."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from lossbench.domains import ClassIndex, ClassWeight, Logit, Logits, Number, PositiveNumber, Sign
from lossbench.loss import Terms, loss
from lossbench.losses.class_margins import OneOrTwo, multi_margin
from lossbench.losses.hinges import soft_margin
from lossbench.losses.sparse import multiclass_sparsemax

LARGEST_EXPONENT = math.log(np.finfo(np.float64).max)


@loss(over="elements", variant=True)
@np.errstate(all="ignore")
def soft_margin_overflowing(score: Logit, sign: Sign, *, limit: PositiveNumber = LARGEST_EXPONENT) -> Terms:
    """Logistic loss that is infinite, with a slope of NaN, where exp(-y x) is beyond the format's range.

    ``log(1 + exp(-y x))`` as it stands: infinite where -y x exceeds `limit`, the logarithm of the format's largest
    number.

    Source: torch.nn.SoftMarginLoss, paddle.nn.SoftMarginLoss, measured.
    """
    terms = soft_margin.function(score, sign)
    beyond = -sign * score > limit
    return Terms(
        np.where(beyond, np.inf, terms.value),
        {"score": np.where(beyond, np.nan, terms.slopes["score"])},
        magnitude=1 + np.where(beyond, np.inf, terms.value),
        slope_magnitudes=terms.slope_magnitudes,
    )


@loss(over="rows", variant=True)
@np.errstate(all="ignore")
def multiclass_sparsemax_through_projection(scores: Logits, target: ClassIndex) -> Terms:
    """Sparsemax loss whose gradient goes through the projection as well, where it cancels only up to rounding.

    The derivative of ``Σ_j π_j (x_j - x_t) + (1 - Σ_j π_j²)/2`` by π is the same for every class with ``π_j > 0``, and
    the shares always sum to 1: nothing is left of it but the rounding errors of terms as large as ``x_j - x_t``.

    Source: optax.losses.multiclass_sparsemax_loss, measured.
    """
    terms = multiclass_sparsemax.function(scores, target)
    own = np.take_along_axis(scores, target[..., None], axis=-1)
    distance = scores.max(axis=-1, keepdims=True, initial=-np.inf) - own
    return replace(terms, slope_magnitudes={"scores": terms.slope_magnitudes["scores"] + distance})


@loss(over="rows", variant=True)
@np.errstate(all="ignore")
def multi_margin_less_own_term(
    scores: Logits, target: ClassIndex, weight: ClassWeight = None, *, p: OneOrTwo = 1, margin: Number = 1.0
) -> Terms:
    """Multi-class margin that sums over all classes and takes off what the target's own term should have been.

    ``(w_t/C) Σ_j max(0, m - x_t + x_j)^p - w_t m^p/C``, with ``m^p/C`` rounded to float32. The target's own term is
    ``max(0, m)^p`` and not m^p: a negative margin is taken off, or added, though nothing was added before.

    Source: paddle.nn.MultiMarginLoss, measured.
    """
    terms = multi_margin.function(scores, target, weight, p=p, margin=margin)
    classes = scores.shape[-1]
    share = np.ones(target.shape) if weight is None else weight[target]
    own = max(0.0, margin) ** p / classes
    taken = float(np.float32(margin**p / classes))
    size = np.abs(np.take_along_axis(scores, target[..., None], axis=-1)[..., 0])
    rounding = share / classes * p * abs(margin) ** (p - 1) * (abs(margin) + 2 * size)
    slope_rounding = share / classes * p * (abs(margin) + 2 * size) ** (p - 1)
    assert terms.magnitude is not None
    return Terms(
        terms.value + share * (own - taken),
        terms.slopes,
        magnitude=terms.magnitude + rounding + share * abs(taken),
        slope_magnitudes={"scores": terms.slope_magnitudes["scores"] + slope_rounding[..., None]},
        nearness=terms.nearness,
    )
