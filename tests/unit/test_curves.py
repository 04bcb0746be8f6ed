"""Pictures of errors: what is drawn, in which files, and what is said where they cannot be written."""

import math
from pathlib import Path

import pytest

from lossbench.errors import UsageError
from lossbench.judging.patterns import LEAST_EXPONENT, Tally
from lossbench.output.curves import exhaust_pictures, sweep_pictures
from lossbench.records import Status, Target, Verdict

pytest.importorskip("matplotlib")


def verdict(loss: str, value: float | None, gradient: float | None) -> Verdict:
    words = dict.fromkeys(["case", "version", "device", "mode", "reduction", "shape", "regime"], "")
    errors = {"value_error": value, "gradient_error": gradient}
    return Verdict(
        loss=loss, framework="fakes", via="f", dtype="float32", status=Status.AGREES, compared=1, **words, **errors
    )


ROWS = [(level, verdict("huber", error, math.inf)) for level, error in ((1.0, 0.0), (4.0, 2.0), (640.0, math.inf))]


def test_a_sweep_is_one_picture_for_each_loss_in_two_formats(tmp_path: Path) -> None:
    rows = [*ROWS, (1.0, verdict("mse", 1.0, None)), (4.0, verdict("mse", None, None))]
    written = sweep_pictures(rows, "scale", "float32", tmp_path / "pictures")
    assert [path.name for path in written] == [
        f"sweep-{loss}-scale-float32.{form}" for loss in ("huber", "mse") for form in ("svg", "png")
    ]
    assert all(path.stat().st_size > 1000 for path in written)


def test_nothing_measured_is_not_drawn(tmp_path: Path) -> None:
    assert sweep_pictures([(1.0, verdict("huber", None, None))], "scale", "float32", tmp_path) == []


def test_exhausted_arguments_are_a_picture_each(tmp_path: Path) -> None:
    key = (Target("fakes"), "huber:fakes.honest.huber", "target", "value")
    tallies = {
        key: Tally(by_exponent={LEAST_EXPONENT: 3, -4: 1, 7: 1 << 62}),
        (*key[:2], "prediction", "gradient of prediction"): Tally(by_exponent={3: 2}),
    }
    written = exhaust_pictures(tallies, "bfloat16", tmp_path)
    assert [path.name for path in written if path.suffix == ".svg"] == [
        "exhaust-huber-target-bfloat16.svg",
        "exhaust-huber-prediction-bfloat16.svg",
    ]


def test_the_same_numbers_make_the_same_picture(tmp_path: Path) -> None:
    once, again = (sweep_pictures(ROWS, "scale", "float32", tmp_path / name) for name in ("once", "again"))
    assert [path.read_bytes() for path in once] == [path.read_bytes() for path in again]


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="another folder to --plot"):
        sweep_pictures(ROWS, "scale", "float32", tmp_path / "file")
