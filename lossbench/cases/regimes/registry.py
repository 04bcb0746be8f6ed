"""What a regime is, and the register of them all."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lossbench.cases.draft import Draft
from lossbench.cases.stored import PREFIX, SHELF, Literal
from lossbench.domains import Kind
from lossbench.loss import Loss, Over

LINES = (Kind.REAL, Kind.POSITIVE)
SCORES = (Kind.LOGIT, Kind.LOGITS)
ROWS = (Kind.PROBABILITIES, Kind.LOG_PROBABILITIES)
NUMBERS = (*LINES, *SCORES, Kind.PROBABILITY, Kind.COSINE, *ROWS, Kind.UNIT)  # seasoned one by one, or by rows
SEASONABLE = (*NUMBERS, Kind.BOX)


@dataclass(frozen=True, slots=True)
class Regime:
    """A way of seasoning: its name, what it does, and to which losses it has something to say."""

    name: str
    season: Callable[[Draft], None]
    needs: tuple[Kind, ...]
    parameter: str = ""  # one that a loss may have instead of such an argument
    over: tuple[Over, ...] = ()  # what terms must run over; empty: anything
    to: Callable[[Loss], bool] | None = None  # what else a loss must have, so that there is something to season
    arrays: int = 1  # how many arguments a loss must at least have
    kinks: bool = False
    rows: int | None = None  # the length it gives the first axis, where it sets one
    repeat: bool = False  # whether each answer is asked for twice, to be compared bit by bit
    infinite: bool = False  # whether its inputs hold infinities that are valid
    invalid: bool = False  # whether its inputs lie outside of every domain, so that refusing them is right
    either: bool = False  # whether terms of such inputs may be NaN or left out
    must_reject: bool = False  # whether there is no right answer at all: only refusing them is right
    superfluous: bool = False  # whether all that is wrong is an axis of length 1 that should not be there
    fractional: bool = False  # whether class indices are handed over as fractions, in the tested format
    dangerous: bool = False  # whether they may do harm to the process that takes them: they are asked last
    outside: bool = False  # whether what is wrong is a parameter beyond its range, and not an argument
    literal: Literal | None = None  # the inputs themselves, of a stored case
    captured: bool = False  # whether it hands over a user's own tensors: only a case that names it asks for it

    @property
    def doc(self) -> str:
        """What it does, in one sentence."""
        return (self.season.__doc__ or "").strip().splitlines()[0]

    def applies(self, loss: Loss) -> bool:
        """Whether the loss has an argument to season."""
        if self.literal is not None:
            return self.literal.loss == loss.name
        if self.captured:
            return False
        if self.kinks:
            return loss.kinks_at is not None
        if (self.over and loss.over not in self.over) or len(loss.arguments) < self.arrays:
            return False
        if self.to is not None and not self.to(loss):
            return False
        if self.parameter and self.parameter in loss.parameters:
            return True
        return not self.needs or any(a.domain.kind in self.needs for a in loss.arguments.values())


Stress = Callable[[Draft, float], None]


class Register(dict[str, Regime]):
    """All regimes by name, and those with a level as they are asked for: ``register["scale=640"]``."""

    def __init__(self) -> None:
        """Start empty."""
        super().__init__()
        self.stresses: dict[str, tuple[Stress, tuple[Kind, ...]]] = {}

    def __missing__(self, word: str) -> Regime:
        """The regime of a stress at a level, or of a stored case."""
        name, _, level = word.partition("=")
        if name == PREFIX[:-1] and (literal := SHELF.find(level)) is not None:
            return Regime(word, _nothing, (), literal=literal)
        if name not in self.stresses or not _is_number(level):
            raise KeyError(word)
        season, needs = self.stresses[name]
        made = functools.partial(_at, season, float(level))
        made.__doc__ = season.__doc__
        return Regime(word, made, needs)

    def knows(self, word: str) -> bool:
        """Whether there is such a regime or stored case, or such a stress with a number for its level."""
        name, equals, level = word.partition("=")
        if name == PREFIX[:-1] and equals:
            return SHELF.find(level) is not None
        return word in self or (bool(equals) and name in self.stresses and _is_number(level))


def _nothing(draft: Draft) -> None:
    """Inputs written down number by number."""


def _at(season: Stress, level: float, draft: Draft) -> None:
    season(draft, level)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


REGIMES = Register()


def stress(*needs: Kind) -> Callable[[Stress], Stress]:
    """Decorator: enter a seasoning that takes a level, under its function's name."""

    def enter(season: Stress) -> Stress:
        REGIMES.stresses[season.__name__] = (season, needs)
        return season

    return enter


def regime(*needs: Kind, **properties: Any) -> Callable[[Callable[[Draft], None]], Callable[[Draft], None]]:
    """Decorator: enter a seasoning under its function's name, with the further properties of a `Regime`."""

    def enter(season: Callable[[Draft], None]) -> Callable[[Draft], None]:
        name = season.__name__
        REGIMES[name] = Regime(name, season, needs, **properties)
        return season

    return enter
