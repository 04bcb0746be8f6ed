"""Defects that people have found by hand are found again by the default suite, and what is right is let through.

Each is looked for in the rows that `lossbench compare` writes, as a user would run it; nothing here tells it where.
"""

import csv
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

THOROUGH = ("--suite", str(Path(__file__).with_name("thorough.toml")))
MAIN = "import sys; sys.argv[0] = 'lossbench'; from lossbench.cli import main; main()"
Rows = list[dict[str, str]]


@dataclass(frozen=True)
class Found:
    """The rows of a run that were measured."""

    rows: Rows

    def of(self, via: str, *words: str, options: bool = False) -> Rows:
        """Those of an implementation whose case has all these words, without options unless asked for."""
        rows = [
            row
            for row in self.rows
            if row["via"] == via
            and set(words) <= set(row["case"].split("/"))
            and (options or row["case"].count("/") == 5)
        ]
        assert rows, f"{via} was never asked about {words}"
        return rows


def number(row: dict[str, str], column: str) -> float:
    """A figure of a row; unknown is no error."""
    return float(row[column] or 0)


def compared(framework: str, *losses: str) -> pytest.MarkDecorator:
    """The default suite, on these losses of a framework."""
    return pytest.mark.parametrize(
        "found",
        [
            pytest.param(
                (framework, *losses),
                id=framework,
                marks=[
                    pytest.mark.framework(framework),
                    pytest.mark.skipif(find_spec(framework) is None, reason=f"{framework} is not installed"),
                ],
            )
        ],
        indirect=True,
        scope="module",
    )


@pytest.fixture(scope="module")
def found(request: pytest.FixtureRequest, runs: Callable[..., Found]) -> Found:
    return runs(*request.param)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Found]:
    """Runs of `lossbench compare`, each made once."""
    made: dict[tuple[str, ...], Found] = {}
    folder: Path = tmp_path_factory.mktemp("truths")

    def run(framework: str, *losses: str) -> Found:
        key = (framework, *losses)
        if key not in made:
            path = folder / f"{len(made)}.csv"
            done = subprocess.run(
                [
                    sys.executable,
                    "-c",
                    MAIN,
                    "compare",
                    *losses,
                    *THOROUGH,
                    "--framework",
                    framework,
                    "--csv",
                    str(path),
                ],
                env={**os.environ, "XDG_CACHE_HOME": str(folder)},
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            with path.open(newline="") as file:
                made[key] = Found([row for row in csv.DictReader(file) if row["status"] not in ("absent", "skipped")])
        return made[key]

    return run


paddle = compared("paddle", "binary_cross_entropy_with_logits", "cross_entropy", "smooth_l1")
torch = compared("torch", "binary_cross_entropy_with_logits", "cross_entropy", "HuberLoss", "MSELoss")
tensorflow = compared("tensorflow", "binary_cross_entropy")


# Paddle


@paddle
@pytest.mark.parametrize("regime", ["zeros", "tie"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_paddle_s_binary_cross_entropy_has_the_wrong_gradient_at_logit_0(regime: str, dtype: str, found: Found) -> None:
    """It is p - y - 1 there, such as -0.5 where +0.5 is right; the value is right."""
    (row,) = found.of("paddle.nn.BCEWithLogitsLoss", "none", dtype, regime)
    assert row["status"] == "deviates"
    assert number(row, "value_error") <= 64
    assert number(row, "gradient_error") > 1e6
    assert row["worst"].startswith("gradient of logit")
    assert "logit 0" in row["note"]


@paddle
def test_paddle_s_gradient_at_logit_0_is_off_by_one_cotangent(found: Found) -> None:
    for row in found.of("paddle.nn.BCEWithLogitsLoss", "none", "float32", "zeros"):
        words = row["worst"].replace(",", "").split()
        got, want = (float(words[words.index(word) + 1]) for word in ("got", "want"))
        assert got == -want != 0  # for a target of 0, where p = 1/2


@paddle
def test_with_pos_weight_paddle_takes_another_way_and_is_right_at_logit_0(found: Found) -> None:
    for row in found.of("paddle.nn.BCEWithLogitsLoss(pos_weight=ones)", "none", "zeros"):
        assert number(row, "gradient_error") <= 64


@paddle
@pytest.mark.parametrize("regime", ["confident", "log_uniform"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_paddle_s_cross_entropy_answers_64_whatever_is_right(regime: str, dtype: str, found: Found) -> None:
    (row,) = found.of("paddle.nn.CrossEntropyLoss", "none", dtype, regime)
    assert row["status"] == "deviates"
    assert number(row, "value_error") > 1e6
    words = row["worst"].replace(",", "").split()
    assert words[0].startswith("value")
    assert float(words[words.index("got") + 1]) == 64
    assert float(words[words.index("want") + 1]) > 64
    assert "clips scores at 64" in row["note"]


@paddle
def test_paddle_s_cross_entropy_agrees_on_ordinary_scores(found: Found) -> None:
    for row in found.of("paddle.nn.CrossEntropyLoss", "normal"):
        if row["dtype"] in ("float64", "float32") and row["shape"] == "6x5":
            assert row["status"] == "agrees", row


@paddle
def test_paddle_s_smooth_l1_is_beta_times_as_much(found: Found) -> None:
    """It computes Huber's loss by default: right where beta is 1, three times as much where it is 3."""
    for row in found.of("paddle.nn.SmoothL1Loss", "beta=3.0", options=True):
        assert row["status"] == "by-contract", row
        # got/want is 3, so the error is 2 of want, in eps of the format
        eps = {"float64": 2.0**-52, "float32": 2.0**-23}[row["dtype"]]
        assert number(row, "value_error") * eps == pytest.approx(2, rel=1e-3)
    for row in found.of("paddle.nn.SmoothL1Loss") + found.of(
        "paddle.nn.SmoothL1Loss(is_huber=False)", "beta=3.0", options=True
    ):
        assert row["status"] == "agrees", row


# torch


@torch
@pytest.mark.parametrize("via", ["torch.nn.CrossEntropyLoss", "torch.nn.BCEWithLogitsLoss"])
def test_torch_loses_the_small_gradient_of_a_confident_row(via: str, found: Found) -> None:
    """softmax(x) - 1 is taken of a number that rounds to 1: the gradient by the target's score comes back as 0."""
    (row,) = found.of(via, "none", "float64", "confident")
    assert row["status"] == "imprecise"
    assert number(row, "value_error") <= 64
    assert number(row, "gradient_error") <= 64
    assert number(row, "gradient_ulps") > 1e15
    got, want = row["worst"].partition("got ")[2].split(", want ")
    assert (abs(float(got)), 0 < abs(float(want)) < 1e-17) == (0, True)


@torch
@pytest.mark.parametrize("via", ["torch.nn.HuberLoss", "torch.nn.MSELoss"])
def test_torch_s_elementary_losses_agree_everywhere(via: str, found: Found) -> None:
    """No false alarm: boundary, poison, empty batches and 16-bit formats included."""
    rows = found.of(via, options=True)
    assert {row["regime"] for row in rows} >= {
        "normal", "log_uniform", "boundary", "tie", "zeros", "ones", "poison", "empty", "one_row"
    }  # fmt: skip
    assert {row["dtype"] for row in rows} == {"float64", "float32", "float16", "bfloat16"}
    overflows = [row for row in rows if row["regime"] == "boundary" and row["reduction"] != "none"]  # of the sum
    assert [row for row in rows if row["status"] != "agrees" and row not in overflows] == []


# Keras


@tensorflow
@pytest.mark.parametrize("regime", ["boundary", "confident"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_keras_clips_probabilities(regime: str, dtype: str, found: Found) -> None:
    """At 1e-7, so that no binary cross entropy exceeds about 16.1."""
    rows = [
        row for row in found.rows if row["regime"] == regime and row["dtype"] == dtype and row["case"].count("/") == 5
    ]
    assert rows
    for row in rows:
        assert row["status"] in ("by-contract", "deviates", "differs"), row
        assert float(row["value_error"]) > 1e3
        got, want = (float(word) for word in row["worst"].partition("got ")[2].split(", want "))
        assert 15 < got < 17 < want
    assert any("1e-7" in row["note"] for row in rows)
