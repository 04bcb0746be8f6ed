"""`lossbench hunt`: defects where random inputs do not look, found within so many rounds, and made small."""

import csv
import json
from pathlib import Path

import pytest
from running import HERE, InProcess, before_others

from lossbench.cases.stored import read
from lossbench.commands import hunt
from lossbench.decimals import number
from lossbench.floats import FORMATS
from lossbench.records import Target

DEFECT = "differs"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The framework with hidden defects in the place of all others."""
    monkeypatch.setenv("PYTHONPATH", before_others(HERE))
    monkeypatch.setattr(hunt, "choose", lambda *given: [Target("planted.hidden")])


def stored(folder: Path, row: dict[str, str]):
    name = row["regime"].removeprefix("stored=")
    return read(folder / "results/latest/worst" / f"{name}.toml")


def hunted(lossbench: InProcess, folder: Path, loss: str, rounds: int, *more: str):
    done = lossbench("hunt", loss, "--rounds", rounds, *more)
    assert done.code in (0, 1), done.err
    rows = rows_of(folder / "results/latest/hunt.csv")
    return done, [row for row in rows if row["status"] == DEFECT], rows


@pytest.mark.usefixtures("planted")
def test_wrong_only_above_1024_classes(lossbench: InProcess, folder: Path) -> None:
    _, found, _ = hunted(lossbench, folder, "cross_entropy", 6)
    large = [one for one in (stored(folder, row) for row in found) if one.shape[-1] > 1024]
    smallest = min(large, key=lambda one: one.size)
    assert smallest.shape == (1, 1025)
    assert not smallest.parameters
    assert len((folder / f"results/latest/worst/{smallest.name}.toml").read_text()) < 2000


@pytest.mark.usefixtures("planted")
def test_wrong_only_for_one_stretch_of_bit_patterns(lossbench: InProcess, folder: Path) -> None:
    _, found, _ = hunted(lossbench, folder, "squared_error", 20)
    wrong = [
        row for row in found if float(row["value_error"] or 0)
    ]  # not its slope alone, which may overflow on its way
    single = [one for one in (stored(folder, row) for row in wrong) if one.size == 2]
    assert single
    assert {one.shape for one in single} == {(1,)}
    for one in single:
        assert 3.140625 <= one.arrays["prediction"][0] < 3.1484375
        assert len(number(one.arrays["prediction"][0], FORMATS["float32"])) <= len("3.1415")


@pytest.mark.usefixtures("planted")
def test_wrong_only_for_two_parameters_together(lossbench: InProcess, folder: Path) -> None:
    _, _, rows = hunted(lossbench, folder, "binary_focal", 8)
    both = [row for row in rows if float(row["value_error"] or 0) > 1e5]
    assert both
    names = [dict(stored(folder, row).parameters) for row in both]
    assert all(set(options) == {"alpha", "gamma"} for options in names)


@pytest.mark.usefixtures("planted")
def test_wrong_only_in_the_last_partial_vector_of_a_large_batch(lossbench: InProcess, folder: Path) -> None:
    _, found, _ = hunted(lossbench, folder, "absolute_error", 6)
    sizes = [stored(folder, row).arrays["prediction"].size for row in found]
    assert sizes
    assert min(sizes) == 513


@pytest.mark.usefixtures("planted")
def test_an_honest_one_is_not_blamed(lossbench: InProcess, folder: Path) -> None:
    done, found, rows = hunted(lossbench, folder, "huber", 4, "--strict")
    assert done.code == 0
    assert rows
    assert not found


@pytest.mark.usefixtures("planted")
def test_the_same_seed_and_rounds_find_the_same_also_in_two_parts(lossbench: InProcess, folder: Path) -> None:
    _, _, first = hunted(lossbench, folder, "squared_error", 6)
    state = folder / "results/latest/hunt.state.json"
    whole = state.read_text()
    _, _, second = hunted(lossbench, folder, "squared_error", 6)
    assert [row["case"] for row in first] == [row["case"] for row in second][-len(first) :]
    hunted(lossbench, folder, "squared_error", 3)
    hunted(lossbench, folder, "squared_error", 6, "--resume")
    assert json.loads(state.read_text())["catches"] == json.loads(whole)["catches"]
    other = lossbench("hunt", "huber", "--rounds", 1, "--resume")
    assert other.code == 2
    assert "about another hunt" in other.err


@pytest.mark.usefixtures("planted")
def test_what_was_found_is_a_case_for_compare(lossbench: InProcess, folder: Path, monkeypatch) -> None:
    _, found, _ = hunted(lossbench, folder, "absolute_error", 6)
    from lossbench.commands import compare

    monkeypatch.setattr(compare, "choose", lambda *given: [Target("planted.hidden")])
    again = lossbench("compare", "--case", found[0]["case"], "--csv", "again.csv")
    assert again.code == 0, again.err
    (row,) = rows_of(folder / "again.csv")
    columns = ("status", "value_error", "gradient_error", "worst")
    assert [row[name] for name in columns] == [found[0][name] for name in columns]


def test_what_cannot_be_hunted_is_said(lossbench: InProcess) -> None:
    for words, says in (
        (("hubber",), "did you mean huber"),
        (("huber", "--seconds", "0"), "should be a number above 0"),
        (("huber", "--rounds", "0"), "should be a whole number above 0"),
        (("huber", "--resume"), "cannot be read"),
        (("huber", "--impl", "nobody.has.this"), "nobody here implements"),
        (("huber", "--dtype", "float31"), "float32"),
    ):
        done = lossbench("hunt", *words, "--framework", "fakes")
        assert done.code == 2, (words, done.err)
        assert says in " ".join(done.err.split())
