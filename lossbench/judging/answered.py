"""What an implementation answered, as numbers that can be judged."""

from __future__ import annotations

import numpy as np

from lossbench.crew import Reply
from lossbench.floats import FORMATS, decode
from lossbench.judging.judge import Answer
from lossbench.records import Ended
from lossbench.wire import WireArray


def answers_in(reply: Reply, cotangents: int) -> list[Answer]:
    """The answers of one implementation, one for each cotangent; none if it gave none."""
    if reply.outcome.ended is not Ended.ANSWERED:
        return []
    names, arrays = reply.outcome.gradients, list(reply.arrays)
    answers = []
    for number in range(cotangents):
        value, *gradients = arrays[number * (1 + len(names)) : (number + 1) * (1 + len(names))]
        carried = {name: _decoded(g) for name, g in zip(names, gradients, strict=True)}
        dtypes = frozenset(array.dtype for array in (value, *gradients))
        answers.append(Answer(dtypes, _decoded(value), carried))
    return answers


def _decoded(array: WireArray) -> np.ndarray:
    return np.asarray(decode(array.data, FORMATS[array.dtype]) if array.dtype in FORMATS else array.data.astype(float))
