"""Two sets of results held against each other, row by row: what got worse, better, changed, came or went."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from lossbench.judging.accepted import LEVELS
from lossbench.judging.baseline import limit
from lossbench.records import Status, Target, Verdict

Key = tuple[str, ...]
UNMEASURED = (Status.ABSENT, Status.SKIPPED)


class Kind(StrEnum):
    """What may have become of a row, from what matters most to what matters least."""

    WORSE = "worse"
    GONE = "gone"
    BETTER = "better"
    CHANGED = "changed"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Change:
    """One row then and now; one of them may be missing."""

    kind: Kind
    then: Verdict | None
    now: Verdict | None
    reason: str

    @property
    def row(self) -> Verdict:
        """The row as it is now, or was last."""
        row = self.now or self.then
        assert row is not None
        return row


def changes(before: Iterable[Verdict], after: Iterable[Verdict]) -> list[Change]:
    """Every row that is not what it was; what nobody measured, then or now, counts as not there.

    The names of targets tell rows apart where a set has several of one framework; else a framework is held against
    itself whatever its target was called, such as an old version in an environment of its own.
    """
    sets = [[row for row in rows if row.status not in UNMEASURED] for rows in (before, after)]
    told_apart = any(len({key(row)[-1] for row in rows if row.framework == framework}) > 1
                     for rows in sets for framework in {row.framework for row in rows})  # fmt: skip
    then, now = ({key(row) if told_apart else key(row)[:-1]: row for row in rows} for rows in sets)
    found = [Change(Kind.GONE, row, None, f"was {row.status}") for at, row in then.items() if at not in now]
    for at, row in now.items():
        if at not in then:
            found.append(Change(Kind.NEW, None, row, f"is {row.status}"))
        elif told := weighed(then[at], row):
            found.append(Change(told[0], then[at], row, told[1]))
    kinds = list(Kind)
    return sorted(found, key=lambda one: (kinds.index(one.kind), one.row.loss, one.row.framework, one.row.via))


def key(row: Verdict) -> Key:
    """What a row is about; a target's name comes last, where it was given one."""
    usual = str(Target(row.framework, device=row.device, mode=row.mode))
    return (row.case, row.framework, row.via, row.device, row.mode, row.target if row.target != usual else "")


def weighed(then: Verdict, now: Verdict) -> tuple[Kind, str] | None:
    """What became of one row, by status and by the gate's limits of errors by scale; None if nothing to speak of."""
    if then.status is not now.status:
        words = f"{then.status} → {now.status}"
        was, became = LEVELS[then.status], LEVELS[now.status]
        return (Kind.CHANGED if was == became else Kind.WORSE if became > was else Kind.BETTER), words
    for name in ("value_error", "gradient_error"):
        was_error, is_error = getattr(then, name), getattr(now, name)
        if was_error is None or is_error is None:
            continue
        words = f"{name.replace('_', ' ')} {was_error:.3g} → {is_error:.3g} eps"
        if is_error > limit(was_error):
            return Kind.WORSE, words
        if was_error > limit(is_error):
            return Kind.BETTER, words
    return None
