"""Products and quotients taken to their limit where one side is exactly zero; a NaN stays a NaN."""

from __future__ import annotations

import numpy as np


@np.errstate(all="ignore")
def product(coefficient: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """coefficient times factor, and 0 where the coefficient is 0 and the factor infinite: 0 log 0 = 0."""
    return np.where((coefficient == 0) & np.isinf(factor), 0.0, coefficient * factor)


@np.errstate(all="ignore")
def quotient(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """numerator over denominator, and 0 where both are 0: the slope of a term whose coefficient vanishes."""
    # + 0.0 makes a zero positive: a probability of -0 is none that comes from below
    return np.where((numerator == 0) & (denominator == 0), 0.0, numerator / (denominator + 0.0))


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """How much of the whole a part is; of nothing, nothing."""
    return np.where(whole == 0, 0.0, part / whole)


def only_where(tied: np.ndarray) -> np.ndarray:
    """Nearness to a kink that rounding moves nobody to: none, but exactly on it."""
    return np.where(tied, 0.0, np.inf)
