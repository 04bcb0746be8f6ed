"""What raw times amount to: statistics within a process, then over processes, and who is faster than whom."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lossbench.records import Timing

FORWARD = "forward"
BACKWARD = "forward+backward"
EMPTY_CALL = "(empty call)"  # stands in a timing's place for the loss


def percentile(samples: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the samples lie, on a straight line between neighbours.

    Raises:
        ValueError: there are no samples.
    """
    if not samples:
        raise ValueError("no samples have no percentile")
    ranked = sorted(samples)
    place = share * (len(ranked) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ranked) - 1)
    return ranked[below] + (place - below) * (ranked[above] - ranked[below])


def spread_within(samples: Sequence[float]) -> float | None:
    """How far the samples of one process lie apart: (p75 - p25) / p25; unknown for fewer than two."""
    low = percentile(samples, 0.25)
    return (percentile(samples, 0.75) - low) / low if len(samples) > 1 and low > 0 else None


def spread_across(figures: Sequence[float]) -> float | None:
    """How far the processes' figures lie apart: (largest - smallest) / median; unknown for fewer than two."""
    middle = statistics.median(figures) if figures else 0.0
    return (max(figures) - min(figures)) / middle if len(figures) > 1 and middle > 0 else None


@dataclass(frozen=True, slots=True)
class Standing:
    """One implementation on one case, over all processes. Times in seconds for one call."""

    loss: str
    framework: str
    via: str
    dtype: str
    shape: str
    case: str
    forward: float | None  # the median over processes of their 25th percentiles
    backward: float | None  # the same of forward and backward in one call
    spread: float | None  # across processes, the worse of the two directions
    elements_per_second: float | None  # of forward and backward in one call; of forward where there is no backward
    gigabytes_per_second: float | None
    note: str
    ratio: float | None = None  # to the fastest on the same case, forward and backward in one call
    certain: bool = True  # the ratio exceeds what the spread could feign
    target: str = ""


def standings(timings: Iterable[Timing]) -> list[Standing]:
    """One standing for each implementation and case: empty calls first, then by loss and case, the fastest first."""
    groups: dict[tuple[str, ...], list[Timing]] = {}
    for timing in timings:
        key = (timing.loss, timing.case, timing.framework, timing.via, timing.target)
        groups.setdefault(key, []).append(timing)
    rows = [_standing(group) for group in groups.values()]
    contests: dict[tuple[str, str], list[Standing]] = {}
    for row in rows:
        contests.setdefault((row.loss, row.case), []).append(row)
    ranked = [each for contest in contests.values() for each in _ranked(contest)]
    return sorted(ranked, key=lambda row: (row.loss != EMPTY_CALL, row.loss, row.case))  # stable: keeps the ranks


def _standing(rows: Sequence[Timing]) -> Standing:
    sides = {side: [t for t in rows if t.direction == side and t.p25 is not None] for side in (FORWARD, BACKWARD)}
    p25s = {side: [t.p25 for t in timed if t.p25 is not None] for side, timed in sides.items()}
    spreads = [s for figures in p25s.values() if (s := spread_across(figures)) is not None]
    rated = sides[BACKWARD] or sides[FORWARD]
    first = rows[0]
    return Standing(
        loss=first.loss,
        framework=first.framework,
        target=first.target,
        via=first.via,
        dtype=first.dtype,
        shape=first.shape,
        case=first.case,
        forward=_median(p25s[FORWARD]),
        backward=_median(p25s[BACKWARD]),
        spread=max(spreads, default=None),
        elements_per_second=_median([t.elements_per_second for t in rated]),
        gigabytes_per_second=_median([t.gigabytes_per_second for t in rated]),
        note="; ".join(dict.fromkeys(t.note for t in rows if t.note)),
    )


def _ranked(contest: Sequence[Standing]) -> list[Standing]:
    """The fastest first, each with its ratio to that one; those without a time stand last, without a ratio."""
    timed = sorted((row.backward, number) for number, row in enumerate(contest) if row.backward is not None)
    rest = sorted((row for row in contest if row.backward is None), key=lambda row: row.forward or math.inf)
    ranked = []
    for seconds, number in timed:
        row, best = contest[number], contest[timed[0][1]]
        ratio = seconds / timed[0][0]
        noise = [spread for spread in (row.spread, best.spread) if spread is not None]
        certain = row is best or (bool(noise) and ratio - 1 > max(noise))
        ranked.append(replace(row, ratio=ratio, certain=certain))
    return [*ranked, *rest]


def _median(figures: Iterable[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return statistics.median(known) if known else None
