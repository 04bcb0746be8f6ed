"""Times one call inside a worker: the first call apart, then warm-up, calibration, and samples until they settle."""

from __future__ import annotations

import gc
import math
import time
from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice, pairwise, repeat

Call = Callable[[], object]
Clock = Callable[[], float]
Stopwatch = Callable[[Sequence[Call], int], float]  # seconds that so many calls take, taken in turn

SHORTEST_SAMPLE = 1e-3  # seconds
FINE = 100  # steps of the processor's own clock that a sample lasts at least, where it is to be believed
RESOLUTIONS = 1000  # a sample lasts at least so many steps of the clock
FEWEST_SAMPLES = 5
FEWEST_SETTLED = 20  # samples before they may count as settled
SETTLED = 0.01  # half the width of the 95 % interval of their 25th percentile, relative to it
MOST_SAMPLES = 10_000
MOST_LOOPS = 1 << 24
WARM_UP = 0.04  # of the budget
FEW_FAULTS = 32  # pages of memory that a call may be given anew once its process has all that it needs
MOST_WARM_UPS = 10_000


@dataclass(frozen=True, slots=True)
class Visit:
    """What one process measured of one call, in seconds."""

    samples: tuple[float, ...]  # for each call
    loops: int  # calls in a sample
    first_call: float
    spent: float  # on everything but the first call
    busy: tuple[float, ...] = ()  # of each sample, what processors spent on a call; empty where nothing told


def measure(
    calls: Sequence[Call],
    stopwatch: Stopwatch,
    seconds: float,
    clock: Clock = time.perf_counter,
    processor: Clock | None = None,
    faults: Callable[[], int] | None = None,
) -> Visit:
    """Measure calls that do the same on inputs of their own, in turn.

    Samples are taken until their 25th percentile has settled or `seconds` are spent, warm-up and calibration
    included, but no fewer than 5 and no more than 10,000. Python's garbage collector rests meanwhile. `processor` is
    a clock that stands still while this process is kept waiting; what it says is noted beside each sample. `faults`
    counts pages of memory that the system has given to this process: warm-up ends when calls cause hardly any.
    """
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        first_call = stopwatch(calls, 1)
        begin = clock()
        lasted = _warm_up(calls, stopwatch, begin, seconds, clock, faults)
        shortest = max(SHORTEST_SAMPLE, RESOLUTIONS * resolution(clock))
        loops = _calibrate(calls, stopwatch, shortest, lasted)
        worked = processor if processor and 0 < FINE * resolution(processor) <= shortest else None
        samples: list[float] = []
        busy: list[float] = []
        ranked: list[float] = []
        while len(samples) < MOST_SAMPLES and not (len(samples) >= FEWEST_SAMPLES and clock() - begin >= seconds):
            before = worked() if worked else 0.0
            samples.append(stopwatch(calls, loops) / loops)
            if worked:
                busy.append((worked() - before) / loops)
            calls = turned(calls, loops)
            insort(ranked, busy[-1] if worked else samples[-1])
            if settled(ranked):
                break
        spent = clock() - begin
    finally:
        if collecting:
            gc.enable()
    return Visit(tuple(samples), loops, first_call, spent, tuple(busy))


def wall(wait: Callable[[], object], clock: Clock = time.perf_counter) -> Stopwatch:
    """A stopwatch of the processor's clock; `wait` runs at the end, so that work handed to a device is counted."""

    def stopwatch(calls: Sequence[Call], loops: int) -> float:
        if len(calls) == 1:
            call = calls[0]
            begin = clock()
            for _ in repeat(None, loops):
                call()
        else:
            turns = islice(cycle(calls), loops)
            begin = clock()
            for call in turns:
                call()
        wait()
        return clock() - begin

    return stopwatch


def turned(calls: Sequence[Call], places: int) -> Sequence[Call]:
    """The calls in the same ring, beginning so many places on: where the sample before left off."""
    start = places % len(calls)
    return [*calls[start:], *calls[:start]] if start else calls


def settled(ranked: Sequence[float]) -> bool:
    """Whether the 25th percentile of these sorted samples is known to within 1 %, by the ranks that bound it."""
    count = len(ranked)
    if count < FEWEST_SETTLED:
        return False
    middle, reach = 0.25 * (count - 1), 1.96 * math.sqrt(count * 0.25 * 0.75)
    low, high = ranked[max(0, math.floor(middle - reach))], ranked[min(count - 1, math.ceil(middle + reach))]
    return high - low <= 2 * SETTLED * ranked[round(middle)]


def resolution(clock: Clock, readings: int = 100) -> float:
    """The smallest step seen between successive readings, in the clock's unit; 0 where none was seen."""
    times = [clock() for _ in repeat(None, readings)]
    return min((later - earlier for earlier, later in pairwise(times) if later > earlier), default=0.0)


def _warm_up(
    calls: Sequence[Call],
    stopwatch: Stopwatch,
    begin: float,
    seconds: float,
    clock: Clock,
    faults: Callable[[], int] | None,
) -> list[float]:
    """Call each in its turn for a share of the budget, once at least, and give the seconds of the last two.

    Where `faults` counts, until each has run once, one after the other, on memory that the process already had; but no
    longer than the whole budget.
    """
    lasted: list[float] = []
    calm = 0
    for done in range(MOST_WARM_UPS):
        now = clock()
        steady = faults is None or calm >= len(calls)
        if done and now >= begin + (WARM_UP if steady else 1) * seconds:
            break
        before = faults() if faults else 0
        lasted = [*lasted[-1:], stopwatch([calls[done % len(calls)]], 1)]
        if faults:
            calm = calm + 1 if faults() - before <= FEW_FAULTS else 0
    return lasted


def _calibrate(calls: Sequence[Call], stopwatch: Stopwatch, shortest: float, lasted: Sequence[float]) -> int:
    """The smallest power of two of calls whose sample lasts at least `shortest` seconds, and does so again.

    How long single calls `lasted` is known where there were two.
    """
    if len(lasted) > 1 and min(lasted) >= shortest:
        return 1
    loops = 2 if len(lasted) > 1 else 1
    while loops < MOST_LOOPS and min(stopwatch(calls, loops), stopwatch(calls, loops)) < shortest:
        loops *= 2
    return loops
