"""How times stand to those of a counterpart that was timed in the same run: what the gate says of speed.

There is no memory of times: a time means something beside another one of the same machine and hour. An implementation
is held against the same public name in the other target; against the fastest right one of the case where the other
target is another framework, or where it is a user's own. What only one side has is nobody's counterpart.

All that are held at once count as rivals, so that the intervals of a large suite grow wider, and one in many does not
come out slower by chance.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from lossbench.judging.baseline import SLOWER, UNTIMED
from lossbench.judging.intervals import Relation, compared
from lossbench.judging.standings import BACKWARD, COPY, EMPTY_CALL, FORWARD, WRONG
from lossbench.records import Finding
from lossbench.timings import Timing

Offer = tuple[str, str]  # a target's name, and a public name
Place = tuple[str, str, str]  # target, contest, public name
Sides = Mapping[str, list[Timing]]  # rows by direction


@dataclass(frozen=True, slots=True)
class Pace:
    """One implementation on one case in one direction, held against its counterpart. Times in seconds for one call."""

    case: str  # that was timed
    direction: str  # forward, or forward+backward
    loss: str
    framework: str
    via: str
    device: str
    mode: str
    target: str
    against: str  # the counterpart's target
    base: str  # and public name
    seconds: float | None  # the median over processes of their 25th percentiles; None: it could not be timed
    base_seconds: float
    processes: int
    ratio: float | None = None
    low: float | None = None  # of the interval the ratio lies in
    high: float | None = None
    floor: float | None = None  # A/A: how far identical code came apart in this run
    relation: Relation | None = None
    note: str = ""

    @property
    def key(self) -> str:
        """What it is about, for reading: ``huber/mean/float32/256x1000/normal/0 forward by ... of torch``."""
        return f"{self.case} {self.direction} by {self.via} of {self.target}"

    def exceeds(self, limit: float) -> bool:
        """Whether it is surely slower, and by a larger share than the limit."""
        return self.relation is Relation.SLOWER and self.ratio is not None and self.ratio > 1 + limit


def paces(timings: Sequence[Timing], bases: Collection[Offer], guests: Collection[str] = ()) -> list[Pace]:
    """Every implementation held against its counterpart, in the order they were timed.

    Args:
        timings: those of one run, the processes in the order of its rounds.
        bases: what others are held against: targets' names, each with the public names that it offers.
        guests: the public names of a user's own functions.
    """
    found: dict[Place, dict[str, list[Timing]]] = {}
    for row in timings:
        if row.loss not in (COPY, EMPTY_CALL):
            place = (row.target, row.stands_for or row.case, row.via)
            found.setdefault(place, {}).setdefault(row.direction, []).append(row)
    theirs = {place: sides for place, sides in found.items() if (place[0], place[2]) in bases}
    frameworks = {row.framework for sides in theirs.values() for row in _flat(sides)}
    pairs: list[tuple[list[Timing], list[Timing]]] = []
    for place, sides in found.items():
        if place not in theirs:
            rivals_of_it = {other: rows for other, rows in theirs.items() if other[1] == place[1]}
            same = [rows for other, rows in rivals_of_it.items() if other[2] == place[2]]
            foreign = place[2] in guests or next(_flat(sides)).framework not in frameworks
            pairs += _pairs(sides, same or (list(rivals_of_it.values()) if foreign else []))
    rivals = sum(bool(_figures(ours)) for ours, _ in pairs)
    return [_pace(ours, theirs, rivals) for ours, theirs in pairs]


def _pairs(sides: Sides, others: Sequence[Sides]) -> Iterator[tuple[list[Timing], list[Timing]]]:
    """An implementation's rows and its counterpart's, the fastest right one, in each direction that both were asked."""
    for direction in (FORWARD, BACKWARD):
        timed = [rows[direction] for rows in others if _figures(rows.get(direction, ())) and not _wrong(rows)]
        if timed and direction in sides:
            yield sides[direction], min(timed, key=lambda rows: statistics.median(_figures(rows)))


def _flat(rows: Sides) -> Iterator[Timing]:
    yield from (row for each in rows.values() for row in each)


def _wrong(rows: Sides) -> bool:
    return any(row.answer.partition(":")[0] in WRONG for row in _flat(rows))


def _figures(rows: Sequence[Timing]) -> tuple[float, ...]:
    return tuple(row.p25 for row in rows if row.p25 is not None)


def _pace(ours: Sequence[Timing], theirs: Sequence[Timing], rivals: int) -> Pace:
    row, base, figures = ours[0], theirs[0], _figures(ours)
    pace = Pace(
        case=row.case,
        direction=row.direction,
        loss=row.loss,
        framework=row.framework,
        via=row.via,
        device=row.device,
        mode=row.mode,
        target=row.target,
        against=base.target,
        base=base.via,
        seconds=statistics.median(figures) if figures else None,
        base_seconds=statistics.median(_figures(theirs)),
        processes=min(len(figures), len(_figures(theirs))),
        note="; ".join(dict.fromkeys(each.note for each in ours if each.note)),
    )
    if not figures:
        return pace
    found = compared(figures, _figures(theirs), rivals)
    return replace(pace, ratio=found.ratio, low=found.low, high=found.high, floor=found.floor, relation=found.relation)


def findings(held: Sequence[Pace], limit: float, again: Callable[[Pace], str]) -> list[Finding]:
    """What fails: an implementation that is slower by more than the limit, and one that could not be timed.

    Args:
        held: all that were held against their counterparts.
        limit: the share by which a time may be longer, such as 0.1.
        again: the command that times one again.
    """
    found = []
    for pace in held:
        who = (pace.loss, pace.framework, pace.via, pace.device, pace.mode, again(pace))
        if pace.seconds is None:
            reason = f"{pace.against} was timed, and this could not be: {pace.note or 'no time came back'}"
            found.append(Finding(UNTIMED, pace.key, _time(pace.base_seconds), "", pace.case, reason, *who))
        elif pace.exceeds(limit):
            times = (_time(pace.base_seconds), _time(pace.seconds))
            found.append(Finding(SLOWER, pace.key, *times, pace.case, f"{told(pace)}; {_allowed(limit)}", *who))
    return found


def _allowed(limit: float) -> str:
    return f"up to {100 * limit:g} % more is let pass" if limit else "nothing slower is let pass"


def told(pace: Pace) -> str:
    """The ratio in words: ``1.16 times as long as on torch under old/python (1.12 to 1.19; A/A 1.4 %)``."""
    sure = f"{pace.low:.2f} to {pace.high:.2f}" if pace.low is not None and pace.high is not None else "no interval"
    floor = f"; A/A {100 * pace.floor:.1f} %" if pace.floor is not None else ""
    base = f"{pace.base} on " if pace.base != pace.via else "on "
    return f"{pace.ratio or 0:.2f} times as long as {base}{pace.against} ({sure}{floor})"


def _time(seconds: float) -> str:
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
