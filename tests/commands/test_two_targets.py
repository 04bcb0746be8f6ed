"""Two environments of one framework in one run: told apart by name, their differences listed, timed beside each other.

The second environment is the interpreter of the tests behind a script that gives its numpy another version, and makes
it wrong by a thousandth in one function.
"""

import sys
from pathlib import Path

import pytest
from running import InProcess, read

SITE = """
import numpy as np
right = np.log1p
np.__version__ = "0.9"
np.log1p = lambda *given, **named: right(*given, **named) * np.float32(1.001)
"""
LOSSES = ("huber", "binary_cross_entropy_with_logits")
NARROW = ("--regime", "normal,tie", "--dtype", "float32")


@pytest.fixture
def other(tmp_path: Path) -> str:
    """The path of the second environment."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SITE)
    script = tmp_path / "envs" / "other" / "bin" / "python"
    script.parent.mkdir(parents=True)
    script.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path / "site"} exec {sys.executable} "$@"\n')
    script.chmod(0o755)
    return str(script.parent.parent)


def test_verdicts_name_the_target_and_differences_are_listed(lossbench: InProcess, folder: Path, other: str) -> None:
    rows = folder / "rows.csv"
    targets = ("--target", "fakes", "--target", f"fakes={other}")
    done = lossbench("compare", *LOSSES, *NARROW, *targets, "--impl", "fakes.honest", "--csv", rows)
    assert done.code == 0, done.err
    found = read(rows)
    assert {(row["target"], row["version"] == "0.9") for row in found} == {("fakes", False), (f"fakes={other}", True)}
    said = done.out.replace("\n", " ")
    assert f"fakes={other}(fakes0.9)" in "".join(done.out.split())  # however long the path is
    assert "with another verdict" in said
    apart = [line for line in done.out.splitlines() if line.startswith("  binary_cross_entropy_with_logits/")]
    assert any("fakes.honest.binary_cross_entropy_with_logits" in line for line in apart)
    assert not any("huber" in line for line in apart)
    assert "more such cases)" in said  # the reductions, counted behind the worst


def test_tables_for_programs_keep_targets_apart(lossbench: InProcess, folder: Path, other: str) -> None:
    targets = ("--target", "fakes", "--target", f"fakes={other}")
    done = lossbench(
        "compare", "huber", *NARROW, *targets, "--impl", "fakes.honest", "--format", "csv", "--csv", folder / "rows.csv"
    )
    header, *lines = done.out.splitlines()
    assert header.endswith(",target")
    assert sorted(line.rpartition(",")[2] for line in lines) == ["fakes", f"fakes={other}"]


def test_times_name_the_target_and_are_compared(lossbench: InProcess, folder: Path, other: str) -> None:
    rows = folder / "rows.csv"
    targets = ("--target", "fakes", "--target", f"fakes={other}")
    options = ("--shape", "4x4", "--dtype", "float32", "--seconds", "0", "--processes", "1", "--csv", rows)
    done = lossbench("speed", "huber", *targets, "--impl", "fakes.honest", *options)
    assert done.code == 0, done.err
    assert {row["target"] for row in read(rows) if row["via"]} == {"fakes", f"fakes={other}"}
    said = " ".join(done.out.split())
    assert f"fakes={other} (fakes 0.9) beside fakes (fakes " in said
    assert "calls timed in both" in said


def test_another_interpreter_is_held_against(lossbench: InProcess, folder: Path, other: str) -> None:
    rows = folder / "rows.csv"
    options = ("--shape", "4x4", "--dtype", "float32", "--seconds", "0", "--processes", "1", "--csv", rows)
    against = ("--target", "fakes", "--against", f"{other}/bin/python")
    done = lossbench("speed", "huber", *against, "--impl", "fakes.honest", *options)
    assert done.code == 0, done.err
    assert {row["interpreter"] for row in read(rows) if row["via"]} == {"", f"{other}/bin/python"}
    assert "beside" in done.out


def test_a_project_names_its_environments(
    lossbench: InProcess, folder: Path, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "lossbench.toml").write_text('[targets]\nold = "fakes=envs/other"\n')
    below = folder / "deep" / "er"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    rows = folder / "rows.csv"
    done = lossbench("compare", "huber", *NARROW, "--target", "old,fakes", "--impl", "fakes.honest", "--csv", rows)
    assert done.code == 0, done.err
    assert {row["target"] for row in read(rows)} == {"old", "fakes"}
    assert "on old, 0.9" in " ".join(done.out.split())


def test_a_target_by_its_name_is_held_against(lossbench: InProcess, folder: Path, other: str) -> None:
    (folder / "lossbench.toml").write_text('[targets]\nold = "fakes=envs/other"\n')
    rows = folder / "rows.csv"
    options = ("--shape", "4x4", "--dtype", "float32", "--seconds", "0", "--processes", "1", "--csv", rows)
    done = lossbench("speed", "huber", "--target", "fakes", "--against", "old", "--impl", "fakes.honest", *options)
    assert done.code == 0, done.err
    assert {row["target"] for row in read(rows) if row["via"]} == {"fakes", "old"}
    (line,) = [line for line in done.out.splitlines() if " base" in line]
    assert "old" in line


def test_rows_of_two_targets_are_not_held_against_one_baseline(lossbench: InProcess, folder: Path, other: str) -> None:
    rows = folder / "rows.csv"
    targets = ("--target", "fakes", "--target", f"fakes={other}")
    lossbench("compare", "huber", *NARROW, *targets, "--impl", "fakes.honest", "--csv", rows)
    assert lossbench("merge", rows, "-o", folder / "merged.csv").code == 0
    done = lossbench("gate", "--results", rows, "--baseline", folder / "none.csv", "--accept", "--framework", "fakes")
    assert done.code == 2
    assert "holds verdicts of fakes" in done.err  # whichever of the two answered first
    assert ", both fakes; a baseline is held against one of them at a time" in done.err
