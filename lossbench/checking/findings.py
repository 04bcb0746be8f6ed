"""What a check found, and what all checks work on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from lossbench.checking.asking import Ask, Asking, Said
from lossbench.checking.inputs import Taken
from lossbench.checking.source import Source

STEP = 2.0**-20  # relative, by which inputs are moved to see how far results follow
PATTERNS = 3  # of signs: what moves together may cancel


class Result(StrEnum):
    """The possible ends of one check."""

    OK = "ok"
    FOUND = "found"
    NOTE = "note"
    SKIPPED = "not asked"


@dataclass(frozen=True, slots=True)
class Checked:
    """One row of the results: a check of a user's function, and what came of it."""

    function: str
    framework: str
    version: str
    check: str
    result: Result
    dtype: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """The function under check: how it is asked, what it takes, what its file says."""

    asking: Asking
    taken: Taken
    source: Source
    version: str
    relations: tuple[str, ...] = ()
    compiled: bool = True

    def told(self, check: str, result: Result, detail: str = "", dtype: str = "") -> Checked:
        """A row about this function."""
        return Checked(self.source.name, self.source.framework, self.version, check, result, dtype, detail)


@dataclass(frozen=True, slots=True)
class Widths:
    """What the function gives in float64, and the scale of each number: how far rounded inputs move it."""

    said: Said
    value: np.ndarray
    gradients: dict[str, np.ndarray]


def widths(subject: Subject, arrays: dict[str, np.ndarray]) -> Widths:
    """Ask in float64, there and beside it."""
    taken = subject.taken
    asks = [Ask(arrays, "float64", taken.learned)]
    for pattern in range(PATTERNS):
        generator = np.random.default_rng(pattern)
        moved = {}
        for name, array in arrays.items():
            signs = generator.choice([-1.0, 1.0], array.shape)
            free = array.dtype.kind != "i" and taken.kinds[name] not in ("binary", "sign")
            moved[name] = array * (1 + STEP * signs) if free else array
        asks.append(Ask(moved, "float64", taken.learned))
    here, *beside = subject.asking.ask(asks)
    near = [each for each in beside if not each.failed and each.value.shape == here.value.shape]
    with np.errstate(all="ignore"):
        value = np.abs(here.value)
        for each in near:
            value = np.fmax(value, np.abs(each.value - here.value) / STEP)
        sizes = {}
        for name, gradient in here.gradients.items():
            size = np.abs(gradient)
            for each in near:
                size = np.fmax(size, np.abs(each.gradients.get(name, gradient) - gradient) / STEP)
            rows = size.ndim > 1  # rounding in a row reaches all of it
            sizes[name] = size.max(axis=-1, keepdims=True) * np.ones(size.shape) if rows else size
    return Widths(here, value, sizes)


def at(name: str, index: tuple[int, ...]) -> str:
    """An element, as written in tables."""
    return f"{name}[{','.join(map(str, index))}]" if index else name


def worst_of(got: np.ndarray, want: np.ndarray, unit: np.ndarray) -> tuple[float, tuple[int, ...]]:
    """The largest distance in these units, and where it is; NaN on one side alone is infinitely far."""
    if not got.size:
        return 0.0, ()
    with np.errstate(all="ignore"):
        far = np.abs(got - want) / unit
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    far = np.where(same, 0.0, np.where(np.isnan(far), np.inf, far))
    index = np.unravel_index(int(np.argmax(far)), far.shape) if far.ndim else ()
    return float(far[index]), tuple(int(i) for i in index)
