"""The command `choose`: answers as options or at a terminal, and the losses they lead to."""

import builtins
import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from running import InProcess

from lossbench.chart import chart
from lossbench.losses import catalogue


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paper on which nothing needs a second line."""
    monkeypatch.setenv("COLUMNS", "2000")


def found(out: str) -> list[str]:
    """The losses that were led to."""
    names = {leaf.loss for leaf in chart().leaves}
    return [name for line in out.splitlines() if (name := line.partition(":")[0]) in names]


def test_answers_as_options_lead_to_losses_with_reasons_and_pitfalls(wide: None, lossbench: InProcess) -> None:
    done = lossbench("choose", "--task", "classification", "--labels=index", "--imbalanced")
    assert done.code == 0
    assert found(done.out) == ["cross_entropy", "categorical_focal"]
    assert "for rare classes it takes class weights" in done.out
    assert "with a softmax in front, a score of 8" in done.out
    assert "taken for granted: --margin no --scores logits --vocabulary no --noisy no" in done.out
    assert "measured: paddle.nn.CrossEntropyLoss deviates" in done.out
    there = "categorical_focal" in catalogue()
    assert ("not yet here" in done.out) == (not there)


@pytest.mark.parametrize("words", [("--no-outliers",), ("--outliers", "no"), ()])
def test_yes_and_no_can_be_said_as_a_switch(words: tuple[str, ...], wide: None, lossbench: InProcess) -> None:
    assert found(lossbench("choose", "--task", "regression", *words).out) == ["squared_error"]
    assert "huber" in found(lossbench("choose", "--outliers", "--task", "regression").out)


def test_the_call_in_a_framework_without_one(wide: None, lossbench: InProcess) -> None:
    done = lossbench("choose", "--task", "sequence", "--framework", "fakes")
    assert done.code == 0
    assert "fakes has no such loss; `lossbench show ctc` says who has" in done.out


@pytest.mark.framework("paddle")
@pytest.mark.skipif(find_spec("paddle") is None, reason="paddle is not installed")
def test_the_call_in_a_framework_and_what_is_known_of_it(wide: None, lossbench: InProcess) -> None:
    done = lossbench("choose", "--task", "detection", "--box", "offsets", "--framework", "paddlepaddle")
    assert done.code == 0
    call = "paddle.nn.SmoothL1Loss(delta=beta, is_huber=False, reduction=reduction)(input=prediction, label=target)"
    assert call in done.out
    done = lossbench("choose", "--task", "classification", "--framework", "paddle")
    assert "the softmax on the processor clips scores at 64 below the maximum" in done.out
    assert "keras" not in done.out


def test_the_whole_tree(wide: None, lossbench: InProcess) -> None:
    done = lossbench("choose", "--tree")
    assert done.code == 0
    for question in chart().questions:
        assert f"{question.text} (--{question.name})" in done.out
    for leaf in chart().leaves:
        assert leaf.loss in done.out
    for name, reason in chart().advanced.items():
        assert f"{name}: {reason}" in done.out
    for name in {leaf.loss for leaf in chart().leaves} & set(catalogue()):
        assert not re.search(rf"\b{name} \(not yet here\)", done.out), name


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "nobody is there to ask"),
        (["--labels", "index"], "--task regression, --task classification"),
        (["--task", "regresion"], "did you mean regression or"),
        (["--taks", "regression"], "did you mean --task or"),
        (["regression"], "'regression'"),
        (["--task"], "--task ''"),
        (["--no-task"], "for questions of yes and no"),
        (["--task", "regression", "--task", "ranking"], "given twice"),
        (["--task", "regression", "--tree"], "leave out the other options"),
        (["--task", "regression", "--framework", "tourch"], "did you mean torch"),
        (["--task", "classification", "--labels", "several", "--scores", "log_probabilities"], "no loss of the chart"),
    ],
)
def test_what_cannot_be_meant_is_said_in_one_line(
    arguments: list[str], says: str, lossbench: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    done = lossbench("choose", *arguments)
    assert done.code == 2
    assert done.out == ""
    assert len(done.err.splitlines()) == 1
    assert says in done.err


def test_a_framework_that_is_not_there_is_3(lossbench: InProcess, no_frameworks: None) -> None:
    done = lossbench("choose", "--task", "regression", "--framework", "torch")
    assert done.code == 3
    assert "squared_error" not in done.out


class Terminal:
    """Standard input, with somebody there."""

    @staticmethod
    def isatty() -> bool:
        return True


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What somebody types, line by line; the end of it is the end of the input."""
    lines: list[str] = []

    def read(prompt: str) -> str:
        print(prompt)
        if not lines:
            raise EOFError
        return lines.pop(0)

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(builtins, "input", read)
    yield lines
    assert not lines, f"never asked for: {lines}"


def test_questions_at_a_terminal(typed: list[str], wide: None, lossbench: InProcess) -> None:
    """By number, by word, by nothing where there is a default; nonsense is asked again; what is idle is not asked."""
    typed += ["classification", "nonsense", "99", "1", "", "logits", "no", "2", ""]
    done = lossbench("choose")
    assert done.code == 0
    assert found(done.out) == ["cross_entropy", "categorical_focal"]
    assert done.out.count("a number from 1 to") == 2
    assert "Do both distributions sum to 1?" not in done.out
    assert "index> " in done.out


def test_the_end_of_the_input_is_an_interruption(typed: list[str], lossbench: InProcess) -> None:
    assert lossbench("choose").code == 130
