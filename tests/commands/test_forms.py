"""`--format`, everywhere: rows alone on standard output, plain where piped, tables that fit 80 columns."""

import csv
import json
from pathlib import Path

import pytest
from made import VERDICT, write
from running import InProcess

from lossbench.checking.findings import Checked, Result
from lossbench.commands import check

ONE = ("--framework", "fakes", "--impl", "honest")
COMMANDS: dict[str, tuple[str, ...]] = {
    "compare": ("squared_error", *ONE, "--dtype", "float32", "--regime", "normal", "--csv", "c.csv"),
    "speed": ("squared_error", *ONE, "--shape", "4x8", "--seconds", "0", "--processes", "1", "--csv", "s.csv"),
    "hunt": ("squared_error", *ONE, "--rounds", "1", "--csv", "h.csv"),
    "exhaust": ("squared_error", *ONE, "--argument", "prediction", "--csv", "e.csv"),
    "sweep": ("squared_error", *ONE, "--levels", "1", "--csv", "w.csv"),
    "list": ("--framework", "fakes"),
    "list coverage": ("--framework", "fakes", "--coverage"),
    "list regimes": ("--regimes",),
    "show": ("huber", "--framework", "fakes", "--no-run"),
    "choose": ("--task", "regression"),
    "choose tree": ("--tree",),
    "selftest": ("--suite", "few.toml", "--csv", "t.csv"),
    "accuracy": ("v.csv",),
    "doctor": (),
}
LONGER = ("list regimes", "choose tree", "show", "selftest")  # names and sentences that stay whole when copied


@pytest.fixture
def here(lossbench: InProcess, folder: Path, request: pytest.FixtureRequest) -> InProcess:
    """A folder with a small suite and a file of verdicts; for `doctor` a machine without frameworks."""
    Path("few.toml").write_text(
        'losses = ["huber"]\n[[cases]]\nregimes = ["normal"]\ndtypes = ["float32"]\nreductions = ["none"]\n'
    )
    write("v.csv", VERDICT)
    if "doctor" in request.node.name:
        request.getfixturevalue("no_frameworks")
    return lossbench


def words(name: str) -> tuple[str, ...]:
    return (name.partition(" ")[0], *COMMANDS[name])


@pytest.mark.parametrize("name", COMMANDS)
def test_rows_stand_alone_on_standard_output(name: str, here: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    found = {form: here(*words(name), "--format", form) for form in ("csv", "json", "markdown")}
    assert {done.code for done in found.values()} <= {0, 1}
    rows = json.loads(found["json"].out)
    assert rows
    assert "\x1b" not in "".join(done.out for done in found.values())
    table = list(csv.DictReader(found["csv"].out.splitlines(keepends=True)))
    assert (len(table), None in table[0]) == (len(rows), False)
    if not name.startswith(("list", "accuracy")):  # which spell their cells for people
        assert list(table[0]) == list(rows[0])
    assert any(line.replace(":", "").startswith(("|---", "| ---")) for line in found["markdown"].out.splitlines())


@pytest.mark.parametrize("name", COMMANDS)
def test_tables_fit_80_columns_and_are_plain_where_piped(
    name: str, here: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = here(*words(name))
    assert done.code in (0, 1)
    assert done.out
    assert "\x1b" not in done.out
    if name not in LONGER:
        assert [line for line in done.out.splitlines() if len(line.rstrip()) > 80] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_no_color_is_honoured_also_where_colour_is_forced(
    name: str, here: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    done = here(*words(name))
    assert not [part for part in done.out.split("\x1b[")[1:] if part[:2] in {f"3{digit}" for digit in range(1, 8)}]


@pytest.mark.parametrize("name", ["gate", *COMMANDS])
def test_a_form_that_does_not_exist_is_refused_before_anything_runs(name: str, here: InProcess) -> None:
    done = here(*(words(name) if name in COMMANDS else (name,)), "--format", "jsno")
    assert (done.code, "did you mean json" in done.err) == (2, True), done.err


@pytest.mark.parametrize("form", ["csv", "json", "markdown"])
def test_checks_of_a_function_of_ones_own(form: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = check.Run(
        [Checked("f", "torch", "2.0", "gradient", Result.FOUND, "float32", "off by 2")],
        "it takes prediction, target",
        7,
    )
    check.report(run, Path("check.csv"), form)
    said = capsys.readouterr()
    assert "off by 2" in said.out
    assert "it takes prediction" not in said.out
    assert "it takes prediction" in said.err
