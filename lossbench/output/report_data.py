"""What a report holds: rows packed into columns, texts once, and all that explains them."""

from __future__ import annotations

import functools
import inspect
import math
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from lossbench.cases.regimes import REGIMES
from lossbench.judging.changes import Change, Kind, key
from lossbench.loss import Loss
from lossbench.output.info_tables import body
from lossbench.output.report_times import Row, machine, roof, target_of, times
from lossbench.output.tables import ORDER
from lossbench.records import Status, Target, Verdict
from lossbench.spreads import EXACT, edge

# A sign that tells verdicts apart without their colour, and what each means.
SIGNS = {
    Status.AGREES: ("✓", "within the limits"),
    Status.REJECTS: ("⊢", "invalid input refused, which is right"),
    Status.IMPRECISE: ("≈", "right by scale, but single components have lost most of their digits"),
    Status.BY_CONTRACT: ("§", "differs from the definition by a documented choice"),
    Status.DEVIATES: ("Δ", "differs from the definition exactly as its adapter declares"),
    Status.ACCEPTS: ("!", "invalid input answered"),
    Status.REFUSES: ("⊘", "raised on valid input"),
    Status.DIFFERS: ("≠", "wrong, and nobody has said why"),
    Status.HANGS: ("…", "did not answer by the deadline"),
    Status.CRASHES: ("✕", "the process died"),
    Status.ABSENT: ("–", "not offered"),
    Status.SKIPPED: ("·", "not installed"),
}
BINS = (0.0, 0.5, 1.0, 2.0, 4.0, 16.0, 64.0, 1024.0, 2.0**20)  # largest ulps of each; then more, then NaN or infinity
EXPLAINED = (Status.BY_CONTRACT, Status.DEVIATES)
FINE = (Status.AGREES, Status.ABSENT)
INFINITE = -1  # what stands for infinity in JSON, which has none; errors are never negative
NO_CHANGE = ""


class Texts:
    """Every text once, by number."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {"": 0}

    def __call__(self, text: str) -> int:
        """The number of a text."""
        return self.numbers.setdefault(text, len(self.numbers))


def payload(
    rows: Sequence[Verdict],
    losses: Mapping[str, Loss],
    timings: Sequence[Row] = (),
    found: Sequence[Change] | None = None,
    before: Sequence[Verdict] = (),
    files: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """All that the page shows, as JSON can say it.

    Args:
        rows: the verdicts; the later ones where two sets are compared.
        losses: the catalogue.
        timings: rows of timings as read from a file.
        found: what changed between two sets; None where there is but one.
        before: the earlier ones of two sets.
        files: what is said of each file of results.
    """
    told = {key(change.row): change for change in found or ()}
    gone = [change.row for change in found or () if change.kind is Kind.GONE]
    measured = [row for row in [*rows, *gone] if row.status is not Status.SKIPPED]
    took = times(timings)
    names = sorted({row.loss for row in measured} | {entry["loss"] for entry in took})
    return {
        "statuses": [{"name": str(status), "sign": SIGNS[status][0], "means": SIGNS[status][1]} for status in ORDER],
        "bins": ["exact", "≤ ½", "≤ 1", "≤ 2", "≤ 4", "≤ 16", "≤ 64", "≤ 1024", "≤ 2²⁰", "more", "NaN, ∞"],
        "losses": {name: described(losses[name]) if name in losses else {} for name in names},
        "regimes": {
            name: REGIMES[name].doc for name in sorted({row.regime for row in measured}) if REGIMES.knows(name)
        },
        **packed(measured, told),
        "compared": found is not None,
        "times": took,
        "roof": roof(timings),
        "environment": environment(rows, timings, before),
        "files": list(files),
    }


def packed(rows: Sequence[Verdict], told: Mapping[tuple[str, ...], Change]) -> dict[str, Any]:
    """The rows as columns of numbers, beside the texts and implementations that the numbers stand for."""
    texts = Texts()
    owners: dict[tuple[str, ...], int] = {}
    columns: dict[str, list[Any]] = {
        name: [] for name in ("owner", "case", "status", "compared", "ve", "ge", "vu", "gu", "worst", "note")
    }
    columns |= {name: [] for name in ("vs", "gs", "change", "why")}
    order = {status: number for number, status in enumerate(ORDER)}
    for row in rows:
        owner = (row.loss, row.framework, row.via, _target(row))
        change = told.get(key(row))
        quiet = row.status in FINE
        values = (
            owners.setdefault(owner, len(owners)),
            texts(row.case.partition("/")[2]),
            order[Status.ABSENT if change and change.kind is Kind.GONE else row.status],
            row.compared,
            *(_short(error) for error in (row.value_error, row.gradient_error, row.value_ulps, row.gradient_ulps)),
            0 if quiet else texts(row.worst),
            0 if row.status is Status.AGREES else texts(row.note),
            texts(_binned(row.value_spread)),
            texts(_binned(row.gradient_spread)),
            texts(change.kind if change else NO_CHANGE),
            texts(change.reason if change else ""),
        )
        for column, value in zip(columns.values(), values, strict=True):
            column.append(value)
    return {"texts": list(texts.numbers), "owners": [list(owner) for owner in owners], "rows": columns}


def described(loss: Loss) -> dict[str, Any]:
    """What a loss is: formula and source, definition, arguments."""
    return {
        "doc": loss.doc,
        "definition": "" if loss.textbook is None else body(inspect.getsource(loss.textbook)).strip(),
        "over": str(loss.over),
        "reductions": list(loss.reductions),
        "aliases": list(loss.aliases),
        "arguments": [
            [argument.name + (" (optional)" if argument.optional else ""), str(argument.domain)]
            for argument in loss.arguments.values()
        ]
        + [[each.name, f"{each.range or 'a choice'}, default {each.default}"] for each in loss.parameters.values()],
    }


def environment(rows: Iterable[Verdict], timings: Sequence[Row], before: Iterable[Verdict] = ()) -> dict[str, Any]:
    """Who was measured, who was not there, and on what it was timed; of two sets, which versions changed."""
    frameworks: dict[str, str] = {}
    skipped: dict[str, str] = {}
    for row in rows:
        if row.status is Status.SKIPPED:
            skipped[_target(row)] = row.note
        else:
            frameworks[_target(row)] = row.version
    for timing in timings:
        frameworks.setdefault(target_of(timing), timing.get("version", ""))
    for row in before:
        name = _target(row)
        if name in frameworks and row.version and " → " not in frameworks[name] and row.version != frameworks[name]:
            frameworks[name] = f"{row.version} → {frameworks[name]}"
    try:
        own = version("lossbench")
    except PackageNotFoundError:
        own = "that is not installed"
    return {
        "frameworks": {name: text for name, text in sorted(frameworks.items()) if name and text},
        "skipped": skipped,
        "timed": machine(timings),
        "written": f"lossbench {own}, Python {platform.python_version()}, {platform.system()} {platform.machine()}",
    }


def _target(row: Verdict) -> str:
    return row.target or str(Target(row.framework, device=row.device, mode=row.mode))


def _short(error: float | None) -> float | int | None:
    if error is None:
        return None
    if not math.isfinite(error):
        return INFINITE
    number = float(f"{error:.3g}")
    return int(number) if number.is_integer() and number < 1000 else number


def _binned(cell: Sequence[str]) -> str:
    """A spread in the page's few bins, as counts with commas between; those at the end that are empty left out."""
    counts = [0] * (len(BINS) + 2)
    for part in cell:
        step, _, count = part.partition(":")
        counts[_bin(step)] += int(count)
    while counts and not counts[-1]:
        counts.pop()
    return ",".join(map(str, counts))


@functools.cache
def _bin(step: str) -> int:
    if step == EXACT:
        return 0
    largest = edge(step)
    if math.isinf(largest):
        return len(BINS) + 1
    return next((number for number, bound in enumerate(BINS) if largest <= bound), len(BINS))
