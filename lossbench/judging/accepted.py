"""A row of a baseline, and how verdicts fold into one.

A key is who took which recipe: a public name of a framework on a device in a mode, and a case without its shape and
seed, so that verdicts fold over seeds and over nothing else. A regime or a format folded away would hide a regression
behind a worse neighbour (what deviates at the boundary anyway may start to differ on ordinary inputs); the suite of
the gate keeps the file small instead. Options are part of the key, written as in the names of cases
(``label_smoothing=0.125``), and a key reads ``huber/delta=0.125/none/float32/kink by torch.nn.HuberLoss of torch``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import ROUND_CEILING, Decimal

from lossbench.records import Status, Target, Verdict

# From right to worst; what stands in one line is equally bad in kind.
KINDS = (
    (Status.AGREES, Status.REJECTS, Status.IMPRECISE),
    (Status.BY_CONTRACT,),
    (Status.DEVIATES,),
    (Status.ACCEPTS, Status.REFUSES, Status.DIFFERS),
    (Status.HANGS,),
    (Status.CRASHES,),
)
LEVELS = {status: level for level, kind in enumerate(KINDS) for status in kind}
ORDER = [status for kind in KINDS for status in kind]

Key = tuple[str, ...]
Recipe = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Accepted:
    """One row of a baseline: a key, and what somebody accepted of it. Errors by scale, in eps."""

    loss: str
    framework: str
    via: str
    device: str
    mode: str
    dtype: str
    reduction: str
    options: str  # as in a case's name: class_weight,label_smoothing=0.125
    regime: str
    status: Status  # the worst in kind over the seeds
    value_error: float | None  # the worst over the seeds, rounded up to two figures
    gradient_error: float | None
    version: str  # the framework's, when this row was accepted
    machine: str = ""  # where: architecture and vector units, or the device's name; empty in old files
    reason: str = ""  # why it is accepted, in somebody's own words
    expires: str = ""  # until which day, such as 2027-01-31; empty: for good

    def __post_init__(self) -> None:
        """Refuse to be built as something that nothing could be held against."""
        if self.status not in LEVELS:
            raise ValueError(f"{self.status!r} is no status that can be accepted")
        for figure in (self.value_error, self.gradient_error):
            if figure is not None and not figure >= 0:
                raise ValueError(f"an error of {figure!r} eps; it should be 0 or more, or empty where unknown")
        if self.expires:
            try:
                date.fromisoformat(self.expires)
            except ValueError:
                raise ValueError(f"expires is {self.expires!r}; it should be a day, such as 2027-01-31") from None

    def expired(self, today: date) -> bool:
        """Whether the last day on which it was to be accepted has passed."""
        return bool(self.expires) and date.fromisoformat(self.expires) < today

    @property
    def recipe(self) -> Recipe:
        """What was asked, whoever answers: loss, options, reduction, format and regime."""
        return (self.loss, self.options, self.reduction, self.dtype, self.regime)

    @property
    def key(self) -> Key:
        """What the row is about: all columns before the status."""
        return tuple(str(getattr(self, name)) for name in KEY)

    @property
    def target(self) -> Target:
        """Where it was run, under lossbench's own interpreter."""
        return Target(self.framework, device=self.device, mode=self.mode)

    def __str__(self) -> str:
        """The key for reading: a case's name without shape and seed, and whose answer it is."""
        return f"{'/'.join(part for part in self.recipe if part)} by {self.via} of {self.target}"


KEY = [field.name for field in fields(Accepted)][: [field.name for field in fields(Accepted)].index("status")]


@dataclass(frozen=True, slots=True)
class Found:
    """A key as it was measured: its row with unrounded figures, and the verdicts behind it."""

    row: Accepted
    verdicts: tuple[Verdict, ...]

    def shows(self, figure: str = "") -> Verdict:
        """The verdict that shows the worst status, or the worst of the column `figure`."""
        if figure:
            return max(self.verdicts, key=lambda v: _known(getattr(v, figure)))
        return max(self.verdicts, key=lambda v: (ORDER.index(v.status), _known(v.value_error, v.gradient_error)))


def _known(*figures: float | None) -> float:
    return max((math.inf if math.isnan(f) else f for f in figures if f is not None), default=-1.0)


def fold(verdicts: Iterable[Verdict]) -> dict[Key, Found]:
    """Verdicts by key, in whatever order they came; what was not put to anybody has none."""
    groups: dict[Key, list[Verdict]] = {}
    rows: dict[Key, Accepted] = {}
    for verdict in sorted((v for v in verdicts if v.status in LEVELS), key=lambda v: v.case):
        row = _row(verdict)
        groups.setdefault(row.key, []).append(verdict)
        rows.setdefault(row.key, row)
    return {key: _folded(rows[key], group) for key, group in groups.items()}


def recipe_of(case: str) -> Recipe:
    """The recipe in a case's name: all but shape and seed."""
    parts = case.split("/")
    loss, options = (parts[0], parts[1] if len(parts) == 7 else "")
    reduction, dtype, _, regime, _ = parts[-5:]
    return (loss, options, reduction, dtype, regime)


def _row(verdict: Verdict) -> Accepted:
    same = {name: getattr(verdict, name) for name in KEY if name != "options"}
    same |= {"options": recipe_of(verdict.case)[1], "status": verdict.status, "version": verdict.version}
    return Accepted(**same, value_error=None, gradient_error=None)


def _folded(row: Accepted, group: list[Verdict]) -> Found:
    values, gradients = (_known(*(getattr(v, n) for v in group)) for n in ("value_error", "gradient_error"))
    worst = replace(
        row,
        status=max((v.status for v in group), key=ORDER.index),
        value_error=None if values < 0 else values,
        gradient_error=None if gradients < 0 else gradients,
    )
    return Found(worst, tuple(group))


def rounded_up(figure: float | None) -> float | None:
    """The figure with two significant digits, never a smaller one."""
    if figure is None or figure == 0 or math.isinf(figure):
        return figure
    exact = Decimal(repr(figure))  # as printed: 1.3 stays 1.3, though the float lies above it
    return float(exact.quantize(Decimal(1).scaleb(exact.adjusted() - 1), ROUND_CEILING))


def number(figure: float | None) -> str:
    """An error for reading: three figures at most."""
    return "" if figure is None else f"{figure:.3g}"


def described(row: Accepted) -> str:
    """Status and figures: ``agrees, value 1.2, gradient 0.5``."""
    figures = (("value", row.value_error), ("gradient", row.gradient_error))
    return ", ".join([row.status, *(f"{name} {number(figure)}" for name, figure in figures if figure is not None)])
