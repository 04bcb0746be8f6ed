"""The command `accuracy`: results as a table of errors by implementation and format."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from lossbench.cases.names import find_losses, suggestion
from lossbench.commands.listing import FORMS
from lossbench.commands.sources import load
from lossbench.errors import ResultsNotWritten, UsageError
from lossbench.judging.accuracy import Accuracy, Silent, silent, table
from lossbench.losses import catalogue
from lossbench.output import tables
from lossbench.output.accuracy_table import as_csv, as_json, as_markdown, as_table, said_of


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked for."""

    paths: tuple[Path, ...] = ()
    form: str = "table"
    output: Path | None = None
    losses: tuple[str, ...] = ()


def main(request: Request) -> int:
    """Print the table, or write it to a file."""
    if request.form not in FORMS:
        raise UsageError(f"--format {request.form!r}; {suggestion(request.form, FORMS)}")
    losses = catalogue()
    wanted = find_losses(request.losses, losses, []) if request.losses else None
    sources = load(request.paths)
    verdicts = [row for source in sources.verdicts for row in source.rows if wanted is None or row.loss in wanted]
    rows = table(verdicts, losses)
    if not rows:
        names = ", ".join(str(path) for path in sources.paths)
        of = f" of {', '.join(request.losses)}" if request.losses else ""
        print(f"{names}: no row{of} in which anything was compared; `lossbench compare` makes some", file=sys.stderr)
        return 4
    mute = silent(verdicts)
    if request.output is not None:
        _write(request.output, rows, mute, request.form, [*sources.paths])
        tables.console().print(f"{len(rows)} rows in {request.output}", markup=False)
    elif request.form == "table":
        tables.console().print(as_table(rows))
        for line in said_of(mute):
            tables.console().print(f"without a number: {line}", markup=False)
    else:
        print(_text(rows, mute, request.form), end="" if request.form == "csv" else "\n")
    return 0


def _text(rows: list[Accuracy], mute: list[Silent], form: str) -> str:
    return as_markdown(rows, mute) if form == "markdown" else {"csv": as_csv, "json": as_json}[form](rows)


def _write(path: Path, rows: list[Accuracy], mute: list[Silent], form: str, read: list[Path]) -> None:
    if form == "table":
        raise UsageError("-o wants csv, json or markdown; say which with --format")
    if path.is_dir() or any(path.exists() and path.samefile(other) for other in read):
        what = "is a folder" if path.is_dir() else "would overwrite the results it is made from"
        raise UsageError(f"-o {str(path)!r} {what}; give the path of another file")
    text = _text(rows, mute, form)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; give another path with -o") from error
    try:
        with file:
            file.write(text)
    except OSError as error:
        raise ResultsNotWritten(f"cannot write {path}: {error.strerror}") from error
