"""Losses of a residual: absolute, squared, and the two robust ones between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from lossbench.domains import PositiveNumber, Real, Weight
from lossbench.functions import absolute, where
from lossbench.loss import Denominator, Terms, loss
from lossbench.losses.limits import product
from lossbench.losses.weighed import sloped_by_weight

Arrays = dict[str, np.ndarray]
REDUCTIONS = ("none", "mean", "sum", "mean_last", "weighted_mean", "nonzero_mean")


@sloped_by_weight
@loss(
    over="elements",
    reductions=REDUCTIONS,
    aliases=("mae", "l1"),
    relations=("unmoved_by_shift", "arguments_swapped", "grows_as_the_unit", "not_negative"),
)
@np.errstate(all="ignore")
def absolute_error(prediction: Real, target: Real, weight: Weight = None) -> Terms:
    """The distance from prediction to target.

    ``w |d|`` with ``d = prediction - target`` and w = 1 where no weight is given; the derivative by the prediction is
    ``w sign(d)``, and at d = 0 anything between -w and w. Shapes: all alike, one term for each element.

    Source: R. J. Boscovich, 1757; see S. M. Stigler, "The History of Statistics", Harvard 1986, chapter 1.
    """
    part, unit = residual_in_units(prediction, target)
    weights = _weights(weight, part)
    slope = weights * np.sign(part)
    # the difference of two numbers that are not equal never rounds to 0: the kink is where it is, and nowhere near
    on_the_kink = np.where(part == 0, 0.0, np.inf)
    return replace(_terms(unit * (weights * np.abs(part)), slope, weights), nearness=on_the_kink)


@absolute_error.definition
def _(prediction, target, weight):
    return (1 if weight is None else weight) * absolute(prediction - target)


@absolute_error.kinks
def _(arrays: Arrays) -> Iterator[Arrays]:
    yield {"prediction": arrays["target"]}


@sloped_by_weight
@loss(
    over="elements",
    reductions=REDUCTIONS,
    aliases=("mse", "l2"),
    relations=("unmoved_by_shift", "arguments_swapped", "grows_as_the_square", "not_negative"),
)
@np.errstate(all="ignore")
def squared_error(prediction: Real, target: Real, weight: Weight = None) -> Terms:
    """The square of the distance from prediction to target, without a factor of one half.

    ``w d²`` with ``d = prediction - target`` and w = 1 where no weight is given; the derivative by the prediction is
    ``2 w d``. Shapes: all alike, one term for each element.

    Source: A.-M. Legendre, "Nouvelles méthodes pour la détermination des orbites des comètes", Paris 1805.
    """
    part, unit = residual_in_units(prediction, target)
    weights = _weights(weight, part)
    weighted = weights * part  # first, so that a small weight keeps the square in range
    return _terms(product(weighted, part) * unit * unit, 2 * unit * weighted, weights)


@squared_error.definition
def _(prediction, target, weight):
    return (1 if weight is None else weight) * (prediction - target) ** 2


@sloped_by_weight
@loss(
    over="elements",
    also={"delta": (0.125, 3.0)},
    reductions=REDUCTIONS,
    relations=("unmoved_by_shift", "arguments_swapped", "grows_as_the_square", "not_negative"),
)
@np.errstate(all="ignore")
def huber(prediction: Real, target: Real, weight: Weight = None, *, delta: PositiveNumber = 1.0) -> Terms:
    """Quadratic near the target, linear further out.

    ``w d²/2`` where ``|d| <= delta``, else ``w delta (|d| - delta/2)``, with ``d = prediction - target`` and w = 1
    where no weight is given; the derivative by the prediction is d clipped to ±delta, times w, continuous everywhere.
    Shapes: all alike, one term for each element. Identity: delta times `smooth_l1` with beta = delta.

    Source: P. J. Huber, "Robust estimation of a location parameter", Ann. Math. Statist. 35 (1964).
    """
    part, unit = residual_in_units(prediction, target)
    weights = _weights(weight, part)
    inner = np.minimum(np.abs(part), delta / unit)
    outer = unit * (weights * delta * (np.abs(part) - inner))
    # within delta the second term is 0, beyond it the first is delta²/2
    value = weights * (unit * inner) * (unit * inner) / 2 + outer
    return _terms(value, weights * np.clip(part * unit, -delta, delta), weights)


@huber.definition
def _(prediction, target, weight, *, delta):
    d = absolute(prediction - target)
    w = 1 if weight is None else weight
    return w * where(d <= delta, lambda: d * d / 2, lambda: delta * (d - delta / 2))


@huber.kinks
def _(arrays: Arrays, *, delta: float) -> Iterator[Arrays]:
    for offset in (delta, -delta, 0.0):
        yield {"prediction": arrays["target"] + offset}


@loss(
    over="elements",
    also={"beta": (0.125, 3.0)},
    relations=("unmoved_by_shift", "arguments_swapped", "grows_as_the_unit", "not_negative"),
)
@np.errstate(all="ignore")
def smooth_l1(prediction: Real, target: Real, *, beta: PositiveNumber = 1.0) -> Terms:
    """The absolute error with its kink rounded off within beta of the target.

    ``d²/(2 beta)`` where ``|d| < beta``, else ``|d| - beta/2``, with ``d = prediction - target``; the derivative by
    the prediction is d / beta clipped to ±1, continuous everywhere. Shapes: prediction and target alike, one term for
    each element. Identity: `huber` with delta = beta, divided by beta.

    Source: R. Girshick, "Fast R-CNN", ICCV 2015.
    """
    residual = prediction - target
    inner = np.minimum(np.abs(residual), beta)
    # the quotient first: of numbers at the lower end of the range only the square underflows, as it should
    value = inner / beta * inner / 2 + (np.abs(residual) - inner)
    slope = np.clip(residual, -beta, beta) / beta
    return Terms(value, {"prediction": slope, "target": -slope})


@smooth_l1.definition
def _(prediction, target, *, beta):
    d = absolute(prediction - target)
    return where(d < beta, lambda: d * d / (2 * beta), lambda: d - beta / 2)


@smooth_l1.kinks
def _(arrays: Arrays, *, beta: float) -> Iterator[Arrays]:
    for offset in (beta, -beta, 0.0):
        yield {"prediction": arrays["target"] + offset}


@np.errstate(all="ignore")
def residual_in_units(prediction: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The residual in units of 1, or of 2 where it exceeds the range though its multiples may not."""
    residual = prediction - target
    beyond = np.isinf(residual)
    return np.where(beyond, prediction / 2 - target / 2, residual), np.where(beyond, 2.0, 1.0)


def _weights(weight: np.ndarray | None, like: np.ndarray) -> np.ndarray:
    return np.ones(np.shape(like)) if weight is None else weight


def _terms(value: np.ndarray, slope: np.ndarray, weights: np.ndarray) -> Terms:
    return Terms(
        value,
        {"prediction": slope, "target": -slope},
        denominators={
            "weighted_mean": Denominator(weights.sum()),
            "nonzero_mean": Denominator(float(np.count_nonzero(weights))),
        },
    )
