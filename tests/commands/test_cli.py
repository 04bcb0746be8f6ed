"""The command line: what it imports, what it says of wrong words, and the exit code whatever becomes of its streams."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from running import COMMAND, MAIN, Done, InProcess, run

from lossbench.commands import compare
from lossbench.errors import EnvironmentLacks, ResultsNotWritten, UsageError

LIGHT = ("cli", "cli_hunt", "cli_options", "cli_own", "cli_results", "cli_search", "leaving", "errors")
HEAVY = (
    "numpy",
    "pandas",
    "scipy",
    "flint",
    "sqlite3",
    "platformdirs",
    "torch",
    "paddle",
    "tensorflow",
    "keras",
    "jax",
)
FEW = ("compare", "huber", "--framework", "fakes", "--regime", "zeros", "--dtype", "float32")
FULL = Path("/dev/full")
NEEDS_FULL = pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full, a device that is always full")


# help


@pytest.mark.parametrize(
    "arguments", [["--help"], ["compare", "--help"], ["show", "--help"], ["choose", "--help"], ["hunt", "--help"]]
)
def test_help_is_light(arguments: Sequence[str], folder: Path) -> None:
    script = f"import atexit, json, sys; atexit.register(lambda: print(json.dumps(list(sys.modules)))); {MAIN}"
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    *lines, modules = done.stdout.splitlines()
    assert "Usage" in "".join(lines)
    loaded = json.loads(modules)
    assert [name for name in HEAVY if name in loaded] == []
    assert {name for name in loaded if name.partition(".")[0] == "lossbench"} <= {
        "lossbench", *(f"lossbench.{name}" for name in LIGHT)
    }  # fmt: skip


@pytest.mark.parametrize("command", ["compare", "speed", "gate", "list", "show", "choose", "doctor", "selftest"])
def test_every_command_has_help(command: str, lossbench: InProcess) -> None:
    done = lossbench(command, "--help")
    assert done.code == 0
    assert f"lossbench {command}" in done.out


# wrong words


def test_no_command_shows_the_commands(lossbench: InProcess) -> None:
    done = lossbench()
    assert done.code == 2
    assert "compare" in done.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["comapre"], "compare"),
        (["compare", "--framewrok", "torch"], "--framework"),
        (["compare", "--seed"], "--seed"),
        (["show"], "Missing argument"),
        (["speed", "--processes", "many"], "--processes"),
    ],
)
def test_the_parser_s_refusals_end_with_2(arguments: list[str], says: str, lossbench: InProcess) -> None:
    done = lossbench(*arguments)
    assert done.code == 2
    assert says in done.err
    assert "Traceback" not in done.err


def test_words_may_stand_together_or_apart(lossbench: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[compare.Request] = []
    monkeypatch.setattr(compare, "main", lambda request: asked.append(request) or 0)
    lossbench("compare", "huber,mse", "ctc", "--dtype", "float32", "--dtype", "float16, float64", "--seed", "1 2,3")
    (request,) = asked
    assert request.losses == ("huber", "mse", "ctc")
    assert request.dtypes == ("float32", "float16", "float64")
    assert request.seeds == ("1", "2", "3")
    assert request.frameworks == ()


# exit codes


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (UsageError("no such thing"), 2, "lossbench: no such thing\n"),
        (EnvironmentLacks("not here"), 3, "lossbench: not here\n"),
        (ResultsNotWritten("disk full"), 4, "lossbench: disk full\n"),
        (OSError(28, "No space left on device"), 4, "No space left on device\n"),
        (ValueError("oops"), 70, "ValueError: oops\nlossbench: this is an error of lossbench's own"),
        (OSError(2, "No such file or directory"), 70, "an error of lossbench's own"),
        (KeyboardInterrupt(), 130, "interrupted; rows already written are kept\n"),
    ],
)
def test_every_end_has_its_exit_code(
    error: BaseException, code: int, says: str, lossbench: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def perform(*_: object) -> None:
        raise error

    monkeypatch.setattr(compare, "perform", perform)
    done = lossbench("compare")
    assert done.code == code
    assert says in done.err
    assert done.out == ""
    assert ("Traceback" in done.err) == (code == 70)


@NEEDS_FULL
def test_an_error_of_our_own_is_no_regression_even_if_nobody_can_be_told(folder: Path) -> None:
    script = f"from lossbench.commands import compare; compare.perform = None; {MAIN}"
    with FULL.open("w") as full:
        done = subprocess.run([sys.executable, "-c", script, "compare"], stderr=full, check=False)
    assert done.returncode == 70


# streams


def test_a_reader_that_leaves_changes_no_exit_code(folder: Path) -> None:
    """A closed pipe ends many a program with 1; here that would be a regression, or hide one."""

    def code(*arguments: str) -> int:
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "w") as gone:
            done = subprocess.run([*COMMAND, *arguments], stdout=gone, stderr=gone, check=False)
        return done.returncode

    assert code(*FEW) == 0
    assert len((folder / "results/latest/compare.csv").read_text().splitlines()) > 3
    lie = ("compare", "cross_entropy", "--framework", "fakes", "--impl", "lies.constant")
    assert code(*lie, "--strict", "--regime", "normal", "--dtype", "float32") == 1
    assert code("list", "--framework", "fakes") == code("--help") == 0
    assert code("compare", "hubr", "--framework", "fakes") == code("compare", "--frobnicate") == 2


@pytest.mark.parametrize("shell", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_closed_streams_are_no_error(shell: str, folder: Path) -> None:
    assert run(*FEW, shell=shell).code == 0
    assert (folder / "results/latest/compare.csv").read_text().startswith("case,loss,")


@NEEDS_FULL
def test_a_full_device_under_the_table_is_not_called_success(folder: Path) -> None:
    for arguments in (FEW, ("list", "--regimes"), ("--help",)):
        done = run(*arguments, shell=">/dev/full")
        assert done.code == 4
        assert "No space left on device" in done.err
        assert "Traceback" not in done.err
    done = run(*FEW, shell="2>/dev/full")  # progress that nobody can read costs nothing
    assert done.code == 0
    assert "rows in" in done.out


def test_letters_that_the_terminal_lacks_are_replaced(folder: Path) -> None:
    done = run("show", "ctc", "--framework", "fakes", PYTHONIOENCODING="ascii")
    assert done.code == 0
    assert "log ?_" in done.out  # a capital sigma


def on_a_terminal(*arguments: str, **variables: str) -> Done:
    """What a run shows on a terminal of its own."""
    here, there = pty.openpty()
    process = subprocess.Popen([*COMMAND, *arguments], stdout=there, stderr=there, env={**os.environ, **variables})
    os.close(there)
    seen = b""
    while True:
        try:
            data = os.read(here, 4096)
        except OSError:  # the other side has gone
            break
        if not data:
            break
        seen += data
    os.close(here)
    return Done(process.wait(), seen.decode(), "")


def test_a_terminal_shows_a_bar_and_colours_unless_told_not_to(folder: Path) -> None:
    colours = ("\x1b[31m", "\x1b[32m", "\x1b[36m")
    done = on_a_terminal(*FEW, TERM="xterm-256color")
    assert done.code == 0
    assert "comparing" in done.out
    assert any(colour in done.out for colour in colours)
    done = on_a_terminal(*FEW, TERM="xterm-256color", NO_COLOR="1")
    assert not any(colour in done.out for colour in colours)


@pytest.mark.parametrize("columns", ["60", "20"])
def test_a_narrow_terminal_is_not_written_over(
    columns: str, lossbench: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for arguments in (FEW, ("list", "--regimes")):
        done = lossbench(*arguments)
        assert done.code == 0
        assert max(map(len, done.out.splitlines())) <= int(columns)


def test_a_terminal_of_unknown_width_is_written_on(lossbench: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "0")
    assert "log_uniform" in lossbench("list", "--regimes").out
