"""Every framework in every mode it has: the calls that are timed give right answers, and none is refused."""

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from lossbench.commands import speed
from lossbench.crew import Crew
from lossbench.judging.standings import BACKWARD, FORWARD
from lossbench.records import Target
from lossbench.results import read
from lossbench.timings import Timing
from lossbench.wire import Absence

MODES = {
    "torch": ("eager", "compiled"),
    "paddle": ("eager", "compiled"),
    "tensorflow": ("eager", "compiled", "xla"),
    "jax": ("eager", "compiled"),
}
VIA = {
    "torch": "torch.nn.HuberLoss",
    "paddle": "paddle.nn.HuberLoss",
    "tensorflow": "keras.losses.Huber",
    "jax": "optax.losses.squared_error",
}


def needs(framework: str) -> list[pytest.MarkDecorator]:
    return [
        pytest.mark.framework(framework),
        pytest.mark.skipif(find_spec(framework) is None, reason=f"{framework} is not installed"),
    ]


@pytest.mark.parametrize("framework", [pytest.param(name, marks=needs(name)) for name in MODES])
def test_a_timed_call_is_right_in_every_mode(framework: str, tmp_path: Path) -> None:
    modes = MODES[framework]
    if framework == "torch" and not any(map(shutil.which, ("g++", "clang++", "c++"))):
        modes = ("eager",)
    request = speed.Request(
        losses=("huber", "squared_error"),
        frameworks=(framework,),
        modes=modes,
        shapes=("4x8",),
        implementation=VIA[framework],
        processes=1,
        seconds=0.0,
        csv=tmp_path / "speed.csv",
    )
    assert speed.main(request) == 0
    rows = [row for row in read(tmp_path / "speed.csv", Timing) if row.via == VIA[framework]]
    assert {(row.mode, row.direction) for row in rows} == {(m, d) for m in modes for d in (FORWARD, BACKWARD)}
    assert {row.note for row in rows} == {""}
    assert {row.answer for row in rows} == {"agrees"}
    assert all(row.first_call and row.p25 and row.first_call > 0 for row in rows)


@pytest.mark.framework("torch")
@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
def test_without_a_compiler_torch_says_what_it_needs(tmp_path: Path) -> None:
    target = Target("torch", mode="compiled")
    with Crew([target], variables={"PATH": str(tmp_path), "CXX": ""}) as crew:
        found = crew.greet()[target]
    assert isinstance(found, Absence)
    assert found.missing == "compiled"
    assert "torch.compile needs a C++ compiler, and none of g++, clang++, c++ is found" in found.message
