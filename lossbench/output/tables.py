"""What people see: tables, progress and closing lines. The only user of rich."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from lossbench.output.forms import written
from lossbench.records import Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

# From harmless to worst: a row of the table shows its worst verdict.
ORDER = [
    Status.SKIPPED,
    Status.ABSENT,
    Status.AGREES,
    Status.REJECTS,
    Status.IMPRECISE,
    Status.BY_CONTRACT,
    Status.DEVIATES,
    Status.ACCEPTS,
    Status.REFUSES,
    Status.DIFFERS,
    Status.HANGS,
    Status.CRASHES,
]
STYLES = {
    Status.AGREES: "green",
    Status.REJECTS: "green",
    Status.IMPRECISE: "yellow",
    Status.BY_CONTRACT: "blue",
    Status.DEVIATES: "cyan",
    Status.ABSENT: "dim",
    Status.SKIPPED: "dim",
}


class Patient(Console):
    """A console that goes quiet where its reader has gone, so that a command still ends with its own exit code."""

    def on_broken_pipe(self) -> None:
        """Say no more; rich's own way out would be exit code 1, which means a regression here."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


def put(
    form: str, record: type[Any], rows: Sequence[Any], table: Callable[[Console], Iterable[RenderableType]]
) -> Console:
    """Print rows as a table, or alone on standard output in a form that programs read.

    Args:
        form: one of `FORMS`.
        record: what the rows are; its fields are the columns.
        rows: all of them.
        table: makes the parts of the table for a console.

    Returns:
        The console for what is said beside them.
    """
    out = console(stderr=form != "table")
    if form == "table":
        for part in table(out):
            out.print(part)
    else:
        print(written(record, rows, form), end="")
    return out


def console(stderr: bool = False) -> Console:
    """A console that is plain where it is piped, and honours NO_COLOR and COLUMNS."""
    columns = os.environ.get("COLUMNS", "")
    told = int(columns) if columns.isdecimal() else None  # some shells say 0 where they do not know
    width = told or (None if sys.stdout.isatty() and told is None else 120)
    return Patient(stderr=stderr, highlight=False, soft_wrap=False, width=width)


def figure(value: float | None) -> str:
    """An error for reading: two figures, empty if unknown, ``inf`` where a number was replaced by NaN or infinity."""
    if value is None:
        return ""
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return "inf"
    return f"{value:.1f}" if 0.05 <= value < 1000 else f"{value:.0e}"


def badness(verdict: Verdict) -> tuple[int, float, float]:
    """How bad a verdict is, for sorting: in kind, then by what made it so (ulps where it is imprecise)."""
    scales = max((e for e in (verdict.value_error, verdict.gradient_error) if e is not None), default=0.0)
    ulps = max((e for e in (verdict.value_ulps, verdict.gradient_ulps) if e is not None), default=0.0)
    figures = (ulps, scales) if verdict.status is Status.IMPRECISE else (scales, ulps)
    return ORDER.index(verdict.status), *figures


def verdict_table(verdicts: Sequence[Verdict]) -> Table:
    """One row for each loss and implementation: its worst verdict, worst errors, and the case that shows it."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("verdict", no_wrap=True)
    table.add_column("of", justify="right")
    for name in ("value\neps", "grad\neps", "value\nulps", "grad\nulps"):
        table.add_column(name, justify="right", min_width=5)
    table.add_column("implementation, and the case that shows its worst verdict", overflow="fold", ratio=1)
    groups: dict[tuple[str, str, str, str], list[Verdict]] = {}
    targets: dict[str, set[str]] = {}
    for verdict in verdicts:
        if verdict.status not in (Status.ABSENT, Status.SKIPPED):
            groups.setdefault((verdict.loss, verdict.framework, verdict.via, verdict.target), []).append(verdict)
            targets.setdefault(verdict.framework, set()).add(verdict.target)
    previous = ""
    for (loss, framework, via, target), rows in groups.items():
        worst_row = max(rows, key=badness)
        kind = worst_row.status
        if loss != previous:
            table.add_row(*[""] * 6, f"[bold]{loss}[/]")
            previous = loss
        table.add_row(
            f"[{STYLES.get(kind, 'red')}]{kind} {[row.status for row in rows].count(kind)}[/]",
            str(len(rows)),
            *(figure(worst(rows, name)) for name in ("value_error", "gradient_error", "value_ulps", "gradient_ulps")),
            _plain(via)
            + _plain(f" on {target}, {rows[0].version}" if len(targets[framework]) > 1 else "")
            + ("" if kind is Status.AGREES else f"[dim]{_plain(shown_by(worst_row))}[/]"),
        )
    return table


def shown_by(verdict: Verdict) -> str:
    """The case behind a row, where its worst number stands, and what is known of it."""
    lines = [*([verdict.case] if verdict.case else []), *(text for text in (verdict.note or verdict.worst,) if text)]
    return "".join(f"\n  {line}" for line in lines)


def worst(rows: Iterable[Verdict], name: str) -> float | None:
    """The largest figure of a column; None where all are unknown."""
    known = [value for value in (getattr(row, name) for row in rows) if value is not None]
    return max(known, default=None)


def _plain(text: str) -> str:
    return text.replace("[", r"\[")


def counts(verdicts: Iterable[Verdict]) -> str:
    """How many verdicts of each kind, the worst first."""
    found = [verdict.status for verdict in verdicts]
    return ", ".join(f"{found.count(kind)} {kind}" for kind in reversed(ORDER) if kind in found)


@contextmanager
def progress(total: int, what: str, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal; elsewhere one plain line at each tenth; nothing at all if `quiet`."""
    if quiet:
        yield lambda done: None
        return
    out = console(stderr=True)
    if not out.is_terminal:
        shown, started = [0], time.monotonic()

        def plain(done: int) -> None:
            tenth = 10 * done // max(total, 1)
            if tenth > shown[0]:
                shown[0] = tenth
                left = (time.monotonic() - started) * (total - done) / max(done, 1)
                rest = f", about {left:.0f} s left" if done < total else ""
                with suppress(OSError):  # nobody listens; the work goes on
                    print(f"{what}: {done} of {total}{rest}", file=sys.stderr, flush=True)

        yield plain
        return
    bar = Progress(
        TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=out, transient=True
    )
    with bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)
