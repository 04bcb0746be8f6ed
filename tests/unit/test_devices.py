"""An implementation that runs on one device alone is absent on the others, and asked on its own."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lossbench.cases.applicability import lacks, takers
from lossbench.cases.suite import parse_case
from lossbench.framework import Framework
from lossbench.judging.comparison import Comparison
from lossbench.judging.trials import plan
from lossbench.losses import catalogue
from lossbench.records import Greeting, Implementation, Question, Status, Target, Verdict
from lossbench.reference.answers import Answers

LOSSES = catalogue()
CASE = parse_case("huber/none/float32/6x5/normal/0", LOSSES)
NAMES = ("prediction", "target")
ANYWHERE = Implementation("huber", "a.huber", NAMES, NAMES, ("delta",), ("none",), ("float32",))
ON_CUDA = replace(ANYWHERE, via="a.huber_on_cuda", devices=("cuda",))


class Recorder:
    """Stands in for the workers: keeps what was asked, and never answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.unexplained: list[str] = []

    def ask(self, target: Target, question: Question, arrays: Any) -> None:
        self.asked.append((target.device, question.implementations))

    def replies(self) -> Iterator[Any]:
        return iter(())

    poll = replies


def run(device: str, *offered: Implementation) -> tuple[list[tuple[str, tuple[str, ...]]], list[Verdict]]:
    """What is asked of a target on that device, and the verdicts given without an answer."""
    target = Target("a", device=device)
    greeting = Greeting("a", "1", "3", "python", ("cpu", "cuda"), device, 1, False, 0.0, offered)
    recorder, verdicts = Recorder(), []
    Comparison(recorder, {target: greeting}, Answers(None), verdicts.append, {}).run([CASE])  # type: ignore[arg-type]
    return recorder.asked, verdicts


def test_it_says_where_it_runs() -> None:
    assert lacks(ON_CUDA, CASE, LOSSES["huber"], "cpu") == "runs on cuda alone"
    assert lacks(ON_CUDA, CASE, LOSSES["huber"], "cuda") == ""
    assert lacks(ANYWHERE, CASE, LOSSES["huber"], "cpu") == lacks(ANYWHERE, CASE, LOSSES["huber"], "cuda") == ""


def test_those_that_run_there_take_the_case() -> None:
    both = [ANYWHERE, ON_CUDA]
    assert takers(both, CASE, LOSSES["huber"], "cpu") == ([ANYWHERE], "")
    assert takers(both, CASE, LOSSES["huber"], "cuda") == (both, "")
    assert takers([ON_CUDA], CASE, LOSSES["huber"], "cpu") == ([], "runs on cuda alone")


@pytest.mark.parametrize("offered", [(ON_CUDA,), (ANYWHERE, ON_CUDA), (ON_CUDA, ANYWHERE)])
def test_on_another_device_it_is_absent_whoever_else_takes_the_case(offered: tuple[Implementation, ...]) -> None:
    asked, verdicts = run("cpu", *offered)
    assert [(v.via, v.status, v.note) for v in verdicts] == [("a.huber_on_cuda", Status.ABSENT, "a runs on cuda alone")]
    assert asked == ([("cpu", (ANYWHERE.key,))] if ANYWHERE in offered else [])


def test_on_its_own_device_it_is_asked() -> None:
    asked, verdicts = run("cuda", ANYWHERE, ON_CUDA)
    assert asked == [("cuda", (ANYWHERE.key, ON_CUDA.key))]
    assert verdicts == []


def test_it_is_not_timed_elsewhere() -> None:
    def timed(device: str) -> list[str]:
        greeting = Greeting("a", "1", "3", "python", ("cpu", "cuda"), device, 1, False, 0.0, (ANYWHERE, ON_CUDA))
        found = plan({Target("a", device=device): greeting}, [CASE], LOSSES)
        return [job.implementation.via for jobs in found.jobs.values() for job in jobs if job.implementation]

    assert timed("cpu") == [ANYWHERE.via]
    assert timed("cuda") == [ANYWHERE.via, ON_CUDA.via]


def test_a_framework_s_table_keeps_the_devices() -> None:
    class Bare(Framework):
        name, version = "bare", "1"
        tensor = array = value_and_gradients = wait = devices = None  # type: ignore[assignment]

    bare = Bare()
    bare.implements("huber", via="bare.huber", devices=("cuda",))(lambda prediction, target: prediction)
    bare.implements("huber", via="bare.anywhere")(lambda prediction, target: prediction)
    assert {i.via: i.devices for i, _ in bare.table.values()} == {
        "bare.huber": ("cuda",),
        "bare.anywhere": ("cpu", "cuda"),
    }
