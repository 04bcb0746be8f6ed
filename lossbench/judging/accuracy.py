"""How accurate each implementation is in each format, over all cases there are rows of: value and gradient apart.

Ulps are counted over single numbers: worst, 99th percentile and median of all that were compared, from the spreads in
the rows (percentiles are edges of steps, up to a fifth too high). Errors by scale are the worst. Beside the worst
stands the input that shows it, built anew from the name of its case.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lossbench.cases.inputs import build, resolved
from lossbench.cases.suite import parse_case
from lossbench.errors import UsageError
from lossbench.floats import FORMATS, Format
from lossbench.loss import Loss
from lossbench.records import Case, Option, Status, Verdict, option_text
from lossbench.spreads import percentile, pooled

SIDES = ("value", "gradient")
WITHOUT = (Status.ABSENT, Status.SKIPPED, Status.REFUSES, Status.CRASHES, Status.HANGS, Status.REJECTS)
OTHER_RULERS = ("relation", "path")  # of rows that hold answers against other answers
LONGEST = 8  # numbers of an argument that are still written out
PLACE = re.compile(r"(?:value|gradient of (?P<name>\w+))(?:\[(?P<index>[\d,]+)\])?: ")


@dataclass(frozen=True, slots=True)
class Accuracy:
    """One row of the table: an implementation, a format, and its value or its gradients."""

    loss: str
    framework: str
    version: str
    via: str
    device: str
    mode: str
    dtype: str
    of: str  # value or gradient
    cases: int
    agrees: int  # cases that agree, imprecise ones counted in
    explained: int  # cases that differ as declared or documented
    differs: int  # cases that differ, and nobody has said why
    numbers: int | None  # how many single numbers were compared
    worst_ulps: float
    p99_ulps: float | None  # None where the rows do not say how their errors are spread
    median_ulps: float | None
    worst_eps: float  # by scale
    case: str  # the one with the worst ulps
    shown: str  # where in it, got and want
    input: str  # what was handed over there


@dataclass(frozen=True, slots=True)
class Silent:
    """An implementation that was asked in a format and gave no number that could be compared."""

    loss: str
    framework: str
    via: str
    dtype: str
    status: str
    reason: str


def silent(rows: Iterable[Verdict]) -> list[Silent]:
    """Those of which the table says nothing, with the first reason of each; what a framework lacks is no silence."""
    asked: dict[tuple[str, ...], Silent] = {}
    heard: set[tuple[str, ...]] = set()
    for row in rows:
        key = (row.loss, row.framework, row.via, row.dtype)
        if row.status in (Status.ABSENT, Status.SKIPPED) or row.reference in OTHER_RULERS:
            continue
        if row.status not in WITHOUT and row.compared and (row.value_ulps, row.gradient_ulps) != (None, None):
            heard.add(key)
        elif row.status is not Status.REJECTS:
            asked.setdefault(key, Silent(*key, row.status, row.note))
    return [one for key, one in asked.items() if key not in heard]


def table(rows: Iterable[Verdict], losses: Mapping[str, Loss]) -> list[Accuracy]:
    """The accuracy of all implementations that have answered, by loss, implementation and format."""
    groups: dict[tuple[str, ...], list[Verdict]] = {}
    for row in rows:
        if row.status not in WITHOUT and row.compared and row.reference not in OTHER_RULERS:
            key = (row.loss, row.framework, row.via, row.version, row.device, row.mode, row.dtype)
            groups.setdefault(key, []).append(row)
    formats = list(FORMATS)
    ranked = sorted(groups.items(), key=lambda item: (*item[0][:6], formats.index(item[0][6])))
    return [entry for _, mine in ranked for side in SIDES if (entry := _entry(side, mine, losses))]


def _entry(side: str, rows: Sequence[Verdict], losses: Mapping[str, Loss]) -> Accuracy | None:
    known = [row for row in rows if getattr(row, f"{side}_ulps") is not None]
    if not known:
        return None
    worst = max(known, key=lambda row: (getattr(row, f"{side}_ulps"), getattr(row, f"{side}_error"), row.case))
    whole = all(getattr(row, f"{side}_spread") for row in known)
    spread = pooled(getattr(row, f"{side}_spread") for row in known) if whole else None
    place = getattr(worst, f"{side}_worst") or (worst.worst if worst.worst.startswith(side) else "")
    return Accuracy(
        loss=worst.loss,
        framework=worst.framework,
        version=worst.version,
        via=worst.via,
        device=worst.device,
        mode=worst.mode,
        dtype=worst.dtype,
        of=side,
        cases=len(known),
        agrees=sum(row.status in (Status.AGREES, Status.IMPRECISE) for row in known),
        explained=sum(row.status in (Status.BY_CONTRACT, Status.DEVIATES) for row in known),
        differs=sum(row.status in (Status.DIFFERS, Status.ACCEPTS) for row in known),
        numbers=spread.total() if spread else None,
        worst_ulps=getattr(worst, f"{side}_ulps"),
        # the edge of a step lies above the errors in it; no percentile exceeds the worst
        p99_ulps=_capped(percentile(spread, 0.99), getattr(worst, f"{side}_ulps")) if spread else None,
        median_ulps=_capped(percentile(spread, 0.5), getattr(worst, f"{side}_ulps")) if spread else None,
        worst_eps=max(getattr(row, f"{side}_error") for row in known),
        case=worst.case,
        shown=place,
        input=shown_input(worst.case, place, losses) if place else "",
    )


def _capped(figure: float | None, worst: float) -> float | None:
    return None if figure is None else min(figure, worst)


def shown_input(name: str, place: str, losses: Mapping[str, Loss]) -> str:
    """What was handed over where the worst number stands: the term's own part of every argument, and parameters.

    A part that is too long to be read is given by its shape. Empty where the case is not one of this catalogue.
    """
    try:
        case = parse_case(name, losses)
    except UsageError:
        return ""
    loss = losses[case.loss]
    arrays = build(case, loss).arrays
    term = _term(place, case, loss)
    parts = []
    for argument, array in arrays.items():
        part = _part(array, term, loss.term_shape(case.shape))
        if part.size > LONGEST:
            parts.append(f"{argument}=({'x'.join(map(str, part.shape))})")
            continue
        parts.append(f"{argument}={_written(part, None if array.dtype.kind == 'i' else FORMATS[case.dtype])}")
    parameters: dict[str, Option] = {
        k: v for k, v in resolved(case, loss).items() if dict(case.parameters).get(k) is not None
    }
    return " ".join([*parts, *(f"{key}={option_text(value)}" for key, value in parameters.items())])


def _term(place: str, case: Case, loss: Loss) -> tuple[int, ...] | None:
    """The term that the place belongs to; None where it belongs to all of them."""
    found, axes = PLACE.match(place), len(loss.term_shape(case.shape))
    if found is None or found["index"] is None:
        return () if axes == 0 else None
    index = tuple(int(part) for part in found["index"].split(","))
    inside = all(at < size for at, size in zip(index, case.shape[:axes], strict=False))
    shared = found["name"] is not None and loss.is_shared(found["name"])
    return index[:axes] if len(index) >= axes and inside and not shared else None


def _part(array: np.ndarray, term: tuple[int, ...] | None, terms: tuple[int, ...]) -> np.ndarray:
    if term is None:
        return array
    lead = array.shape[: len(terms)]
    return np.asarray(array[term]) if lead == terms else array


def _written(part: np.ndarray, form: Format | None) -> str:
    """Numbers by the fewest digits that read back as the same number of the format."""
    numbers = [_number(float(x), form) if form else str(int(x)) for x in part.reshape(-1)]
    return numbers[0] if part.ndim == 0 else f"[{','.join(numbers)}]"


def _number(x: float, form: Format | None) -> str:
    if math.isnan(x) or math.isinf(x) or form is None:
        return str(x)
    kind = {"float16": np.float16, "float64": np.float64}.get(form.name, np.float32)  # float32 holds every bfloat16
    return str(kind(x)).removesuffix(".0")
