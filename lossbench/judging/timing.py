"""The engine of `speed`: every implementation timed alone, in fresh processes, round after round.

The process is the unit of noise: where its memory happens to lie moves its times by more than its samples scatter. So
each round starts a new process for each target, one at a time, and every other round runs the other way about, which
spreads a machine that grows warm or busy over all that is compared.
"""

from __future__ import annotations

import math
import os
import platform
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from lossbench.cases.applicability import lacks
from lossbench.cases.inputs import build, resolved
from lossbench.floats import FORMATS, encode
from lossbench.hand import environment
from lossbench.judging.standings import BACKWARD, EMPTY_CALL, FORWARD, percentile, spread_within
from lossbench.loss import Loss
from lossbench.records import Case, Ended, Greeting, Implementation, Measurement, Target, Timing, Trial
from lossbench.reductions import output_shape
from lossbench.wire import WireArray, fingerprint

HELD_BYTES = 1 << 29  # of inputs, kept from one round to the next
Emit = Callable[[Timing], None]


class Timekeepers(Protocol):
    """What the engine asks of a crew."""

    def __enter__(self) -> Self:
        """The crew itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End its workers."""

    def time(self, target: Target, trial: Trial, arrays: Sequence[WireArray]) -> Measurement:
        """Time one implementation and wait for the result."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How often and how long to measure."""

    processes: int
    seconds: float  # of samples for each measurement
    threads: int


@dataclass(frozen=True, slots=True)
class Job:
    """One implementation on one case, timed forward and backward; or the empty call, which has neither."""

    case: Case | None = None
    implementation: Implementation | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """A case's inputs as they travel, and how many bytes it takes to read and write everything once."""

    arrays: tuple[WireArray, ...]
    names: tuple[str, ...]
    learned: tuple[str, ...]
    fingerprint: str
    forward_bytes: int
    backward_bytes: int


@dataclass(slots=True)
class Plan:
    """Who is timed on what, and what was left out because it cannot be asked."""

    jobs: dict[Target, list[Job]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def trials(self) -> int:
        """Measurements in one round."""
        return sum(1 if job.case is None else 2 for jobs in self.jobs.values() for job in jobs)

    @property
    def implementations(self) -> int:
        """How many implementations are timed on how many cases, empty calls aside."""
        return sum(job.case is not None for jobs in self.jobs.values() for job in jobs)


def plan(
    greetings: Mapping[Target, Greeting],
    cases: Sequence[Case],
    losses: Mapping[str, Loss],
    chosen: Callable[[Implementation], bool] = lambda implementation: True,
) -> Plan:
    """An empty call and all implementations that can take a case, for each target."""
    found = Plan()
    for target, greeting in greetings.items():
        jobs = [Job()]
        for case in cases:
            for implementation in greeting.implementations:
                if implementation.loss != case.loss or not chosen(implementation):
                    continue
                reason = lacks(implementation, case, losses[case.loss], target.device)
                if reason:
                    found.left_out[reason] += 1
                else:
                    jobs.append(Job(case, implementation))
        if len(jobs) > 1:
            found.jobs[target] = jobs
    return found


def learned(loss: Loss, present: Iterable[str]) -> tuple[str, ...]:
    """The arguments that a model's output feeds: those with a gradient that are not targets or labels."""
    mine = [name for name in loss.differentiable if name in set(present)]
    return tuple(name for name in mine if not {"target", "targets", "label", "labels"} & set(name.split("_")))


def load(case: Case, loss: Loss) -> Load:
    """Build a case's inputs and count the bytes that its times are held against.

    Forward reads every input and writes the output once; backward writes each gradient once besides. It is the least
    that most losses can do with; one that merely picks from its input can do with less.
    """
    form = FORMATS[case.dtype]
    arrays = {
        name: WireArray("int64", a) if loss.arguments[name].domain.integer else WireArray(case.dtype, encode(a, form))
        for name, a in build(case, loss).arrays.items()
    }
    needed = learned(loss, arrays)
    output = math.prod(output_shape(case.reduction, loss.term_shape(case.shape))) * form.bits // 8
    forward = sum(array.data.nbytes for array in arrays.values()) + output
    backward = forward + sum(arrays[name].data.nbytes for name in needed)
    sent = tuple(arrays.values())
    return Load(sent, tuple(arrays), needed, fingerprint(sent), forward, backward)


class Timekeeping:
    """One run of `speed` over the targets that are there."""

    def __init__(
        self,
        crew: Callable[[Target], Timekeepers],
        greetings: Mapping[Target, Greeting],
        losses: Mapping[str, Loss],
        settings: Settings,
        emit: Emit,
    ) -> None:
        """Hold what every measurement needs; `crew` starts one fresh worker."""
        self.crew, self.greetings, self.losses, self.settings = crew, dict(greetings), losses, settings
        self.emit = emit
        self.processor = processor()
        self.failed: set[tuple[Target, Job, str]] = set()
        self.loads: dict[Case, Load] = {}
        self.done = 0

    def run(self, plan: Plan, progress: Callable[[int], None] = lambda done: None) -> None:
        """Time everything in the plan, in rounds of one fresh process for each target."""
        for process in range(1, self.settings.processes + 1):
            turn = 1 if process % 2 else -1
            for target in list(plan.jobs)[::turn]:
                with self.crew(target) as crew:
                    for job in plan.jobs[target][::turn]:
                        for direction in (FORWARD, BACKWARD) if job.case else (FORWARD,):
                            self._time(crew, target, job, direction, process)
                            self.done += 1
                            progress(self.done)

    def _time(self, crew: Timekeepers, target: Target, job: Job, direction: str, process: int) -> None:
        """Take one measurement, unless an earlier one has shown that there is none to be had."""
        if self.failed & {(target, job, FORWARD), (target, job, direction)}:
            return
        load = self._load(job.case) if job.case else Load((), (), (), "", 0, 0)
        trial = Trial(
            identity=self.done,
            implementation=job.implementation.key if job.implementation else "",
            arrays=load.names,
            differentiable=load.learned,
            parameters=tuple(sorted(resolved(job.case, self.losses[job.case.loss]).items())) if job.case else (),
            reduction=job.case.reduction if job.case else "",
            backward=direction == BACKWARD,
            seconds=self.settings.seconds,
            fingerprint=load.fingerprint,
        )
        if trial.backward and not load.learned:
            measured = Measurement(trial.identity, Ended.RAISED, message="no-gradient: the definition has none")
        else:
            measured = crew.time(target, trial, load.arrays)
        if measured.ended is not Ended.ANSWERED or measured.message:
            self.failed.add((target, job, direction))
        self.emit(self._timing(target, job, trial.backward, process, measured, load))

    def _load(self, case: Case) -> Load:
        if case not in self.loads:
            new = load(case, self.losses[case.loss])
            held = sum(each.forward_bytes for each in self.loads.values())
            if held + new.forward_bytes > HELD_BYTES:
                self.loads.clear()
            self.loads[case] = new
        return self.loads[case]

    def _timing(
        self, target: Target, job: Job, backward: bool, process: int, measured: Measurement, load: Load
    ) -> Timing:
        greeting, case = self.greetings[target], job.case
        note = measured.message if measured.ended is Ended.ANSWERED else f"{measured.ended}: {measured.message}"
        samples = measured.samples if not note else ()
        p25 = percentile(samples, 0.25) if samples else None
        bytes_moved = load.backward_bytes if backward else load.forward_bytes
        rated = p25 if case and p25 else None
        malloc = environment(target.device, self.settings.threads, {})
        return Timing(
            case=str(case) if case else "",
            loss=case.loss if case else EMPTY_CALL,
            framework=target.framework,
            version=greeting.version,
            via=job.implementation.via if job.implementation else "",
            device=target.device,
            device_name=greeting.device_name,
            mode=target.mode,
            dtype=case.dtype if case else "",
            reduction=case.reduction if case else "",
            shape=case.shape_text if case else "",
            direction=BACKWARD if backward else FORWARD,
            process=process,
            threads=greeting.threads,
            loops=measured.loops or None,
            samples=measured.samples,
            first_call=measured.first_call,
            p25=p25,
            minimum=min(samples) if samples else None,
            median=statistics.median(samples) if samples else None,
            spread=spread_within(samples) if samples else None,
            elements_per_second=math.prod(case.shape) / rated if case and rated else None,
            gigabytes_per_second=bytes_moved / rated / 1e9 if rated else None,
            processor=self.processor,
            python=greeting.python,
            load=load_average(),
            malloc_mmap_threshold=malloc.get("MALLOC_MMAP_THRESHOLD_", ""),
            malloc_trim_threshold=malloc.get("MALLOC_TRIM_THRESHOLD_", ""),
            note=note,
            target=str(target),
        )


def processor() -> str:
    """What the machine calls its processor; empty where it does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor()


def load_average() -> float | None:
    """How many processes wanted a processor, on average over the last minute; unknown where the system keeps none."""
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return None
