"""What a regime is, and the register of them all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lossbench.cases.draft import Draft
from lossbench.domains import Kind
from lossbench.loss import Loss, Over

LINES = (Kind.REAL, Kind.POSITIVE)
SCORES = (Kind.LOGIT, Kind.LOGITS)
ROWS = (Kind.PROBABILITIES, Kind.LOG_PROBABILITIES)
SEASONABLE = (*LINES, *SCORES, Kind.PROBABILITY, *ROWS)


@dataclass(frozen=True, slots=True)
class Regime:
    """A way of seasoning: its name, what it does, and to which losses it has something to say."""

    name: str
    season: Callable[[Draft], None]
    needs: tuple[Kind, ...]
    parameter: str = ""  # one that a loss may have instead of such an argument
    over: tuple[Over, ...] = ()  # what terms must run over; empty: anything
    kinks: bool = False
    rows: int | None = None  # the length it gives the first axis, where it sets one
    repeat: bool = False  # whether each answer is asked for twice, to be compared bit by bit
    infinite: bool = False  # whether its inputs hold infinities that are valid
    invalid: bool = False  # whether its inputs lie outside of every domain, so that refusing them is right
    must_reject: bool = False  # whether there is no right answer at all: only refusing them is right
    dangerous: bool = False  # whether they may do harm to the process that takes them: they are asked last

    @property
    def doc(self) -> str:
        """What it does, in one sentence."""
        return (self.season.__doc__ or "").strip().splitlines()[0]

    def applies(self, loss: Loss) -> bool:
        """Whether the loss has an argument to season."""
        if self.kinks:
            return loss.kinks_at is not None
        if self.over and loss.over not in self.over:
            return False
        if self.parameter and self.parameter in loss.parameters:
            return True
        return not self.needs or any(a.domain.kind in self.needs for a in loss.arguments.values())


REGIMES: dict[str, Regime] = {}


def regime(*needs: Kind, **properties: Any) -> Callable[[Callable[[Draft], None]], Callable[[Draft], None]]:
    """Decorator: enter a seasoning under its function's name, with the further properties of a `Regime`."""

    def enter(season: Callable[[Draft], None]) -> Callable[[Draft], None]:
        name = season.__name__
        REGIMES[name] = Regime(name, season, needs, **properties)
        return season

    return enter
