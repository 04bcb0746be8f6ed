"""The table of standings: who takes how long, and how much of that is noise."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import shorten

from rich.table import Table

from lossbench.judging.standings import Standing

LONGEST_NOTE = 120  # characters; the file of results has all of it


def timing_table(standings: Sequence[Standing]) -> Table:
    """One row for each implementation and case, the fastest of each case first; times in microseconds for one call."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("loss", overflow="fold", max_width=20)
    table.add_column("implementation", overflow="fold")
    table.add_column("dtype", no_wrap=True)
    table.add_column("shape", no_wrap=True)
    for heading in ("forward\nµs", "+ back-\nward µs", "spread\n%", "elements\nper s", "GB/s", "ratio"):
        table.add_column(heading, justify="right", no_wrap=True)
    previous = ""
    several = {r.framework for r in standings for s in standings if s.framework == r.framework and s.target != r.target}
    for row in standings:
        note = f"\n[dim]{plain(shorten(row.note, LONGEST_NOTE, placeholder=' …'))}[/]" if row.note else ""
        table.add_row(
            plain(row.loss) if row.loss != previous else "",
            plain(row.via or row.framework) + plain(f" on {row.target}" if row.framework in several else "") + note,
            row.dtype,
            row.shape,
            microseconds(row.forward),
            microseconds(row.backward),
            "" if row.spread is None else f"{100 * row.spread:.0f}",
            amount(row.elements_per_second),
            "" if row.gigabytes_per_second is None else f"{row.gigabytes_per_second:.3g}",
            ratio(row),
        )
        previous = row.loss
    return table


def microseconds(seconds: float | None) -> str:
    """A time for reading, to three figures; empty if unknown."""
    if seconds is None:
        return ""
    value = seconds * 1e6
    decimals = 3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{decimals}f}"


def amount(value: float | None) -> str:
    """A large number for reading: three figures and k, M or G; empty if unknown."""
    if value is None:
        return ""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.3g}"


def ratio(row: Standing) -> str:
    """How many times slower than the fastest; marked ``≈`` where the spread alone could explain it."""
    if row.ratio is None:
        return ""
    return f"{'' if row.certain else '≈'}{row.ratio:.2f}"


def plain(text: str) -> str:
    """Text whose square brackets mean nothing but themselves."""
    return text.replace("[", r"\[")
