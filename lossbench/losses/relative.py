"""Losses of a ratio of prediction and target: the error in percent, and the difference of logarithms."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lossbench.domains import Amount, PositiveNumber, Real
from lossbench.functions import absolute, log, maximum
from lossbench.loss import Terms, loss
from lossbench.losses.limits import product
from lossbench.losses.regression import residual_in_units

Arrays = dict[str, np.ndarray]
REDUCTIONS = ("none", "mean", "sum", "mean_last")


@loss(over="elements", reductions=REDUCTIONS, aliases=("mape",), relations=("unmoved_by_unit", "not_negative"))
@np.errstate(all="ignore")
def mean_absolute_percentage_error(prediction: Real, target: Real, *, epsilon: PositiveNumber = 1e-7) -> Terms:
    """The distance from prediction to target in percent of the target.

    ``100 |x - y| / max(|y|, ε)`` with x the prediction and y the target; the derivative by x is
    ``100 sign(x - y) / max(|y|, ε)``, that by y ``-100 sign(x - y) / |y| - 100 |x - y| sign(y) / y²``, of which only
    the first part is left where |y| < ε. At x = y the slope is anything between the two signs. Shapes: both alike,
    one term for each element. Identity: `absolute_error` times 100 where the target is ±1.

    Source: R. J. Hyndman, A. B. Koehler, "Another look at measures of forecast accuracy", Int. J. Forecasting 22
    (2006); ε is that of Keras.
    """
    part, unit = residual_in_units(prediction, target)
    size, side = np.abs(target), np.sign(part)
    below = np.maximum(size, epsilon)
    ratio = np.abs(part) / below
    value = 100 * ratio * unit
    by_numerator = 100 * side / below
    by_denominator = product((size > epsilon) * np.sign(target), 100 * ratio / below * unit)
    magnitude = 100 * np.abs(side) / below + np.abs(by_denominator)
    return Terms(
        value,
        {"prediction": by_numerator, "target": -by_numerator - by_denominator},
        slope_magnitudes={"target": magnitude},
        nearness=np.where(part == 0, 0.0, np.abs(size - epsilon) / (size + epsilon)),
    )


@mean_absolute_percentage_error.definition
def _(prediction, target, *, epsilon):
    return 100 * absolute(prediction - target) / maximum(absolute(target), epsilon)


@mean_absolute_percentage_error.kinks
def _(arrays: Arrays, *, epsilon: float) -> Iterator[Arrays]:
    yield {"prediction": arrays["target"]}
    yield {"target": np.full(arrays["target"].shape, epsilon)}
    yield {"target": np.full(arrays["target"].shape, -epsilon)}


@loss(over="elements", reductions=REDUCTIONS, aliases=("msle",), relations=("arguments_swapped", "not_negative"))
@np.errstate(all="ignore")
def mean_squared_logarithmic_error(prediction: Amount, target: Amount, *, epsilon: PositiveNumber = 1e-7) -> Terms:
    """The square of the difference of logarithms, each of one more than its argument.

    ``r²`` with ``r = log(1 + max(x, ε)) - log(1 + max(y, ε))``, x the prediction and y the target, both meant to be
    0 or more; the derivative by x is ``2 r / (1 + x)``, and 0 where x < ε; that by y ``-2 r / (1 + y)`` alike. Shapes:
    both alike, one term for each element. Identity: symmetric in prediction and target.

    Rounding 1 + x moves its logarithm by a full unit roundoff, however small x is: so the size of r is that of both
    logarithms and of two ones.

    Source: Kaggle, "Root mean squared logarithmic error"; ε is that of Keras.
    """
    x, y = np.maximum(prediction, epsilon), np.maximum(target, epsilon)
    step = (x - y) / (1 + y)
    near = np.abs(step) < 0.5
    logs = np.log1p(x), np.log1p(y)
    gap = np.where(near, np.log1p(np.where(near, step, 0.0)), logs[0] - logs[1])
    size = np.where(x == y, 0.0, 2 + logs[0] + logs[1])
    moves = {"prediction": prediction > epsilon, "target": target > epsilon}
    return Terms(
        gap**2,
        {
            "prediction": np.where(moves["prediction"], 2 * gap / (1 + x), 0.0),
            "target": np.where(moves["target"], -2 * gap / (1 + y), 0.0),
        },
        magnitude=gap**2 + 2 * np.abs(gap) * size,
        slope_magnitudes={
            "prediction": np.where(moves["prediction"], 2 * size / (1 + x), 0.0),
            "target": np.where(moves["target"], 2 * size / (1 + y), 0.0),
        },
        nearness=np.minimum(
            np.abs(prediction - epsilon) / (prediction + epsilon), np.abs(target - epsilon) / (target + epsilon)
        ),
    )


@mean_squared_logarithmic_error.definition
def _(prediction, target, *, epsilon):
    # as one logarithm of a quotient, which is exactly 1 where the two are equal
    return log((1 + maximum(prediction, epsilon)) / (1 + maximum(target, epsilon))) ** 2


@mean_squared_logarithmic_error.kinks
def _(arrays: Arrays, *, epsilon: float) -> Iterator[Arrays]:
    for name in ("prediction", "target"):
        yield {name: np.full(arrays[name].shape, epsilon)}
