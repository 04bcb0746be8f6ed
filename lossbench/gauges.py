"""How time and memory are read: on the processor, or on a device through the few things its framework can tell."""

from __future__ import annotations

import gc
import os
import resource
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from lossbench import clock
from lossbench.clock import Call, Clock
from lossbench.heap import give_back, small_pages

OUTGROWS = 256 << 20  # bytes written between samples: more than any device keeps close at hand
STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
RESET_PEAK = "5"


class Gauge(Protocol):
    """What a worker measures with."""

    @property
    def processor(self) -> Clock | None:
        """A clock that stands still while this process waits for a processor; None where there is none."""

    @property
    def faults(self) -> Callable[[], int] | None:
        """Pages of memory that this process was given so far; None where nobody counts."""

    def stopwatch(self, calls: Sequence[Call], loops: int) -> float:
        """Seconds that `loops` calls take, taken in turn."""

    def memory(self, call: Call) -> int | None:
        """Bytes that a call needs at its peak beside what is there before it; unknown where nothing counts them."""

    def copy(self, size: int) -> Call:
        """Something that copies so many bytes when it is called."""


class Device(Protocol):
    """What a framework can tell of its graphics card."""

    def mark(self) -> Any:
        """Put a mark into the device's stream of work; None where the framework has no such thing."""

    def between(self, earlier: Any, later: Any) -> float:
        """Seconds of the device between two marks that it has passed."""

    def wait(self) -> None:
        """Return once all the work handed to the device is done."""

    def finish(self, answer: Any) -> None:
        """Return once the work that led to this answer is done, and all before it; asked where there are no marks."""

    def fill(self, size: int) -> Call:
        """Something that writes a buffer of so many bytes when it is called."""

    def copy(self, size: int) -> Call:
        """Something that copies so many bytes when it is called."""

    def in_use(self) -> int | None:
        """Bytes in use now, after which the peak is counted anew; unknown where the framework does not count."""

    def peak(self) -> int | None:
        """The most bytes in use since; unknown where the framework cannot tell."""


class ProcessorGauge:
    """The processor's clock, and the resident memory of this process."""

    def __init__(self, wait: Callable[[], object], threads: int = 1) -> None:
        """Measure with `wait` at the end of each sample, and copy with so many threads."""
        self.stopwatch = clock.wall(wait)
        self.processor: Clock | None = time.process_time if threads == 1 else None  # of several threads it is the sum
        self.faults: Callable[[], int] | None = faults
        self._threads = threads

    def memory(self, call: Call) -> int | None:
        """By how much resident memory grows at its peak.

        What was freed before is given back to the system first, as memory that is already resident does not show. In
        large pages it would show by steps of two megabytes.
        """
        gc.collect()
        with small_pages():
            give_back()
            try:
                CLEAR.write_text(RESET_PEAK)
                before = resident("VmRSS")
            except OSError:
                return None
            kept = call()
            after = resident("VmHWM")
            del kept
        return None if before is None or after is None else max(0, after - before)

    def copy(self, size: int) -> Call:
        """Copy half as many bytes, so that as many as are asked for are read and written, on all threads at once."""
        count = max(size // 16, 1)
        source, goal = np.ones(count), np.zeros(count)
        if self._threads == 1:
            return lambda: np.copyto(goal, source)
        shares = list(zip(np.array_split(goal, self._threads), np.array_split(source, self._threads), strict=True))

        def together() -> None:
            helpers = [threading.Thread(target=np.copyto, args=share) for share in shares[1:]]
            for helper in helpers:
                helper.start()
            np.copyto(*shares[0])
            for helper in helpers:
                helper.join()

        return together


class DeviceGauge:
    """A graphics card's own clock and counters; its cache is overwritten before each sample."""

    processor: Clock | None = None
    faults: Callable[[], int] | None = None

    def __init__(self, device: Device, flush: bool = True) -> None:
        """Measure on `device`; without `flush` its cache stays as the calls leave it."""
        self._device = device
        self._flush = device.fill(OUTGROWS) if flush else None

    def stopwatch(self, calls: Sequence[Call], loops: int) -> float:
        """By marks in the stream where the framework has them, else by the processor's clock around a wait."""
        if self._flush is not None:
            self._flush()
        self._device.wait()
        begin = self._device.mark()
        if begin is None:
            return self._by_the_wall(calls, loops)
        for number in range(loops):
            calls[number % len(calls)]()
        end = self._device.mark()
        self._device.wait()
        return self._device.between(begin, end)

    def _by_the_wall(self, calls: Sequence[Call], loops: int) -> float:
        """Until the last answer is there: to wait for the whole device can take longer than a call."""
        answer = None
        begin = time.perf_counter()
        for number in range(loops):
            answer = calls[number % len(calls)]()
        self._device.finish(answer)
        return time.perf_counter() - begin

    def memory(self, call: Call) -> int | None:
        """By the framework's own counter."""
        gc.collect()
        self._device.wait()
        before = self._device.in_use()
        kept = call()
        self._device.wait()
        after = self._device.peak()
        del kept
        return None if before is None or after is None else max(0, after - before)

    def copy(self, size: int) -> Call:
        """Copy half as many bytes, so that as many as are asked for are read and written."""
        return self._device.copy(max(size // 2, 1))


def faults() -> int:
    """How many pages of memory the system has given to this process as they were first touched."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def resident(what: str) -> int | None:
    """Bytes of this process's memory that are resident (VmRSS), or were at their peak (VmHWM); None where unknown."""
    for line in STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) * 1024
    return None


def threads_allowed() -> int:
    """How many threads this process was told to use."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    return int(told) if told.isdigit() and int(told) else 1
