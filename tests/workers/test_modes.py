"""Modes: what a worker answers to one that its framework lacks, or that the machine cannot run."""

from dataclasses import replace

import pytest

from lossbench import worker
from lossbench.framework import Framework
from lossbench.frameworks.fakes.engine import Fakes
from lossbench.records import Target
from lossbench.wire import Absence


class Compiling(Fakes):
    """A fake with a mode that this machine cannot run."""

    def modes(self) -> tuple[str, ...]:
        return ("eager", "compiled", "other")

    def mode_lacks(self, mode: str) -> str:
        return "there is no compiler" if mode == "compiled" else ""


@pytest.fixture
def compiling(monkeypatch: pytest.MonkeyPatch) -> Framework:
    found = Compiling()
    monkeypatch.setattr(worker.importlib, "import_module", lambda name: type("Module", (), {"framework": found}))
    return found


def test_a_mode_that_is_there_is_run(compiling: Framework) -> None:
    assert worker.load("fakes", "cpu", "other") is compiling


def test_a_mode_nobody_has_is_absent_and_those_there_are_named(compiling: Framework) -> None:
    found = worker.load("fakes", "cpu", "xla")
    assert isinstance(found, Absence)
    assert (found.missing, found.message) == ("xla", "fakes offers no mode 'xla', only 'eager', 'compiled', 'other'")


def test_what_the_machine_lacks_is_said(compiling: Framework) -> None:
    found = worker.load("fakes", "cpu", "compiled")
    assert isinstance(found, Absence)
    assert found.message == "fakes cannot run in the mode 'compiled' here: there is no compiler"


def test_a_target_without_a_mode_has_its_frameworks_usual_one() -> None:
    assert (Target("torch").mode, Target("jax").mode) == ("eager", "compiled")
    assert [str(Target(name, mode=mode)) for name in ("torch", "jax") for mode in ("eager", "compiled")] == [
        "torch", "torch:compiled", "jax:eager", "jax"
    ]  # fmt: skip
    assert str(replace(Target("torch"), interpreter="/old/python")) == "torch under /old/python"
