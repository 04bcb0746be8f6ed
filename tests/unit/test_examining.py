"""What is said of interpreters that no worker can run under."""

import sys
from pathlib import Path

import pytest

from lossbench.commands import examining
from lossbench.commands.targets import parse_target
from lossbench.errors import UsageError


def script(path: Path, text: str, mode: int = 0o755) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)
    return str(path)


def test_everything_that_is_missing_is_named_in_one_line(tmp_path: Path) -> None:
    bare = script(tmp_path / "python", f'exec {sys.executable} -S -E -s "$@"')  # without site-packages
    found = examining.mended(bare, "jax")
    assert found == f"{bare} -m ensurepip && {bare} -m pip install numpy jax optax"


def test_nothing_is_said_where_nothing_is_missing(tmp_path: Path) -> None:
    assert examining.mended(script(tmp_path / "python", f'exec {sys.executable} "$@"'), "fakes") == ""


def test_a_python_that_is_too_old_is_named_by_its_version(tmp_path: Path) -> None:
    old = script(tmp_path / "python", """echo '{"version": [3, 9], "lacks": ["numpy"]}'""")
    found = examining.mended(old, "torch")
    assert "is Python 3.9, and a worker needs 3.11 or later" in found
    assert "venv" in found


@pytest.mark.parametrize("text", ["echo hello", "exit 3", "echo '[1]'", "echo"])
def test_what_is_no_python_is_told_so(tmp_path: Path, text: str) -> None:
    assert "is no Python interpreter" in examining.mended(script(tmp_path / "python", text), "torch")


def test_what_is_there_and_no_program_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "python").write_bytes(b"\x7fELF")
    (tmp_path / "python").chmod(0o755)
    assert "is no Python interpreter" in examining.mended(str(tmp_path / "python"), "torch")


def test_paths_that_lead_to_no_interpreter_are_refused_each_in_its_own_words(tmp_path: Path) -> None:
    locked = script(tmp_path / "locked", "", mode=0o644)
    for path, said in (
        (tmp_path / "none", "there is no interpreter"),
        (tmp_path, "is no virtual environment, it has no bin/python"),
        (locked, "cannot be executed; if it is an interpreter, `chmod +x"),
    ):
        with pytest.raises(UsageError, match=said.replace("+", r"\+")):
            parse_target(f"torch={path}", "cpu")
