"""What goes wrong with a loss: told from what it takes, and from what was measured and accepted."""

import math

import numpy as np
import pytest

from lossbench.judging import pitfalls
from lossbench.judging.accepted import Accepted
from lossbench.losses import catalogue
from lossbench.records import Implementation, Known, Status


def told(name: str) -> str:
    """All pitfalls of a loss in one text."""
    return "\n".join(pitfalls.pitfalls(catalogue()[name]))


def test_a_second_softmax_is_priced_by_hand() -> None:
    """Scores (8, 0, 0): log(1 + 2 exp(-8)) is right; behind a softmax the scores are about (1, 0, 0)."""
    right = math.log(1 + 2 * math.exp(-8))
    once = math.exp(8) / (math.exp(8) + 2)
    rest = (1 - once) / 2
    twice = math.log(1 + 2 * math.exp(rest - once))
    assert f"costs {twice:.2g} instead of {right:.2g}" in told("cross_entropy")
    assert (f"{right:.2g}", f"{twice:.2g}") == ("0.00067", "0.55")


def test_a_second_sigmoid_is_priced_by_hand() -> None:
    right = math.log1p(math.exp(-8))
    twice = math.log1p(math.exp(-1 / (1 + math.exp(-8))))
    text = told("binary_cross_entropy_with_logits")
    assert (
        f"with a sigmoid in front, a score of 8 for the right answer costs {twice:.2g} instead of {right:.2g}" in text
    )


@pytest.mark.parametrize(
    ("loss", "says"),
    [
        ("nll", "takes log probabilities: raw scores need a log_softmax first; a raw score of 8 would cost -8"),
        ("binary_cross_entropy", "takes probability: raw scores need a softmax or sigmoid first"),
        ("hinge_embedding", "sign is -1 or +1: labels of 0 and 1 have to become 2 y - 1"),
        ("cross_entropy", "no one-hot rows"),
        ("squared_error", "a mean divides by every number in the batch, a sum does not"),
        ("cross_entropy", "a mean divides by every row in the batch"),
        ("ctc", "no softmax in front of it"),
        ("ctc", "by the number of its labels first"),
    ],
)
def test_what_a_loss_takes_is_said(loss: str, says: str) -> None:
    assert says in told(loss)


def test_nothing_is_said_that_does_not_hold() -> None:
    assert "softmax" not in told("squared_error")
    assert "-1 or +1" not in told("cross_entropy")
    assert "a mean" not in told("cls_loss")  # which has no sum to change to


def test_softmax_and_sigmoid() -> None:
    assert np.allclose(pitfalls.activated(np.array([[1000.0, 1000.0]]), "softmax"), 0.5)
    assert pitfalls.activated(np.array([0.0]), "sigmoid")[0] == 0.5


def row(status: Status, regime: str = "normal", value: float | None = 1e6, via: str = "a.B") -> Accepted:
    """A row of the accepted verdicts."""
    return Accepted("huber", "here", via, "cpu", "eager", "float32", "mean", "", regime, status, value, 0.5, "1")


def test_the_worst_that_was_accepted_is_told_where_numbers_show_it() -> None:
    rows = [
        row(Status.AGREES),
        row(Status.DEVIATES, "boundary", 1e15),
        row(Status.DEVIATES, "normal", 1e3),
        row(Status.DEVIATES, "normal", 1e4),
        row(Status.BY_CONTRACT, value=0.5, via="a.NoGradient"),
        row(Status.CRASHES, value=None, via="a.Dies"),
    ]
    first, dies = pitfalls.accepted(rows, ["huber"])
    assert first.startswith("a.B deviates, value 1e+04")
    assert "mean, float32, normal inputs" in first
    assert dies.startswith("a.Dies crashes")
    assert pitfalls.accepted(rows, ["squared_error"]) == []
    assert pitfalls.accepted(rows, ["huber"], "elsewhere") == []


def test_declarations_are_told_once_and_rare_ones_last() -> None:
    known = (Known("rare", regimes=("empty",)), Known("clips", dtypes=("float16",)), Known("clips"), Known("scaled"))
    one = Implementation("huber", "a.B", (), (), (), (), (), known=known)
    assert pitfalls.of_implementation(one) == ["clips", "scaled", "rare"]
