"""What goes silently wrong when a loss of masks, boxes or adversaries is moved from one framework to another.

Each is looked for in the rows that `lossbench compare` writes, by its status and by the size that was measured.
"""

import csv
import os
import subprocess
import sys
from collections.abc import Callable
from math import isfinite
from pathlib import Path

import pytest
from installed import needs

THOROUGH = ("--suite", str(Path(__file__).with_name("thorough.toml")))
MAIN = "import sys; sys.argv[0] = 'lossbench'; from lossbench.cli import main; main()"
EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10}
Rows = list[dict[str, str]]
Compare = Callable[..., Rows]


@pytest.fixture(scope="module")
def compare(tmp_path_factory: pytest.TempPathFactory) -> Compare:
    """The rows of a few cases: `compare(framework, loss, regime, dtype)`."""
    folder: Path = tmp_path_factory.mktemp("dangerous")

    def run(framework: str, loss: str, regime: str, dtype: str) -> Rows:
        path = folder / f"{framework}-{loss}-{regime}-{dtype}.csv"
        if not path.exists():
            words = [
                loss,
                *THOROUGH,
                "--framework",
                framework,
                "--regime",
                regime,
                "--dtype",
                dtype,
                "--csv",
                str(path),
            ]
            done = subprocess.run(
                [sys.executable, "-c", MAIN, "compare", *words],
                env={**os.environ, "XDG_CACHE_HOME": str(folder)},
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            assert done.returncode == 0, done.stderr
        with path.open(newline="") as file:
            return [row for row in csv.DictReader(file) if row["status"] not in ("absent", "skipped")]

    return run


def one(rows: Rows, case: str, via: str) -> dict[str, str]:
    """The row of a case by an implementation."""
    (row,) = [row for row in rows if row["case"] == case and row["via"] == via]
    return row


def got_and_want(row: dict[str, str]) -> tuple[float, float]:
    """The two numbers at the worst error."""
    words = row["worst"].replace(",", "").split()
    return float(words[words.index("got") + 1]), float(words[words.index("want") + 1])


KERAS = "keras.losses.Tversky(axis=(1, ...), dtype=)"


class TestKeras:
    pytestmark = needs("tensorflow")

    @pytest.mark.parametrize("option", ["alpha=1.0", "beta=0.0"])
    def test_tversky_has_its_two_weights_exchanged(self, compare: Compare, option: str) -> None:
        """Documented as that of false positives, alpha weighs what is missed: off by far more than the epsilon."""
        row = one(
            compare("tensorflow", "tversky", "normal", "float64"), f"tversky/{option}/none/float64/3x12/normal/0", KERAS
        )
        assert row["status"] == "deviates"
        assert "false negatives by alpha" in row["note"]
        assert float(row["gradient_error"]) * EPS["float64"] > 0.1

    def test_with_equal_weights_only_the_smoothing_is_missing(self, compare: Compare) -> None:
        row = one(compare("tensorflow", "tversky", "normal", "float64"), "tversky/none/float64/3x12/normal/0", KERAS)
        assert row["status"] == "by-contract"
        assert "no smoothing" in row["note"]

    def test_by_default_there_is_one_number_for_the_whole_batch(self, compare: Compare) -> None:
        rows = compare("tensorflow", "tversky", "normal", "float64")
        row = one(rows, "tversky/mean/float64/3x12/normal/0", "keras.losses.Tversky")
        assert row["status"] == "by-contract"
        assert "over the whole batch" in row["note"]
        assert float(row["gradient_error"]) * EPS["float64"] > 0.01

    def test_in_float16_an_empty_mask_has_no_gradient_but_nan(self, compare: Compare) -> None:
        """Its epsilon squared is 0 in float16; in float32 the gradient is 0."""
        rows = {dtype: compare("tensorflow", "tversky", "zeros", dtype) for dtype in ("float16", "float32")}
        row = one(rows["float16"], "tversky/none/float16/3x12/zeros/0", KERAS)
        assert row["status"] == "differs"
        assert not isfinite(got_and_want(row)[0])
        row = one(rows["float32"], "tversky/none/float32/3x12/zeros/0", KERAS)
        assert row["status"] == "by-contract"


class TestOptax:
    pytestmark = needs("jax")

    def test_dice_counts_its_smoothing_twice(self, compare: Compare) -> None:
        rows = compare("jax", "soft_dice_with_logits", "normal", "float64")
        via = "optax.losses.binary_dice_loss"
        row = one(rows, "soft_dice_with_logits/none/float64/3x12/normal/0", via)
        assert row["status"] == "by-contract"
        assert "twice" in row["note"]
        assert float(row["value_error"]) * EPS["float64"] > 0.01
        row = one(rows, "soft_dice_with_logits/smooth=0.0/none/float64/3x12/normal/0", via)
        assert row["status"] in ("agrees", "imprecise")

    def test_dice_loss_weighs_false_positives_by_alpha(self, compare: Compare) -> None:
        rows = compare("jax", "tversky_with_logits", "normal", "float64")
        asked = [row for row in rows if "alpha" in row["case"] or "beta" in row["case"]]
        assert len(asked) >= 5
        assert {row["status"] for row in asked} <= {"agrees", "imprecise"}

    def test_division_loses_the_gradient_of_tiny_boxes(self, compare: Compare) -> None:
        """The derivative of a/b divides by b squared, which is 0 for areas below the root of the smallest number."""
        (row,) = compare("jax", "iou", "log_uniform", "float32")
        assert row["status"] == "differs"
        assert row["worst"].startswith("gradient of")
        assert float(row["value_error"]) <= 64
        got, want = got_and_want(row)
        assert (isfinite(got), isfinite(want)) == (False, True)


class TestPaddle:
    pytestmark = needs("paddle")

    def test_relu_turns_nan_into_nothing(self, compare: Compare) -> None:
        """A hinge of a NaN is 0, so a discriminator that has diverged goes on as if all were well."""
        (row,) = [
            row
            for row in compare("paddle", "gan_hinge_discriminator", "poison", "float32")
            if row["case"] == "gan_hinge_discriminator/none/float32/6x5/poison/0"
        ]
        assert row["status"] == "accepts"

    @pytest.mark.parametrize("loss", ["iou", "giou", "diou", "ciou"])
    def test_tiny_boxes_agree_where_nothing_is_compared_by_equality(self, compare: Compare, loss: str) -> None:
        """Paddle's == takes 1e-16 to be 0; the recipe asks for the order instead."""
        (row,) = compare("paddle", loss, "log_uniform", "float32")
        assert row["status"] in ("agrees", "imprecise"), row


class TestTorch:
    pytestmark = needs("torch")

    @pytest.mark.parametrize("loss", ["iou", "giou", "diou", "ciou"])
    def test_areas_beyond_float16_are_not_numbers(self, compare: Compare, loss: str) -> None:
        """A box of 300 pixels by 300 has no area in float16: infinity over infinity."""
        (row,) = compare("torch", loss, "boundary", "float16")
        assert row["status"] == "differs"

    def test_autograd_s_own_second_order_gives_the_same_penalty(self, compare: Compare) -> None:
        for dtype in ("float64", "float32"):
            rows = compare("torch", "gradient_penalty", "normal", dtype)
            by_tape = [row for row in rows if row["via"].endswith("by_autograd")]
            assert len(by_tape) >= 3
            assert {row["status"] for row in by_tape} <= {"agrees", "imprecise"}
