"""A clock that plays from a script: commands that time, without any time passing."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import pytest

from lossbench.commands import gate_times, speed
from lossbench.crew import Timed
from lossbench.records import Ended, Greeting, Implementation, Measurement, Target, Trial
from lossbench.wire import Absence, WireArray

NAMES = ("prediction", "target")


def offer(via: str, loss: str = "huber") -> Implementation:
    """An implementation as a worker describes it."""
    return Implementation(loss, via, NAMES, NAMES, ("delta",), ("none", "mean", "sum"), ("float32",))


class Clock:
    """What every call takes, by target, public name and direction; a crew takes it from here."""

    def __init__(self, offers: dict[str, Sequence[str]]) -> None:
        self.offers = offers  # public names by target; what is not named is not there
        self.seconds: dict[tuple[str, str, bool], float] = {}  # target, public name, with the gradient
        self.noise: Sequence[float] = (1.0, 1.01, 0.99, 1.02, 0.98, 1.0)  # by process
        self.started: dict[str, int] = {}
        self.raising: set[tuple[str, str]] = set()  # targets and public names
        self.interrupted = False

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let `speed` and the gate take their crews from here."""
        for module in (speed, gate_times):
            monkeypatch.setattr(module, "Crew", lambda targets, threads=1: ScriptedCrew(self, targets))


class ScriptedCrew:
    """A crew whose calls take 1 ms, with gradients 3 ms, unless the clock says otherwise."""

    def __init__(self, clock: Clock, targets: Sequence[Target]) -> None:
        self.clock, self.targets = clock, targets

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def greet(self) -> dict[Target, Greeting | Absence]:
        found: dict[Target, Greeting | Absence] = {}
        for target in self.targets:
            if str(target) not in self.clock.offers:
                found[target] = Absence(target.framework, target.framework, f"No module named {target.framework!r}")
                continue
            table = tuple(offer(via) for via in self.clock.offers[str(target)])
            found[target] = Greeting(target.framework, "2.0", "3.11", "python", ("cpu",), "cpu", 1, False, 0.0, table)
        return found

    def time(self, target: Target, trial: Trial, arrays: Sequence[WireArray]) -> Timed:
        clock, via = self.clock, trial.implementation.partition(":")[2]
        if clock.interrupted:
            raise KeyboardInterrupt
        if (str(target), via) in clock.raising:
            return Timed(Measurement(trial.identity, Ended.RAISED, message="ValueError: no"))
        key = (str(target), via, trial.backward)
        count = clock.started[repr(key)] = clock.started.get(repr(key), -1) + 1
        seconds = clock.seconds.get(key, 3e-3 if trial.backward else 1e-3) * clock.noise[count % len(clock.noise)]
        return Timed(Measurement(trial.identity, Ended.ANSWERED, (seconds,) * 5, 2, 0.1, "", trial.seconds, 512))
