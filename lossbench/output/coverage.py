"""Who offers what of every loss: rows, and the forms in which they are printed."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

from rich.markup import escape
from rich.table import Table

from lossbench.floats import FORMATS
from lossbench.loss import Loss
from lossbench.output.info_tables import declared, plain_table, short
from lossbench.records import Implementation
from lossbench.results import cell

OfferedBy = Mapping[str, Sequence[Implementation]]
LETTERS = {"float64": "f64", "float32": "f32", "float16": "f16", "bfloat16": "bf16"}
PLAIN = ("loss", "framework", "via", "recipe")


@dataclass(frozen=True, slots=True)
class Offer:
    """One implementation of a loss, as far as one can ask for it; an empty `via`: the framework has none."""

    loss: str
    framework: str
    via: str = ""
    recipe: bool = False  # written from primitives, because the framework has no such loss
    dtypes: tuple[str, ...] = ()
    reductions: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()  # optional arrays and parameters
    lacks: tuple[str, ...] = ()  # and those that the loss has and the implementation does not
    gradients: tuple[str, ...] = ()  # the arguments it gives a gradient to
    no_gradients: tuple[str, ...] = ()  # and those it gives none to though the definition has one
    known: tuple[str, ...] = ()  # declared deviations, in words


def offers(losses: Iterable[Loss], offered: OfferedBy) -> Iterator[Offer]:
    """One row for each implementation, and one for each framework that has none of a loss."""
    for loss in losses:
        for framework, implementations in offered.items():
            mine = [one for one in implementations if one.loss == loss.name]
            yield from (offer(loss, framework, one) for one in mine)
            if not mine:
                yield Offer(loss.name, framework)


def offer(loss: Loss, framework: str, one: Implementation) -> Offer:
    """What one implementation offers of a loss."""
    optional = [a.name for a in loss.arguments.values() if a.optional] + list(loss.parameters)
    has = {*one.arrays, *one.parameters}
    # declared for some formats or options alone, the gradient is there otherwise
    never = {
        name
        for known in one.known
        if not (known.dtypes or known.regimes or known.options or known.reductions)
        for name in known.no_gradient
    }
    slopes = [name for name in loss.differentiable if name in one.arrays]
    return Offer(
        loss.name,
        framework,
        one.via,
        one.recipe,
        one.dtypes,
        one.reductions,
        takes=tuple(name for name in optional if name in has),
        lacks=tuple(name for name in optional if name not in has),
        gradients=tuple(name for name in slopes if name not in never),
        no_gradients=tuple(name for name in slopes if name in never),
        known=tuple(declared(one)),
    )


def as_csv(rows: Sequence[Offer], whole: bool) -> str:
    """One line for each row; `whole` has every column, else the names alone."""
    names = [field.name for field in fields(Offer)] if whole else list(PLAIN)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow(
            "; ".join(row.known) if name == "known" else str(row.recipe).lower() if name == "recipe"
            else cell(getattr(row, name))
            for name in names
        )  # fmt: skip
    return text.getvalue()


def as_json(rows: Sequence[Offer], whole: bool) -> str:
    """The rows as a list of objects."""
    names = [field.name for field in fields(Offer)] if whole else list(PLAIN)
    return json.dumps([{name: getattr(row, name) for name in names} for row in rows], indent=1, ensure_ascii=False)


def as_table(rows: Sequence[Offer]) -> Table:
    """One row for each loss, one column for each framework; beneath each callable what it takes and gives."""
    frameworks = list(dict.fromkeys(row.framework for row in rows))
    table = plain_table("loss", *frameworks)
    for loss, mine in grouped(rows, "loss").items():
        cells = []
        for framework in frameworks:
            there = [row for row in mine if row.framework == framework and row.via]
            cells.append("\n".join(f"{escape(name(row))}\n[dim]{escape(details(row))}[/]" for row in there) or "-")
        table.add_row(loss, *cells)
    return table


def name(row: Offer) -> str:
    """The last part of the public name; recipes say that they are."""
    return short(Implementation(row.loss, row.via, (), (), (), (), (), recipe=row.recipe))


def details(row: Offer) -> str:
    """Formats, what is missing, and gradients, in a few words."""
    formats = "all formats" if set(row.dtypes) == set(FORMATS) else " ".join(LETTERS[dtype] for dtype in row.dtypes)
    parts = [formats]
    parts += [f"takes {', '.join(row.takes)}"] if row.takes else []
    parts += [f"lacks {', '.join(row.lacks)}"] if row.lacks else []
    parts += [f"gradient to {', '.join(row.gradients) or 'nothing'}"]
    parts += [f"none to {', '.join(row.no_gradients)}"] if row.no_gradients else []
    return "; ".join(parts)


def grouped(rows: Iterable[Offer], by: str) -> dict[str, list[Offer]]:
    """The rows by one of their fields, in their order."""
    groups: dict[str, list[Offer]] = {}
    for row in rows:
        groups.setdefault(getattr(row, by), []).append(row)
    return groups


def as_markdown(rows: Sequence[Offer], versions: Mapping[str, str], whole: bool) -> str:
    """The matrix of losses and frameworks; `whole` adds a table of every callable for each framework."""
    parts = ["# Who implements what", "", *INTRODUCTION, "", *matrix(rows, versions), ""]
    for framework, mine in grouped(rows, "framework").items() if whole else ():
        parts += [f"## {framework}", "", *callables(mine), ""]
    return "\n".join(parts)


INTRODUCTION = (
    "Made by `make docs` from the tables of adapters; do not edit. A dash: the framework has no such loss. *Recipe*: "
    "written from the framework's primitives, and shipped with lossbench. `lossbench show LOSS` has the exact calls.",
)


def matrix(rows: Sequence[Offer], versions: Mapping[str, str]) -> list[str]:
    """One line for each loss, one column for each framework with its version."""
    # what a build adds to its version (+cpu) says nothing of what is offered
    names = (f"{name} {re.sub(r'[+][.0-9a-z]+', '', version)}" for name, version in versions.items())
    lines = markdown_row("loss", *names)
    lines += markdown_row(*["---"] * (1 + len(versions)))
    for loss, mine in grouped(rows, "loss").items():
        there = grouped([row for row in mine if row.via], "framework")
        lines += markdown_row(
            loss,
            *(
                "<br>".join("*recipe*" if row.recipe else f"`{row.via}`" for row in there.get(framework, ())) or "-"
                for framework in versions
            ),
        )
    return lines


def callables(rows: Sequence[Offer]) -> list[str]:
    """One line for each callable of one framework, with all that it offers."""
    lines = markdown_row(
        "loss", "callable", "formats", "reductions", "takes", "lacks", "gradient to", "none to", "known"
    )
    lines += markdown_row(*["---"] * 9)
    for row in rows:
        if row.via:
            words = (row.dtypes, row.reductions, row.takes, row.lacks, row.gradients, row.no_gradients)
            recipe = "recipe: " if row.recipe else ""
            listed = (", ".join(LETTERS.get(word, word) for word in some) for some in words)
            lines += markdown_row(row.loss, f"{recipe}`{row.via}`", *listed, "<br>".join(row.known))
    return lines


def markdown_row(*cells: str) -> list[str]:
    """One line of a table."""
    return ["| " + " | ".join(text.replace("|", r"\|") for text in cells) + " |"]
