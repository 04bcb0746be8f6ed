"""Tensors from a user's file: read, named, cut into parts, and made cases."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from lossbench.cases.captured import open_captured, part_word, read_part
from lossbench.cases.inputs import build
from lossbench.cases.regimes import REGIMES
from lossbench.cases.suite import parse_case
from lossbench.errors import UsageError
from lossbench.judging.explorer import Explorer
from lossbench.losses import catalogue

LOSSES = catalogue()


def saved(folder: Path, **arrays: np.ndarray) -> Path:
    np.savez(folder / "held.npz", **arrays)
    return folder / "held.npz"


def test_the_case_holds_the_very_numbers(tmp_path: Path) -> None:
    x = np.linspace(-3, 3, 12, dtype=np.float32).reshape(4, 3)
    captured = open_captured(saved(tmp_path, y_pred=x, label=np.zeros((4, 3), np.float32)))
    case = captured.cases(LOSSES["huber"], {}, ())[0]
    assert str(parse_case(str(case), LOSSES)) == str(case)
    assert (case.dtype, case.shape) == ("float32", (4, 3))
    np.testing.assert_array_equal(build(case, LOSSES["huber"]).arrays["prediction"], x)


def test_nothing_that_draws_inputs_at_random_comes_upon_the_tensors(tmp_path: Path) -> None:
    captured = open_captured(saved(tmp_path, prediction=np.zeros((4, 3)), target=np.ones((4, 3))))
    assert not any(REGIMES[captured.regime].applies(loss) for loss in LOSSES.values())
    assert captured.regime not in Explorer(LOSSES["huber"], "float32", []).regimes


def test_classes_off_the_last_axis_are_moved_there(tmp_path: Path) -> None:
    x = np.arange(2 * 5 * 3, dtype=np.float32).reshape(2, 5, 3)
    captured = open_captured(saved(tmp_path, logits=x, labels=np.zeros((2, 3), np.int64)))
    case = captured.cases(LOSSES["cross_entropy"], {}, ())[0]
    assert case.shape == (2, 3, 5)
    np.testing.assert_array_equal(build(case, LOSSES["cross_entropy"]).arrays["logits"], np.moveaxis(x, 1, -1))


def test_a_part_is_cut_and_named(tmp_path: Path) -> None:
    x = np.arange(12, dtype=np.float64).reshape(4, 3)
    captured = open_captured(saved(tmp_path, prediction=x, target=x))
    word = part_word(captured.regime, (slice(2, 3), slice(1, 3)))
    assert word == f"{captured.regime}@2.1-3"
    assert read_part(word) == (slice(2, 3), slice(1, 3))
    captured.announce(word)
    case = parse_case(f"huber/none/float64/1x2/{word}/0", LOSSES)
    np.testing.assert_array_equal(build(case, LOSSES["huber"]).arrays["prediction"], [[7.0, 8.0]])


def test_terms_with_nan_are_marked_and_numbers_outside_of_a_domain_are_kept(tmp_path: Path) -> None:
    x = np.array([[np.nan, 0.5], [1.5, 0.25]])
    captured = open_captured(saved(tmp_path, prediction=x, target=np.ones((2, 2))))
    loss = LOSSES["binary_cross_entropy"]
    inputs = build(captured.cases(loss, {}, ())[0], loss)
    assert inputs.arrays["prediction"][1, 0] == 1.5
    np.testing.assert_array_equal(inputs.poisoned, [[True, False], [False, False]])


def test_bfloat16_in_a_safetensors_file(tmp_path: Path) -> None:
    data = np.array([0x3F80, 0xC000], np.uint16).tobytes()
    header = json.dumps({"prediction": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    path = tmp_path / "held.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + data)
    captured = open_captured(path)
    np.testing.assert_array_equal(captured.arrays["prediction"], [1.0, -2.0])
    assert captured.formats["prediction"] == "bfloat16"
    path.write_bytes(struct.pack("<Q", len(header)) + header + data[:2])
    with pytest.raises(UsageError, match="does not have the bytes"):
        open_captured(path)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"foo": np.zeros((2, 2))}, "name prediction so in the file"),
        ({"prediction": np.zeros((2, 2)), "target": np.zeros(3)}, "it should be \\(2, 2\\)"),
        ({"prediction": np.array(["a"]), "target": np.zeros(1)}, "is no number"),
        ({}, "holds no arrays"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        open_captured(saved(tmp_path, **arrays)).cases(LOSSES["huber"], {}, ())


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "bad.npz").write_text("hello")
    for name, says in (("bad.npz", "no such file"), ("nowhere.npz", "there is no such file")):
        with pytest.raises(UsageError, match=says):
            open_captured(tmp_path / name)
