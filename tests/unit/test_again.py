"""The command lines that show a verdict again."""

from dataclasses import replace

import pytest

from lossbench.output.again import repro_of
from lossbench.records import Status, Verdict

PLAIN = Verdict(
    case="huber/none/float32/6x5/tie/0",
    loss="huber",
    framework="torch",
    version="2",
    via="torch.nn.HuberLoss",
    device="cpu",
    mode="eager",
    dtype="float32",
    reduction="none",
    shape="6x5",
    regime="tie",
    status=Status.DIFFERS,
    compared=1,
    target="torch",
)
CASE = "lossbench repro huber/none/float32/6x5/tie/0"


@pytest.mark.parametrize(
    ("target", "reference", "words"),
    [
        ("torch", "certified", "--framework torch --impl torch.nn.HuberLoss"),
        ("torch:compiled", "certified", "--impl torch.nn.HuberLoss --target torch:compiled"),
        ("torch:compiled beside torch", "path", "--impl torch.nn.HuberLoss --target torch --target torch:compiled"),
    ],
)
def test_it_is_asked_where_the_verdict_was_reached_and_nowhere_else(target: str, reference: str, words: str) -> None:
    assert repro_of(replace(PLAIN, target=target, reference=reference)) == f"{CASE} {words}"
