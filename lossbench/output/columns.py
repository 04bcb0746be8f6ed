"""The page that documents the files of results, column by column, read off the records."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from lossbench.checking.findings import Checked
from lossbench.exhausted import Exhausted
from lossbench.frames import dtypes
from lossbench.judging.accepted import Accepted
from lossbench.output.coverage import markdown_row
from lossbench.records import Verdict
from lossbench.results import schema
from lossbench.timings import Timing

RECORDS: Sequence[tuple[type[Any], str]] = (
    (Verdict, "`compare`, `gate` and `sweep`"),
    (Timing, "`speed` and `gate --speed`"),
    (Exhausted, "`exhaust`"),
    (Checked, "`check`"),
    (Accepted, "`gate --accept`"),
)
# What a column means in every file, where its record says nothing of its own.
COMMON = {
    "case": "the case's name; `lossbench compare --case NAME` runs it again",
    "loss": "the loss, by lossbench's name",
    "framework": "whose implementation it is",
    "version": "the framework's version",
    "via": "the public name of what was called",
    "device": "cpu or cuda",
    "device_name": "the device's own name",
    "mode": "eager, or how it was compiled",
    "dtype": "the tested format",
    "reduction": "none, mean, sum, or another of the loss",
    "shape": "the case's shape, such as 64x10",
    "status": "the verdict; ARCHITECTURE.md lists them",
    "regime": "the kind of input; `lossbench list --regimes` explains each",
    "function": "the file and name of the function",
    "check": "what was looked at",
    "result": "whether something was found",
    "detail": "what was seen, and where",
    "gradient_error": "the worst of all gradients by scale, in eps",
    "gradient_ulps": "the worst of all gradients, in units in the last place",
    "value_ulps_median": "the median over the numbers of this case",
    "gradient_ulps_p99": "the 99th percentile over the numbers of this case",
    "gradient_ulps_median": "the median over the numbers of this case",
    "gradient_worst": "where the gradients are worst",
    "gradient_spread": "the same of the gradients",
    "threads": "threads the framework was allowed",
    "loops": "calls in one sample",
    "samples": "seconds for one call, one number for each sample",
    "first_call": "seconds of the first call",
    "p25": "seconds: the 25th percentile of the samples",
    "minimum": "seconds: the least sample",
    "median": "seconds: the median of the samples",
    "elements_per_second": "elements of the case over p25",
    "elements": "of the case",
    "processor": "the processor's own name",
    "python": "the worker's Python",
    "malloc_trim_threshold": "bytes, as set in the worker's environment",
    "note": "what else there is to say",
    "compared": "how many numbers were compared",
    "exact": "how many are right to the last bit",
    "one_step": "how many are one step off",
    "two_steps": "how many are two steps off",
    "three_steps": "how many are three steps off",
    "more_steps": "how many are further off",
    "worst_steps": "how far off the worst is",
    "worst_input": "the input that shows it",
    "worst_bits": "the same as bits",
    "got": "what came back there",
    "want": "what the nearest right number is",
    "certified": "what the definition gives, as float64",
}
INTRODUCTION = """\
# The files of results, column by column

Made by `make docs` from the records in the code; do not edit. Every file is CSV in UTF-8 with a line of names. Unknown
is empty, never 0; infinity is `inf`. Columns are added at the end and never change their meaning: a reader that goes by
names can read files of every version. The last column, `schema`, is the version of the columns; a file without it has
version 1. lossbench reads its own and all earlier versions, and refuses later ones.

In Python, `lossbench.frames.frame(path)` gives a pandas frame with the types below; without lossbench,
`pandas.read_csv` does with `dtype=` as listed, `keep_default_na=False` and `na_values` of `""` for the numbers.
A sequence is one text with spaces between.

`value_spread` and `gradient_spread` say how far off the single numbers of a case are: `=:21 -4:3 1:2` means that 21 are
exact, three are off by up to 2^(-4/4) ulps and two by up to 2^(1/4), each step being a quarter of a power of two;
`inf` counts those where NaN or infinity stands in a number's place, or the reverse.
"""


def page() -> str:
    """The page, as Markdown."""
    parts = [INTRODUCTION]
    for record, command in RECORDS:
        parts += [f"## {record.__name__}: written by {command}, schema {schema(record)}", ""]
        parts += [inspect.cleandoc(record.__doc__ or ""), ""]
        parts += [*markdown_row("column", "type", "in pandas", "meaning"), *markdown_row("---", "---", "---", "---")]
        for name, kind, pandas, meaning in described(record):
            parts += markdown_row(f"`{name}`", kind, pandas, meaning)
        if hasattr(record, "SCHEMA"):
            parts += markdown_row("`schema`", "whole number", "Int64", "the version of these columns")
        parts.append("")
    return "\n".join(parts)


def described(record: type[Any]) -> list[tuple[str, str, str, str]]:
    """Name, type, type in pandas and meaning of every column."""
    said = comments(record)
    kinds = dtypes(record)
    return [
        (field.name, _kind(str(field.type)), kinds[field.name], said.get(field.name) or COMMON.get(field.name, ""))
        for field in fields(record)
    ]


def comments(record: type[Any]) -> dict[str, str]:
    """What stands behind each field in the record's source."""
    found = re.findall(r"^    (\w+): [^#\n]*# (.+)$", inspect.getsource(record), flags=re.M)
    return dict(found)


def _kind(hint: str) -> str:
    bare = hint.removesuffix(" | None")
    words = {"int": "whole number", "float": "number", "str": "text", "Status": "word", "Result": "word"}
    text = "sequence" if bare.startswith("tuple") else words.get(bare, bare)
    return f"{text}, or empty" if bare != hint else text
