"""Calls in words: how an implementation spells a loss, and what changes between two of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lossbench.loss import Loss
from lossbench.output.info_tables import declared
from lossbench.records import Implementation, Option, Spelled, option_text
from lossbench.reductions import BY_WEIGHTS


def call_text(one: Implementation) -> str:
    """The call as a user would write it, every argument by name; empty where it could not be taken apart."""
    made, called = "", ""
    for function in dict.fromkeys(entry.function for entry in one.spelled if entry.function):
        entries = {(e.argument, e.given): e for e in one.spelled if e.function == function}.values()
        arguments = ", ".join(handed(e) for e in entries if e.given != e.default)
        if function.endswith("(...)"):
            called = called or f"({arguments})"
        else:
            made = made or f"{function}({arguments})"
    if called and not made:  # an object made without a word
        made = next(e.function for e in one.spelled if e.function.endswith("(...)")).replace("(...)", "()")
    around = next((entry.given for entry in one.spelled if not entry.function), "_")
    text = re.sub(r"\b_\b", lambda _: made + called, around)
    parts = [part.partition("(")[0].strip().rpartition(".")[2] for part in one.via.split(" + ")]
    return "" if len(parts) > 1 and any(part not in text for part in parts) else text


def handed(entry: Spelled) -> str:
    """An argument as written in the call."""
    return f"**{entry.given}" if entry.argument == "**" else f"{entry.argument}={entry.given}"


def source_needed(one: Implementation) -> bool:
    """Whether the call does not say it all: a recipe, more than one way to the answer, or nothing known of it."""
    named_at_all = {entry.name for entry in one.spelled} & set(one.arrays)
    plain = call_text(one) and named_at_all and one.call.count("return ") <= 1 and "**" not in one.call
    return one.recipe or not plain


def named(one: Implementation, name: str) -> Spelled | None:
    """What the loss's argument `name` becomes."""
    return next((entry for entry in one.spelled if entry.name == name), None)


def words(one: Implementation) -> str:
    """The reductions by our names, with the framework's own word where it has another."""
    own = dict(one.words)
    return ", ".join(
        f"{name} (its word: {own[name]})" if own.get(name, name) != name else name for name in one.reductions
    )


def rank(one: Implementation, loss: Loss) -> tuple[int, ...]:
    """How plainly and how fully an implementation offers the loss: the smallest is the one to show first."""
    forced = [name for name in one.required if loss.arguments[name].optional]
    rewritten = [entry for entry in one.spelled if entry.name in loss.arguments and entry.given != entry.name]
    # what it is given and does not hand on, such as lengths that it does not look at
    dropped = [name for name in one.arrays if one.spelled and named(one, name) is None]
    wanted = {*loss.arguments, *loss.parameters, *loss.reductions} - {*loss.alone}
    wanted -= {*BY_WEIGHTS} if loss.factors else set()
    lacking = wanted - {*one.arrays, *one.parameters, *one.reductions}
    reasons = {known.reason for known in one.known if not known.regimes}
    return one.recipe, len(forced), bool(rewritten), len(dropped), len(reasons) + len(lacking), len(reasons)


def best(implementations: Sequence[Implementation], loss: Loss) -> Implementation | None:
    """The implementation that a user should reach for first."""
    mine = [one for one in implementations if one.loss == loss.name]
    return min(mine, key=lambda one: rank(one, loss), default=None)


@dataclass(frozen=True, slots=True)
class Row:
    """One argument in two implementations, and what to mind about it."""

    name: str
    source: str
    target: str
    note: str


@dataclass(frozen=True, slots=True)
class Passed:
    """One argument of an implementation's call, as programs read it; or the call alone, if it was not taken apart."""

    loss: str
    framework: str
    via: str
    recipe: bool
    call: str  # the whole of it; empty where the source says more
    argument: str = ""  # the loss's own name for it; empty: set whatever the case
    function: str = ""  # what is called with it
    name: str = ""  # the framework's own
    given: str = ""  # the expression that is handed over
    default: str = ""  # the framework's own; empty: it has none
    help: str = ""


def passed(losses: Sequence[Loss], offers: Mapping[str, Sequence[Implementation]]) -> Iterator[Passed]:
    """The arguments of every implementation of these losses, by framework."""
    for loss in dict.fromkeys(losses):
        for framework, implementations in offers.items():
            for one in (each for each in implementations if each.loss == loss.name):
                about = (loss.name, framework, one.via, one.recipe, call_text(one))
                for entry in one.spelled:
                    yield Passed(*about, entry.name, entry.function, entry.argument, *_said(entry))
                if not one.spelled:
                    yield Passed(*about)


def _said(entry: Spelled) -> tuple[str, str, str]:
    return entry.given, entry.default, entry.help


def rows(loss: Loss, source: Implementation | None, target: Implementation) -> Iterator[Row]:
    """Every argument of the loss that one of the two takes, and everything that the target's call sets."""
    for name in (*loss.arguments, *loss.parameters, "reduction"):
        there, here = (named(source, name) if source else None), named(target, name)
        offered = name in target.arrays + target.parameters or (name == "reduction" and len(target.reductions) > 1)
        if there or here or offered:
            yield Row(name, spelled_text(there, name), spelled_text(here, name), note(loss, name, there, here, offered))
    for entry in target.spelled:
        if not entry.name and entry.function and entry.given != entry.default:
            default = f"its default is {entry.default}" if entry.default else "must be given"
            yield Row("", "", f"{entry.argument}={entry.given}", default)


def spelled_text(entry: Spelled | None, name: str) -> str:
    """An argument as handed over; empty where there is none."""
    if entry is None:
        return ""
    return entry.argument if entry.given == name else handed(entry)


def note(loss: Loss, name: str, there: Spelled | None, here: Spelled | None, offered: bool) -> str:
    """What to mind about one argument."""
    if here is None:
        return "see the code" if offered else "not offered" + ("" if name == "reduction" else "; leave at its default")
    parts = []
    if there is not None and there.argument != here.argument:
        parts.append("another name")
    if here.help:
        parts.append(here.help)
    elif here.given != name:
        parts.append("handed over in another form")
    if there is not None and there.given not in (name, here.given) and name in loss.arguments:
        parts.append(f"there: {there.help or 'in another form'}")
    own = loss.parameters[name].default if name in loss.parameters else None
    if there is not None and different(there.default, here.default):
        parts.append(f"default {here.default or 'none'} instead of {there.default or 'none'}: say it")
    elif name in loss.parameters and here.given == name and different(option_python(own), here.default):
        parts.append(f"default {here.default or 'none'}, ours {option_text(own)}")
    return "; ".join(parts)


def option_python(value: Option) -> str:
    """A parameter's default as Python writes it."""
    return repr(value)


def different(first: str, second: str) -> bool:
    """Whether two defaults as written mean different values."""
    if first == second:
        return False
    try:
        return float(first) != float(second)
    except ValueError:
        return True


def changes(loss: Loss, source: Implementation | None, target: Implementation, names: tuple[str, str]) -> Iterator[str]:
    """What changes between two implementations beyond the spelling of arguments, as sentences."""
    before, after = names
    order = [e.name for e in target.spelled if e.name in loss.arguments and not loss.arguments[e.name].optional]
    if order != sorted(order, key=list(loss.arguments).index):
        yield f"the arrays stand in another order: {', '.join(order)}; hand them over by name"
    if source is not None:
        yield from _reductions(source, target, before, after)
        missing = [name for name in (*loss.arguments, *loss.parameters) if name in source.arrays + source.parameters]
        missing = [name for name in missing if name not in target.arrays + target.parameters]
        if missing:
            yield f"{after} does not take {', '.join(missing)}"
        formats = [name for name in source.dtypes if name not in target.dtypes]
        if formats:
            yield f"{after} has no {', '.join(formats)}"
        integers = [name for name in source.integers if name not in target.integers]
        if integers and any(argument.domain.integer for argument in loss.arguments.values()):
            yield f"{after} takes whole numbers as {', '.join(target.integers)} only, not {', '.join(integers)}"
    yield from (f"{after}: {text}" for text in declared(target))
    yield from (f"{before}: {text}" for text in (declared(source) if source else ()))


def _reductions(source: Implementation, target: Implementation, before: str, after: str) -> Iterator[str]:
    lost = [name for name in source.reductions if name not in target.reductions]
    if lost:
        left = "; reduce its terms yourself" if "none" in target.reductions else ""
        yield f"{after} has no reduction {', '.join(lost)}{left}"
    for name, word in target.words:
        if name in source.reductions and word != dict(source.words).get(name, name):
            yield f"the reduction {name} is written {word}"
    defaults = default_reduction(source), default_reduction(target)
    if defaults[0] != defaults[1]:
        yield f"the reduction by default is {defaults[1]} in {after}, {defaults[0]} in {before}"


def default_reduction(one: Implementation) -> str:
    """Our name for what the framework does unless told otherwise."""
    entry = named(one, "reduction")
    if entry is None:
        return one.reductions[0]
    word = entry.default.strip("'\"")
    return next((name for name, own in one.words if str(own) == word), word)
