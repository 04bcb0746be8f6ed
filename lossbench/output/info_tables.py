"""Tables of what there is: the catalogue, one loss in full, the regimes, the machine."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from lossbench.cases.regimes import REGIMES
from lossbench.cases.relations import RELATIONS, kept_by
from lossbench.loss import Loss
from lossbench.records import Greeting, Implementation, Known, Target, option_text
from lossbench.reductions import MEANINGS


@dataclass(frozen=True, slots=True)
class Explained:
    """A kind of input as programs read it, or a relation with the sign that it bears in cases."""

    name: str
    what: str  # it does


@dataclass(frozen=True, slots=True)
class Present:
    """A target as programs read it: what its worker says of itself, or what is missing."""

    target: str
    version: str
    python: str
    interpreter: str
    devices: tuple[str, ...]
    subnormals: str  # kept, or flushed to zero
    import_seconds: float | None
    implementations: int | None
    missing: str = ""  # why it is not there
    mend: str = ""  # what to type to have it


def regimes() -> list[Explained]:
    """The regimes and relations as rows."""
    return [
        *(Explained(regime.name, regime.doc) for regime in REGIMES.values()),
        *(Explained(f"@{relation.name}", relation.doc) for relation in RELATIONS.values()),
    ]


def greeted(target: Target, word: Greeting) -> Present:
    """A target that is there."""
    return Present(
        str(target),
        word.version,
        word.python,
        word.interpreter,
        word.devices,
        _subnormals(word),
        word.import_seconds,
        len(word.implementations),
    )


def missing(target: Target, why: str, mend: str) -> Present:
    """A target that is not."""
    return Present(str(target), "", "", target.interpreter, (), "", None, None, why, mend)


def _subnormals(word: Greeting) -> str:
    return "flushed to zero" if word.flushes_subnormals else "kept"


def plain_table(*columns: str) -> Table:
    """A table without lines."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def catalogue_table(losses: Sequence[Loss], offered: Mapping[str, Sequence[Implementation]]) -> Table:
    """One row for each loss, one column for each framework that is there."""
    table = plain_table("loss", *offered)
    for loss in losses:
        cells = []
        for implementations in offered.values():
            mine = [i for i in implementations if i.loss == loss.name]
            cells.append(escape("\n".join(short(i) for i in mine)) or "[dim]-[/]")
        table.add_row(loss.name, *cells)
    return table


def short(implementation: Implementation) -> str:
    """The last part of its public name; recipes say that they are."""
    name = " + ".join(part.split("(")[0].split(".")[-1] + _rest(part) for part in implementation.via.split(" + "))
    return f"{name} (recipe)" if implementation.recipe else name


def _rest(part: str) -> str:
    return part[part.index("(") :] if "(" in part else ""


def regime_table() -> Table:
    """The regimes and what each does."""
    table = plain_table("regime", "what it does")
    for regime in REGIMES.values():
        table.add_row(regime.name, regime.doc)
    table.add_section()
    for relation in RELATIONS.values():  # of the suite `relations`; they stand among a case's options
        table.add_row(f"@{relation.name}", relation.doc)
    return table


def loss_in_full(loss: Loss) -> Iterator[RenderableType]:
    """What a loss is, whoever implements it: formula, arguments, reductions, definition."""
    yield Text(loss.name, style="bold")
    yield Padding(Text(loss.doc), (0, 0, 1, 2))
    yield arguments_table(loss)
    yield Text(f"\none term over {loss.over}; reductions: {', '.join(loss.reductions)}")
    yield Text(f"relations: {', '.join(relation.name for relation in kept_by(loss)) or 'none'}")
    yield Text("".join(f"  {name}: {MEANINGS[name]}\n" for name in loss.reductions if name not in ("none", "sum")))
    if loss.textbook is not None:
        yield Text("definition, evaluated in certified arithmetic:")
        yield code(body(inspect.getsource(loss.textbook)))


def arguments_table(loss: Loss) -> Table:
    """Arguments and parameters with what they may hold."""
    table = plain_table("argument", "holds", "shape", "gradient")
    for argument in loss.arguments.values():
        name = f"{argument.name}{' (optional)' if argument.optional else ''}"
        gradient = "yes" if argument.domain.differentiable else "no"
        table.add_row(name, escape(str(argument.domain)), str(argument.domain.axes), gradient)
    for parameter in loss.parameters.values():
        holds = f"{parameter.range or 'a choice'}, default {option_text(parameter.default)}"
        table.add_row(parameter.name, escape(holds), "", "")
    return table


def declared(one: Implementation) -> list[str]:
    """What is declared of an implementation, as sentences with where they hold; alike but for the format is one."""
    groups: dict[tuple[object, ...], list[Known]] = {}
    for known in one.known:
        alike = (known.reason, known.regimes, known.reductions, known.options, known.definition, known.renames)
        groups.setdefault(alike, []).append(known)
    return [_declaration(some, one) for some in groups.values()]


def _declaration(some: Sequence[Known], one: Implementation) -> str:
    first = some[0]
    dtypes = list(dict.fromkeys(dtype for known in some for dtype in known.dtypes))
    everywhere = any(not known.dtypes for known in some) or set(dtypes) >= set(one.dtypes)
    where = [*([] if everywhere else dtypes), *first.regimes, *first.reductions, *first.options]
    text = first.reason + (f" (with {', '.join(where)})" if where else "")
    if not first.definition:
        return text
    settings = [f"{theirs} = {ours}" for theirs, ours in first.renames]
    if len({known.sets for known in some}) == 1:
        settings += [f"{name} = {option_text(value)}" for name, value in first.sets]
    return f"{text}; its formula is {first.definition}" + (f" with {', '.join(settings)}" if settings else "")


def code(text: str) -> RenderableType:
    """Python, indented."""
    return Padding(Syntax(text.strip("\n"), "python", background_color="default", word_wrap=True), (0, 0, 0, 4))


def body(source: str) -> str:
    """A function's statements without its head, and without a documentation of one line."""
    lines = source.splitlines()
    start = next((i for i, line in enumerate(lines) if line.lstrip().startswith("def ")), 0)
    while start < len(lines) and not lines[start].split("#")[0].rstrip().endswith(":"):
        start += 1
    told = [line for line in lines[start + 1 : start + 2] if line.strip().startswith('"""') and line.count('"""') == 2]
    return textwrap.dedent("\n".join(lines[start + 1 + len(told) :]))


def facts_table(facts: Mapping[str, str]) -> Table:
    """Names and values in two columns."""
    table = plain_table("", "")
    table.show_header = False
    for name, value in facts.items():
        table.add_row(name, escape(value))
    return table


def doctor_table(words: Mapping[Target, Greeting]) -> Table:
    """One row for each framework that is there: version, devices, what its arithmetic does."""
    table = plain_table("target", "version", "python", "devices", "subnormals", "import", "implementations")
    for target, word in words.items():
        table.add_row(
            str(target),
            word.version,
            f"{word.python} {word.interpreter}",
            ", ".join(word.devices),
            _subnormals(word),
            f"{word.import_seconds:.1f} s",
            str(len(word.implementations)),
        )
    return table
