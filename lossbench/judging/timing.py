"""The engine of `speed`: every implementation timed alone, in fresh processes, round after round.

The process is the unit of noise: where its memory happens to lie moves its times by more than its samples scatter. So
each round starts a new process for each target, one at a time, and every other round runs the other way about, which
spreads a machine that grows warm or busy over all that is compared. Rounds go on until every figure is known closely
enough or its seconds are spent.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Protocol, Self

from lossbench.cases.inputs import resolved
from lossbench.crew import Timed
from lossbench.hand import environment
from lossbench.judging.conditions import Steal, cache_bytes, card, frequency, load_average, processor
from lossbench.judging.holdups import least_idle, undisturbed
from lossbench.judging.intervals import narrow_enough, percentile, spread_within
from lossbench.judging.standings import BACKWARD, COPY, EMPTY_CALL, FORWARD
from lossbench.judging.trials import Job, Load, Plan, load
from lossbench.loss import Loss
from lossbench.records import Case, Ended, Greeting, Measurement, Target, Trial
from lossbench.timings import Timing
from lossbench.wire import WireArray

HELD_BYTES = 2 << 30  # of inputs, kept from one round to the next
FEWEST_PROCESSES = 6  # below that many on either side no interval can be given
USUAL_SECONDS, USUAL_PROCESSES = 3.0, 12  # so much time is spread over at most so many processes
CARD_CACHE = 128 << 20  # bytes that a graphics card keeps at hand, at most
ASIDE = 0.03  # seconds for the empty call and for copying, in each process
Emit = Callable[[Timing], None]
Check = Callable[[Case, Load, Target, Job, bool, Timed], str]


class Timekeepers(Protocol):
    """What the engine asks of a crew."""

    def __enter__(self) -> Self:
        """The crew itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End its workers."""

    def time(self, target: Target, trial: Trial, arrays: Sequence[WireArray]) -> Timed:
        """Time one implementation and wait for the result."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How long to measure, and in how many processes."""

    seconds: float = USUAL_SECONDS  # for each implementation on each case, over all processes
    processes: int = 0  # exactly so many; 0: as many as it takes
    threads: int = 1

    @property
    def most(self) -> int:
        """The most processes for each target: 12 for 3 seconds, 33 for a minute."""
        share = (self.seconds / USUAL_SECONDS) ** (1 / 3)
        return self.processes or max(FEWEST_PROCESSES, round(USUAL_PROCESSES * share))

    @property
    def visit(self) -> float:
        """Seconds for one implementation in one process: a third for forward alone, which has less to do."""
        return self.seconds / self.most


class Timekeeping:
    """One run of `speed` over the targets that are there."""

    def __init__(
        self,
        crew: Callable[[Target], Timekeepers],
        greetings: Mapping[Target, Greeting],
        losses: Mapping[str, Loss],
        settings: Settings,
        emit: Emit,
        check: Check = lambda *_: "",
    ) -> None:
        """Hold what every measurement needs; `crew` starts one fresh worker, `check` judges what it answered."""
        self.crew, self.greetings, self.losses, self.settings = crew, dict(greetings), losses, settings
        self.emit, self.check = emit, check
        self.processor, self.cache, self.steal = processor(), cache_bytes(), Steal()
        self.failed: set[tuple[Target, Job, str]] = set()
        self.answers: dict[tuple[Target, Job, str], tuple[str, int | None]] = {}
        self.spent: defaultdict[tuple[Target, Job], float] = defaultdict(float)
        self.figures: defaultdict[tuple[Target, Job, str], list[float]] = defaultdict(list)
        self.idle: dict[tuple[Target, Job, str], float] = {}
        self.loads: dict[Case, Load] = {}
        self.done = 0
        self.rounds = 0  # that were ended

    def run(self, plan: Plan, progress: Callable[[int], None] = lambda done: None) -> None:
        """Time everything in the plan, in rounds of one fresh process for each target."""
        everything = {target: list(jobs) for target, jobs in plan.jobs.items()}
        for process in range(1, self.settings.most + 1):
            waiting = self._unfinished(everything)
            turn = 1 if process % 2 else -1
            for target in list(waiting)[::turn]:
                with self.crew(target) as crew:
                    for job in waiting[target][::turn]:
                        for direction in (FORWARD, BACKWARD) if job.case else (FORWARD,):
                            self._time(crew, target, job, direction, process)
                            self.done += 1
                            progress(self.done)
            self.rounds = process
            if not waiting:
                return

    def _unfinished(self, everything: Mapping[Target, list[Job]]) -> dict[Target, list[Job]]:
        """What the next round is about: contests in which a figure is still uncertain and somebody has time left.

        All who take part in such a contest go on together, as long as their own seconds last.
        """
        if self.rounds < FEWEST_PROCESSES or self.settings.processes:
            return dict(everything)
        open_ones = {
            job.contest
            for target, jobs in everything.items()
            for job in jobs
            if job.case and not self._spent(target, job) and not self._settled(target, job)
        }
        found = {}
        for target, jobs in everything.items():
            mine = [job for job in jobs if job.contest in open_ones and not self._spent(target, job)]
            if any(job.case for job in mine):
                found[target] = [*(job for job in jobs if job.case is None), *(job for job in mine if job.case)]
        return found

    def _spent(self, target: Target, job: Job) -> bool:
        return self.spent[target, job] >= self.settings.seconds

    def _settled(self, target: Target, job: Job) -> bool:
        """Whether its figures are known closely enough, as far as there will ever be any."""
        figures = (self.figures[target, job, direction] for direction in (FORWARD, BACKWARD))
        return all(narrow_enough(each) for each in figures if each)

    def _time(self, crew: Timekeepers, target: Target, job: Job, direction: str, process: int) -> None:
        """Take one measurement, unless an earlier one has shown that there is none to be had."""
        key = (target, job, direction)
        if self.failed & {(target, job, FORWARD), key}:
            return
        load = self.load(job.case) if job.case else Load()
        trial = self._trial(target, job, direction, load)
        if trial.backward and not load.learned:
            timed = Timed(Measurement(trial.identity, Ended.RAISED, message="no-gradient: the definition has none"))
        else:
            timed = crew.time(target, trial, load.arrays)
        measured = timed.measurement
        self.spent[target, job] += measured.spent
        if measured.ended is not Ended.ANSWERED or measured.message:
            self.failed.add(key)
        elif trial.inspect and job.case:
            self.answers[key] = (self.check(job.case, load, target, job, trial.backward, timed), measured.memory)
        row = self._timing(target, job, trial, process, measured, load)
        if row.p25 is not None:
            self.figures[key].append(row.p25)
        self.emit(row)

    def _trial(self, target: Target, job: Job, direction: str, load: Load) -> Trial:
        case = job.case
        return Trial(
            identity=self.done,
            implementation=job.implementation.key if job.implementation else "",
            arrays=load.names,
            differentiable=load.learned,
            parameters=tuple(sorted(resolved(case, self.losses[case.loss]).items())) if case else (),
            reduction=case.reduction if case else "",
            backward=direction == BACKWARD,
            seconds=self._seconds(job, direction),
            fingerprint=load.fingerprint,
            sets=load.sets(self.cache if target.device == "cpu" else CARD_CACHE) if case else 1,
            inspect=bool(case) and (target, job, direction) not in self.answers,
            copied=job.copied,
        )

    def _seconds(self, job: Job, direction: str) -> float:
        if job.case is None:
            return min(ASIDE, self.settings.visit / 3)
        return self.settings.visit * (2 if direction == BACKWARD else 1) / 3

    def load(self, case: Case) -> Load:
        """The case's inputs, built once as long as there is room."""
        if case not in self.loads:
            like = next((each for c, each in self.loads.items() if replace(c, reduction=case.reduction) == case), None)
            new = load(case, self.losses[case.loss], like)
            held = {id(each.arrays): each.size for each in self.loads.values()}
            if like is None and sum(held.values()) + new.size > HELD_BYTES:
                self.loads.clear()
            self.loads[case] = new
        return self.loads[case]

    def _timing(
        self, target: Target, job: Job, trial: Trial, process: int, measured: Measurement, load: Load
    ) -> Timing:
        greeting, case = self.greetings[target], job.case
        note = measured.message if measured.ended is Ended.ANSWERED else f"{measured.ended}: {measured.message}"
        direction = BACKWARD if trial.backward else FORWARD
        key = (target, job, direction)
        if measured.busy:
            self.idle[key] = least_idle([(measured.samples, measured.busy)], self.idle.get(key))
        samples = undisturbed(measured.samples, measured.busy, self.idle.get(key, 0.0)) if not note else ()
        p25 = percentile(samples, 0.25) if samples else None
        least = load.traffic.backward if trial.backward else load.traffic.forward
        moved = least if case else job.copied
        malloc = environment(target.device, self.settings.threads, {})
        answer, memory = self.answers.get(key, ("", None))
        elements = math.prod(case.shape) if case else None
        return Timing(
            case=str(case) if case else "",
            stands_for=str(job.asked) if job.asked else "",
            loss=case.loss if case else COPY if job.copied else EMPTY_CALL,
            framework=target.framework,
            version=greeting.version,
            interpreter=target.interpreter,
            via=job.implementation.via if job.implementation else "",
            device=target.device,
            device_name=greeting.device_name,
            mode=target.mode,
            dtype=case.dtype if case else "",
            reduction=case.reduction if case else "",
            shape=case.shape_text if case else "",
            direction=direction,
            process=process,
            threads=greeting.threads,
            sets=trial.sets,
            loops=measured.loops or None,
            samples=measured.samples,
            first_call=measured.first_call,
            p25=p25,
            minimum=min(samples) if samples else None,
            median=statistics.median(samples) if samples else None,
            spread=spread_within(samples) if samples else None,
            elements=elements,
            elements_per_second=elements / p25 if elements and p25 else None,
            least_bytes=moved or None,
            gigabytes_per_second=moved / p25 / 1e9 if moved and p25 else None,
            operations=load.traffic.operations if case else None,
            memory=memory,
            least_memory=load.traffic.output + (load.traffic.gradients if trial.backward else 0) if case else None,
            answer=answer,
            processor=self.processor,
            python=greeting.python,
            load=load_average(),
            steal=self.steal.share(),
            frequency=frequency(),
            card=card(target.device),
            malloc_mmap_threshold=malloc.get("MALLOC_MMAP_THRESHOLD_", ""),
            malloc_trim_threshold=malloc.get("MALLOC_TRIM_THRESHOLD_", ""),
            note=note,
            target=str(target),
            package=job.implementation.package if job.implementation else "",
            busy=measured.busy,
            malloc_tunables=malloc.get("GLIBC_TUNABLES", ""),
        )


def unfinished(rounds: int, settings: Settings) -> str:
    """What to say of a run that was broken off."""
    return f"unfinished: broken off after {rounds} whole rounds of at most {settings.most}"
