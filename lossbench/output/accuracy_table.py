"""The table of accuracies, for a terminal, for programs, and as a page."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import fields

from rich.markup import escape
from rich.table import Table

from lossbench.judging.accuracy import Accuracy, Silent
from lossbench.output.coverage import markdown_row
from lossbench.output.tables import figure
from lossbench.results import cell

FINE = 4.0  # ulps up to which nobody asks for the input; the CSV has it all the same
WAYS = ("version", "device", "mode")
NAMES = [field.name for field in fields(Accuracy)]
INTRODUCTION = """\
# How accurate the losses are

Made by `lossbench accuracy --format markdown`; do not edit. Each row is one implementation in one format, its value or
its gradients, over all cases of the results it was made from: ordinary inputs and those at the edges of the format
alike. Ulps are those of single numbers: the worst, and what 99 and 50 of 100 do not exceed. Eps are the worst error by
scale, which decides whether a case agrees. *Right* counts the cases that agree, those that differ as declared or
documented in brackets. The input is shown from 4 ulps on; of an argument too long to be read its shape, as in
`features=(6x8)`. A number is infinite where NaN or infinity stands in a number's place, or the reverse.
"""


class Several:
    """What tells an implementation's rows apart where its framework was asked in several ways."""

    def __init__(self, rows: Sequence[Accuracy]) -> None:
        """Note the versions, devices and modes of each framework."""
        self.known: dict[tuple[str, str], set[str]] = {}
        for row in rows:
            for field in WAYS:
                self.known.setdefault((row.framework, field), set()).add(getattr(row, field))

    def rest(self, row: Accuracy) -> str:
        """Version, device and mode, as far as there are several."""
        words = [getattr(row, field) for field in WAYS if len(self.known[row.framework, field]) > 1]
        return "".join(f" {word}" for word in words)

    def named(self, row: Accuracy) -> str:
        """The public name, with what tells it apart."""
        return f"{row.via}{self.rest(row)}"


def as_table(rows: Sequence[Accuracy]) -> Table:
    """One line for each row, and beneath it the case and the input that show the worst."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    for heading in ("worst\nulps", "p99\nulps", "median\nulps", "worst\neps"):
        table.add_column(heading, justify="right", no_wrap=True, min_width=5)
    table.add_column("right", justify="right", no_wrap=True)
    table.add_column("implementation, and the input that shows the worst", overflow="fold", ratio=1)
    several = Several(rows)
    for loss, mine in by_loss(rows).items():
        table.add_row(*[""] * 5, f"[bold]{escape(loss)}[/]")
        for row in mine:
            figures = (row.worst_ulps, row.p99_ulps, row.median_ulps, row.worst_eps)
            about = f"{escape(several.named(row))} [bold]{row.dtype}[/] {row.of}"
            lines = [row.case, row.shown, row.input] if row.worst_ulps > FINE else []
            below = "".join(f"\n  {escape(line)}" for line in lines if line)
            table.add_row(*map(figure, figures), right(row), f"{about}[dim]{below}[/]")
    return table


def by_loss(rows: Sequence[Accuracy]) -> dict[str, list[Accuracy]]:
    """The rows of each loss, in their order."""
    groups: dict[str, list[Accuracy]] = {}
    for row in rows:
        groups.setdefault(row.loss, []).append(row)
    return groups


def right(row: Accuracy) -> str:
    """How many cases of how many agree, with those explained in brackets."""
    explained = f" (+{row.explained})" if row.explained else ""
    return f"{row.agrees}/{row.cases}{explained}"


def as_csv(rows: Sequence[Accuracy]) -> str:
    """All columns."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(NAMES)
    writer.writerows([cell(getattr(row, name)) for name in NAMES] for row in rows)
    return text.getvalue()


def as_json(rows: Sequence[Accuracy]) -> str:
    """A list of objects; what is infinite is the word ``inf``, since JSON has no such number."""
    return json.dumps(
        [{name: _plain(getattr(row, name)) for name in NAMES} for row in rows], indent=1, ensure_ascii=False
    )


def said_of(silent: Sequence[Silent]) -> list[str]:
    """A line for each implementation that gave nothing to compare, its formats together."""
    formats: dict[tuple[str, ...], list[str]] = {}
    for one in silent:
        formats.setdefault((one.loss, one.via, one.status, one.reason.partition(";")[0]), []).append(one.dtype)
    return [
        f"{loss} by {via} in {', '.join(dtypes)}: {status}, {reason}"
        for (loss, via, status, reason), dtypes in formats.items()
    ]


def as_markdown(rows: Sequence[Accuracy], silent: Sequence[Silent] = ()) -> str:
    """A page: one table for each loss, and at its end who gave nothing to compare."""
    versions = dict.fromkeys(f"{row.framework} {row.version}" for row in sorted(rows, key=lambda row: row.framework))
    parts = [INTRODUCTION, f"Measured: {', '.join(versions)}.", ""]
    several = Several(rows)
    for loss, mine in by_loss(rows).items():
        parts += [f"## {loss}", ""]
        heads = ("implementation", "format", "of", "worst ulps", "p99", "median", "worst eps", "right", "worst input")
        parts += markdown_row(*heads)
        parts += markdown_row("---", "---", "---", *["---:"] * 5, "---")
        for row in mine:
            figures = (row.worst_ulps, row.p99_ulps, row.median_ulps, row.worst_eps)
            lines = [row.case, row.shown, row.input] if row.worst_ulps > FINE else []
            shows = "<br>".join(f"`{line}`" for line in lines if line)
            parts += markdown_row(
                f"`{row.via}`{several.rest(row)}", row.dtype, row.of, *map(figure, figures), right(row), shows
            )
        parts.append("")
    if silent:
        parts += ["## Without a number", "", "Asked, and never answered with anything that could be compared:", ""]
        parts += [f"- {line}" for line in said_of(silent)] + [""]
    return "\n".join(parts)


def _plain(value: object) -> object:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
