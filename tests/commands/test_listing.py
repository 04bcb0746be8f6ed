"""The commands `list` and `doctor`."""

import csv
import io
import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from running import InProcess

from lossbench.cases.regimes import REGIMES
from lossbench.commands import listing
from lossbench.crew import Crew
from lossbench.losses import catalogue
from lossbench.output.coverage import offer
from lossbench.records import Greeting, Implementation, Known, Target
from lossbench.wire import Absence

FAKES = ("--framework", "fakes")
LOSSES = [loss for loss in catalogue().values() if not loss.variant]
Words = dict[Target, Greeting | Absence]


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paper on which nothing needs a second line."""
    monkeypatch.setenv("COLUMNS", "1000")


@pytest.fixture(
    scope="module",
    params=[
        "fakes",
        *(
            pytest.param(
                name,
                marks=[
                    pytest.mark.framework(name),
                    pytest.mark.skipif(find_spec(name) is None, reason=f"{name} is not installed"),
                ],
            )
            for name in ("torch", "paddle", "tensorflow", "jax")
        ),
    ],
)
def words(request: pytest.FixtureRequest) -> Words:
    """What a framework says of itself."""
    with Crew([Target(request.param)]) as crew:
        return crew.greet()


def test_list_names_every_loss_and_who_implements_it(
    words: Words, wide: None, lossbench: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "gather", lambda frameworks: words)
    done = lossbench("list")
    assert done.code == 0
    ((target, greeting),) = words.items()
    assert isinstance(greeting, Greeting)
    head, *lines = done.out.splitlines()
    assert head.split() == ["loss", target.framework]
    blocks: dict[str, str] = {}
    for line in lines:
        name = line.split()[0] if not line.startswith(" ") else list(blocks)[-1]
        blocks[name] = blocks.get(name, "") + line
    assert list(blocks) == [loss.name for loss in LOSSES]
    for implementation in greeting.implementations:
        last = implementation.via.split(" + ")[-1].partition("(")[0].rpartition(".")[2]
        assert last in blocks[implementation.loss], implementation.via
    for loss in LOSSES:
        offered = any(i.loss == loss.name for i in greeting.implementations)
        assert blocks[loss.name].split()[1:] != (["-"] if offered else [])


@pytest.fixture
def told(words: Words, wide: None, lossbench: InProcess, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    """The command line, with that framework and no other."""
    monkeypatch.setattr(listing, "gather", lambda frameworks: words)
    return lossbench


def columns(names: str) -> tuple[str, ...]:
    """Words of a cell of the CSV file."""
    return tuple(names.split())


def test_coverage_has_a_row_for_each_implementation(words: Words, told: InProcess) -> None:
    ((target, greeting),) = words.items()
    assert isinstance(greeting, Greeting)
    done = told("list", "--coverage", "--format", "csv")
    assert done.code == 0
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert {row["loss"] for row in rows} == {loss.name for loss in LOSSES}
    assert {row["framework"] for row in rows} == {target.framework}
    found = {(row["loss"], row["via"]): row for row in rows}
    assert len(found) == len(rows)
    for one in greeting.implementations:
        row, loss = found.pop((one.loss, one.via)), catalogue()[one.loss]
        assert columns(row["dtypes"]) == one.dtypes
        assert columns(row["reductions"]) == one.reductions
        assert row["recipe"] == str(one.recipe).lower()
        optional = {n for n, a in loss.arguments.items() if a.optional} | set(loss.parameters)
        assert set(columns(row["takes"])) == optional & {*one.arrays, *one.parameters}
        assert set(columns(row["lacks"])) == optional - {*one.arrays, *one.parameters}
        slopes = columns(row["gradients"]) + columns(row["no_gradients"])
        assert sorted(slopes) == sorted(n for n in loss.differentiable if n in one.arrays)
        for known in one.known:
            assert known.reason in row["known"]
    assert all(row["via"] == row["dtypes"] == row["known"] == "" for row in found.values())  # and there is no other
    offered = {one.loss for one in greeting.implementations}
    assert {loss for loss, _ in found} == {loss.name for loss in LOSSES} - offered


def test_every_form_says_the_same(words: Words, told: InProcess) -> None:
    ((target, greeting),) = words.items()
    assert isinstance(greeting, Greeting)
    by_csv = list(csv.DictReader(io.StringIO(told("list", "--coverage", "--format", "csv").out)))
    by_json = json.loads(told("list", "--coverage", "--format", "json").out)
    assert [(r["loss"], r["via"], columns(r["lacks"])) for r in by_csv] == [
        (r["loss"], r["via"], tuple(r["lacks"])) for r in by_json
    ]
    assert json.loads(told("list", "--format", "json").out) == [
        {name: row[name] for name in ("loss", "framework", "via", "recipe")} for row in by_json
    ]
    table, markdown = told("list", "--coverage").out, told("list", "--coverage", "--format", "markdown").out
    plain = told("list", "--format", "markdown").out
    assert f"| loss | {target.framework} {greeting.version.partition('+')[0]}" in markdown
    assert markdown.startswith(plain)
    assert f"## {target.framework}" in markdown
    assert f"## {target.framework}" not in plain
    for row in by_json:
        if row["via"]:
            assert f"`{row['via']}`" in markdown
            for name in row["lacks"]:
                assert name in table
    for line in markdown.splitlines():
        if line.startswith("|"):
            assert line.count(" | ") in (1, 8), line


def test_a_gradient_that_is_never_given_is_told_from_one_that_sometimes_is_not() -> None:
    (loss,) = (loss for loss in LOSSES if loss.name == "binary_cross_entropy")

    def given(*known: Known) -> tuple[tuple[str, ...], tuple[str, ...]]:
        one = Implementation(loss.name, "here.bce", ("prediction", "target"), (), (), (), (), known=known)
        found = offer(loss, "here", one)
        return found.gradients, found.no_gradients

    assert given() == (("prediction", "target"), ())
    assert given(Known("never", no_gradient=("target",))) == (("prediction",), ("target",))
    assert given(Known("in half", no_gradient=("target",), dtypes=("float16",))) == (("prediction", "target"), ())


def test_the_regimes_are_listed(wide: None, lossbench: InProcess) -> None:
    done = lossbench("list", "--regimes")
    assert done.code == 0
    for regime in REGIMES.values():
        assert any(line.split()[0] == regime.name and regime.doc in line for line in done.out.splitlines()), regime.name


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["list", "--framework", "fakse"], "--framework 'fakse'"),
        (["list", "--regimes", *FAKES], "leave out --framework"),
        (["list", "--regimes", "--coverage"], "leave out --coverage"),
        (["list", "--format", "jsno", *FAKES], "did you mean json?"),
    ],
)
def test_what_cannot_be_meant_is_said_in_one_line(arguments: list[str], says: str, lossbench: InProcess) -> None:
    done = lossbench(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert len(done.err.splitlines()) == 1
    assert says in done.err


@pytest.mark.parametrize(
    "arguments", [["list"], ["list", "--coverage"], ["show", "huber"], ["show", "huber", "--no-run"]]
)
def test_a_missing_framework_is_said_and_is_3_if_asked_for_by_name(
    arguments: list[str], lossbench: InProcess, no_frameworks: None
) -> None:
    done = lossbench(*arguments)
    assert done.code == 0
    assert "huber" in done.out
    for name in ("torch", "paddle", "tensorflow", "jax"):
        assert f"{name} is not there: ModuleNotFoundError" in done.err
    done = lossbench(*arguments, "--framework", "torch")
    assert done.code == 3
    assert "pip install 'lossbench[torch]'" in done.err
    assert done.out == ""


def test_doctor_says_what_is_there_and_what_to_install(
    lossbench: InProcess, no_frameworks: None, wide: None, cache: Path
) -> None:
    done = lossbench("doctor")
    assert done.code == 0
    for name in ("torch", "paddle", "tensorflow", "jax"):
        assert f"{name} is not there: ModuleNotFoundError: No module named" in done.out
        assert f"pip install 'lossbench[{name}]'" in done.out
    assert str(cache) in done.out
    assert "cores" in done.out


def test_doctor_shows_versions_and_devices(
    words: Words, wide: None, lossbench: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "gather", lambda frameworks, device, further, tried: words)
    done = lossbench("doctor")
    assert done.code == 0
    ((target, greeting),) = words.items()
    assert isinstance(greeting, Greeting)
    (line,) = [line for line in done.out.splitlines() if line.startswith(f"{target.framework} ")]
    assert greeting.version in line
    assert greeting.interpreter in line
    assert line.split()[-1] == str(len(greeting.implementations))
