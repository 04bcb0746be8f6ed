"""The file of accepted rows: read, checked, brought up to date, and replaced at once."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lossbench.errors import ResultsNotWritten, UsageError
from lossbench.judging.accepted import LEVELS, Accepted, Found, Key, rounded_up
from lossbench.records import Finding, Status
from lossbench.results import Writer
from lossbench.results import read as read_rows


@dataclass(frozen=True, slots=True)
class Stamp:
    """What is written beside the figures of rows that are accepted now."""

    machine: Callable[[Accepted], str] = lambda row: ""
    reason: str = ""
    expires: str = ""


def merge(
    accepted: Sequence[Accepted],
    found: Mapping[Key, Found],
    findings: Iterable[Finding],
    covered: Iterable[Key],
    stamp: Stamp | None = None,
) -> list[Accepted]:
    """The rows of the next baseline: what is `covered` gives way to what was found, the rest stays.

    A row of which there is no finding stays as it was, last bits and version included: the difference between two
    baselines is what there is to review, and figures cannot creep up by small steps. So does one that crashed. A
    reason that somebody gave stays as long as the status it was given for, an expiry until it has passed.
    """
    stamp = stamp or Stamp()
    kinds, replaced = {finding.key: finding.kind for finding in findings}, set(covered)
    before = {row.key: row for row in accepted}
    kept = [
        row
        for row in accepted
        if row.key not in replaced or (row.key in found and (str(row) not in kinds or row.status is Status.CRASHES))
    ]
    held = {row.key for row in kept}
    rows = [one.row for key, one in found.items() if key not in held]
    return kept + [_accepted(row, before.get(row.key), stamp, kinds.get(str(row), "")) for row in rows]


def _accepted(row: Accepted, before: Accepted | None, stamp: Stamp, kind: str) -> Accepted:
    same = before is not None and before.status is row.status
    return replace(
        row,
        value_error=rounded_up(row.value_error),
        gradient_error=rounded_up(row.gradient_error),
        machine=stamp.machine(row),
        reason=stamp.reason or (before.reason if before is not None and same else ""),
        expires=stamp.expires or (before.expires if before is not None and same and kind != "expired" else ""),
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """How many rows a new baseline adds, changes, drops and leaves as they were."""

    added: int
    changed: int
    dropped: int
    same: int

    def __str__(self) -> str:
        """In words."""
        return f"{self.added} added, {self.changed} changed, {self.dropped} dropped, {self.same} as they were"


def difference(old: Iterable[Accepted], new: Iterable[Accepted]) -> Difference:
    """What lies between two baselines."""
    before, after = ({row.key: row for row in rows} for rows in (old, new))
    both = before.keys() & after.keys()
    same = sum(before[key] == after[key] for key in both)
    return Difference(len(after) - len(both), len(both) - same, len(before) - len(both), same)


def read(path: Path) -> list[Accepted]:
    """The rows of a baseline, in the order of the file: row n stands in line n + 2.

    Raises:
        UsageError: there is none, or it does not read like one.
    """
    if not path.exists():
        raise UsageError(
            f"there is no baseline {path}; the same command with --accept writes one; first look at what `compare` says"
        )
    rows = read_rows(path, Accepted)
    seen: set[Key] = set()
    for line, row in enumerate(rows, 2):
        if row.key in seen:
            raise UsageError(f"{path} holds two rows for {row}; delete one of them")
        seen.add(row.key)
        figures = [figure for figure in (row.value_error, row.gradient_error) if figure is not None]
        if LEVELS[row.status] == 0 and any(math.isinf(figure) for figure in figures):
            raise UsageError(
                f"{path}, line {line}: {row} {row.status} with an error of inf, so that no limit would hold; "
                "delete the row and accept it anew"
            )
    return rows


def check_writable(path: Path) -> None:
    """Find out before anything is measured whether the baseline could be written.

    Raises:
        UsageError: it could not.
    """
    folder = path.resolve().parent
    try:
        if folder.is_dir():
            probe = folder / f".{path.name}.{os.getpid()}.probe"
            probe.write_text("")
            probe.unlink()
            return
        there = next(one for one in (folder, *folder.parents) if one.exists())
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            raise UsageError(f"cannot write the baseline {path}: {there} is no folder that can be written to")
    except OSError as error:
        raise UsageError(f"cannot write the baseline {path}: {error.strerror}; give another with --baseline") from error


def write(path: Path, rows: Iterable[Accepted]) -> None:
    """Replace the baseline at once: whoever reads meanwhile, or a crash, finds the old one or the new one.

    Raises:
        ResultsNotWritten: the folder cannot be written to, or is full; the old baseline stands.
    """
    final = path.resolve()
    draft = final.with_name(f".{final.name}.{os.getpid()}")
    try:
        writer = Writer(draft, Accepted)
        try:
            for row in sorted(rows, key=lambda row: row.key):
                writer.write(row)
            os.fsync(writer.file.fileno())
        finally:
            writer.close()
        if final.exists():
            shutil.copymode(final, draft)
        os.replace(draft, final)
    except (OSError, UsageError, ResultsNotWritten) as error:
        draft.unlink(missing_ok=True)
        raise ResultsNotWritten(f"cannot write the baseline {path}: {error}; it is as it was before") from error
