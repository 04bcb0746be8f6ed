"""How many operations a definition takes: it is run on numbers that count what is done with them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from lossbench import functions
from lossbench.cases.inputs import build, resolved
from lossbench.loss import Loss
from lossbench.records import Case

LONGEST_SLICE = 4096  # numbers that one term depends on; beyond it the definition takes too long
MOST_COUNTED = 2_000_000  # operations after which a definition is given up


class TooLong(Exception):
    """The definition takes more operations than anyone wants to wait for."""


class Counted:
    """A number that counts the operations it takes part in; a transcendental function counts as one."""

    __slots__ = ("count", "value")

    def __init__(self, value: float, count: list[int]) -> None:
        """Hold a value, and the counter that all numbers of one evaluation share."""
        self.value, self.count = float(value), count

    def _made(self, value: float) -> Counted:
        self.count[0] += 1
        if self.count[0] > MOST_COUNTED:
            raise TooLong
        return Counted(value, self.count)

    def __add__(self, other: Any) -> Counted:
        return self._made(self.value + plain(other))

    def __sub__(self, other: Any) -> Counted:
        return self._made(self.value - plain(other))

    def __rsub__(self, other: Any) -> Counted:
        return self._made(plain(other) - self.value)

    def __mul__(self, other: Any) -> Counted:
        return self._made(self.value * plain(other))

    def __truediv__(self, other: Any) -> Counted:
        return self._made(_divided(self.value, plain(other)))

    def __rtruediv__(self, other: Any) -> Counted:
        return self._made(_divided(plain(other), self.value))

    def __pow__(self, other: Any) -> Counted:
        return self.power(other)

    def __neg__(self) -> Counted:
        return self._made(-self.value)

    def __abs__(self) -> Counted:
        return self._made(abs(self.value))

    __radd__, __rmul__ = __add__, __mul__

    def __lt__(self, other: Any) -> bool:
        return bool(self.value < plain(other))

    def __le__(self, other: Any) -> bool:
        return bool(self.value <= plain(other))

    def __gt__(self, other: Any) -> bool:
        return bool(self.value > plain(other))

    def __ge__(self, other: Any) -> bool:
        return bool(self.value >= plain(other))

    def __eq__(self, other: object) -> bool:
        return bool(self.value == plain(other))

    __hash__ = None  # type: ignore[assignment]

    def absolute(self) -> Counted:
        """|x|."""
        return abs(self)

    def maximum(self, *others: Any) -> Counted:
        """The largest."""
        return self._made(max(self.value, *map(plain, others)))

    def minimum(self, *others: Any) -> Counted:
        """The smallest."""
        return self._made(min(self.value, *map(plain, others)))

    def xlogy(self, y: Any) -> Counted:
        """x log(y)."""
        self.count[0] += 1
        return self._made(functions.xlogy(self.value, plain(y)))

    def power(self, exponent: Any) -> Counted:
        """x to the exponent."""
        return self._made(functions.power(self.value, plain(exponent)))

    def __getattr__(self, word: str) -> Callable[[], Counted]:
        if word not in functions.__all__:
            raise AttributeError(word)
        return lambda: self._made(getattr(functions, word)(self.value))


def plain(number: Any) -> Any:
    """The number without its counter."""
    return number.value if isinstance(number, Counted) else number


def _divided(one: float, other: float) -> float:
    return one / other if other else math.nan


@cache
def operations(case: Case, loss: Loss) -> int | None:
    """Operations of a case's definition forward: those of its first term, as often as there are terms.

    None where there is no definition, or one term takes too long to be followed.
    """
    first = replace(case, shape=(1, *case.shape[1:])) if len(case.shape) > 1 else replace(case, shape=(1,))
    try:
        inputs, parameters = build(first, loss), resolved(first, loss)
        index = (0,) * len(loss.term_shape(first.shape))
        if loss.textbook is None or sum(a.size for a in inputs.arrays.values()) > LONGEST_SLICE:
            return None
        count = [0]
        parts = [
            _counting(loss.slice_of(name, inputs.arrays[name], index), count) if name in inputs.arrays else None
            for name in loss.arguments
        ]
        loss.textbook(*parts, **parameters)
    except (TooLong, ArithmeticError, ValueError, IndexError):
        return None
    return count[0] * math.prod(loss.term_shape(case.shape))


def _counting(part: Any, count: list[int]) -> Any:
    """A slice of an argument as nested lists: floats count, whole numbers stay as they are."""
    if isinstance(part, np.ndarray) and part.ndim:
        return [_counting(each, count) for each in part]
    return int(part) if np.issubdtype(np.asarray(part).dtype, np.integer) else Counted(float(part), count)
