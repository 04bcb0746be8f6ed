"""A folder and a cache of its own for every command that a test runs."""

from pathlib import Path

import pytest
from running import InProcess, hide


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certified answers, shared by the tests of one session and by nobody else."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def folder(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that commands are run in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def lossbench(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> InProcess:
    """The command line, in this process."""
    return InProcess(monkeypatch, capsys)


@pytest.fixture
def no_frameworks(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A machine on which no framework is installed."""
    hide(monkeypatch, "torch paddle tensorflow keras jax optax")
