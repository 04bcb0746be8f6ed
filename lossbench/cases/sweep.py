"""From a range of sizes to shapes: the same case at growing numbers of elements."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from lossbench.cases.unfolding import fits
from lossbench.errors import UsageError
from lossbench.loss import Loss
from lossbench.records import Case

MOST = 1 << 31  # elements
FEWEST_SIZES = 4
STEP = 10.0


def read_sweep(text: str, where: str = "--sweep") -> tuple[int, ...]:
    """Read a range such as ``1e3..1e6``: sizes by factors of ten, or by smaller ones where those would be few.

    Raises:
        UsageError: it does not read like one, or its ends cannot be meant.
    """
    low_text, dots, high_text = text.partition("..")
    try:
        low, high = float(low_text), float(high_text)
    except ValueError:
        dots, low, high = "", 0.0, 0.0
    if not dots or not 1 <= low < high <= MOST:
        raise UsageError(f"{where} {text!r} should read like 1e3..1e6: from so many elements to so many")
    steps = max(FEWEST_SIZES - 1, round(math.log(high / low, STEP)))
    sizes = (round(low * (high / low) ** (number / steps)) for number in range(steps + 1))
    return tuple(dict.fromkeys(sizes))


def swept(cases: Iterable[Case], sizes: tuple[int, ...], losses: Mapping[str, Loss]) -> list[Case]:
    """Each case at each size; no sizes, as they are."""
    if not sizes:
        return list(cases)
    found = {
        replace(case, shape=shape): None
        for case in cases
        for size in sizes
        if fits(shape := sized(case.shape, size), losses[case.loss])
    }
    return list(found)


def sized(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    """The shape with about so many elements: more or fewer along the first axis, and where one is left along others."""
    rest = list(shape[1:])
    for axis in range(len(rest)):
        beside = math.prod(rest[:axis] + rest[axis + 1 :])
        if beside * rest[axis] > size:
            rest[axis] = max(1, size // beside)
    return (max(1, round(size / math.prod(rest))), *rest)
