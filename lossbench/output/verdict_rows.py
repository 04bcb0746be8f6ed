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
    target: str = ""  # its name, which tells two versions of a framework apart


def tallies(verdicts: Iterable[Verdict]) -> list[Tally]:
    """One record for each loss and implementation, in the order in which they first appear."""
    groups: dict[tuple[str, ...], list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.status not in (Status.ABSENT, Status.SKIPPED):
            who = (verdict.framework, verdict.version, verdict.target, verdict.via, verdict.device, verdict.mode)
            groups.setdefault((verdict.loss, *who), []).append(verdict)
    return [_tally(rows) for rows in groups.values()]


def _tally(rows: list[Verdict]) -> Tally:
    shown = max(rows, key=badness)
    return Tally(
        loss=shown.loss,
        framework=shown.framework,
        version=shown.version,
        via=shown.via,
        device=shown.device,
        mode=shown.mode,
        status=shown.status,
        count=[row.status for row in rows].count(shown.status),
        cases=len(rows),
        value_error=worst(rows, "value_error"),
        gradient_error=worst(rows, "gradient_error"),
        value_ulps=worst(rows, "value_ulps"),
        gradient_ulps=worst(rows, "gradient_ulps"),
        case=shown.case,
        note=shown.note or shown.worst,
        target=shown.target,
    )
