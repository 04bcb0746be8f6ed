"""Who is timed on what: jobs for each target, and the inputs they are timed on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lossbench.cases.applicability import lacks
from lossbench.cases.inputs import Inputs, build
from lossbench.floats import FORMATS, decode, encode
from lossbench.judging.traffic import Traffic, bucket, traffic
from lossbench.loss import Loss
from lossbench.losses.weighed import weighs
from lossbench.records import Case, Greeting, Implementation, Target
from lossbench.wire import WireArray, fingerprint

STAND_INS = ("mean", "count_mean", "batchmean", "sum", "none")  # taken in this order where a reduction is missing
FLATTERED = 4  # a set of inputs that fills less than so small a part of the cache is there in real use, too
OUTGROWN = 2  # all sets together are so many times as large as the cache


@dataclass(frozen=True, slots=True)
class Job:
    """One implementation on one case, timed forward and backward; or the empty call; or copying so many bytes."""

    case: Case | None = None
    implementation: Implementation | None = None
    asked: Case | None = None  # the case it stands for, where the implementation lacks that one's reduction
    copied: int = 0

    @property
    def contest(self) -> Case | None:
        """The case under which it is compared with others."""
        return self.asked or self.case


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
                reason, job = _job(implementation, case, losses[case.loss], target.device)
                if job is None:
                    found.left_out[reason] += 1
                else:
                    jobs.append(job)
        if len(jobs) > 1:
            found.jobs[target] = jobs
    return found


def _job(implementation: Implementation, case: Case, loss: Loss, device: str) -> tuple[str, Job | None]:
    """The implementation on the case, or in a reduction that it has; or what keeps it from being timed.

    One that needs an array which the case leaves out, such as weights, is timed with it, for itself.
    """
    reason = lacks(implementation, case, loss, device)
    present = {name for name, a in loss.arguments.items() if not a.optional} | set(case.given)
    needed = [name for name in loss.arguments if name in implementation.required and name not in present]
    asked = replace(case, given=(*case.given, *needed)) if needed else case
    if not lacks(implementation, asked, loss, device):
        return "", Job(asked, implementation)
    if asked.reduction not in implementation.reductions:
        offered = [r for r in loss.reductions if r in implementation.reductions and (needed or "weighted" not in r)]
        for word in (*STAND_INS, *offered):
            other = replace(asked, reduction=word)
            if word in offered and not lacks(implementation, other, loss, device):
                return "", Job(other, implementation, asked)
    return reason, None


def standing_in(cases: Sequence[Case], offered: Sequence[Case]) -> list[Case]:
    """The cases, and for each loss that has none of them one in a reduction that it has, out of those it offers."""
    found, have = list(cases), {case.loss for case in cases}
    words = [*STAND_INS, *(case.reduction for case in offered)]
    for case in sorted(offered, key=lambda each: words.index(each.reduction)):  # stable: others in their own order
        if case.loss not in have:
            found += [each for each in offered if (each.loss, each.reduction) == (case.loss, case.reduction)]
            have.add(case.loss)
    return found


def learned(loss: Loss, present: Iterable[str]) -> tuple[str, ...]:
    """The arguments that a model's output feeds: those with a gradient that are not targets, labels or weights."""
    mine = [name for name in loss.differentiable if name in set(present) and not weighs(loss, name)]
    return tuple(name for name in mine if not {"target", "targets", "label", "labels"} & set(name.split("_")))


@dataclass(frozen=True, slots=True)
class Load:
    """A case's inputs as they travel, and the least that has to be moved for them."""

    arrays: tuple[WireArray, ...] = ()
    names: tuple[str, ...] = ()
    learned: tuple[str, ...] = ()
    fingerprint: str = ""
    traffic: Traffic = field(default_factory=lambda: Traffic(0, 0, 0, 0, None))
    poisoned: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))

    @property
    def size(self) -> int:
        """Bytes it takes to hold."""
        return sum(array.data.nbytes for array in self.arrays)

    def inputs(self) -> Inputs:
        """The inputs as they were drawn, read back from what travels: nothing was lost, as they are of its format."""
        arrays = {
            name: decode(array.data, FORMATS[array.dtype]) if array.dtype in FORMATS else array.data
            for name, array in zip(self.names, self.arrays, strict=True)
        }
        return Inputs(arrays, self.poisoned)

    def sets(self, cache: int) -> int:
        """How many copies of the inputs calls should take in turn, so that none lies in a cache of this size.

        One, where they are so small that a cache holds them in real use, too, or so large that none does.
        """
        size = sum(array.data.nbytes for array in self.arrays)
        if FLATTERED * size < cache or size >= OUTGROWN * cache:
            return 1
        return -(-OUTGROWN * cache // size)


def load(case: Case, loss: Loss, like: Load | None = None) -> Load:
    """Build a case's inputs; or take those of one that is `like` it in all but the reduction."""
    if like is not None:
        named = dict(zip(like.names, like.arrays, strict=True))
        return replace(like, traffic=traffic(case, loss, named, like.learned))
    form = FORMATS[case.dtype]
    inputs = build(case, loss)
    arrays = {
        name: WireArray("int64", a) if loss.arguments[name].domain.integer else WireArray(case.dtype, encode(a, form))
        for name, a in inputs.arrays.items()
    }
    needed, sent = learned(loss, arrays), tuple(arrays.values())
    moved = traffic(case, loss, arrays, needed)
    return Load(sent, tuple(arrays), needed, fingerprint(sent), moved, inputs.poisoned)


def with_copies(found: Plan, loads: Callable[[Case], Load]) -> Plan:
    """The plan with copying at all sizes whose bandwidth its cases are held against."""
    for target, jobs in found.jobs.items():
        cases = dict.fromkeys(job.case for job in jobs if job.case)
        moved = (size for case in cases for size in (loads(case).traffic.forward, loads(case).traffic.backward))
        found.jobs[target] = [*(Job(copied=size) for size in sorted({bucket(size) for size in moved})), *jobs]
    return found
