"""The mean squared difference between the errors of all pairs of elements of a sample."""

from __future__ import annotations

import math

import numpy as np

from lossbench.domains import Real, TermWeight
from lossbench.functions import exactly, total
from lossbench.loss import Terms, loss
from lossbench.losses.limits import product


@loss(
    over="samples",
    reductions=("sum",),
    aliases=("mpse",),
    relations=("unmoved_by_shift", "grows_as_the_square", "not_negative"),
)
def mean_pairwise_squared_error(prediction: Real, target: Real, weight: TermWeight = None) -> Terms:
    """How unequal the errors within a sample are; an error that all its elements share costs nothing.

    ``w Σ_ij (d_i - d_j)² / (n (n - 1))`` with ``d = prediction - target`` over the n elements of a sample, and w = 1
    where no weight is given; 0 where n < 2. The derivative by a prediction is ``4 w (d_i - mean d) / (n - 1)``.
    prediction and target [B, ...], weight [B]; one term for each sample,
    and the loss of a batch is their sum. Identity: twice the sample variance of d.

    Source: D. Eigen, C. Puhrsch, R. Fergus, "Depth map prediction from a single image using a multi-scale deep
    network", NeurIPS 2014, equation 1 (of logarithms there).
    """
    weights = np.ones(len(prediction)) if weight is None else weight
    return pairwise_terms(prediction, target, weights, math.prod(prediction.shape[1:]))


@mean_pairwise_squared_error.definition
def _(prediction, target, weight):
    errors = [x - y for x, y in zip(flattened(prediction), flattened(target), strict=True)]
    n = len(errors)
    if n < 2:
        return exactly(0)
    pairs = total((first - second) ** 2 for first in errors for second in errors)
    return (1 if weight is None else weight) * pairs / (n * (n - 1))


@np.errstate(all="ignore")
def pairwise_terms(prediction: np.ndarray, target: np.ndarray, weights: np.ndarray, count: int) -> Terms:
    """``w (2 Σ d² - 2 (Σ d)² / m) / (m - 1)`` for each sample, m being `count`, the sample's own size or not.

    With the sample's n and its mean error μ that is ``2 Σ (d - μ)² + 2 n (1 - n/m) μ²`` over m - 1, which does not
    cancel where m = n; the scale is that of d squared against its own rounding, to first order.
    """
    shape, samples = prediction.shape, len(prediction)
    n, below = math.prod(shape[1:]), max(count - 1, 0)
    if not below or not n or not samples:
        zeros = np.zeros(shape)
        return Terms(np.zeros(samples), {"prediction": zeros, "target": zeros})
    first, second = (side.reshape(samples, n) for side in (prediction, target))
    largest = np.maximum(np.abs(first), np.abs(second)).max(axis=1, keepdims=True)
    # of the errors: their differences, and the sum of those, may exceed the range
    unit = np.where(largest > 1e300, 2.0 ** (3 + math.ceil(math.log2(n))), 1.0)
    errors = first / unit - second / unit
    # about the first error rather than about 0: an offset that all share drops out before anything is squared
    mean = errors[:, :1] + (errors - errors[:, :1]).mean(axis=1, keepdims=True)
    centred, extra = errors - mean, np.array(1 - n / count)
    sizes = np.abs(errors) + np.abs(mean)
    rate, factor = 4 * weights[:, None] / below * unit, weights / below * unit[:, 0] ** 2
    value = factor * (2 * (centred**2).sum(axis=1) + 2 * n * product(extra, mean[:, 0] ** 2))
    magnitude = factor * (2 * np.abs(centred) * sizes).sum(axis=1) + value
    slope = (rate * (centred + extra * mean)).reshape(shape)
    slope_sizes = (rate * sizes).reshape(shape)
    nothing = weights == 0  # even of a square that overflows
    slope = np.where(nothing.reshape(samples, *[1] * (len(shape) - 1)), 0.0, slope)
    return Terms(
        np.where(nothing, 0.0, value),
        {"prediction": slope, "target": -slope},
        magnitude=np.where(nothing, 0.0, magnitude),
        slope_magnitudes={"prediction": slope_sizes, "target": slope_sizes},
    )


def flattened(nested):
    """The scalars of a nested list, in order."""
    return [x for part in nested for x in flattened(part)] if isinstance(nested, list) else [nested]
