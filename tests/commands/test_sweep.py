"""`lossbench sweep`: errors against a stress that is turned up, on the fakes."""

import csv
import math

import pytest
from running import InProcess

from lossbench.cases.suite import parse_case
from lossbench.commands.sweep import Request, cases_of
from lossbench.losses import catalogue


def rows_of(folder):
    with (folder / "results/latest/sweep.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("over", "levels", "seen"),
    [
        ("scale", "1,640", {"scale=1", "scale=640"}),
        ("offset", "0,1024", {"shift=0", "shift=1024"}),
        ("gap", "8,512", {"gap=8", "gap=512"}),
        ("classes", "2,1025", {"64x2", "64x1025"}),
        ("length", "3", {"64x3"}),
    ],
)
def test_each_level_is_a_case_of_its_own(lossbench: InProcess, folder, over, levels, seen) -> None:
    done = lossbench("sweep", "cross_entropy", "--framework", "fakes", "--over", over, "--levels", levels)
    assert done.code == 0, done.err
    rows = [row for row in rows_of(folder) if row["status"] != "absent"]
    assert rows
    assert seen == {row["regime"] if "=" in row["regime"] else row["shape"] for row in rows}
    for row in rows:
        assert str(parse_case(row["case"], catalogue())) == row["case"]


@pytest.mark.parametrize(("over", "loss"), [("classes", "cross_entropy"), ("length", "huber"), ("length", "nll")])
def test_a_long_row_leaves_room_for_fewer_rows(over, loss) -> None:
    """A vocabulary of 131 072 words for each of 64 rows is eight million numbers, and says no more than two rows do."""
    levels = [2.0, 4096.0, 50257.0, 131072.0, 262144.0]
    cases = cases_of(catalogue()[loss], over, levels, "float32", [0], Request((loss,), over))
    sizes = [math.prod(case.shape) for case in cases]
    assert [case.shape[-1] for case in cases] == levels
    assert max(sizes) <= 1 << 18
    assert all(case.shape[:-1] in ((), (64,)) for case in cases[:2])


def test_a_shape_that_is_asked_for_is_kept() -> None:
    request = Request(("cross_entropy",), "classes", shape="9x10")
    (case,) = cases_of(catalogue()["cross_entropy"], "classes", [131072.0], "float32", [0], request)
    assert case.shape == (9, 131072)


def test_a_formula_that_overflows_shows_from_the_level_on_at_which_it_does(lossbench: InProcess, folder) -> None:
    words = ("sweep", "binary_cross_entropy_with_logits", "--framework", "fakes", "--impl", "infinity_for_large")
    words += ("--levels", "1,16,4096", "--over", "scale")
    done = lossbench(*words)
    assert done.code == 0, done.err
    found = {row["regime"]: row["status"] for row in rows_of(folder)}
    assert found["scale=1"] in ("agrees", "imprecise")
    assert found["scale=4096"] == "differs"
    assert "inf" in done.out


def test_what_cannot_be_swept_is_said(lossbench: InProcess) -> None:
    for words, says in (
        (("huber", "--over", "gap"), "says nothing to huber"),
        (("huber", "--over", "sclae"), "did you mean scale"),
        (("huber", "--levels", "big"), "should be numbers"),
        (("huber", "--over", "length", "--levels", "0"), "whole numbers above 0"),
    ):
        done = lossbench("sweep", *words, "--framework", "fakes")
        assert done.code == 2, words
        assert says in " ".join(done.err.split())
