"""Which files of results a command was given, told apart by their columns."""

from __future__ import annotations

import csv
import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lossbench.errors import ResultsNotWritten, UsageError
from lossbench.records import Verdict
from lossbench.results import LATEST, read

VERDICTS = {"case", "via", "regime", "status", "compared"}
TIMINGS = {"case", "via", "direction", "process", "p25"}
USUAL = ("compare.csv", "speed.csv")  # what is taken of a folder


@dataclass(frozen=True, slots=True)
class Source:
    """A file of verdicts."""

    path: Path
    rows: list[Verdict]

    @property
    def written(self) -> str:
        """When it was, in the time of this machine."""
        return when(self.path)


def when(path: Path) -> str:
    """When a file was written, in the time of this machine."""
    return datetime.datetime.fromtimestamp(path.stat().st_mtime).strftime("%Y-%m-%d %H:%M")


@dataclass(slots=True)
class Sources:
    """All that was given."""

    verdicts: list[Source] = field(default_factory=list)
    timings: list[dict[str, str]] = field(default_factory=list)
    timed: list[tuple[Path, int]] = field(default_factory=list)  # files of timings, and how many rows each has

    @property
    def paths(self) -> list[Path]:
        """All files that were read."""
        return [*(source.path for source in self.verdicts), *(path for path, _ in self.timed)]


def load(paths: Sequence[Path]) -> Sources:
    """Read files of verdicts and timings, and what a folder has of them; without paths the latest results.

    Raises:
        UsageError: a path is not there, or holds neither.
        ResultsNotWritten: no paths were given, and there are no latest results; or there is not one row.
    """
    found = Sources()
    given = paths or [LATEST]
    if not paths and not any((LATEST / name).exists() for name in USUAL):
        raise ResultsNotWritten(
            f"there are no results yet: neither {' nor '.join(str(LATEST / name) for name in USUAL)} is there; "
            "run `lossbench compare` first, or say which file to read"
        )
    for path in given:
        for file in _files(path):
            header = _header(file)
            if header >= VERDICTS:
                found.verdicts.append(Source(file, read(file, Verdict)))
            elif header >= TIMINGS:
                with file.open(newline="", encoding="utf-8-sig") as text:
                    timings = list(csv.DictReader(text))
                found.timings += timings
                found.timed.append((file, len(timings)))
            else:
                raise UsageError(
                    f"{file} holds neither verdicts nor timings: it begins with {','.join(sorted(header))[:60]!r}; "
                    "give a file that `lossbench compare --csv` or `speed --csv` has written"
                )
    if not any(source.rows for source in found.verdicts) and not found.timings:
        raise ResultsNotWritten(f"there is not one row in {', '.join(map(str, found.paths))}; nothing was measured")
    return found


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = [path / name for name in USUAL if (path / name).exists()]
    if not files:
        raise UsageError(f"{path} is a folder without {' or '.join(USUAL)}; give the path of a file of results")
    return files


def _header(path: Path) -> set[str]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return set(next(csv.reader(file), []))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}; give a file of results") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"cannot read {path}: {error}; give a file of results") from error
