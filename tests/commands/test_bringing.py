"""Losses of a user's own: the option `--losses` and the command `new`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from running import InProcess, read

from lossbench import brought, own
from lossbench.losses import catalogue

FAKES = ("--framework", "fakes")
CLOSED = '''
from lossbench.domains import Real
from lossbench.loss import Terms, loss
from lossbench.own import implements

@loss(over="elements")
def fourth(prediction: Real, target: Real) -> Terms:
    """The fourth power."""
    d = prediction - target
    return Terms(d**4, {"prediction": 4 * d**3, "target": SIGN4 * d**3})

@fourth.definition
def _(prediction, target):
    return (prediction - target) ** 4
'''
FAKE = """
@implements("fakes", fourth)
def in_fakes(prediction, target, *, reduction):
    from lossbench.frameworks.fakes.engine import numbers, reduced
    d = numbers(prediction) - numbers(target)
    return reduced(d**4, {"prediction": 4 * d**3, "target": -4 * d**3}, reduction, prediction.dtype)
"""


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What a test brings is gone after it."""
    yield
    brought._losses.clear()
    brought._entries.clear()
    own._brought.clear()
    catalogue.cache_clear()


def written(folder: Path, text: str, name: str = "mine.py") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_closed_form_that_agrees_with_its_definition_is_taken_in(lossbench: InProcess, folder: Path) -> None:
    path = written(folder, CLOSED.replace("SIGN4", "-4"), "agreeing.py")
    done = lossbench("show", "fourth", "--losses", path, "--no-run", *FAKES)
    assert done.code == 0, done.err
    assert "The fourth power" in done.out


def test_one_that_disagrees_is_refused_with_the_input_that_shows_it(lossbench: InProcess, folder: Path) -> None:
    done = lossbench("compare", "fourth", "--losses", written(folder, CLOSED.replace("SIGN4", "4")), *FAKES)
    assert done.code == 2
    assert "disagrees with its definition" in done.err
    assert "slope of target" in done.err
    assert "at prediction=" in done.err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import torch\n", "line 1: imports torch at module level"),
        ("try:\n    from jax import numpy\nexcept ImportError:\n    pass\n", "line 2: imports jax at module level"),
        ("import helping\n", "helping.py, line 1: import keras"),
        ("x = 1 / 0\n", "ZeroDivisionError: division by zero (mine.py, line 1: x = 1 / 0)"),
        ("x =\n", "line 1: invalid syntax"),
        ("x = 1\n", "defines no loss"),
        (CLOSED.replace("SIGN4", "-4").replace("fourth", "huber"), "there is already a loss called 'huber'"),
        (CLOSED.replace("SIGN4", "-4").rpartition("@fourth")[0], "fourth has no definition"),
        (
            'from lossbench.own import implements\n@implements("torch", "hubr")\ndef f(): pass\n',
            "'hubr', which is no loss",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(lossbench: InProcess, folder: Path, text: str, says: str) -> None:
    written(folder, "import keras\n", "helping.py")
    done = lossbench("compare", "--losses", written(folder, text), *FAKES)
    assert done.code == 2
    assert says in done.err
    assert "Traceback" not in done.err


def test_a_file_that_is_not_there(lossbench: InProcess, folder: Path) -> None:
    done = lossbench("compare", "--losses", folder / "nowhere.py", *FAKES)
    assert done.code == 2
    assert "lossbench new LOSS" in done.err


def test_new_writes_a_file_that_can_be_brought_as_it_is(lossbench: InProcess, folder: Path) -> None:
    assert lossbench("new", "soft_size").code == 0
    done = lossbench("show", "soft_size", "--losses", "soft_size.py", "--no-run", *FAKES)
    assert done.code == 0, done.err
    again = lossbench("new", "soft_size")
    assert again.code == 2
    assert "is there already" in again.err


@pytest.mark.parametrize(
    ("name", "says"), [("1x", "cannot be the name"), ("huber", "already a loss"), ("if", "cannot")]
)
def test_new_refuses_names(lossbench: InProcess, folder: Path, name: str, says: str) -> None:
    done = lossbench("new", name)
    assert done.code == 2
    assert says in done.err
    assert not list(folder.glob("*.py"))


def test_a_file_is_judged_in_the_worker(lossbench: InProcess, folder: Path) -> None:
    path = written(folder, CLOSED.replace("SIGN4", "-4") + FAKE, "judged.py")
    done = lossbench("compare", "fourth", "--losses", path, *FAKES, "--csv", "rows.csv")
    assert done.code == 0, done.err
    rows = read(folder / "rows.csv")
    assert {row["via"] for row in rows if row["status"] != "absent"} == {"judged.in_fakes"}
    normal = [
        row for row in rows if row["regime"] == "normal" and row["dtype"] == "float32" and row["status"] != "absent"
    ]
    assert normal
    assert {row["status"] for row in normal} == {"agrees"}
