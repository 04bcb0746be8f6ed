"""Rows as programs and pages take them: CSV, JSON and Markdown; the columns are the fields of a record."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from typing import Any

from lossbench.cases.names import suggestion
from lossbench.errors import UsageError
from lossbench.results import cell, columns

FORMS = ("table", "csv", "json", "markdown")


def checked_form(form: str) -> str:
    """The word behind --format, known to be one.

    Raises:
        UsageError: it is none.
    """
    if form not in FORMS:
        raise UsageError(f"--format {form!r}; {suggestion(form, FORMS)}")
    return form


def written(record: type[Any], rows: Sequence[Any], form: str) -> str:
    """The rows as CSV, JSON or a Markdown table, with the end of the last line."""
    names = columns(record)
    if form == "json":
        return json.dumps([as_object(row) for row in rows], indent=1, ensure_ascii=False) + "\n"
    cells = [[cell(getattr(row, name)) for name in names] for row in rows]
    if form == "markdown":
        lines = [names, ["---"] * len(names), *cells]
        return "".join(f"| {' | '.join(markdown(text) for text in line)} |\n" for line in lines)
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([names, *cells])
    return out.getvalue()


def as_object(row: Any) -> dict[str, Any]:
    """A record for JSON, which knows no infinity: those become words."""
    return {name: _plain(getattr(row, name)) for name in columns(type(row))}


def _plain(value: Any) -> Any:
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value


def markdown(text: str) -> str:
    """A text for a cell of a Markdown table: nothing in it is markup, nothing ends the line."""
    for sign in "\\`*_<>[]|":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())
