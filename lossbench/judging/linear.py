"""What a relation says of the second of two answers, as plain numbers: each from one of the first's.

All that relations do to answers is to move numbers, to multiply them and to add to them, so that asking what becomes
of zeros, of ones and of 0, 1, 2, ... tells it all; a script can then say the same without any of the code here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lossbench.cases.relations import Asked
from lossbench.judging.relating import Kept, divisor_of, reduced_gradient


@dataclass(frozen=True, slots=True)
class Linear:
    """Where each number comes from (flat places; -1: it is zero), what it is multiplied by, and what is added."""

    order: tuple[int, ...] | None = None  # None: each from its own place
    times: float | tuple[float, ...] = 1.0
    plus: float = 0.0
    summed: bool = False  # the sum of them all

    @property
    def is_same(self) -> bool:
        """Whether nothing becomes of the numbers."""
        return self == Linear()


def linear(change: Callable[[np.ndarray], np.ndarray], shape: tuple[int, ...]) -> Linear:
    """What a change does to numbers of this shape."""
    size = int(np.prod(shape))
    with np.errstate(all="ignore"):
        plus = np.asarray(change(np.zeros(shape))).reshape(-1)
        times = np.asarray(change(np.ones(shape))).reshape(-1) - plus
        counted = np.asarray(change(np.arange(size, dtype=float).reshape(shape))).reshape(-1) - plus
        order = np.where(times == 0, -1, np.rint(counted / times)).astype(int)
    factors = np.where(times == 0, 1.0, times)
    one = float(factors[0]) if factors.size and (factors == factors[0]).all() else 1.0
    return Linear(
        None if np.array_equal(order, np.arange(size)) else tuple(order.tolist()),
        one if not factors.size or (factors == one).all() else tuple(factors.tolist()),
        float(plus[0]) if plus.size else 0.0,
    )


def from_the_first(asked: Asked, one: Kept, other: Kept) -> tuple[Linear, dict[str, tuple[str, Linear]]]:
    """The second side's value, and each of its gradients by the first's gradient that it comes from."""
    shape = one.expected.value[0].shape
    gradients: dict[str, tuple[str, Linear]] = {}
    for name in other.expected.gradients:
        source, change = asked.gradients.get(name, (name, lambda array: array))
        if not source or source not in one.expected.gradients:
            continue
        inside = one.expected.gradients[source][0].shape
        if asked.reduces:
            factors = reduced_gradient(name, np.ones(inside), one, other)
            if factors is not None:
                gradients[name] = (source, linear(functools.partial(np.multiply, factors), inside))
        else:
            gradients[name] = (source, linear(change, inside))
    if asked.reduces:
        divisor = divisor_of(one, other)
        each = linear(lambda array: array / divisor, shape)
        return Linear(each.order, each.times, each.plus, summed=True), gradients
    return linear(asked.value, shape), gradients
