"""Losses of packages beside a framework: told by name where the package is missing, judged where it is there."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from running import HERE, InProcess, before_others, read

from lossbench.commands import compare, listing, speed
from lossbench.records import Target

STANDIN = """
print("an import that talks")

def absolute_error(prediction, target, reduction):
    from lossbench.frameworks.fakes.honest import absolute_error as honest
    return honest(prediction, target, reduction=reduction)
"""
Install = Callable[..., None]


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paper on which nothing needs a second line."""
    monkeypatch.setenv("COLUMNS", "1000")


CASE = ("--case", "absolute_error/none/float32/6x5/normal/0")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """What puts the stand-in package where the workers find it, and makes the stand-in framework the only one."""
    target = Target("packaged.standin")
    for module in (compare, speed, listing):
        monkeypatch.setattr(module, "choose", lambda *given: [target])
    monkeypatch.setenv("PYTHONPATH", before_others(HERE))

    def installed(source: str = STANDIN, version: str = "1.2.3") -> None:
        site = tmp_path / "site"
        (site / f"standin_losses-{version}.dist-info").mkdir(parents=True)
        (site / f"standin_losses-{version}.dist-info" / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: standin-losses\nVersion: {version}\n"
        )
        (site / "standin_losses.py").write_text(source)
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), before_others(HERE)]))

    return installed


def test_one_that_is_missing_is_quietly_left_out(install: Install, lossbench: InProcess, folder: Path) -> None:
    done = lossbench("compare", "absolute_error", *CASE, "--csv", folder / "rows.csv")
    assert done.code == 0, done.err
    assert [row["via"] for row in read(folder / "rows.csv")] == ["standin.own.absolute_error"]
    assert "standin_losses" not in done.out


@pytest.mark.parametrize("word", ["standin-losses", "standin_losses.absolute_error"])
def test_one_that_is_missing_and_asked_for_is_an_environment_that_lacks(
    install: Install, lossbench: InProcess, folder: Path, word: str
) -> None:
    for command in (("compare", *CASE), ("speed", "absolute_error", "--shape", "4x4")):
        done = lossbench(*command, "--impl", word, "--csv", folder / "rows.csv")
        assert done.code == 3
        assert "needs standin-losses, which is not installed" in done.err
        assert "-m pip install standin-losses==1.0 numpy" in done.err


def test_one_that_is_there_is_judged_with_its_version(install: Install, lossbench: InProcess, folder: Path) -> None:
    install()
    done = lossbench("compare", *CASE, "--impl", "standin-losses", "--csv", folder / "rows.csv")
    assert done.code == 0, done.err
    rows = read(folder / "rows.csv")
    judged, card = rows if rows[0]["status"] != "absent" else rows[::-1]
    assert (judged["via"], judged["status"]) == ("standin_losses.absolute_error", "agrees")
    assert judged["package"] == "standin-losses 1.2.3"
    assert (card["status"], "runs on cuda alone" in card["note"]) == ("absent", True)


def test_one_whose_import_fails_is_absent_with_the_reason(install: Install, lossbench: InProcess, folder: Path) -> None:
    install("raise RuntimeError('operator standin::nms does not exist')")
    done = lossbench("compare", *CASE, "--csv", folder / "rows.csv")
    assert done.code == 0, done.err  # the framework's own is judged
    (row,) = [row for row in read(folder / "rows.csv") if row["via"] == "standin_losses.absolute_error"]
    assert row["status"] == "absent"
    assert (
        "1.2.3 is installed and cannot be imported: RuntimeError: operator standin::nms does not exist" in row["note"]
    )


def test_the_doctor_speaks_of_both(install: Install, lossbench: InProcess, wide: None) -> None:
    done = lossbench("doctor")
    assert "packages of losses in packaged.standin: none" in done.out
    assert "has no standin-losses; to install: " in done.out
    assert "-m pip install standin-losses==1.0 numpy" in done.out


def test_the_doctor_tries_to_import_what_is_there(install: Install, lossbench: InProcess, wide: None) -> None:
    install("import not_to_be_found")
    done = lossbench("doctor")
    assert "is installed and cannot be imported: ModuleNotFoundError: No module named 'not_to_be_found'" in done.out


def test_the_doctor_names_versions(install: Install, lossbench: InProcess, wide: None) -> None:
    install()
    done = lossbench("doctor")
    assert "packages of losses in packaged.standin: standin-losses 1.2.3" in done.out


def test_one_is_timed(install: Install, lossbench: InProcess, folder: Path) -> None:
    install()
    options = ("--shape", "4x4", "--seconds", "0", "--processes", "1", "--dtype", "float32")
    done = lossbench("speed", "absolute_error", *options, "--impl", "standin-losses", "--csv", folder / "rows.csv")
    assert done.code == 0, done.err
    packages = {row["package"] for row in read(folder / "rows.csv") if row["via"]}
    assert packages == {"standin-losses 1.2.3"}
    assert "runs on cuda alone" in done.out
