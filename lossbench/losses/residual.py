"""Smooth losses of a residual: half its square, the logarithm of its hyperbolic cosine, its mean square with checks."""

from __future__ import annotations

import math

import numpy as np

from lossbench.domains import Real
from lossbench.functions import cosh, exactly, log, total
from lossbench.loss import Terms, loss
from lossbench.losses.pairwise import flattened
from lossbench.losses.regression import residual_in_units

LOG_2 = math.log(2)


@loss(over="elements", relations=("unmoved_by_shift", "arguments_swapped", "grows_as_the_square", "not_negative"))
@np.errstate(all="ignore")
def half_squared_error(prediction: Real, target: Real) -> Terms:
    """Half the square of the distance from prediction to target.

    ``d²/2`` with ``d = prediction - target``; the derivative by the prediction is d itself. Shapes: both alike, one
    term for each element. Identity: half of `squared_error`; `huber` where delta exceeds every distance.

    Source: C. M. Bishop, "Pattern Recognition and Machine Learning", 1.1.
    """
    part = prediction / 2 - target / 2  # half the residual, which is in range even where the residual is not
    residual = prediction - target
    value = np.where(np.isinf(residual), part * part * 2, residual * residual / 2)
    return Terms(value, {"prediction": residual, "target": -residual})


@half_squared_error.definition
def _(prediction, target):
    return (prediction - target) ** 2 / 2


@loss(
    over="elements",
    reductions=("none", "mean", "sum", "mean_last"),
    aliases=("logcosh",),
    relations=("unmoved_by_shift", "arguments_swapped", "not_negative"),
)
@np.errstate(all="ignore")
def log_cosh(prediction: Real, target: Real) -> Terms:
    """Quadratic near the target and linear further out, without a seam.

    ``log cosh d`` with ``d = prediction - target``; the derivative by the prediction is ``tanh d``. Shapes: both
    alike, one term for each element. Identity: d²/2 for small d, |d| - log 2 for large. Written as
    ``log(e^d + e^-d) - log 2``, value and slope cancel near 0: their scale is that of the two parts.

    Source: P. Chen et al., "Log hyperbolic cosine loss improves variational auto-encoder", 2019; as a robust norm
    P. J. Green, IEEE Trans. Med. Imaging 9 (1990).
    """
    residual = prediction - target
    size = np.abs(residual)
    near = np.log1p(2 * np.sinh(np.minimum(size, 1.0) / 2) ** 2)
    value = np.where(size < 1, near, size + (np.log1p(np.exp(-2 * size)) - LOG_2))
    slope = np.tanh(residual)
    one = np.ones(np.shape(residual))
    return Terms(
        value,
        {"prediction": slope, "target": -slope},
        magnitude=value + 2 * LOG_2,
        slope_magnitudes={"prediction": one, "target": one},
    )


@log_cosh.definition
def _(prediction, target):
    return log(cosh(prediction - target))


@loss(
    over="batch",
    reductions=("mean",),
    relations=("unmoved_by_shift", "arguments_swapped", "grows_as_the_square", "not_negative"),
)
@np.errstate(all="ignore")
def checked_mse(prediction: Real, target: Real) -> Terms:
    """Mean squared error of inputs that are checked: of one shape, not empty, and finite throughout.

    ``Σ (prediction - target)² / N`` over all N elements, added up in float64 whatever the format; the derivative by a
    prediction is ``2 (prediction - target) / N``. Shapes: both alike, one term for everything. Identity: the mean of
    `squared_error`.

    Source: none but this project's; the checks are those that silent broadcasting and NaN make necessary.
    """
    part, unit = residual_in_units(prediction, target)
    count = np.size(prediction)
    if not count:
        return Terms(np.asarray(np.nan), {"prediction": part, "target": part})
    share = part / count * unit  # divided first: the mean may be in range though the sum is not
    return Terms(np.asarray((share * part * unit).sum()), {"prediction": 2 * share, "target": -2 * share})


@checked_mse.definition
def _(prediction, target):
    pairs = list(zip(flattened(prediction), flattened(target), strict=True))
    return exactly(total((x - y) ** 2 for x, y in pairs)) / len(pairs)
