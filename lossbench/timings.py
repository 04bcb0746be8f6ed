"""One row of the timings: what a process measured, under which conditions, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """One row of the timings: one process and sample set, with what was derived from it. Times in seconds.

    A row with a note holds no figure that may be compared: what was asked for could not be timed.
    """

    case: str  # empty for the empty call, which shows the harness's own cost, and for copying
    stands_for: str  # the case that was asked for, where the implementation lacks its reduction and took another
    loss: str
    framework: str
    version: str
    interpreter: str  # empty: the one lossbench runs under
    via: str
    device: str
    device_name: str
    mode: str
    dtype: str
    reduction: str
    shape: str
    direction: str  # forward, or forward+backward
    process: int  # counts from 1; each is a fresh one
    threads: int
    sets: int  # copies of the inputs that the calls took in turn
    loops: int | None  # calls in one sample
    samples: tuple[float, ...]
    first_call: float | None  # compile or trace included
    p25: float | None
    minimum: float | None
    median: float | None
    spread: float | None  # (p75 - p25) / p25, within this process
    elements: int | None
    elements_per_second: float | None
    least_bytes: int | None  # read and written once, at least
    gigabytes_per_second: float | None  # of these
    operations: int | None  # of the definition, forward
    memory: int | None  # bytes one call needed beside its inputs, at its peak
    least_memory: int | None  # bytes of its outputs
    answer: str  # the judgement on what the last timed call gave; empty where it was not asked
    processor: str
    python: str
    load: float | None  # the machine's load average over a minute, when this was measured
    steal: float | None  # share of the processors' time that the host gave to others meanwhile
    frequency: float | None  # MHz of the fastest processor
    card: str  # driver, clocks and reasons for throttling of the graphics card
    malloc_mmap_threshold: str  # bytes, as set in the worker's environment
    malloc_trim_threshold: str
    note: str = ""
    target: str = ""  # as in `Verdict`
    package: str = ""  # as in `Verdict`
    busy: tuple[float, ...] = ()  # processor seconds of a call, one number for each sample; empty where unknown
    malloc_tunables: str = ""  # GLIBC_TUNABLES, as set in the worker's environment: memory in large pages unless told
