"""Running lossbench as people do: in a process of its own, or in this one where that makes no difference."""

import csv
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from lossbench import cli

HERE = Path(__file__).parent
MAIN = "import sys; sys.argv[0] = 'lossbench'; from lossbench.cli import main; main()"
HELD_MAIN = f"""
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a job in the background does not have
from lossbench.commands import compare
from lossbench.records import Target
compare.choose = lambda *given: [Target("held.waiting")]
{MAIN}
"""
COMMAND = (sys.executable, "-c", MAIN)


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it said where."""

    code: int
    out: str
    err: str


class InProcess:
    """Runs the command line in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *arguments: object) -> Done:
        self.monkeypatch.setattr(sys, "argv", ["lossbench", *map(str, arguments)])
        before = signal.getsignal(signal.SIGTERM)
        try:
            with pytest.raises(SystemExit) as caught:
                cli.main()
        finally:
            signal.signal(signal.SIGTERM, before)
        said = self.capsys.readouterr()
        return Done(int(caught.value.code or 0), said.out, said.err)


def run(*arguments: object, shell: str = "", **variables: str) -> Done:
    """A process of its own, with `shell` (such as ``>&-``) after the command, its exit code kept through pipes."""
    command = [*COMMAND, *map(str, arguments)]
    if shell:
        command = ["sh", "-c", f'"$@" {shell}', "sh", *command]
    found = subprocess.run(
        command, env={**os.environ, **variables}, capture_output=True, text=True, timeout=120, check=False
    )
    return Done(found.returncode, found.stdout, found.stderr)


@contextmanager
def held(folder: Path, rows: Path) -> Iterator["Held"]:
    """A run of three cases that stands still at the second implementation of the first."""
    suite = folder / "three.toml"
    suite.write_text(
        'losses = ["squared_error"]\n[[cases]]\nregimes = ["normal"]\ndtypes = ["float32"]\n'
        'reductions = ["none", "mean", "sum"]\n'
    )
    process = subprocess.Popen(
        [sys.executable, "-c", HELD_MAIN, "compare", "--suite", str(suite), "--csv", str(rows)],
        env={**os.environ, "PYTHONPATH": before_others(HERE), "HELD_FOLDER": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Held(process, folder, rows)
    finally:
        process.kill()
        process.communicate()


class Held:
    """Such a run."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path, rows: Path) -> None:
        self.process, self.folder, self.rows = process, folder, rows

    def worker(self) -> int:
        """The process of the worker that waits, once it does and the row before is in the file."""
        until(self._waits)
        return int(next(self.folder.glob("asked-*")).name.partition("-")[2])

    def _waits(self) -> bool:
        assert self.process.poll() is None, "it ended before it was asked"
        return self.rows.exists() and len(read(self.rows)) >= 1 and any(self.folder.glob("asked-*"))

    def go(self) -> None:
        """Let it go on."""
        (self.folder / "go").touch()

    def done(self) -> Done:
        """How it ended."""
        out, err = self.process.communicate(timeout=60)
        return Done(self.process.returncode, out, err)


def before_others(folder: Path) -> str:
    """A PYTHONPATH that begins with this folder."""
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something that will come; the limit is for tests that fail."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it never came"
        time.sleep(0.01)


def is_gone(process: int) -> bool:
    """Whether a process has ended, be it reaped or not."""
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file that may be growing, as they are at one moment: DictReader fails on a late header."""
    return list(csv.DictReader(io.StringIO(path.read_text(), newline="")))


def hide(monkeypatch: pytest.MonkeyPatch, modules: str) -> None:
    """Let the workers that are started from here on miss these modules."""
    monkeypatch.setenv("PYTHONPATH", before_others(HERE / "without"))
    monkeypatch.setenv("HIDDEN_MODULES", modules)
