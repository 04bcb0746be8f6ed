"""Deviating formulas of the losses of a residual and of the likelihoods."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from lossbench.domains import (
    Amount,
    Logit,
    LogProbabilities,
    NonNegativeNumber,
    PositiveNumber,
    Real,
    TermWeight,
    Weight,
)
from lossbench.loss import Terms, loss
from lossbench.losses.bregman import generalized_kl
from lossbench.losses.counts import poisson_nll, poisson_nll_rate
from lossbench.losses.divergence import kl_div_log_target
from lossbench.losses.gaussian import gaussian_nll, gaussian_terms
from lossbench.losses.pairwise import pairwise_terms
from lossbench.losses.regression import huber
from lossbench.losses.residual import log_cosh
from lossbench.losses.variants.elementwise import reciprocal
from lossbench.losses.weighed import masked_terms

DIVERGENCES = ("none", "sum_last")
LOG_2_OF_FLOAT32 = float.fromhex("0x1.62e430p-1")


@loss(over="elements", variant=True)
def huber_slope_by_subtraction(
    prediction: Real, target: Real, weight: Weight = None, *, delta: PositiveNumber = 1.0
) -> Terms:
    """Huber's loss whose slope is ``delta + (|d| - delta)`` within delta: rounded at the size of delta.

    It comes of ``q²/2 + delta (|d| - q)`` with ``q = min(|d|, delta)``, differentiated term by term; a slope below
    half an eps of delta is lost.

    Source: optax.losses.huber_loss, tf.compat.v1.losses.huber_loss, measured.
    """
    terms = huber.function(prediction, target, weight, delta=delta)
    size = (np.ones(np.shape(prediction)) if weight is None else weight) * delta
    return replace(terms, slope_magnitudes={"prediction": size, "target": size})


@loss(over="elements", variant=True)
@np.errstate(all="ignore")
def huber_undefined_far_out(
    prediction: Real,
    target: Real,
    weight: Weight = None,
    *,
    delta: PositiveNumber = 1.0,
    overflow: PositiveNumber = np.inf,
) -> Terms:
    """Huber's loss whose slope is NaN where twice the distance is infinite (from `overflow` on, 65520 in float16).

    There the slope of the square, which is not chosen, is 0 times infinity.

    Source: keras.losses.Huber, measured.
    """
    terms = huber.function(prediction, target, weight, delta=delta)
    far = np.abs(2 * (prediction - target)) >= overflow
    return replace(terms, slopes={name: np.where(far, np.nan, slope) for name, slope in terms.slopes.items()})


@loss(over="elements", variant=True)
def log_cosh_with_log_2_of_float32(prediction: Real, target: Real) -> Terms:
    """Log-cosh from which log 2 is taken off as float32 holds it, 1.9e-9 too much: negative near the target.

    Source: keras.losses.LogCosh, measured.
    """
    terms = log_cosh.function(prediction, target)
    return replace(terms, value=terms.value + (math.log(2) - LOG_2_OF_FLOAT32))


@loss(over="samples", variant=True, reductions=("sum",))
def mean_pairwise_squared_error_by_batch_count(prediction: Real, target: Real, weight: TermWeight = None) -> Terms:
    """Pairwise squared error that takes each sample to have as many elements as the whole batch.

    ``2 Σ d² / (m - 1) - 2 (Σ d)² / (m (m - 1))`` over a sample, with m the number of elements of the batch.

    Source: tf.compat.v1.losses.mean_pairwise_squared_error with weights of rank 0, executed eagerly; measured.
    """
    weights = np.ones(len(prediction)) if weight is None else weight
    return pairwise_terms(prediction, target, weights, prediction.size)


@loss(over="elements", variant=True)
def poisson_nll_undefined_at_zero(log_rate: Logit, target: Amount, *, full: bool = False) -> Terms:
    """Poisson likelihood whose slope by a count of exactly 0 is NaN where Stirling's part is asked for.

    The part is computed, found to be NaN, and masked; its slope is 0 times infinity.

    Source: torch.nn.PoissonNLLLoss, paddle.nn.PoissonNLLLoss, tf.nn.log_poisson_loss, measured.
    """
    return _without_slope_at_zero(poisson_nll.function(log_rate, target, full=full), target, full)


@loss(over="elements", variant=True)
def poisson_nll_rate_undefined_at_zero(
    rate: Amount, target: Amount, *, full: bool = False, epsilon: NonNegativeNumber = 1e-8
) -> Terms:
    """Poisson likelihood from a rate, whose slope by a count of exactly 0 is NaN where Stirling's part is asked for.

    Where the rate and epsilon are 0 as well, value and slopes are NaN whether it is or not.

    Source: torch.nn.PoissonNLLLoss(log_input=False), paddle.nn.PoissonNLLLoss(log_input=False), measured.
    """
    terms = poisson_nll_rate.function(rate, target, full=full, epsilon=epsilon)
    terms = _without_slope_at_zero(terms, target, full)
    nothing = (rate + epsilon == 0) & (target == 0)
    return replace(
        terms,
        value=np.where(nothing, np.nan, terms.value),
        slopes={**terms.slopes, "rate": np.where(nothing, np.nan, terms.slopes["rate"])},
    )


@loss(over="elements", variant=True)
@np.errstate(all="ignore")
def poisson_nll_rate_by_reciprocal(
    rate: Amount,
    target: Amount,
    *,
    full: bool = False,
    epsilon: NonNegativeNumber = 1e-7,
    overflow: PositiveNumber = np.inf,
) -> Terms:
    """Poisson likelihood from a rate, whose slope by it is 1 minus y times the reciprocal of ``x + ε``.

    Reciprocals from `overflow` on are infinite (65520 in float16), and 0 times those NaN.

    Source: keras.losses.Poisson, measured.
    """
    terms = poisson_nll_rate.function(rate, target, full=full, epsilon=epsilon)
    slope = 1 - target * reciprocal(rate + epsilon, overflow)
    return replace(terms, slopes={**terms.slopes, "rate": slope})


@loss(over="elements", variant=True)
def gaussian_nll_slope_through_clamp(
    prediction: Real, target: Real, variance: Amount, *, full: bool = False, epsilon: PositiveNumber = 1e-6
) -> Terms:
    """Gaussian likelihood whose slope by a variance below epsilon is the one at epsilon, instead of 0.

    Source: torch.nn.GaussianNLLLoss, which documents it; measured.
    """
    terms = gaussian_nll.function(prediction, target, variance, full=full, epsilon=epsilon)
    through = gaussian_terms(prediction, target, np.maximum(variance, epsilon), full)
    return replace(terms, slopes=through.slopes, slope_magnitudes=through.slope_magnitudes, nearness=None)


@loss(over="elements", variant=True)
@np.errstate(all="ignore")
def gaussian_nll_of_infinite_squares(
    prediction: Real,
    target: Real,
    variance: Amount,
    *,
    full: bool = False,
    epsilon: PositiveNumber = 1e-6,
    overflow: PositiveNumber = np.inf,
) -> Terms:
    """Gaussian likelihood that is infinite where the square of the distance is (from `overflow` on), however large v.

    So it is where the square over v is infinite, though half of it is not; and where twice the distance is infinite,
    so is the slope by the prediction. Below epsilon, the slope by the variance is the one at epsilon, as in
    `gaussian_nll_slope_through_clamp`.

    Source: torch.nn.GaussianNLLLoss, measured.
    """
    terms = gaussian_nll_slope_through_clamp.function(prediction, target, variance, full=full, epsilon=epsilon)
    residual = prediction - target
    square = residual**2
    far = (square >= overflow) | (square / np.maximum(variance, epsilon) >= overflow)
    farther = np.abs(2 * residual) >= overflow
    slope = np.where(farther, np.copysign(np.inf, residual), terms.slopes["prediction"])
    by_variance = np.where(far, -np.inf, terms.slopes["variance"])
    slopes = {"prediction": slope, "target": -slope, "variance": by_variance}
    return replace(terms, value=np.where(far, np.inf, terms.value), slopes=slopes)


@masked_terms
@loss(over="elements", variant=True, reductions=DIVERGENCES)
def generalized_kl_undefined_at_zero(log_prediction: Logit, target: Amount) -> Terms:
    """Generalized divergence whose slope by a target of exactly 0 is NaN.

    Source: optax.losses.generalized_kl_divergence, measured.
    """
    terms = generalized_kl.function(log_prediction, target)
    slope = np.where(target == 0, np.nan, terms.slopes["target"])
    return replace(terms, slopes={**terms.slopes, "target": slope})


@masked_terms
@loss(over="elements", variant=True, reductions=DIVERGENCES)
def kl_div_log_target_flushed(
    log_prediction: LogProbabilities, log_target: LogProbabilities, *, smallest_normal: PositiveNumber = 2.0**-126
) -> Terms:
    """Divergence that is 0, with slopes of 0, where the target's probability is below `smallest_normal`.

    Source: optax.losses.kl_divergence_with_log_targets, under XLA which flushes subnormal numbers; measured.
    """
    terms = kl_div_log_target.function(log_prediction, log_target)
    gone = np.exp(log_target) < smallest_normal
    slopes = {name: np.where(gone, 0.0, slope) for name, slope in terms.slopes.items()}
    return replace(terms, value=np.where(gone, 0.0, terms.value), slopes=slopes)


def _without_slope_at_zero(terms: Terms, target: np.ndarray, full: bool) -> Terms:
    slope = np.where((target == 0) & full, np.nan, terms.slopes["target"])
    return replace(terms, slopes={**terms.slopes, "target": slope})
