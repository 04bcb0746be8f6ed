"""The table of the command `check`: one line for each check, formats with the same end together."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from lossbench.checking.findings import Checked, Result

STYLES = {Result.OK: "green", Result.FOUND: "red", Result.NOTE: "yellow", Result.SKIPPED: "dim"}


def checked_table(rows: Sequence[Checked]) -> Table:
    """What was found first, then notes, then what is fine."""
    table = Table(box=None, pad_edge=False)
    for name in ("result", "check", "format", "what"):
        table.add_column(name, overflow="fold", no_wrap=name in ("result", "check"))
    merged: dict[tuple[Result, str, str], list[str]] = {}
    order = list(Result)
    for row in sorted(
        rows, key=lambda row: (order.index(Result.FOUND) != order.index(row.result), row.result != Result.NOTE)
    ):
        merged.setdefault((row.result, row.check, row.detail), []).append(row.dtype)
    for (result, check, detail), dtypes in merged.items():
        style = STYLES[result]
        table.add_row(f"[{style}]{result}[/]", check, " ".join(filter(None, dtypes)), escape(detail))
    return table
