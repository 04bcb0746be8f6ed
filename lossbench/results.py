"""Results in and out of CSV files; the columns are the fields of the records."""

from __future__ import annotations

import csv
import functools
import os
import stat
import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO, TypeVar, Union, get_args, get_origin, get_type_hints

from lossbench.errors import ResultsNotWritten, UsageError

Record = TypeVar("Record")
LATEST = Path("results") / "latest"
VERSION = "schema"  # the last column where a record declares its SCHEMA: which columns its rows may have


def columns(record: type[Any]) -> list[str]:
    """The columns of a record's file, in order."""
    return [field.name for field in fields(record)]


def schema(record: type[Any]) -> int:
    """The version of a record's columns; a file without the column has version 1."""
    return int(getattr(record, "SCHEMA", 1))


def cell(value: Any) -> str:
    """A field as written in a CSV file: unknown is empty, floats in full, sequences joined by spaces."""
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, (tuple, list)):
        return " ".join(cell(v) for v in value)
    return str(value)


class Writer:
    """Appends records to a CSV file as they come, so that an interrupted run keeps what it has.

    Raises:
        UsageError: the path is a directory or standard output's own file, or its folder cannot be made.
        ResultsNotWritten: there is no room for as much as the header.
    """

    def __init__(self, path: Path, record: type[Any]) -> None:
        """Create the file and write its header at once: a bad path fails before anything is measured."""
        self.path, self.names = path, columns(record)
        self.version = [str(schema(record))] if hasattr(record, "SCHEMA") else []
        self.whole = 0  # bytes of the rows that were written in full
        if os.path.isdir(path):
            raise UsageError(
                f"--csv {str(path)!r} is a directory; give the path of a file, such as {path / 'results.csv'}"
            )
        if _is_standard_output(path):
            raise UsageError(f"{path} is where standard output goes; give the rows a file of their own with --csv")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.file: TextIO = path.open("a", newline="", encoding="utf-8")
            if not _locked(self.file):
                self.file.close()
                raise UsageError(f"another run is writing {path}; give this one a file of its own with --csv")
            if self.file.seekable() and not path.is_char_device():
                self.file.truncate(0)
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}; give another path with --csv") from error
        self.table = csv.writer(self.file, lineterminator="\n")
        try:
            self._write([*self.names, *([VERSION] if self.version else [])])
        except ResultsNotWritten:
            self.close()
            raise

    def write(self, record: Any) -> None:
        """Add one row.

        Raises:
            ResultsNotWritten: the disk is full, or the file has gone.
        """
        self._write([*(cell(getattr(record, name)) for name in self.names), *self.version])

    def _write(self, row: Sequence[str]) -> None:
        try:
            self.table.writerow(row)
            self.file.flush()
            self.whole = os.fstat(self.file.fileno()).st_size
        except OSError as error:
            self._give_up()
            raise ResultsNotWritten(
                f"cannot write {self.path}: {error.strerror}; rows before this one are kept"
            ) from error

    def _give_up(self) -> None:
        """Take back the part of a row that still went in, and see that nothing follows it."""
        with suppress(OSError):
            os.ftruncate(self.file.fileno(), self.whole)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)

    def close(self) -> None:
        """Close the file; what could not be flushed has been reported before."""
        try:
            self.file.close()
        except OSError:
            return


def _is_standard_output(path: Path) -> bool:
    """Whether the path is a regular file that standard output goes to: the table would be written over the rows."""
    try:
        there, out = path.stat(), os.fstat(1)
    except OSError:
        return False
    return stat.S_ISREG(there.st_mode) and os.path.samestat(there, out)


def _locked(file: TextIO) -> bool:
    """Take the file for this process alone, where the system can; False if another run has it."""
    try:
        import fcntl
    except ImportError:  # a system without file locks
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def read(path: Path, record: type[Record]) -> list[Record]:
    """Read a file of records; columns that are missing take the field's default.

    Raises:
        UsageError: there is no such file, a row does not read like a record, or a later lossbench wrote it.
    """
    names = columns(record)
    every = get_type_hints(record)
    hints = {name: every[name] for name in names}
    readers = {name: parser(hint) for name, hint in hints.items()}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets put a mark before the first column
            reader = csv.DictReader(file)
            rows, header = list(reader), reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
    missing = [f.name for f in fields(record) if f.name not in header and f.default is MISSING]  # type: ignore[arg-type]
    if missing:
        raise UsageError(f"{path} lacks the column {missing[0]!r}; a file of this kind begins with {','.join(names)}")
    records = []
    for number, row in enumerate(rows, 2):
        if (version := row.get(VERSION)) and version.isdecimal() and int(version) > schema(record):
            raise UsageError(
                f"{path} has schema {version}, and this lossbench reads up to {schema(record)}; update lossbench"
            )
        try:
            records.append(
                record(**{name: read(row[name]) for name, read in readers.items() if row.get(name) is not None})
            )
        except (TypeError, ValueError) as error:
            raise UsageError(f"{path}, line {number}: {_said(error, row, hints)}") from error
    return records


def _said(error: Exception, row: Mapping[str, str | None], hints: Mapping[str, Any]) -> str:
    """What is wrong with a row: the column that does not read, and what may stand there."""
    for name, hint in hints.items():
        text = row.get(name)
        if text is None:
            return f"the row ends before the column {name!r}"
        try:
            parsed(hint, text)
        except ValueError:
            words = f"one of {', '.join(hint)}" if isinstance(hint, type) and issubclass(hint, StrEnum) else "a number"
            return f"{name} is {text!r}; it should be {words}"
    return str(error)


def parsed(hint: Any, text: str) -> Any:
    """A cell as the type of its field."""
    return parser(hint)(text)


@functools.cache
def parser(hint: Any) -> Callable[[str], Any]:
    """What reads the cells of a field of this type."""
    if get_origin(hint) in (Union, types.UnionType):
        known = parser(next(kind for kind in get_args(hint) if kind is not type(None)))
        return lambda text: None if text == "" else known(text)
    if get_origin(hint) is tuple:
        part = parser(get_args(hint)[0])
        if part is str:
            return lambda text: tuple(text.split())
        return lambda text: tuple(map(part, text.split()))
    if isinstance(hint, type) and (issubclass(hint, StrEnum) or hint in (int, float)):
        return hint
    return str
