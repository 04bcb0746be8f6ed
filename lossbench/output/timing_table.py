"""The table of standings: who takes how long, how sure that is, and how near the machine's limits."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Sequence

from rich.table import Table
from rich.text import Text

from lossbench.judging.intervals import Relation
from lossbench.judging.standings import COPY, Standing

NAME, BAR = 26, 5  # characters, of the first column at least
BLOCKS = " ▏▎▍▌▋▊▉█"
STYLES = {Relation.FASTER: "green", Relation.SLOWER: "red", Relation.SAME: "", Relation.AMBIGUOUS: "yellow"}
COLUMNS = (  # heading, and width with the space after it
    ("forward\nµs", 8),
    ("+ back-\nward µs", 9),
    ("", BAR + 1),
    ("1st call\nms", 9),
    ("spread\n%", 7),
    ("GB/s\n(roof %)", 11),
    ("memory\n(least) B", 11),
    ("ratio", 17),
    ("A/A\n%", 5),
    ("verdict", 10),
)


def timing_tables(standings: Sequence[Standing], width: int) -> Iterator[Text | Table]:
    """One table for each case, the fastest first, under its name; times in microseconds for one call.

    Rows of the harness's own come first: copying, and calling nothing.
    """
    contests: dict[str, list[Standing]] = {}
    for row in standings:
        contests.setdefault(row.contest, []).append(row)
    places = {(row.framework, row.target) for row in standings if row.case}
    several = {framework for framework, _ in places if len([each for each in places if each[0] == framework]) > 1}
    for number, (contest, rows) in enumerate(contests.items()):
        if contest:
            yield Text(contest, style="bold")
        yield _table(rows, width, several, headed=number == 0)
        for row in rows:
            yield from (Text(f"  {row.via or row.loss}: {remark}", style="dim") for remark in remarks(row))


def _table(rows: Sequence[Standing], width: int, several: Collection[str], headed: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0), show_header=headed)
    rest = sum(size for _, size in COLUMNS)
    table.add_column("implementation", overflow="fold", width=max(NAME, width - rest))
    for heading, size in COLUMNS:
        left = heading in ("", "verdict")
        table.add_column(heading, justify="left" if left else "right", no_wrap=True, width=size)
    slowest = max((row.backward or 0.0 for row in rows if row.case), default=0.0)
    for row in rows:
        table.add_row(
            named(row, several),
            microseconds(row.forward),
            microseconds(row.backward),
            bar(row.backward, slowest),
            "" if row.first_call is None or not row.case else f"{1e3 * row.first_call:.3g}",
            "" if row.spread is None else f"{100 * row.spread:.0f}",
            rate(row),
            memory(row),
            ratio(row),
            "" if row.floor is None else f"{100 * row.floor:.1f}",
            verdict(row),
        )
    return table


def named(row: Standing, several: Collection[str] = ()) -> str:
    """The implementation with its mode, and its target where that was named or its framework is there `several` times.

    Of the harness's own rows what those are.
    """
    if row.loss == COPY:
        return f"{row.loss} {amount(row.least_bytes)}B"
    words = [plain(row.via or f"{row.loss} {row.framework}")]
    if row.mode != "eager":
        words.append(f"[cyan]{row.mode}[/]")
    if row.target and not re.match(rf"{re.escape(row.framework)}($|[@: ])", row.target):  # a name that it was given
        words.append(f"[cyan]on {plain(row.target)} {plain(row.version)}[/]")
    elif row.interpreter or (row.case and row.framework in several):
        words.append(f"[cyan]{plain(row.interpreter or f'on {row.target}')} {plain(row.version)}[/]")
    return " ".join(words)


def remarks(row: Standing) -> list[str]:
    """What has to be said of a row beside its figures."""
    found = [row.note] if row.note else []
    if row.wrong:
        found.insert(0, f"WRONG: {row.answer}")
    if row.impossible:
        found.insert(0, "IMPOSSIBLE: faster than its bytes can be moved")
    return found


def rate(row: Standing) -> str:
    """Gigabytes a second of the least that has to be moved, and the share of what copying reaches."""
    if row.gigabytes_per_second is None:
        return ""
    percent = None if row.roof is None else 100 * row.roof
    share = "" if percent is None else " (<1)" if percent < 1 else f" ({percent:.0f})"
    return f"{row.gigabytes_per_second:.2g}{share}"


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
    """Bytes that a call needs beside its inputs, and in brackets the least it can do with.

    A question mark where less was seen than that: the framework has kept memory from earlier calls.
    """
    if row.memory is None:
        return ""
    if row.least_memory is None:
        return short(row.memory)
    return f"{'?' if row.memory < row.least_memory else short(row.memory)} ({short(row.least_memory)})"


def short(value: float) -> str:
    """A large number in as few characters as two figures take."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.{0 if value >= 10 * size else 1}f}{letter}"
    return f"{value:.0f}"


def ratio(row: Standing) -> str:
    """How many times as long as the one it is held against, and the interval that is sure to hold it."""
    if row.ratio is None:
        return ""
    figures = [row.ratio] if row.low is None or row.high is None else [row.ratio, row.low, row.high]
    decimals = 2 if max(figures) < 10 else 1 if max(figures) < 100 else 0
    middle, *ends = (f"{figure:.{decimals}f}" for figure in figures)
    return rf"{middle} \[{' '.join(ends)}]" if ends else middle


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
