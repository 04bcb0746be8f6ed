"""What the table of `compare` says, as records: one for each loss and implementation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lossbench.output.tables import badness, worst
from lossbench.records import Status, Verdict


@dataclass(frozen=True, slots=True)
class Tally:
    """One implementation over all cases it could take: its worst verdict, worst errors, and the case that shows it."""

    loss: str
    framework: str
    version: str
    via: str
    device: str
    mode: str
    status: Status
    count: int  # cases with that verdict
    cases: int
    value_error: float | None
    gradient_error: float | None
    value_ulps: float | None
    gradient_ulps: float | None
    case: str
    note: str


def tallies(verdicts: Iterable[Verdict]) -> list[Tally]:
    """One record for each loss and implementation, in the order in which they first appear."""
    groups: dict[tuple[str, ...], list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.status not in (Status.ABSENT, Status.SKIPPED):
            key = (verdict.loss, verdict.framework, verdict.version, verdict.via, verdict.device, verdict.mode)
            groups.setdefault(key, []).append(verdict)
    return [_tally(key, rows) for key, rows in groups.items()]


def _tally(key: tuple[str, ...], rows: list[Verdict]) -> Tally:
    shown = max(rows, key=badness)
    figures = (worst(rows, name) for name in ("value_error", "gradient_error", "value_ulps", "gradient_ulps"))
    same = [row.status for row in rows].count(shown.status)
    return Tally(*key, shown.status, same, len(rows), *figures, shown.case, shown.note or shown.worst)
