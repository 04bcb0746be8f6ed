"""Paddle's adapters, asked in processes of their own: this one never imports Paddle."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from alone import alone
from every_framework import *  # noqa: F403  (its tests are this module's, too)

from lossbench.crew import Crew
from lossbench.records import Ended, Greeting, Question, Target, Verdict
from lossbench.wire import WireArray, fingerprint

pytestmark = [
    pytest.mark.framework("paddle"),
    pytest.mark.skipif(find_spec("paddle") is None, reason="paddle is not installed"),
]

TARGET = Target("paddle")
CHECKS = Path(__file__).with_name("paddle_checks.py")
FORMATS = ("float64", "float32")
SHAPES = {
    "elements": ((3, 4), (2, 3, 4)),
    "rows": ((3, 4), (2, 3, 4)),
    "samples": ((2, 6), (2, 3, 2)),
    "ctc": ((3, 7, 4),),
    "nll": ((3, 4),),  # NLLLoss may be asked about ignored rows only where they are few: see the test of that
}
BLOCKS = [(options, FORMATS) for options in ("default", "each", "together")]


def explained(verdict: Verdict) -> bool:
    """Label smoothing and soft labels give a column, where torch and the definition have none."""
    return "other-shape" in verdict.note and (verdict.loss, verdict.reduction) in {
        ("cross_entropy", "none"),
        ("soft_cross_entropy", "none"),
    }


def in_paddle(check: str, *, dies: bool = False) -> str:
    """What a function of paddle_checks.py prints, run in a process of its own."""
    return alone(str(CHECKS), check, dies=dies)


def test_a_batch_of_empty_labels_costs_the_worker_and_nothing_else(crew: Crew, greeting: Greeting) -> None:
    """CTCLoss divides by zero where no sample has a label; the crew names the signal and goes on."""
    key = next(i.key for i in greeting.implementations if i.loss == "ctc")
    for identity, lengths in enumerate(([0, 0], [1, 0])):
        crew.ask(TARGET, *ctc_question(identity, key, lengths))
    first, second = (reply.outcome for reply in crew.replies())
    assert first.ended is Ended.DIED
    assert "SIGFPE" in first.message
    assert second.ended is Ended.ANSWERED


def ctc_question(identity: int, key: str, label_lengths: list[int]) -> tuple[Question, list[WireArray]]:
    """Two samples of four frames and three symbols."""
    arrays = {
        "logits": WireArray("float32", np.zeros((2, 4, 3), np.float32)),
        "labels": WireArray("int64", np.ones((2, 1), np.int64)),
        "input_lengths": WireArray("int64", np.full(2, 4, np.int64)),
        "label_lengths": WireArray("int64", np.array(label_lengths, np.int64)),
    }
    question = Question(
        identity=identity,
        implementations=(key,),
        arrays=tuple(arrays),
        differentiable=("logits",),
        parameters=(("blank", 0), ("zero_infinity", False)),
        reduction="none",
        cotangents=0,
        fingerprint=fingerprint(list(arrays.values())),
    )
    return question, list(arrays.values())


def test_the_layers_give_the_bits_of_the_functions() -> None:
    """An entry under the name of a layer calls the function behind it: the layer gives the same, bit by bit."""
    assert int(in_paddle("compare_layers")) >= 21


def test_layers_that_own_their_weights_give_the_bits_of_the_functions() -> None:
    """AdaptiveLogSoftmaxWithLoss and HSigmoidLoss, whose functions are the ones that are mapped."""
    assert in_paddle("own_weights").split()[-1] == "fine"


def test_tensors_hold_what_they_were_given() -> None:
    """Bits and positive strides arrive, also those of bfloat16; leaves are fresh, and differentiable where asked."""
    assert in_paddle("hold_tensors").split() == ["fine"]


def test_gradients_come_to_the_leaves_that_were_reached() -> None:
    """A cotangent of None means ones; a leaf that the value does not depend on gets None."""
    assert in_paddle("pull_gradients").split() == ["fine"]


def test_ignored_rows_still_write_outside_of_a_mean() -> None:
    """NLLLoss writes a zero for each ignored row behind the one number of a mean, until the process falls over.

    Once this fails, that is mended: SHAPES can then do without its line for nll.
    """
    in_paddle("ignore_many_rows", dies=True)
