"""The porting guide: a loss in every framework's words, what changes between two of them, and what was measured."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.text import Text

from lossbench.loss import Loss
from lossbench.output import spelled
from lossbench.output.info_tables import code, declared, loss_in_full, plain_table
from lossbench.output.tables import counts, figure, worst
from lossbench.records import Implementation, Status, Verdict

OfferedBy = Mapping[str, Sequence[Implementation]]
ALIKE = (Status.AGREES, Status.IMPRECISE)
EXPLAINED = (*ALIKE, Status.BY_CONTRACT, Status.DEVIATES)


def whole(loss: Loss, offered: OfferedBy, verdicts: Sequence[Verdict]) -> Iterator[RenderableType]:
    """Everything there is to say about one loss, from its formula to each framework's call."""
    yield from loss_in_full(loss)
    mine = {framework: [one for one in some if one.loss == loss.name] for framework, some in offered.items()}
    first = {framework: one for framework, some in mine.items() if (one := spelled.best(some, loss)) is not None}
    if len(first) > 1:
        yield Text("the same argument in each framework, by its plainest call:")
        yield Padding(across(loss, first), (0, 0, 1, 2))
    for framework, implementations in mine.items():
        if not implementations:
            yield Text(f"{framework}: no such loss\n")
        for one in sorted(implementations, key=lambda one: spelled.rank(one, loss)):
            yield from implementation(framework, one, loss, verdicts)


def across(loss: Loss, first: Mapping[str, Implementation]) -> RenderableType:
    """One row for each argument, one column for each framework: what it becomes there."""
    table = plain_table("argument", *first)
    table.add_row("", *(escape(f"{one.via}{' (recipe)' if one.recipe else ''}") for one in first.values()))
    for name in (*loss.arguments, *loss.parameters, "reduction"):
        cells = []
        for one in first.values():
            entry = spelled.named(one, name)
            taken = name in one.arrays + one.parameters or (name == "reduction" and len(one.reductions) > 1)
            default = f", default {entry.default}" if entry and entry.default else ""
            cells.append(escape(spelled.spelled_text(entry, name) + default) if entry else name if taken else "-")
        table.add_row(name, *cells)
    return table


def implementation(
    framework: str, one: Implementation, loss: Loss, verdicts: Sequence[Verdict]
) -> Iterator[RenderableType]:
    """One implementation: its call, its arguments, its limits, and what was measured of it."""
    recipe = " (recipe)" if one.recipe else ""
    yield Text.assemble((f"{framework}: ", ""), (one.via, "bold"), recipe)
    call = spelled.call_text(one)
    if call:
        yield code(call)
    if spelled.source_needed(one):
        yield code(one.call)
    facts = [f"reductions {spelled.words(one)}", f"formats {', '.join(one.dtypes)}"]
    facts += copied(one)
    facts += [f"runs on {' and '.join(one.devices)} alone"] if len(one.devices) == 1 else []
    lacking = [name for name in (*loss.parameters, *loss.arguments) if name not in one.parameters + one.arrays]
    facts += [f"does not take {', '.join(lacking)}"] if lacking else []
    facts += [
        f"{row.name or 'sets'} becomes {row.target}: {row.note}" if row.name else f"sets {row.target}, {row.note}"
        for row in spelled.rows(loss, None, one)
        if row.note and row.target
    ]
    facts += [f"known: {text}" for text in declared(one)]
    facts += [f"measured: {text}" for text in measured(framework, one, verdicts)]
    yield Padding(Text("\n".join(facts)), (0, 0, 1, 4))


def copied(one: Implementation) -> list[str]:
    """Where a recipe stands, with what it calls."""
    return [f"a recipe: copy it, with the functions it calls, from {one.home[0]}"] if one.recipe and one.home[0] else []


def measured(framework: str, one: Implementation, verdicts: Sequence[Verdict]) -> Iterator[str]:
    """What came of the ordinary cases that were put to an implementation; nothing where none were."""
    rows = [v for v in verdicts if (v.framework, v.loss, v.via) == (framework, one.loss, one.via)]
    rows = [v for v in rows if v.status not in (Status.ABSENT, Status.SKIPPED)]
    if not rows:
        return
    value, gradient = figure(worst(rows, "value_error")), figure(worst(rows, "gradient_error"))
    errors = f"; at most {value or 'no'} eps off in value, {gradient or 'no'} eps in gradient" if value else ""
    yield f"{counts(rows)} of {len(rows)} ordinary cases in {', '.join(dict.fromkeys(v.dtype for v in rows))}{errors}"
    shown: dict[str, Verdict] = {}
    for row in rows:
        if row.status not in ALIKE:
            shown.setdefault(row.note or row.worst, row)
    for text, row in shown.items():
        yield f"{row.status} in {row.case}: {text}"


def pair(
    loss: Loss, target_loss: Loss, names: tuple[str, str], ends: tuple[Implementation | None, Implementation],
    verdicts: Sequence[Verdict],
) -> Iterator[RenderableType]:  # fmt: skip
    """From one framework to another: the target's call first, then the arguments, what changes, and the proof."""
    (before, after), (source, target) = names, ends
    recipe = " (a recipe)" if target.recipe else ""
    yield Text.assemble((f"{loss.name}: from {before} to {after}", "bold"))
    yield Text.assemble(f"\n{after}: ", (target.via, "bold"), recipe)
    yield code(spelled.call_text(target) or target.call)
    if spelled.call_text(target) and spelled.source_needed(target):
        yield code(target.call)
    if source is None:
        yield Text(f"{before}: not there, or it has no such loss")
    else:
        yield Text.assemble(f"{before}: ", (source.via, "bold"))
        yield code(spelled.call_text(source) or source.call)
    table = plain_table("argument", before, after, "mind")
    for row in spelled.rows(target_loss, source if target_loss is loss else None, target):
        table.add_row(row.name, escape(row.source), escape(row.target), escape(row.note))
    yield Padding(table, (0, 0, 1, 4))
    notes = list(other_inputs(loss, target_loss, after)) if target_loss is not loss else []
    notes += copied(target)
    notes += identities(loss)
    notes += spelled.changes(target_loss, source if target_loss is loss else None, target, names)
    yield Padding(Text("\n".join(dict.fromkeys(notes)) or "nothing else changes"), (0, 0, 1, 4))
    yield Padding(Text("\n".join(proof(names, ends, verdicts))), (0, 0, 1, 4))


def other_inputs(loss: Loss, form: Loss, after: str) -> Iterator[str]:
    """What a form of the loss takes in the place of its arguments."""
    yield f"{after} has this loss in another form, {form.name}"
    for theirs, ours in zip(form.arguments.values(), loss.arguments.values(), strict=False):
        if theirs.domain != ours.domain or theirs.name != ours.name:
            yield f"it takes {theirs.name}, {theirs.domain}, in the place of {ours.name}, {ours.domain}"


def identities(loss: Loss) -> list[str]:
    """What the loss's own page says of its relations to other losses."""
    text = " ".join(loss.doc.split())
    return [found.strip() for found in re.findall(r"Identit(?:y|ies):.*?(?=\. |\.$|$)", text)]


def proof(
    names: tuple[str, str], ends: tuple[Implementation | None, Implementation], verdicts: Sequence[Verdict]
) -> Iterator[str]:
    """Whether both calls were measured to give the same, and what each was worth."""
    worth: list[list[Status]] = []
    for framework, one in zip(names, ends, strict=True):
        lines = list(measured(framework, one, verdicts)) if one else []
        yield from (f"measured, {framework}: {line}" for line in lines)
        mine = [v for v in verdicts if one and (v.framework, v.loss, v.via) == (framework, one.loss, one.via)]
        worth.append([v.status for v in mine if v.status not in (Status.ABSENT, Status.SKIPPED)])
    if not worth[1]:
        return
    if all(status in ALIKE for status in worth[1]):
        same = "both give the definition's numbers" if worth[0] and all(s in ALIKE for s in worth[0]) else ""
        yield f"so {same}: the calls agree" if same else "so the target's call gives the definition's numbers"
    elif all(status in EXPLAINED for status in worth[1]):
        yield "so the target's call gives the definition's numbers except where the notes above say otherwise"
    else:
        yield "so the target's call is not to be trusted here: see the cases above"
