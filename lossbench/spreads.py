"""How errors in ulps are spread: counts by size, coarse enough for a cell of a table, fine enough for a percentile.

A step is a quarter of a power of two: step k holds errors above 2^((k-1)/4) and up to 2^(k/4) ulps, `=` those of
exactly 0, `inf` those where NaN or infinity stands in a number's place, or the reverse. In a CSV file a spread is
written ``=:21 -4:3 1:2``: 21 numbers are exact, three are off by up to half an ulp, two by up to 1.19.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

import numpy as np

EXACT, INFINITE = "=", "inf"
PER_OCTAVE = 4
Spread = Counter[str]


def counted(ulps: np.ndarray) -> Spread:
    """The spread of so many errors."""
    finite = ulps[np.isfinite(ulps) & (ulps > 0)]
    found: Spread = Counter()
    for name, count in ((EXACT, int((ulps == 0).sum())), (INFINITE, int((~np.isfinite(ulps)).sum()))):
        if count:
            found[name] = count
    if finite.size:
        # a rounding of log2 must not lift a power of two into the next step
        steps, counts = np.unique(np.ceil(PER_OCTAVE * np.log2(finite) - 1e-9).astype(int), return_counts=True)
        found.update(dict(zip(map(str, steps.tolist()), counts.tolist(), strict=True)))
    return found


def written(spread: Spread) -> tuple[str, ...]:
    """As it stands in a cell, smallest errors first."""
    return tuple(f"{step}:{spread[step]}" for step in sorted(spread, key=edge))


def pooled(cells: Iterable[tuple[str, ...]]) -> Spread:
    """Several cells together.

    Raises:
        ValueError: one of them was not written by `written`.
    """
    together: Spread = Counter()
    for cell in cells:
        for part in cell:
            step, _, count = part.partition(":")
            edge(step)
            together[step] += int(count)
    return together


def edge(step: str) -> float:
    """The largest error of a step, in ulps."""
    if step in (EXACT, INFINITE):
        return 0.0 if step == EXACT else math.inf
    exponent = int(step) / PER_OCTAVE
    return 2.0**exponent if exponent < 1024 else math.inf


def percentile(spread: Spread, share: float) -> float | None:
    """What `share` (0 to 1) of the errors do not exceed: the edge of a step, so up to a fifth too much."""
    wanted, reached = share * spread.total(), 0
    for step in sorted(spread, key=edge):
        reached += spread[step]
        if reached >= wanted:
            return edge(step)
    return None
