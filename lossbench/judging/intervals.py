"""Is one faster than the other: distribution-free intervals over processes, and the verdict they allow.

Each process contributes one figure. What is compared are the figures of the processes on either side, by the ranks of
their pairwise ratios (Hodges and Lehmann 1963; Bauer 1972): no assumption on how noise is distributed, no process so
slow that it could pull the estimate away, and exact for small numbers. Ratios are taken as differences of logarithms.

What two sides measure in one round they measure within seconds, often in one process, so that much of what moves one
moves the other. The ratios within rounds have an interval of their own (Tukey 1949, by Wilcoxon's signed ranks). Each
of the two may miss half as often, so that whichever is the narrower may be taken.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

CHANCE = 0.005  # that an interval misses the true ratio: the 99.5 % one
MARGIN = 0.05  # ratios nearer to 1 are of no interest: both are the same
SMALLEST = 0.01  # and so near they are never called faster or slower, however sure
NARROW = 0.02  # half the width of an implementation's own interval, relative to its middle, that is narrow enough
QUIET = 0.25  # of the processes: those that had least in their way
LOCATED = 0.05  # chance that this interval misses


class Relation(StrEnum):
    """How an implementation stands to the one it is held against."""

    FASTER = "FASTER"
    SAME = "SAME"
    SLOWER = "SLOWER"
    AMBIGUOUS = "AMBIGUOUS"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One against the other: the ratio of their times, the interval it lies in, and what identical code shows."""

    ratio: float
    low: float | None  # of the interval; None where there are too few processes for one
    high: float | None
    floor: float | None  # A/A: how far odd rounds came apart from even ones in this run, relatively
    relation: Relation


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


def quiet(figures: Sequence[float]) -> float | None:
    """What is reported of all processes: the mean of the quietest quarter, as most may have had somebody in their way.

    It varies less from run to run than any one of them, and than the median does even on a quiet machine.
    """
    return statistics.mean(sorted(figures)[: math.ceil(QUIET * len(figures))]) if figures else None


def spread_within(samples: Sequence[float]) -> float | None:
    """How far the samples of one process lie apart: (p75 - p25) / p25; unknown for fewer than two."""
    low = percentile(samples, 0.25)
    return (percentile(samples, 0.75) - low) / low if len(samples) > 1 and low > 0 else None


def spread_across(figures: Sequence[float]) -> float | None:
    """How far the processes' figures lie apart: (largest - smallest) / median; unknown for fewer than two."""
    middle = statistics.median(figures) if figures else 0.0
    return (max(figures) - min(figures)) / middle if len(figures) > 1 and middle > 0 else None


def shift(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The ratio of our times to theirs: the median of the ratios of all pairs of processes."""
    return math.exp(statistics.median(_differences(ours, theirs)))


def compared(
    ours: Sequence[float], theirs: Sequence[float], rivals: int = 1, rounds: Sequence[tuple[float, float]] = ()
) -> Comparison:
    """Hold our processes' times against theirs, in the order of the rounds.

    FASTER and SLOWER need an interval that leaves 1 out, and a ratio that is further from 1 than 1 % and than the A/A
    floor. SAME needs an interval within 5 % of 1. `rivals` is how many are held against them at once: the more, the
    wider the interval, until it spans all pairs. `rounds` are our time and theirs in each round that has both.
    """
    chance = CHANCE / 2 if signed_ranks_left_out(len(rounds), CHANCE / 2) is not None else CHANCE
    floors = [floor for floor in (against_itself(ours), against_itself(theirs)) if floor is not None]
    found = _interval(
        sorted(_differences(ours, theirs)),
        lambda share: ranks_left_out(len(ours), len(theirs), share),
        chance,
        rivals,
        max(floors, default=None),
    )
    if chance == CHANCE:
        return found
    steps = [math.log(mine) - math.log(other) for mine, other in rounds]
    within = _interval(
        sorted((one + other) / 2 for place, one in enumerate(steps) for other in steps[place:]),
        lambda share: signed_ranks_left_out(len(steps), share),
        chance,
        rivals,
        math.exp(abs(statistics.median(steps[::2]) - statistics.median(steps[1::2]))) - 1,
    )
    return min((found, within), key=_width)


def _width(comparison: Comparison) -> float:
    low, high = comparison.low, comparison.high
    return math.inf if low is None or high is None else high / low


def _interval(
    ranked: Sequence[float], ranks: Callable[[float], int | None], chance: float, rivals: int, floor: float | None
) -> Comparison:
    """What sorted differences say, of which an interval that misses so often leaves out so many at either end."""
    middle = statistics.median(ranked)
    left_out = ranks(chance / max(rivals, 1))
    if left_out is None:
        left_out = 0 if ranks(chance) is not None else None
    if left_out is None:
        return Comparison(math.exp(middle), None, None, floor, Relation.AMBIGUOUS)
    low, high = ranked[left_out], ranked[-1 - left_out]
    relation = _relation(middle, low, high, max(math.log1p(floor or 0.0), math.log1p(SMALLEST)))
    return Comparison(math.exp(middle), math.exp(low), math.exp(high), floor, relation)


def _relation(middle: float, low: float, high: float, least: float) -> Relation:
    if low > 0 and middle > least:
        return Relation.SLOWER
    if high < 0 and middle < -least:
        return Relation.FASTER
    margin = math.log1p(MARGIN)
    return Relation.SAME if -margin <= low and high <= margin else Relation.AMBIGUOUS


def against_itself(figures: Sequence[float]) -> float | None:
    """A/A: how far the processes of odd rounds lie from those of even rounds; unknown for fewer than two of each."""
    odd, even = figures[::2], figures[1::2]
    if len(even) < 2:
        return None
    return math.exp(abs(math.log(shift(odd, even)))) - 1


def located(figures: Sequence[float]) -> tuple[float, float] | None:
    """Between which figures the median of all such processes lies, by ranks; None where there are too few."""
    ranked, below, chance = sorted(figures), 0, 0.0
    while below < len(ranked) / 2:
        chance += math.comb(len(ranked), below) / 2 ** len(ranked)
        if 2 * chance > LOCATED:
            break
        below += 1
    return (ranked[below - 1], ranked[-below]) if below else None


def narrow_enough(figures: Sequence[float]) -> bool:
    """Whether more processes would say little more of where the median lies."""
    found = located(figures)
    return found is not None and found[1] - found[0] <= 2 * NARROW * statistics.median(figures)


@cache
def ranks_left_out(ours: int, theirs: int, chance: float) -> int | None:
    """How many of the sorted pairs an interval may leave out at either end; None where all of them are too few.

    The largest c with P(U <= c) <= chance / 2 by the exact distribution of Mann and Whitney's U.
    """
    if ours == 0 or theirs == 0:
        return None
    arrangements, running, left_out = math.comb(ours + theirs, ours), 0, -1
    for count in _arrangements(ours, theirs):
        running += count
        if running > chance / 2 * arrangements:
            break
        left_out += 1
    return left_out if left_out >= 0 else None


@cache
def signed_ranks_left_out(rounds: int, chance: float) -> int | None:
    """How many of the sorted means of two rounds an interval may leave out at either end; None where there are too few.

    The largest c with P(T <= c) <= chance / 2 by the exact distribution of Wilcoxon's T: in how many of all ways to
    choose from the ranks 1 to n do the chosen ones add up to so much.
    """
    counts = [1]
    for rank in range(1, rounds + 1):
        shifted = [0] * rank + counts
        counts = [a + b for a, b in zip(counts + [0] * rank, shifted, strict=True)]
    running, left_out = 0, -1
    for count in counts:
        running += count
        if running > chance / 2 * 2**rounds:
            break
        left_out += 1
    return left_out if left_out >= 0 and rounds else None


def _arrangements(ours: int, theirs: int) -> list[int]:
    """In how many orders of all processes U has each of its values: the coefficients of Gauss's binomial."""
    size = ours * theirs + 1
    counts = [1] + [0] * (size - 1)
    for number in range(1, ours + 1):
        over = theirs + number
        for place in range(size - 1, over - 1, -1):  # times (1 - q^over)
            counts[place] -= counts[place - over]
        for place in range(number, size):  # over (1 - q^number)
            counts[place] += counts[place - number]
    return counts


def _differences(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    return [math.log(mine) - math.log(other) for mine in ours for other in theirs]
