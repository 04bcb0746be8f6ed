"""The table of standings: who takes how long, how sure that is, and how near the machine's limits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from textwrap import shorten

from rich.table import Table

from lossbench.judging.intervals import Relation
from lossbench.judging.standings import COPY, Standing

LONGEST_NOTE = 120  # characters; the file of results has all of it
BAR = 8  # characters
BLOCKS = " ▏▎▍▌▋▊▉█"
STYLES = {Relation.FASTER: "green", Relation.SLOWER: "red", Relation.SAME: "", Relation.AMBIGUOUS: "yellow"}
HEADINGS = (
    "forward\nµs",
    "+ back-\nward µs",
    "",
    "first\ncall ms",
    "spread\n%",
    "GB/s",
    "of\nroof %",
    "memory\nMB (least)",
    "ratio",
    "A/A\n%",
    "verdict",
)


def timing_table(standings: Sequence[Standing]) -> Table:
    """One row for each implementation and case, the fastest of each case first; times in microseconds for one call."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("implementation", overflow="fold", min_width=20)
    for heading in HEADINGS:
        left = heading in ("", "verdict")
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    slowest: dict[str, float] = {}
    for row in standings:
        slowest[row.contest] = max(slowest.get(row.contest, 0.0), row.backward or 0.0)
    previous = ""
    for row in standings:
        contest = row.contest or row.loss
        if contest != previous and row.contest:
            table.add_row(f"[bold]{plain(row.contest)}[/]")
        previous = contest
        table.add_row(
            named(row),
            microseconds(row.forward),
            microseconds(row.backward),
            bar(row.backward, slowest[row.contest]) if row.contest else "",
            "" if row.first_call is None else f"{1e3 * row.first_call:.3g}",
            "" if row.spread is None else f"{100 * row.spread:.0f}",
            "" if row.gigabytes_per_second is None else f"{row.gigabytes_per_second:.3g}",
            "" if row.roof is None else f"{100 * row.roof:.2g}",
            memory(row),
            ratio(row),
            "" if row.floor is None else f"{100 * row.floor:.1f}",
            verdict(row),
        )
    return table


def named(row: Standing) -> str:
    """The implementation with its mode, interpreter and notes; of the harness's own rows what they are."""
    if row.loss == COPY:
        return f"{row.loss} {amount(row.least_bytes)}B, {row.framework}"
    words = [plain(row.via or f"{row.loss} {row.framework}")]
    if row.mode != "eager":
        words.append(f"[cyan]{row.mode}[/]")
    if row.interpreter:
        words.append(f"[cyan]{plain(row.interpreter)} {row.version}[/]")
    notes = [row.note] if row.note else []
    if row.wrong:
        notes.insert(0, f"WRONG: {row.answer}")
    if row.impossible:
        notes.insert(0, "IMPOSSIBLE: faster than its bytes can be moved")
    return " ".join(words) + "".join(f"\n[dim]{plain(shorten(n, LONGEST_NOTE, placeholder=' …'))}[/]" for n in notes)


def bar(value: float | None, largest: float) -> str:
    """A bar as long as the value is large beside the largest; empty if unknown."""
    if value is None or largest <= 0:
        return ""
    eighths = max(1, math.ceil(8 * BAR * value / largest))
    return BLOCKS[8] * (eighths // 8) + (BLOCKS[eighths % 8] if eighths % 8 else "")


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


def memory(row: Standing) -> str:
    """Megabytes that a call needs beside its inputs, and in brackets the least it can do with."""
    if row.memory is None:
        return ""
    least = "" if row.least_memory is None else f" ({row.least_memory / 1e6:.2g})"
    return f"{row.memory / 1e6:.3g}{least}"


def ratio(row: Standing) -> str:
    """How many times as long as the one it is held against, and the interval that is sure to hold it."""
    if row.ratio is None:
        return ""
    between = "" if row.low is None or row.high is None else f" [{row.low:.2f} {row.high:.2f}]"
    return f"{row.ratio:.2f}{between}"


def verdict(row: Standing) -> str:
    """What may be said of the ratio."""
    if row.wrong:
        return "[red]WRONG[/]"
    if row.impossible:
        return "[red]IMPOSSIBLE[/]"
    if row.base:
        return "[dim]base[/]"
    if row.relation is None:
        return ""
    style = STYLES[row.relation]
    return f"[{style}]{row.relation}[/]" if style else str(row.relation)


def plain(text: str) -> str:
    """Text whose square brackets mean nothing but themselves."""
    return text.replace("[", r"\[")
