"""How times grow with the size: what every call costs, and what each element adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lossbench.judging.standings import Standing

FEWEST_SIZES = 3


@dataclass(frozen=True, slots=True)
class Scaling:
    """One implementation over several sizes. Times in seconds, forward and backward where there is both."""

    loss: str
    framework: str
    via: str
    mode: str
    interpreter: str
    dtype: str
    points: tuple[tuple[int, float], ...]  # elements and seconds, by size
    overhead: float  # of a call, whatever its size
    per_element: float
    misfit: float  # the largest distance of a point from that line, relative to the point


def scalings(standings: Sequence[Standing]) -> list[Scaling]:
    """Those implementations that were timed at three sizes or more."""
    groups: dict[tuple[str, str, str, str, str, str], list[Standing]] = {}
    for row in standings:
        if row.elements and row.case and not row.wrong:
            key = (row.loss, row.framework, row.via, row.mode, row.interpreter, row.dtype)
            groups.setdefault(key, []).append(row)
    found = []
    for key, rows in groups.items():
        points = {row.elements or 0: row.backward or row.forward or 0.0 for row in rows}
        ranked = tuple(sorted((size, seconds) for size, seconds in points.items() if seconds > 0))
        if len(ranked) >= FEWEST_SIZES:
            overhead, slope = fitted(ranked)
            misfit = max(abs(overhead + slope * size - seconds) / seconds for size, seconds in ranked)
            found.append(Scaling(*key, points=ranked, overhead=overhead, per_element=slope, misfit=misfit))
    return found


def fitted(points: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """The line seconds = overhead + slope * size with the least squares of relative errors, neither below zero."""
    weights = [1 / seconds**2 for _, seconds in points]
    total = sum(weights)
    size = sum(w * n for w, (n, _) in zip(weights, points, strict=True)) / total
    time = sum(w * t for w, (_, t) in zip(weights, points, strict=True)) / total
    spread = sum(w * (n - size) ** 2 for w, (n, _) in zip(weights, points, strict=True))
    joint = sum(w * (n - size) * (t - time) for w, (n, t) in zip(weights, points, strict=True))
    slope = joint / spread if spread else 0.0
    overhead = time - slope * size
    if slope < 0:
        return time, 0.0
    if overhead < 0:
        squares = sum(w * n * n for w, (n, _) in zip(weights, points, strict=True))
        return 0.0, sum(w * n * t for w, (n, t) in zip(weights, points, strict=True)) / squares
    return overhead, slope
