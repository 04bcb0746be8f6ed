"""A user's function in its worker, asked with arrays of any kind; what comes back is numbers and notes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

import numpy as np

from lossbench.check_forms import CHECKED, PLAIN, VARIABLE
from lossbench.crew import Crew, Reply
from lossbench.floats import FORMATS, decode, encode
from lossbench.records import Ended, Question, Target
from lossbench.wire import WireArray, fingerprint

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Ask:
    """One call: arrays (float64 carriers, or integers), the format they are handed over in, and how."""

    arrays: Arrays
    dtype: str = "float64"
    by: tuple[str, ...] = ()  # gradients by these arguments
    form: str = PLAIN  # of the function
    repeat: bool = False
    layout: str = ""
    integer: str = "int64"


@dataclass(frozen=True, slots=True)
class Said:
    """What one call gave; `failed` says why where it gave nothing."""

    value: np.ndarray = field(default_factory=lambda: np.zeros(0))
    gradients: Arrays = field(default_factory=dict)
    dtype: str = ""
    gradient_dtypes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    failed: str = ""
    ended: Ended = Ended.ANSWERED

    @property
    def total(self) -> float:
        """The sum of the value, for what is asked of a single number."""
        with np.errstate(all="ignore"):
            return float(np.sum(self.value))

    @property
    def finite(self) -> bool:
        """Whether value and gradients are finite throughout."""
        return bool(np.isfinite(self.value).all() and all(np.isfinite(g).all() for g in self.gradients.values()))


def settings(spec: str, options: Mapping[str, object], output: str, compiled: bool) -> dict[str, str]:
    """The environment that tells a worker what to load."""
    told = {"spec": spec, "options": dict(options), "output": output, "compiled": compiled}
    return {VARIABLE: json.dumps(told)}


class Asking:
    """The crew of one worker that holds the user's function."""

    def __init__(self, crew: Crew, target: Target) -> None:
        """Start counting questions."""
        self._crew, self._target, self._numbers = crew, target, count()
        self.calls = 0

    def ask(self, asks: Sequence[Ask]) -> list[Said]:
        """What each call gave, in the order of the calls."""
        numbers = []
        for each in asks:
            arrays = [_wire(array, each) for array in each.arrays.values()]
            number = next(self._numbers)
            numbers.append(number)
            question = Question(
                identity=number,
                implementations=(f"{CHECKED}:{each.form}",),
                arrays=tuple(each.arrays),
                differentiable=each.by,
                parameters=(),
                reduction="none",
                cotangents=0,
                fingerprint=fingerprint(arrays),
                repeat=each.repeat,
                layout=each.layout,
            )
            self._crew.ask(self._target, question, arrays)
        self.calls += len(asks)
        replies = {reply.identity: _said(reply) for reply in self._crew.replies()}
        return [replies[number] for number in numbers]

    def one(self, ask: Ask) -> Said:
        """What a single call gave."""
        return self.ask([ask])[0]


def _wire(array: np.ndarray, ask: Ask) -> WireArray:
    if array.dtype.kind in "iu":
        return WireArray(ask.integer, array.astype(ask.integer))
    return WireArray(ask.dtype, encode(array, FORMATS[ask.dtype]))


def _said(reply: Reply) -> Said:
    outcome = reply.outcome
    if outcome.ended is not Ended.ANSWERED:
        return Said(failed=outcome.message, ended=outcome.ended)
    value, *gradients = reply.arrays
    return Said(
        value=_numbers(value),
        gradients={name: _numbers(g) for name, g in zip(outcome.gradients, gradients, strict=True)},
        dtype=value.dtype,
        gradient_dtypes=tuple(g.dtype for g in gradients),
        notes=outcome.notes,
    )


def _numbers(array: WireArray) -> np.ndarray:
    if array.dtype in FORMATS:
        return np.asarray(decode(array.data, FORMATS[array.dtype]))
    return array.data.astype(float)


def replaced(ask: Ask, name: str, array: np.ndarray) -> Ask:
    """The same call with another array in the place of one."""
    return replace(ask, arrays={**ask.arrays, name: array})
