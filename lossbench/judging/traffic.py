"""The least a loss must move: bytes read once and written once, counted from its arguments and its formula.

Forward reads every input and writes the output once; backward writes each gradient once besides. Of an argument that
a loss only picks from (the log-probability of the right class), what counts is the lines of memory that hold what is
picked. What is picked is found by experiment: entries with a slope of zero are replaced by NaN, and where the terms
stay as they were, nobody had to look at them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lossbench.cases.inputs import build, resolved
from lossbench.floats import FORMATS
from lossbench.judging.operations import operations
from lossbench.loss import Arrays, Loss
from lossbench.records import Case, Option
from lossbench.reductions import output_shape
from lossbench.wire import WireArray

LINE = 64  # bytes that memory moves at a time
FEW = 4  # rows of a case are enough to see what each of them touches
READING = 2.0  # reading alone can be so much faster than copying, whose writes also fetch what they overwrite


@dataclass(frozen=True, slots=True)
class Traffic:
    """The least bytes and operations of one call."""

    forward: int  # bytes
    backward: int  # forward and backward in one call
    output: int  # bytes of the value
    gradients: int  # bytes of all gradients
    operations: int | None  # of the definition; unknown where it is too long to be followed


def traffic(case: Case, loss: Loss, arrays: Mapping[str, WireArray], learned: Sequence[str]) -> Traffic:
    """The least traffic of a case whose inputs travel as `arrays`, with gradients of the `learned` ones."""
    picked = touched(case, loss)
    read = 0
    for name, array in arrays.items():
        seen, of = picked.get(name, (1, 1))
        lines = LINE * -(-array.data.size * seen // of)
        read += min(array.data.nbytes, lines) if seen < of else array.data.nbytes
    output = math.prod(output_shape(case.reduction, loss.term_shape(case.shape))) * FORMATS[case.dtype].bits // 8
    gradients = sum(arrays[name].data.nbytes for name in learned)
    return Traffic(read + output, read + output + gradients, output, gradients, operations(case, loss))


def touched(case: Case, loss: Loss) -> dict[str, tuple[int, int]]:
    """For each floating argument of which only a part is looked at: how many entries are, of how many."""
    few = smaller(case)
    arrays, parameters = build(few, loss).arrays, resolved(few, loss)
    with np.errstate(all="ignore"):
        terms = loss(arrays, parameters)
    found = {}
    for name, slope in terms.slopes.items():
        if np.shape(slope) != np.shape(arrays[name]):
            continue  # all terms share it
        idle = np.asarray(slope) == 0
        if idle.any() and _stays(loss, arrays, parameters, name, idle, np.asarray(terms.value)):
            found[name] = (int((~idle).sum()), idle.size)
    return found


def smaller(case: Case) -> Case:
    """The case with no more rows than it takes to see what one does."""
    return replace(case, shape=(min(FEW, case.shape[0]), *case.shape[1:])) if len(case.shape) > 1 else case


def _stays(
    loss: Loss, arrays: Arrays, parameters: Mapping[str, Option], name: str, idle: np.ndarray, value: np.ndarray
) -> bool:
    """Whether the terms are the same when the idle entries of an argument hold no number."""
    poisoned = {**arrays, name: np.where(idle, np.nan, arrays[name])}
    try:
        with np.errstate(all="ignore"):
            again = np.asarray(loss(poisoned, parameters).value)
    except (ValueError, ArithmeticError, IndexError):
        return False
    return np.array_equal(value, again)


def bucket(size: int) -> int:
    """The size at which copying is measured for traffic of so many bytes: a power of four, no larger, within reason."""
    power = max(8, min(14, int(math.log(max(size, 1), 4))))
    return int(4**power)


def impossible(seconds: float, least_bytes: int, copied_per_second: float) -> bool:
    """Whether so much cannot have been moved in so short a time, at the best rate of copying seen in the same run."""
    return seconds < least_bytes / (READING * copied_per_second)
