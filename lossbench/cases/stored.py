"""Inputs written down number by number: the worst that were found, in files that people can read.

A stored case is asked for by the regime ``stored=NAME``. Its name ends in a digest of its contents, so that the name of
a case means the same bits wherever it is printed.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lossbench.decimals import literal, number
from lossbench.errors import UsageError
from lossbench.floats import FORMATS, Format, round_to
from lossbench.loss import Loss
from lossbench.records import HOW, Case, Option, option_text, option_value

PACKAGE = Path(__file__).parent.parent
FOUND = Path("results") / "latest" / "worst"  # where a hunt leaves what it finds
SCHEMA = 1
KEYS = {"schema", "loss", "options", "reduction", "dtype", "shape", "shows", "poisoned", "arrays"}
PREFIX = "stored="
NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
DIGEST = 8  # hexadecimal digits
MANY = 48  # numbers, above which an array is written as one number and its exceptions where that is shorter


@dataclass(frozen=True, slots=True, eq=False)
class Literal:
    """A case whose inputs are given: everything a recipe says, and the arrays themselves.

    Floats are float64 carriers of numbers of the format, integers int64. `poisoned` marks terms whose inputs hold NaN
    or infinity on purpose.
    """

    loss: str
    given: tuple[str, ...]
    parameters: tuple[tuple[str, Option], ...]
    reduction: str
    dtype: str
    shape: tuple[int, ...]
    how: tuple[str, ...]
    arrays: Mapping[str, np.ndarray]
    poisoned: tuple[int, ...] = ()  # flat positions of terms
    shows: tuple[str, ...] = ()  # for readers alone
    slug: str = field(default="")

    @property
    def digest(self) -> str:
        """What its name ends in."""
        words = (self.loss, self.given, self.parameters, self.reduction, self.dtype, self.shape, self.how)
        found = hashlib.blake2b(repr((words, self.poisoned)).encode(), digest_size=DIGEST // 2)
        for name in sorted(self.arrays):
            array = self.arrays[name]
            found.update(f"{name}{array.shape}{array.dtype.kind}".encode())
            found.update(np.ascontiguousarray(array).astype(f"<{array.dtype.kind}8").tobytes())
        return found.hexdigest()

    @property
    def name(self) -> str:
        """The name it is asked for by."""
        return f"{self.slug or self.loss}-{self.digest}"

    @property
    def case(self) -> Case:
        """The case whose printed name means these inputs."""
        regime = f"{PREFIX}{self.name}"
        return Case(self.loss, self.given, self.parameters, self.reduction, self.dtype, self.shape, regime, 0, self.how)

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return sum(array.size for array in self.arrays.values())

    def mask(self, terms: tuple[int, ...]) -> np.ndarray:
        """The poisoned terms, in their shape."""
        found = np.zeros(terms, bool)
        found.reshape(-1)[list(self.poisoned)] = True
        return found

    def fault(self, loss: Loss) -> str:
        """Why the arrays cannot be inputs of a case of this shape; empty where they can."""
        wanted = {n for n, a in loss.arguments.items() if not a.optional or n in self.given}
        if wanted != set(self.arrays):
            return f"it has arrays for {', '.join(sorted(self.arrays))}; {loss.name} takes {', '.join(sorted(wanted))}"
        for name, array in self.arrays.items():
            right = loss.argument_shape(name, self.shape)
            if array.shape != right:
                return f"{name} has the shape {array.shape}; a case of this shape has {right}"
        return ""


def suites_folder() -> Path:
    """The folder of the suites that ship with lossbench: beside the package in a checkout, inside it if installed."""
    inside = PACKAGE / "_suites"
    return inside if inside.is_dir() else PACKAGE.parent / "suites"


def worst_folder() -> Path:
    """The folder of the stored cases that are part of the suites."""
    return suites_folder() / "worst"


class Shelf:
    """All stored cases by name: those of this process, of the suites, and of the last hunts."""

    def __init__(self) -> None:
        """Start without any."""
        self.here: dict[str, Literal] = {}

    def remember(self, one: Literal) -> Case:
        """Make a case askable in this process; the case that asks for it."""
        case = one.case
        self.here[case.regime.removeprefix(PREFIX)] = one
        return case

    def forget(self, name: str) -> None:
        """Let go of one that was remembered."""
        self.here.pop(name, None)

    def find(self, name: str) -> Literal | None:
        """The case of this name, from memory or a file; None where there is none.

        Raises:
            UsageError: its file cannot be read, or is not what its name promises.
        """
        if name not in self.here:
            places = [worst_folder() / f"{name}.toml", FOUND / f"{name}.toml"] if re.fullmatch(NAME, name) else []
            path = next((place for place in places if os.path.isfile(place)), None)
            if path is None:
                return None
            self.here[name] = read(path)
        return self.here[name]

    def shipped(self) -> list[str]:
        """The names of those that are part of the suites."""
        return sorted(path.stem for path in worst_folder().glob("*.toml"))


SHELF = Shelf()


def meant_by(regime: str, where: str) -> list[str]:
    """The regimes meant by one word of a suite: all stored cases by ``stored=*``, else the word itself.

    Raises:
        UsageError: no stored case is meant.
    """
    if not (regime.startswith(PREFIX) and "*" in regime):
        return [regime]
    found = fnmatch.filter(SHELF.shipped(), regime.removeprefix(PREFIX))
    if not found:
        raise UsageError(f"{where}: regimes has {regime!r}, and there is no such stored case among the suites")
    return [f"{PREFIX}{name}" for name in found]


def write(one: Literal, folder: Path) -> Path:
    """Write a case down; the file bears its name."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{one.name}.toml"
    fresh = path.with_suffix(".new")
    fresh.write_text(text_of(one), encoding="utf-8")
    fresh.replace(path)
    return path


def text_of(one: Literal) -> str:
    """The case as TOML."""
    parameters = [f"{name}={option_text(value)}" for name, value in one.parameters]
    options = [*one.given, *parameters, *(f"@{word}" for word in one.how)]
    lines = [
        f"schema = {SCHEMA}",
        f"loss = {_quoted(one.loss)}",
        *([f"options = [{', '.join(map(_quoted, options))}]"] if options else []),
        f"reduction = {_quoted(one.reduction)}",
        f"dtype = {_quoted(one.dtype)}",
        f"shape = {list(one.shape)}",
        *([f"poisoned = {list(one.poisoned)}"] if one.poisoned else []),
        f"shows = [{''.join(f'{chr(10)}    {_quoted(line)},' for line in one.shows)}{chr(10) if one.shows else ''}]",
        "",
        "[arrays]",
    ]
    form = FORMATS[one.dtype]
    lines += [f"{name} = {_array(array, form)}" for name, array in one.arrays.items()]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    plain = "".join(c if c.isprintable() else " " for c in text)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _array(array: np.ndarray, form: Format) -> str:
    if array.size > MANY or not array.size:
        known = array[~np.isnan(array)]
        numbers, counts = np.unique(known, return_counts=True)
        usual = numbers[counts.argmax()] if known.size else array.dtype.type(0)
        # compared as bits, so that -0.0 among zeros is an exception
        apart = np.argwhere(array.view(np.int64) != np.asarray(usual, array.dtype).view(np.int64)).tolist()
        if len(apart) <= array.size / 2:
            but = ", ".join(f'"{",".join(map(str, at))}" = {_number(array[tuple(at)], form)}' for at in apart)
            return f"{{ shape = {list(array.shape)}, everywhere = {_number(usual, form)}, but = {{ {but} }} }}"
    if array.dtype.kind == "i":
        return str(array.tolist())
    if array.ndim < 2:
        return literal(array, form)
    return "[\n" + "".join(f"    {literal(row, form)},\n" for row in array) + "]"


def _number(value: Any, form: Format) -> str:
    return str(int(value)) if isinstance(value, np.integer) else number(float(value), form)


def read(path: Path) -> Literal:
    """Read a case from its file.

    Raises:
        UsageError: it cannot be read, or its contents are not those its name was made of.
    """
    slug, _, digest = path.stem.rpartition("-")
    try:
        one = parsed(path.read_text(encoding="utf-8"), slug)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"cannot read the stored case {path}: {error}") from None
    except (KeyError, TypeError, ValueError, OverflowError, IndexError) as error:
        raise UsageError(
            f"the stored case {path} does not read like one ({error!r}); `lossbench hunt` writes such files"
        ) from None
    if one.digest != digest:
        raise UsageError(
            f"the stored case {path} holds other numbers than its name was made of; it should be called {one.name}.toml"
        )
    return one


def parsed(text: str, slug: str = "") -> Literal:
    """Read back what `text_of` wrote."""
    table = tomllib.loads(text)
    if unknown := set(table) - KEYS:
        raise ValueError(f"unknown key {min(unknown)!r}")
    if table["schema"] != SCHEMA:
        raise ValueError(f"schema is {table['schema']!r}; this lossbench reads {SCHEMA}")
    given, parameters, how = [], [], []
    for word in table.get("options", []):
        name, equals, value = word.partition("=")
        if word.startswith("@"):
            if word[1:] not in HOW:
                raise ValueError(f"unknown option {word!r}")
            how.append(word[1:])
        elif equals:
            parameters.append((name, option_value(value)))
        else:
            given.append(name)
    shape, dtype = tuple(int(n) for n in table["shape"]), FORMATS[table["dtype"]]
    return Literal(
        loss=str(table["loss"]),
        given=tuple(given),
        parameters=tuple(sorted(parameters)),
        reduction=str(table["reduction"]),
        dtype=dtype.name,
        shape=shape,
        how=tuple(how),
        arrays={name: _numbers(entry, dtype) for name, entry in table["arrays"].items()},
        poisoned=tuple(int(n) for n in table.get("poisoned", [])),
        shows=tuple(map(str, table.get("shows", []))),
        slug=slug,
    )


def _numbers(entry: Any, form: Format) -> np.ndarray:
    if isinstance(entry, Mapping):
        array = np.full(tuple(int(n) for n in entry["shape"]), entry["everywhere"])
        for place, value in entry["but"].items():
            array[tuple(int(n) for n in place.split(","))] = value
    else:
        array = np.array(entry)
    return array.astype(np.int64) if array.dtype.kind == "i" else round_to(array.astype(float), form)
