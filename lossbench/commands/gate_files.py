"""Where the gate's account goes beside the screen: JUnit, SARIF, JSON, annotations and the job's summary."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lossbench.errors import UsageError
from lossbench.output.account import Account, as_data
from lossbench.output.github import as_annotations, as_summary
from lossbench.output.junit import as_junit
from lossbench.output.sarif import as_sarif

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"


@dataclass(frozen=True, slots=True)
class Files:
    """The paths asked for, each with what is written there."""

    junit: Path | None = None
    sarif: Path | None = None
    json: Path | None = None
    summary: Path | None = None
    github: bool = False

    def clear(self) -> None:
        """See that each can be written, and leave none of an earlier run: an interrupted one must not look like it.

        Raises:
            UsageError: one cannot, or two are the same.
        """
        paths = {"--junit": self.junit, "--sarif": self.sarif, "--json": self.json, "--summary": self.summary}
        given = {option: path for option, path in paths.items() if path is not None}
        for option, path in given.items():
            if [p.resolve() for p in given.values()].count(path.resolve()) > 1:
                raise UsageError(f"{option} {str(path)!r} is the path of another option, too; give each its own")
            if path.is_dir():
                raise UsageError(f"{option} {str(path)!r} is a directory; give the path of a file")
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("w", encoding="utf-8"):
                    pass
                if path.is_file():
                    path.unlink()
            except OSError as error:
                raise UsageError(f"cannot write {option} {path}: {error.strerror}; give another path") from error

    def write(self, account: Account) -> list[str]:
        """Write all that was asked for, and say what could not be."""
        problems: list[str] = []
        wanted: list[tuple[Path | None, Callable[[Account], str], str]] = [
            (self.junit, as_junit, "w"),
            (self.sarif, as_sarif, "w"),
            (self.json, lambda account: json.dumps(as_data(account), indent=1, ensure_ascii=False) + "\n", "w"),
            (self.summary, as_summary, "w"),
        ]
        step = os.environ.get(STEP_SUMMARY, "")
        if self.github and step and self.summary is None:
            wanted.append((Path(step), as_summary, "a"))  # earlier steps have written theirs
        for path, form, mode in wanted:
            if path is not None:
                try:
                    with path.open(mode, encoding="utf-8", errors="replace") as file:
                        file.write(form(account))
                except OSError as error:
                    problems.append(f"cannot write {path}: {error.strerror}")
        return problems

    def lines(self, account: Account) -> list[str]:
        """The lines of annotations, if GitHub is to show them."""
        return as_annotations(account) if self.github else []
