"""Files of results as pandas frames, every column with the type of its field."""

from __future__ import annotations

import types
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

from lossbench.errors import UsageError
from lossbench.records import Verdict
from lossbench.results import VERSION, columns, schema

if TYPE_CHECKING:
    import pandas

NAMES = ("loss", "framework", "version", "via", "device", "mode", "dtype", "reduction", "regime", "reference")


def dtypes(record: type[Any] = Verdict) -> dict[str, str]:
    """What `pandas.read_csv` is to be told of the columns of a record's file.

    Numbers that may be unknown are NaN or missing there; counts are integers that know missing values; texts are
    texts, never NaN, if `keep_default_na=False` is given along with ``na_values={name: [""] ...}`` of the numbers.
    """
    hints = get_type_hints(record)
    return {name: _dtype(name, hints[name]) for name in columns(record)} | {VERSION: "Int64"}


def frame(path: Path | str, record: type[Any] = Verdict) -> pandas.DataFrame:
    """A file of results, of this schema or an earlier one.

    Raises:
        UsageError: there is no such file, or a cell does not read like its column.
    """
    import pandas

    wanted = dtypes(record)
    numbers = [name for name, dtype in wanted.items() if dtype in ("Int64", "float64")]
    try:
        found = pandas.read_csv(
            path,
            dtype=wanted,
            keep_default_na=False,
            na_values={name: [""] for name in numbers},
            encoding="utf-8-sig",
        )
    except (OSError, ValueError) as error:  # pandas' own errors of parsing are ValueErrors
        raise UsageError(f"cannot read {path}: {error}") from error
    if VERSION not in found:
        found[VERSION] = pandas.array([1] * len(found), dtype="Int64")
    latest = found[VERSION].max() if len(found) else 1
    if latest is not pandas.NA and latest > schema(record):
        raise UsageError(
            f"{path} has schema {latest}, and this lossbench reads up to {schema(record)}; update lossbench"
        )
    return found


def _dtype(name: str, hint: Any) -> str:
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(kind for kind in get_args(hint) if kind is not type(None))
    if hint is int:
        return "Int64"
    if hint is float:
        return "float64"
    if name in NAMES or (isinstance(hint, type) and issubclass(hint, StrEnum)):
        return "category"
    return "str"
