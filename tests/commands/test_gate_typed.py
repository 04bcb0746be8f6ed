"""The command `gate` as it is typed: what it refuses, its suite, and real workers of the fakes."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lossbench import cli
from lossbench.cases.suite import Selection, load
from lossbench.cases.unfolding import unfold
from lossbench.commands import gate
from lossbench.errors import EnvironmentLacks, UsageError
from lossbench.judging import baseline_file as baseline
from lossbench.judging.accepted import Accepted
from lossbench.losses import catalogue
from lossbench.records import Status, Verdict
from lossbench.results import read

# usage


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (gate.Request(device="tpu"), "--device 'tpu'"),
        (gate.Request(frameworks=("torhc",)), "did you mean torch"),
        (gate.Request(baseline=Path("no/such.csv")), "with --accept"),
        (gate.Request(baseline=Path(".")), "is a directory"),
        (gate.Request(baseline=Path("."), accept=True), "is a directory"),
        (gate.Request(suite="gaet", accept=True, baseline=Path("no/such.csv")), "did you mean gate"),
        (gate.Request(seeds=("x",), accept=True, baseline=Path("no/such.csv")), "--seed 'x'"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_runs(request_: gate.Request, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        gate.main(request_)
    assert not Path("no").exists()


def test_the_default_baseline_lies_beside_the_results() -> None:
    assert gate.accepted_folder().parts[-2:] in (("results", "accepted"), ("lossbench", "_accepted"))


def test_the_suite_is_small_and_has_several_seeds() -> None:
    cases = unfold(load("gate"), catalogue(), Selection())
    assert {case.loss for case in cases} == {loss.name for loss in catalogue().values() if not loss.variant}
    assert len({case.seed for case in cases}) >= 2
    assert len(cases) < 3000


# real workers


def typed(line: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of a command line."""
    monkeypatch.setattr(sys, "argv", shlex.split(line))
    with pytest.raises(SystemExit) as left:
        cli.main()
    return int(left.value.code or 0)


def test_the_fakes_are_accepted_held_and_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    line = "lossbench gate huber --framework fakes --baseline cpu.csv"
    assert typed(line, monkeypatch) == 2
    assert typed(f"{line} --accept", monkeypatch) == 0
    rows = read(tmp_path / "cpu.csv", Accepted)
    assert {row.loss for row in rows} == {"huber"}
    assert {"fakes.honest.huber", "fakes.lies.ignores_delta"} <= {row.via for row in rows}
    assert "delta=0.125" in {row.options for row in rows}
    assert typed(line, monkeypatch) == 0
    assert "gate: 0 worse, 0 better, 0 new, 0 gone -> exit 0" in capsys.readouterr().out
    liar = next(row for row in rows if row.via == "fakes.lies.ignores_delta" and row.status is Status.DIFFERS)
    baseline.write(tmp_path / "cpu.csv", [replace(row, status=Status.AGREES, value_error=1.0, gradient_error=1.0)
                                          if row == liar else row for row in rows])  # fmt: skip
    capsys.readouterr()
    assert typed(line, monkeypatch) == 1
    shown = capsys.readouterr().out
    assert f"worse      {liar}: agrees, value 1, gradient 1 → differs" in shown
    assert "gate: 1 worse, 0 better, 0 new, 0 gone -> exit 1" in shown
    command = next(text.strip() for text in shown.splitlines() if "lossbench compare" in text)
    case = shown.split(command)[0].splitlines()[-2].strip()
    assert typed(f"{command} --csv again.csv --strict", monkeypatch) == 1
    assert case in {v.case for v in read(tmp_path / "again.csv", Verdict) if v.status is Status.DIFFERS}


def test_frameworks_asked_for_by_name_must_be_there(tmp_path: Path) -> None:
    request = gate.Request(
        ("huber",),
        frameworks=("fakes",),
        device="cuda",
        accept=True,
        baseline=tmp_path / "b.csv",
        csv=tmp_path / "r.csv",
    )
    with pytest.raises(EnvironmentLacks, match="fakes@cuda"):
        gate.main(request)
    assert not (tmp_path / "b.csv").exists()
