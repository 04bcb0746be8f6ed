"""A loss of a user's own in every command: it is measured alone or beside others, and can be asked for again."""

import csv
import importlib
import shlex
from pathlib import Path

import numpy as np
import pytest
from running import InProcess
from test_own import ENGINE, HONEST

from lossbench.commands.targets import choose

COMMANDS = ("compare", "speed", "hunt", "exhaust", "sweep", "repro")
FORGETFUL = """
def own(p1, p2, scale=1.0, how="mean"):  # arrays the other way round, and a sign lost where the residual is small
    value, slopes = terms(p2, p1)
    slopes["prediction"] = abs(slopes["prediction"]) * (value <= 1) + slopes["prediction"] * (value > 1)
    return {"loss": reduced(value, slopes, how, p1.dtype)}
"""
BESIDE = ("--map", "scale=1,how='none'", "--order", "target,prediction", "--item", "loss")
OWN = ("--impl", "mine.py:own", "--as", "squared_error")


@pytest.fixture
def alone(lossbench: InProcess, folder: Path, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    """The command line, where nobody but the user's own function is asked: some fakes take as long as a deadline."""
    for name in COMMANDS:
        module = importlib.import_module(f"lossbench.commands.{name}")
        monkeypatch.setattr(module, "choose", lambda *given: [t for t in choose(*given) if t.guest])
    (folder / "mine.py").write_text(ENGINE + HONEST + FORGETFUL)
    return lossbench


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return [row for row in csv.DictReader(file) if row.get("status") != "absent"]


def test_hunt_finds_the_input_that_shows_it_and_says_how_to_see_it(alone: InProcess, folder: Path) -> None:
    done = alone("hunt", *OWN, *BESIDE, "--framework", "fakes", "--rounds", 4, "--csv", "hunt.csv")
    assert done.code == 0, done.err
    found = [row for row in rows(folder / "hunt.csv") if row["status"] == "differs"]
    assert found
    assert {row["via"] for row in found} == {"mine.py:own"}
    assert f"lossbench repro CASE {shlex.join([*OWN, *BESIDE])}" in done.out


def test_hunt_goes_on_with_a_function_that_ends_its_process(alone: InProcess, folder: Path) -> None:
    text = (
        "def own(a, b):\n    if numbers(a).flat[0] > 1: __import__('os')._exit(3)\n    return squared(a, b, 'none')\n"
    )
    (folder / "mine.py").write_text(ENGINE + HONEST + text)
    done = alone("hunt", *OWN, "--framework", "fakes", "--rounds", 1, "--csv", "hunt.csv")
    assert done.code == 0, done.err
    found = [row for row in rows(folder / "hunt.csv") if row["status"] == "crashes"]
    assert found
    assert all("exited with code 3" in row["note"] for row in found), found
    assert any("prediction = [2.0]" in line or "/1/" in line for line in done.out.splitlines()), done.out


def test_hunt_takes_its_own_defaults(alone: InProcess, folder: Path) -> None:
    text = "def own(a, b, delta=0.5):\n    assert delta == 0.5\n    return squared(a, b, 'none')\n"
    (folder / "mine.py").write_text(ENGINE + HONEST + text)
    done = alone("hunt", "--impl", "mine.py:own", "--as", "huber", "--framework", "fakes", "--rounds", 1,
                 "--csv", "hunt.csv")  # fmt: skip
    found = rows(folder / "hunt.csv")
    assert found, done.err
    assert "differs" in {row["status"] for row in found}


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (("compare",), "compare.csv"),
        (("speed", "--seconds", "0.001", "--processes", "1", "--shape", "4"), "speed.csv"),
        (("sweep", "--levels", "1,2"), "sweep.csv"),
        (("exhaust", "--argument", "prediction"), "exhaust.csv"),
    ],
)
def test_it_is_measured(alone: InProcess, folder: Path, words: tuple[str, ...], file: str) -> None:
    done = alone(*words, *OWN, *BESIDE, "--framework", "fakes")
    assert done.code == 0, done.err
    assert "mine.py:own" in {row["via"] for row in rows(folder / "results/latest" / file)}


def test_compare_says_how_to_see_it_again(alone: InProcess) -> None:
    done = alone("compare", *OWN, *BESIDE, "--framework", "fakes", "--dtype", "float32", "--regime", "normal")
    assert f" {shlex.join([*OWN, *BESIDE])}" in done.out


def test_gate_says_how_to_see_it_again(alone: InProcess, folder: Path) -> None:
    (folder / "mine.py").write_text(ENGINE + HONEST + FORGETFUL.replace("abs(", "("))
    gate = ("gate", *OWN, *BESIDE, "--framework", "fakes", "--baseline", "mine.csv")
    assert alone(*gate, "--accept").code == 0
    (folder / "mine.py").write_text(ENGINE + HONEST + FORGETFUL)
    done = alone(*gate, "--json", "gate.json")
    assert done.code == 1, done.out + done.err
    again = next(line.strip() for line in done.out.splitlines() if line.strip().startswith("lossbench compare"))
    assert again.endswith(shlex.join([*OWN, *BESIDE]))
    assert "--framework" not in again
    done = alone(*shlex.split(again)[1:], "--csv", "again.csv", "--framework", "fakes")
    assert "differs" in {row["status"] for row in rows(folder / "again.csv")}


def test_exhaust_says_that_it_reduces(alone: InProcess, folder: Path) -> None:
    (folder / "mine.py").write_text(ENGINE + HONEST + "def own(a, b): return squared(a, b, 'mean')\n")
    done = alone("exhaust", *OWN, "--framework", "fakes")
    assert done.code == 4
    assert "mine.py:own returns a mean" in " ".join(done.out.split())


@pytest.mark.parametrize(
    "words", [("hunt",), ("speed",), ("sweep",), ("exhaust",), ("repro", "squared_error/mean/float32/6x5/normal/0")]
)
def test_one_that_does_not_live_to_be_asked_is_told_by_its_line(
    alone: InProcess, folder: Path, words: tuple[str, ...]
) -> None:
    (folder / "mine.py").write_text("import os; os._exit(7)\ndef own(a, b): ...\n")
    done = alone(*words, *OWN, "--framework", "fakes")
    assert done.code == 4
    said = " ".join(done.err.split())
    assert "mine.py:own crashes while it was imported or tried: exited with code 7 (mine.py, line 1" in said


def test_captured_tensors_are_put_to_it(alone: InProcess, folder: Path) -> None:
    numbers = np.full((8, 5), 4.0, np.float32)
    numbers[6, 2] = 3.0
    np.savez(folder / "crash.npz", prediction=numbers, target=np.full((8, 5), 4.0, np.float32))
    beside = (*OWN, *BESIDE, "--framework", "fakes", "--inputs", "crash.npz")
    for words in (("compare",), ("speed", "--seconds", "0.001", "--processes", "1")):
        done = alone(*words, *beside)
        assert done.code == 0, done.err
        said = " ".join(done.out.split())
        assert "mine.py:own, smallest part [6, 2]: prediction = [[3.0]]; target = [[4.0]]" in said
        assert "gradient of prediction[0,0]: got " in said
        case = "squared_error/none/float32/1x1/captured-"
        assert case in said
        assert f"--inputs crash.npz {shlex.join([*OWN, *BESIDE])}" in said
