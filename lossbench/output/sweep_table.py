"""Errors against a stress, for reading: lines for each implementation, a column for each level."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from lossbench.output.tables import STYLES, badness, figure
from lossbench.records import Verdict


def sweep_table(rows: Sequence[tuple[float, Verdict]], over: str, dtype: str) -> Table:
    """The worst error by scale at each level, coloured by the verdict there."""
    levels = sorted({level for level, _ in rows})
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1), title=f"{dtype}: error against {over}")
    table.add_column("implementation")
    for level in levels:
        table.add_column(f"{level:g}", justify="right", no_wrap=True)
    groups: dict[tuple[str, str, str], list[tuple[float, Verdict]]] = {}
    for level, verdict in rows:
        groups.setdefault((verdict.loss, verdict.target or verdict.framework, verdict.via), []).append((level, verdict))
    previous = ""
    for (loss, framework, via), mine in sorted(groups.items()):
        if loss != previous:
            table.add_row(f"[bold]{escape(loss)}[/]")
            previous = loss
        for name, label in (("value_error", f"{framework} {via}"), ("gradient_error", "  gradient")):
            table.add_row(escape(label), *(_cell([v for at, v in mine if at == level], name) for level in levels))
    return table


def _cell(verdicts: Sequence[Verdict], name: str) -> str:
    if not verdicts:
        return ""
    worst = max(verdicts, key=badness)
    known = [error for error in (getattr(v, name) for v in verdicts) if error is not None]
    text = figure(max(known)) if known else str(worst.status)
    return f"[{STYLES.get(worst.status, 'red')}]{text}[/]"
