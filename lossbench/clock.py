"""Times one call inside a worker: the first call apart, then warm-up, calibration and raw samples."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from itertools import pairwise, repeat

SHORTEST_SAMPLE = 1e-3  # seconds
RESOLUTIONS = 1000  # a sample lasts at least so many steps of the clock
FEWEST_SAMPLES = 5
MOST_SAMPLES = 10_000
MOST_LOOPS = 1 << 24
WARM_UP = 0.1  # of the budget
MOST_WARM_UPS = 10_000


def measure(
    call: Callable[[], object],
    wait: Callable[[], object],
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[tuple[float, ...], int, float]:
    """Seconds per call in each sample, the number of calls in a sample, and the seconds of the very first call.

    Samples are taken until `seconds` are spent on them, but no fewer than 5 and no more than 10,000. `wait` runs at
    the end of each sample, so that work handed to a device is counted. Python's garbage collector rests meanwhile.
    """
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        first_call = _sample(call, wait, 1, clock)
        shortest = max(SHORTEST_SAMPLE, RESOLUTIONS * resolution(clock))
        _warm_up(call, wait, WARM_UP * seconds, clock)
        loops = _calibrate(call, wait, shortest, clock)
        samples: list[float] = []
        spent = 0.0
        while len(samples) < MOST_SAMPLES and (spent < seconds or len(samples) < FEWEST_SAMPLES):
            elapsed = _sample(call, wait, loops, clock)
            samples.append(elapsed / loops)
            spent += elapsed
    finally:
        if collecting:
            gc.enable()
    return tuple(samples), loops, first_call


def resolution(clock: Callable[[], float], readings: int = 100) -> float:
    """The smallest step seen between successive readings, in the clock's unit; 0 where none was seen."""
    times = [clock() for _ in repeat(None, readings)]
    return min((later - earlier for earlier, later in pairwise(times) if later > earlier), default=0.0)


def _sample(call: Callable[[], object], wait: Callable[[], object], loops: int, clock: Callable[[], float]) -> float:
    begin = clock()
    for _ in repeat(None, loops):
        call()
    wait()
    return clock() - begin


def _warm_up(
    call: Callable[[], object], wait: Callable[[], object], seconds: float, clock: Callable[[], float]
) -> None:
    end = clock() + seconds
    for _ in repeat(None, MOST_WARM_UPS):
        call()
        wait()
        if clock() >= end:
            return


def _calibrate(
    call: Callable[[], object], wait: Callable[[], object], shortest: float, clock: Callable[[], float]
) -> int:
    """The smallest power of two of calls whose sample lasts at least `shortest` seconds."""
    loops = 1
    while loops < MOST_LOOPS and _sample(call, wait, loops, clock) < shortest:
        loops *= 2
    return loops
