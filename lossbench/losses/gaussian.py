"""Gaussian likelihood of a target whose mean and variance are both predicted."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from lossbench.domains import Amount, PositiveNumber, Real
from lossbench.functions import exactly, log, maximum, pi
from lossbench.loss import Terms, loss
from lossbench.losses.regression import residual_in_units

Arrays = dict[str, np.ndarray]


@loss(
    over="elements",
    also={"full": (True,), "epsilon": (0.125,)},
    relations=("unmoved_by_shift", "variance_in_the_same_unit"),
)
@np.errstate(all="ignore")
def gaussian_nll(
    prediction: Real, target: Real, variance: Amount, *, full: bool = False, epsilon: PositiveNumber = 1e-6
) -> Terms:
    """Negative log likelihood of a target under a normal distribution, up to a constant.

    ``(log v + (x - y)² / v) / 2`` with x the mean that is predicted, y the target and v the variance, raised to ε
    where it is less; with `full`, the constant ``log(2 π) / 2`` is added. The derivative by x is ``(x - y) / v``, by
    v ``(1/v - (x - y)²/v²) / 2`` and 0 where the variance is below ε. Shapes: all alike, one term for each element.
    Identity: `half_squared_error` where v = 1.

    Source: D. A. Nix, A. S. Weigend, "Estimating the mean and variance of the target probability distribution",
    ICNN 1994.
    """
    terms = gaussian_terms(prediction, target, np.maximum(variance, epsilon), full)
    moves = variance > epsilon
    slopes, sizes = dict(terms.slopes), dict(terms.slope_magnitudes)
    slopes["variance"] = np.where(moves, slopes["variance"], 0.0)
    sizes["variance"] = np.where(moves, sizes["variance"], 0.0)
    nearness = np.abs(variance - epsilon) / (variance + epsilon)
    return Terms(terms.value, slopes, magnitude=terms.magnitude, slope_magnitudes=sizes, nearness=nearness)


@gaussian_nll.definition
def _(prediction, target, variance, *, full, epsilon):
    v = maximum(variance, epsilon)
    value = (log(v) + (prediction - target) ** 2 / v) / exactly(2)
    return value + log(2 * pi()) / exactly(2) if full else value


@gaussian_nll.kinks
def _(arrays: Arrays, *, full: bool, epsilon: float) -> Iterator[Arrays]:
    yield {"variance": np.full(arrays["variance"].shape, epsilon)}


@np.errstate(all="ignore")
def gaussian_terms(prediction: np.ndarray, target: np.ndarray, variance: np.ndarray, full: bool) -> Terms:
    """The terms with a variance as it is, and its slope likewise."""
    part, unit = residual_in_units(prediction, target)
    logs = np.log(variance) / 2
    relative = part / variance * unit
    deviation = part / np.sqrt(variance) * unit
    square = deviation / 2 * deviation  # the square may leave the range where it over v does not
    constant = math.log(2 * math.pi) / 2 if full else 0.0
    return Terms(
        logs + square + constant,
        {"prediction": relative, "target": -relative, "variance": (1 / variance - relative**2) / 2},
        magnitude=np.abs(logs) + square + constant,
        slope_magnitudes={"variance": (1 / variance + relative**2) / 2},
    )
