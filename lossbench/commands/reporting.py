"""The command `report`: results as a page, two sets of them as what changed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lossbench.commands.sources import Source, Sources, load, when
from lossbench.errors import ResultsNotWritten, UsageError
from lossbench.judging.changes import Change, Kind, changes
from lossbench.losses import catalogue
from lossbench.output import tables
from lossbench.output.report_data import payload
from lossbench.output.report_page import needed, render
from lossbench.records import Verdict
from lossbench.results import LATEST


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked for."""

    paths: tuple[Path, ...] = ()
    output: Path | None = None
    join: bool = False
    title: str = "lossbench"


def main(request: Request) -> int:
    """Write the page, and say what is in it."""
    needed()
    sources = load(request.paths)
    output = request.output or LATEST / "report.html"
    _safe(output, sources)
    rows, found = _sets(sources.verdicts, request.join)
    before = sources.verdicts[0].rows if found is not None else []
    data = payload(rows, catalogue(), sources.timings, found, before, _files(sources, found is not None))
    _write(output, render(data, request.title))
    out = tables.console()
    if rows:
        out.print(f"{len(rows)} verdicts: {tables.counts(rows)}")
    if sources.timings:
        out.print(f"{len(sources.timings)} rows of timings")
    if found is not None:
        out.print(f"changes: {_counted(found) or 'none'}")
    out.print(f"report in {output}", markup=False)
    return 0


def _sets(verdicts: Sequence[Source], join: bool) -> tuple[list[Verdict], list[Change] | None]:
    """The rows to show, and what changed if there are two sets."""
    if join or len(verdicts) < 2:
        return [row for source in verdicts for row in source.rows], None
    if len(verdicts) > 2:
        names = ", ".join(str(source.path) for source in verdicts)
        raise UsageError(f"{len(verdicts)} files of verdicts ({names}): give one, two to compare, or --join them all")
    before, after = verdicts
    return after.rows, changes(before.rows, after.rows)


def _counted(found: Sequence[Change]) -> str:
    kinds = [change.kind for change in found]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in Kind if kind in kinds)


def _files(sources: Sources, compared: bool) -> list[Mapping[str, Any]]:
    kinds = ("before", "after") if compared else ("verdicts",) * len(sources.verdicts)
    told = [
        {"kind": kind, "name": str(source.path), "rows": len(source.rows), "written": source.written}
        for kind, source in zip(kinds, sources.verdicts, strict=True)
    ]
    timed = [
        {"kind": "timings", "name": str(path), "rows": rows, "written": when(path)} for path, rows in sources.timed
    ]
    return [*told, *timed]


def _safe(output: Path, sources: Sources) -> None:
    """Refuse to write where something else is.

    Raises:
        UsageError: the path is a folder, or one of the files that are read.
    """
    if output.is_dir():
        raise UsageError(f"-o {str(output)!r} is a folder; give the path of a file, such as {output / 'report.html'}")
    for path in sources.paths:
        with suppress(OSError):
            if output.samefile(path):
                raise UsageError(f"-o {str(output)!r} would overwrite the results it is made from; give another path")


def _write(output: Path, page: str) -> None:
    """The page in one piece: what was there before stays until all of it is written.

    Raises:
        UsageError: the folder cannot be made or written to.
        ResultsNotWritten: there is no room.
    """
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        if output.exists() and not output.is_file():
            return _pour(output, page)
        descriptor, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror}; give another path with -o") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(page)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, output)
    except OSError as error:
        raise ResultsNotWritten(f"cannot write {output}: {error.strerror}; what was there before is kept") from error
    finally:
        with suppress(OSError):
            os.unlink(name)


def _pour(output: Path, page: str) -> None:
    """The page into a pipe or a device, which takes what comes."""
    try:
        output.write_text(page, encoding="utf-8")
    except BrokenPipeError:  # the reader has what it wanted
        return
    except OSError as error:
        raise ResultsNotWritten(f"cannot write {output}: {error.strerror}") from error
