"""Sums and products of unevaluated pairs (high, low) of float64: about 106 significant bits.

Source: T. J. Dekker, "A floating-point technique for extending the available precision", Numer. Math. 18 (1971).
Where the splitting overflows or a number is not finite, the plain float64 result stands and the low part is zero.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np

Pair = tuple[np.ndarray, np.ndarray]
SPLITTER = 2.0**27 + 1.0


def two_sum(a: np.ndarray, b: np.ndarray) -> Pair:
    """The rounded sum and its exact error."""
    with np.errstate(all="ignore"):
        total = a + b
        virtual = total - a
        error = (a - (total - virtual)) + (b - virtual)
    return total, _finite(error)


def two_product(a: np.ndarray, b: np.ndarray) -> Pair:
    """The rounded product and its error, exact unless it underflows."""
    with np.errstate(all="ignore"):
        product = np.multiply(a, b)
        (a_high, a_low), (b_high, b_low) = _split(a), _split(b)
        error = a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)
    return product, _finite(error)


def scale(high: np.ndarray, low: np.ndarray, factor: np.ndarray | float, divisor: np.ndarray | float) -> Pair:
    """The pair times `factor` over `divisor`; 0/0 gives NaN, as everywhere."""
    with np.errstate(all="ignore"):
        product, error = two_product(np.asarray(high, float), np.asarray(factor, float))
        error = error + low * np.asarray(factor, float)
        quotient = product / divisor
        back, back_error = two_product(quotient, np.asarray(divisor, float))
        rest = ((product - back) - back_error + error) / divisor
    return quotient, _finite(rest)


def total(high: np.ndarray, low: np.ndarray) -> tuple[float, float]:
    """The sum of all pairs as a pair, correctly rounded where everything is finite."""
    numbers = np.concatenate([high.ravel(), low.ravel()])
    finite = bool(np.isfinite(numbers).all())
    try:
        rounded = math.fsum(numbers) if finite else float(np.sum(numbers))
        return rounded, (math.fsum(itertools.chain(numbers, (-rounded,))) if finite else 0.0)
    except OverflowError:  # a partial sum exceeds float64; the whole may or may not
        return _exact_total(numbers)


def _exact_total(numbers: np.ndarray) -> tuple[float, float]:
    exact = sum(map(Fraction, numbers.tolist()), Fraction())
    try:
        rounded = float(exact)
    except OverflowError:
        return (math.inf if exact > 0 else -math.inf), 0.0
    return rounded, float(exact - Fraction(rounded))


def total_last(high: np.ndarray, low: np.ndarray) -> Pair:
    """Sums along the last axis, as pairs."""
    rows = (part.reshape(math.prod(high.shape[:-1]), high.shape[-1]) for part in (high, low))
    sums = [total(*row) for row in zip(*rows, strict=True)]
    pairs = np.array(sums, dtype=float).reshape(*high.shape[:-1], 2)
    return pairs[..., 0], pairs[..., 1]


def total_first(high: np.ndarray, low: np.ndarray) -> Pair:
    """Sums along the first axis, as pairs: the error of each addition is kept, and added at the end."""
    total, error = np.zeros(high.shape[1:]), np.zeros(high.shape[1:])
    with np.errstate(all="ignore"):
        for more, rest in zip(high, low, strict=True):
            total, lost = two_sum(total, more)
            error = error + (lost + rest)
        return two_sum(total, _finite(error))


def _split(a: np.ndarray) -> Pair:
    spread = a * SPLITTER
    high = spread - (spread - a)
    return high, a - high


def _finite(error: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(error), error, 0.0)
