"""Suites that ask in several modes: what is held against what, who is found out, and what cannot be asked so."""

from pathlib import Path

import pytest
from running import run

from lossbench.commands import compare
from lossbench.commands.against import in_suites_modes
from lossbench.errors import UsageError
from lossbench.records import Target, Verdict
from lossbench.results import read

BESIDE = "fakes:compiled beside fakes"
SUITE = """
schema = 1
modes = ["eager", "compiled", "tensorflow:xla"]
[[cases]]
regimes = ["normal", "kink"]
dtypes = ["float32"]
reductions = ["none", "mean"]
options = "each"
how = ["contiguous"]
[[cases]]
regimes = ["normal", "kink", "empty", "confident"]
dtypes = ["float32"]
reductions = ["none", "mean"]
"""


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Verdict]:
    folder = tmp_path_factory.mktemp("ways")
    (folder / "ways.toml").write_text(SUITE)
    losses = ("squared_error", "absolute_error", "huber", "binary_cross_entropy_with_logits")
    request = compare.Request(losses, str(folder / "ways.toml"), ("fakes",), implementation="fakes.ways.")
    compare.perform(request, folder / "rows.csv", compare.Run())
    return read(folder / "rows.csv", Verdict)


def of(rows: list[Verdict], name: str, target: str) -> list[Verdict]:
    found = [row for row in rows if row.via == f"fakes.ways.{name}" and row.target == target and row.compared]
    assert found
    return found


def test_every_case_is_judged_in_each_mode_and_the_second_against_the_first(rows: list[Verdict]) -> None:
    eager, compiled, beside = (of(rows, "fused", target) for target in ("fakes", "fakes:compiled", BESIDE))
    assert {row.case for row in eager} == {row.case for row in compiled} == {row.case for row in beside}
    assert {row.reference for row in beside} == {"path"}
    assert {row.mode for row in beside} == {"compiled"}


@pytest.mark.parametrize("honest", ["fused", "other_side"])
def test_who_is_right_both_ways_is_let_through(rows: list[Verdict], honest: str) -> None:
    found = {row.status for row in rows if row.via == f"fakes.ways.{honest}" and row.compared}
    assert found <= {"agrees", "imprecise"}


def test_another_side_of_a_kink_is_told_and_not_blamed(rows: list[Verdict]) -> None:
    notes = {row.regime: row.note for row in of(rows, "other_side", BESIDE) if row.note}
    assert list(notes) == ["kink"]
    assert "different sides" in notes["kink"]


def test_what_is_wrong_one_way_alone_is_found(rows: list[Verdict]) -> None:
    assert {row.status for row in of(rows, "forgets_delta", "fakes")} == {"agrees"}
    for target in ("fakes:compiled", BESIDE):
        wrong = [row for row in of(rows, "forgets_delta", target) if row.status == "differs"]
        assert {"delta" in row.case for row in wrong} == {True}
    assert "fakes gives" in wrong[0].worst


def test_two_conventions_where_nothing_is_right_are_found(rows: list[Verdict]) -> None:
    own = {row.status for row in rows if row.via.endswith("mean_of_nothing") and row.target != BESIDE and row.compared}
    assert own == {"agrees"}
    (found,) = [row for row in of(rows, "mean_of_nothing", BESIDE) if row.status == "differs"]
    assert (found.regime, found.worst) == ("empty", "value: got 0, fakes gives nan")


def test_answering_one_way_alone_is_found(rows: list[Verdict]) -> None:
    found = of(rows, "cannot_be_compiled", BESIDE)
    assert {row.status for row in found} == {"differs"}
    assert "fakes answers, fakes:compiled raises: NotImplementedError" in found[0].note


def test_a_target_with_a_mode_of_its_own_keeps_it() -> None:
    words = ("eager", "compiled", "tensorflow:xla")
    torch = [Target("torch"), Target("torch", mode="compiled")]
    assert in_suites_modes(torch[:1], words) == torch
    assert in_suites_modes(torch[1:], words) == torch[1:]
    assert [target.mode for target in in_suites_modes([Target("tensorflow")], words)] == ["eager", "compiled", "xla"]
    assert [target.mode for target in in_suites_modes([Target("jax")], words)] == ["eager", "compiled"]
    with pytest.raises(UsageError, match="modes has 'tensor:xla'"):
        in_suites_modes(torch, ("tensor:xla",))


def test_the_gate_holds_one_mode_and_says_so(tmp_path: Path) -> None:
    done = run("gate", "--suite", "compiled", "--framework", "fakes", "--csv", str(tmp_path / "rows.csv"))
    assert done.code == 2
    assert "several modes" in done.err
    assert "lossbench compare --suite compiled" in done.err
