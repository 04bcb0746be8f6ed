"""Poisson likelihood of a count, from its rate or from the logarithm of the rate."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from lossbench.domains import Amount, Logit, NonNegativeNumber
from lossbench.functions import exactly, exp, log, pi, where, xlogy
from lossbench.loss import Terms, loss
from lossbench.losses.limits import product

Arrays = dict[str, np.ndarray]
UNIT = 400.0  # exp(-UNIT) keeps both parts of exp(x) - x y in range where one of them overflows


@loss(over="elements", also={"full": (True,)}, aliases=("poisson", "log_poisson"))
@np.errstate(all="ignore")
def poisson_nll(log_rate: Logit, target: Amount, *, full: bool = False) -> Terms:
    """Negative log likelihood of a count under a Poisson distribution, up to a constant, from the log of its rate.

    ``exp(x) - y x`` with x the log rate and y the count, which may be a fraction; with `full`, Stirling's
    approximation ``y log y - y + log(2 π y) / 2`` of log y! is added where y > 1. The derivative by x is
    ``exp(x) - y``, by y ``-x``, and ``log y + 1/(2 y)`` more for Stirling's part. Shapes: both alike, one term for
    each element. Identity: `poisson_nll_rate` at exp(x) with epsilon 0.

    Source: P. McCullagh, J. A. Nelder, "Generalized Linear Models", chapter 6.
    """
    rate, expected = np.exp(log_rate), product(target, log_rate)
    # where both parts overflow, the difference is taken of a small share of each
    share = np.exp(log_rate - UNIT) - target * math.exp(-UNIT) * log_rate
    value = np.where(np.isinf(rate) | np.isinf(expected), share * math.exp(UNIT), rate - expected)
    stirling, stirling_slope, size, slope_size = stirling_parts(target, full)
    return Terms(
        value + stirling,
        {"log_rate": rate - target, "target": stirling_slope - log_rate},
        magnitude=rate + np.abs(expected) + size,
        slope_magnitudes={"log_rate": rate + target, "target": np.abs(log_rate) + slope_size},
    )


@poisson_nll.definition
def _(log_rate, target, *, full):
    value = exp(log_rate) - target * log_rate
    return value + where(target == 1, 0, lambda: where(target > 1, lambda: stirling(target), 0)) if full else value


@poisson_nll.kinks
def _(arrays: Arrays, *, full: bool) -> Iterator[Arrays]:
    yield from landmarks(arrays["target"])


@loss(
    over="elements",
    also={"full": (True,), "epsilon": (0.0, 0.125)},
    reductions=("none", "mean", "sum", "mean_last"),
    form_of="poisson_nll",
)
@np.errstate(all="ignore")
def poisson_nll_rate(rate: Amount, target: Amount, *, full: bool = False, epsilon: NonNegativeNumber = 1e-8) -> Terms:
    """Negative log likelihood of a count under a Poisson distribution, up to a constant, from its rate.

    ``x - y log(x + ε)`` with x the rate and y the count, which may be a fraction, and 0 log 0 = 0; with `full`,
    Stirling's approximation ``y log y - y + log(2 π y) / 2`` of log y! is added where y > 1. The derivative by x is
    ``1 - y / (x + ε)``, by y ``-log(x + ε)``, and ``log y + 1/(2 y)`` more for Stirling's part. Shapes: both alike,
    one term for each element. Identity: `poisson_nll` at log x where ε = 0.

    Rounding x + ε moves its logarithm by a full unit roundoff, however small the logarithm: that is its size.

    Source: P. McCullagh, J. A. Nelder, "Generalized Linear Models", chapter 6.
    """
    shifted = rate + epsilon
    logs = np.log(shifted)
    size = 1 + np.abs(logs)
    ratio = np.where((target == 0) & (shifted == 0), 0.0, target / shifted)
    stirling, stirling_slope, stirling_size, slope_size = stirling_parts(target, full)
    return Terms(
        rate - product(target, logs) + stirling,
        {"rate": 1 - ratio, "target": stirling_slope - logs},
        magnitude=rate + product(target, size) + stirling_size,
        slope_magnitudes={"rate": 1 + ratio, "target": size + slope_size},
    )


@poisson_nll_rate.definition
def _(rate, target, *, full, epsilon):
    value = rate - xlogy(target, rate + epsilon)
    return value + where(target == 1, 0, lambda: where(target > 1, lambda: stirling(target), 0)) if full else value


@poisson_nll_rate.kinks
def _(arrays: Arrays, *, full: bool, epsilon: float) -> Iterator[Arrays]:
    yield from landmarks(arrays["target"])


def landmarks(count: np.ndarray) -> Iterator[Arrays]:
    """Where Stirling's part sets in, with a jump, and where its formula is infinite."""
    yield {"target": np.ones(count.shape)}
    yield {"target": np.zeros(count.shape)}


def stirling(count):
    """Stirling's approximation of log(count!), in the words of a definition."""
    return count * log(count) - count + log(2 * pi() * count) / exactly(2)


@np.errstate(all="ignore")
def stirling_parts(count: np.ndarray, full: bool) -> tuple[np.ndarray, ...]:
    """Stirling's approximation where the count exceeds 1, its slope, and the size of each; zeros unless `full`."""
    some = (count > 1) & full
    safe = np.where(some, count, 1.0)
    logs, half = np.log(safe), np.log(2 * math.pi) / 2 + np.log(safe) / 2
    parts = (safe * logs - safe + half, logs + 0.5 / safe, safe * logs + safe + half, logs + 0.5 / safe)
    return tuple(np.where(some, part, 0.0) for part in parts)
