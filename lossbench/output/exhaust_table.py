"""What all bit patterns showed, for reading: one line for each implementation, argument and result."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from lossbench.exhausted import Exhausted


def exhaust_table(rows: Sequence[Exhausted]) -> Table:
    """Shares of answers 0, 1, 2, 3 and more steps off, and beneath each line the input of the worst."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    for heading in ("0", "1", "2", "3", "more", "wrong", "worst"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("implementation, what came back, and the input of the worst")
    loss = ""
    for row in rows:
        if row.loss != loss:
            loss = row.loss
            table.add_row(*[""] * 7, f"[bold]{escape(loss)}[/]")
        counts = (row.exact, row.one_step, row.two_steps, row.three_steps, row.more_steps)
        shares = [_share(count, row.compared) for count in counts]
        style = "red" if row.wrong else "yellow" if row.more_steps else "green"
        wrong = str(row.wrong) if row.wrong else ""
        worst = f"{row.worst_steps}"
        title = f"[{style}]{escape(row.framework)} {escape(row.via)}[/]: {escape(row.what)} over {escape(row.argument)}"
        table.add_row(*shares, wrong, worst, title)
        if row.wrong or row.worst_steps > 1:
            certified = "" if row.certified is None else f", certified {row.certified:.9g}"
            at = f"at {row.worst_input:.9g} ({row.worst_bits})" + (f", {row.held}" if row.held else "")
            table.add_row(*[""] * 7, escape(f"  {at}: got {row.got:.9g}, want {row.want:.9g}{certified}"))
    return table


def _share(count: int, whole: int) -> str:
    """A share in percent, never rounded to all or nothing."""
    if not whole or not count:
        return ""
    percent = 100 * count / whole
    return "100 %" if count == whole else f"{min(max(percent, 0.01), 99.99):.2f} %"
