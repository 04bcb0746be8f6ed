"""What raw times amount to over all processes: who stands where, who is faster than whom, and how near the roof."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from lossbench.judging.holdups import least_idle, undisturbed
from lossbench.judging.intervals import Relation, compared, percentile, quiet, spread_across
from lossbench.judging.traffic import bucket, impossible
from lossbench.records import Status
from lossbench.timings import Timing

FORWARD = "forward"
BACKWARD = "forward+backward"
EMPTY_CALL = "(empty call)"  # stands in a timing's place for the loss
COPY = "(copy)"  # the same
WRONG = (Status.DIFFERS, Status.ACCEPTS)
Base = Callable[["Standing"], bool]
Roofs = Mapping[tuple[str, int], float]  # bytes a second, by device and how many bytes are copied


@dataclass(frozen=True, slots=True)
class Standing:
    """One implementation on one case, over all processes. Times in seconds for one call."""

    loss: str
    framework: str
    version: str
    interpreter: str
    via: str
    device: str
    mode: str
    dtype: str
    shape: str
    contest: str  # the case under which it is compared
    case: str
    forward: float | None  # the mean of the quietest quarter of processes, of each the 25th percentile
    backward: float | None  # the same of forward and backward in one call
    first_call: float | None  # the median over processes, of forward and backward where there is one
    processes: int
    spread: float | None  # across processes, the worse of the two directions
    elements: int | None
    elements_per_second: float | None  # of forward and backward in one call; of forward where there is no backward
    gigabytes_per_second: float | None
    roof: float | None  # the share of the bandwidth that copying as many bytes has on this machine, in this run
    operations: int | None
    least_bytes: int | None
    memory: int | None
    least_memory: int | None
    answer: str  # what was judged of it
    impossible: bool  # too fast for what has to be moved
    note: str
    figures: tuple[float, ...] = ()  # of forward and backward in one call, by process
    rounds: tuple[int, ...] = ()  # in which they were taken
    ratio: float | None = None  # to the one it is held against, forward and backward in one call
    low: float | None = None  # of the interval the ratio lies in
    high: float | None = None
    floor: float | None = None  # A/A: how far identical code came apart in this run
    relation: Relation | None = None  # None for the one that others are held against
    base: bool = False  # others are held against it
    target: str = ""  # its name, which tells two of a framework apart

    @property
    def wrong(self) -> bool:
        """Whether what was timed gave a wrong answer."""
        return self.answer.partition(":")[0] in WRONG


def standings(timings: Sequence[Timing], base: Base | None = None) -> list[Standing]:
    """One for each implementation and case; those of a case by speed, empty calls and copying first.

    Each is held against the fastest of its case whose answer is right, or against the fastest of those that `base`
    picks where it picks any.
    """
    groups: dict[tuple[str, ...], list[Timing]] = {}
    for row in timings:
        key: tuple[str, ...]
        key = (
            row.framework,
            row.interpreter,
            row.device,
            row.mode,
            row.target,
            row.via,
            row.case,
            row.stands_for,
            row.loss,
        )
        if row.loss == COPY:  # the machine's, whoever did it
            key = (row.device, COPY, str(row.least_bytes))
        elif row.loss == EMPTY_CALL:  # the harness's, in whatever mode
            key = (row.framework, row.device, EMPTY_CALL)
        groups.setdefault(key, []).append(row)
    groups = {key: _rid_of_holdups(rows) for key, rows in groups.items()}
    roofs = _roofs([row for rows in groups.values() for row in rows])
    contests: dict[tuple[str, str], list[Standing]] = {}
    for rows in groups.values():
        standing = _standing(rows, roofs)
        contests.setdefault((standing.loss, standing.contest), []).append(standing)
    ranked = [each for contest in contests.values() for each in _ranked(contest, base)]
    order = {COPY: 0, EMPTY_CALL: 1}
    return sorted(ranked, key=lambda row: (order.get(row.loss, 2), row.loss))  # stable: keeps sizes and ranks


def _rid_of_holdups(rows: Sequence[Timing]) -> list[Timing]:
    """The rows of one implementation, their figures by what all of its processes tell of how long it waits."""
    told = [row for row in rows if row.busy and row.p25 is not None]
    sides = {row.direction for row in told}
    idle = {side: least_idle((row.samples, row.busy) for row in told if row.direction == side) for side in sides}
    return [
        _with_samples(row, undisturbed(row.samples, row.busy, idle[row.direction]))
        if row.busy and row.p25 is not None
        else row
        for row in rows
    ]


def _with_samples(row: Timing, samples: Sequence[float]) -> Timing:
    """The row with its figures worked out anew."""
    p25, moved = percentile(samples, 0.25), row.least_bytes
    return replace(
        row,
        p25=p25,
        minimum=min(samples),
        elements_per_second=row.elements / p25 if row.elements else None,
        gigabytes_per_second=moved / p25 / 1e9 if moved else None,
    )


def _roofs(timings: Sequence[Timing]) -> Roofs:
    """The rate of copying by device and size: of all processes' medians the best, as they share one machine."""
    found: dict[tuple[str, int], float] = {}
    for row in timings:
        if row.loss == COPY and row.least_bytes and row.minimum:
            key = (row.device, row.least_bytes)
            found[key] = max(found.get(key, 0.0), row.least_bytes / row.minimum)
    return found


def _standing(rows: Sequence[Timing], roofs: Roofs) -> Standing:
    sides = {side: [t for t in rows if t.direction == side and t.p25 is not None] for side in (FORWARD, BACKWARD)}
    p25s = {side: [t.p25 for t in timed if t.p25 is not None] for side, timed in sides.items()}
    spreads = [s for figures in p25s.values() if (s := spread_across(figures)) is not None]
    rated = sides[BACKWARD] or sides[FORWARD]
    first, last = rows[0], (rated or rows)[-1]
    least = last.least_bytes
    copied = roofs.get((first.device, bucket(least))) if least and first.case else None
    seconds = quiet([t.p25 for t in rated if t.p25 is not None])
    rate = least / seconds / 1e9 if least and seconds else None
    fastest = min((t.minimum for t in rated if t.minimum is not None), default=None)
    answers = [t.answer for side in (BACKWARD, FORWARD) for t in rows if t.direction == side and t.answer]
    return Standing(
        loss=first.loss,
        framework=first.framework,
        version=first.version,
        interpreter=first.interpreter,
        target=first.target,
        via=first.via,
        device=first.device,
        mode=first.mode,
        dtype=first.dtype,
        shape=first.shape,
        contest=first.stands_for or first.case,
        case=first.case,
        forward=quiet(p25s[FORWARD]),
        backward=quiet(p25s[BACKWARD]),
        first_call=_median([t.first_call for t in rated]),
        processes=max((len(figures) for figures in p25s.values()), default=0),
        spread=max(spreads, default=None),
        elements=first.elements,
        elements_per_second=first.elements / seconds if first.elements and seconds else None,
        gigabytes_per_second=rate,
        roof=rate * 1e9 / copied if rate and copied else None,
        operations=first.operations,
        least_bytes=least,
        memory=next((t.memory for t in reversed(rated) if t.memory is not None), None),
        least_memory=last.least_memory,
        answer=next((a for a in answers if a.partition(":")[0] in WRONG), answers[0] if answers else ""),
        impossible=bool(fastest and least and copied and impossible(fastest, least, copied)),
        note="; ".join(dict.fromkeys(_notes(rows))),
        figures=tuple(p25s[BACKWARD]),
        rounds=tuple(t.process for t in sides[BACKWARD]),
    )


def _notes(rows: Sequence[Timing]) -> Iterable[str]:
    first = rows[0]
    if first.stands_for:
        asked = first.stands_for.split("/")[-5]
        yield f"reduction {first.reduction}: it has no {asked}"
    yield from (t.note for t in rows if t.note)


def _ranked(contest: Sequence[Standing], base: Base | None) -> list[Standing]:
    """The fastest first, each held against the base; those without a time stand last, without a ratio."""
    timed = sorted((row for row in contest if row.backward is not None), key=lambda row: row.backward or 0.0)
    rest = sorted((row for row in contest if row.backward is None), key=lambda row: row.forward or math.inf)
    right = [row for row in timed if not row.wrong and not row.impossible]
    chosen = next((row for row in right if base(row)), None) if base else next(iter(right), None)
    if chosen is None or not chosen.contest:
        return [*timed, *rest]
    ranked = []
    for row in timed:
        if row is chosen:
            ranked.append(replace(row, ratio=1.0, base=True))
            continue
        theirs = dict(zip(chosen.rounds, chosen.figures, strict=True))
        both = [(f, theirs[r]) for r, f in zip(row.rounds, row.figures, strict=True) if r in theirs]
        found = compared(row.figures, chosen.figures, len(timed) - 1, both)
        relation = None if row.wrong or row.impossible else found.relation
        ranked.append(
            replace(row, ratio=found.ratio, low=found.low, high=found.high, floor=found.floor, relation=relation)
        )
    return [*ranked, *rest]


def _median(figures: Iterable[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return statistics.median(known) if known else None
