"""Value and gradient of a definition, proven: precision is doubled until every digit asked for stands.

Where a definition has a kink, it is run once for each way to resolve the ties it meets, and the gradients of these
runs are the corners of the set of right answers.
"""

from __future__ import annotations

import gc
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb, ctx
from numpy.typing import NDArray

from lossbench.functions import lifting
from lossbench.reference.balls import (
    FIRST_PRECISION,
    LAST_PRECISION,
    MOST_CORNERS,
    MOST_RUNS,
    TINY,
    Ball,
    Tape,
    Undecided,
    Undefined,
    begin,
    constant,
)


@dataclass(frozen=True, slots=True, eq=False)
class Certified:
    """Value and gradient of a definition at a point, proven.

    Attributes:
        value_high: the value rounded to float64; ±inf beyond its range.
        value_low: what that leaves over, rounded in its turn.
        gradients: for each differentiable argument, such a pair of arrays in its shape.
        corners: where the gradient is not unique, two or more gradients whose mixtures are all right, each over
            the leaves of all differentiable arguments in a row: (corners, leaves); otherwise None.
        corners_truncated: whether there are more corners than are given.
        precision: bits it took.
        proven: whether value and gradient (and corners) are proven to the bits asked for; a component that is NaN or
            infinite at any precision is one the definition has no slope for.
    """

    value_high: float
    value_low: float
    gradients: tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]
    corners: NDArray[np.float64] | None
    corners_truncated: bool
    precision: int
    proven: bool


@dataclass(slots=True)
class _Run:
    """One run of a definition: its tape, its result and the slopes of all leaves."""

    tape: Tape
    result: Ball
    slopes: list[Any]

    def proven(self, bits: int) -> bool:
        """Whether value and slopes are known to so many bits, or to within less than float64 can tell from zero."""
        # Asked for finiteness, too, because Arb's inf * 0 is a NaN of radius 0.
        balls = (self.result.value, *self.slopes)
        open_ones = [x for x in balls if x.rel_accuracy_bits() < bits and not (x.rad() < TINY and x.is_finite())]
        # What is infinite, or has no slope, whatever the precision, does not keep the rest from being proven.
        return not open_ones or (not any(x.is_finite() for x in open_ones) and self.hopeless())

    def hopeless(self) -> bool:
        """Whether no NaN or unbounded ball in it is for lack of precision: none came of inexact numbers."""
        for node in self.tape.nodes:
            for parent, slope in node.parents or ():
                inexact = parent.value.is_finite() and not parent.value.is_exact()
                for made in (node.value, slope):
                    unbounded = isinstance(made, arb) and not (made.is_finite() or _infinite(made))
                    if unbounded and (inexact or not made.is_nan()):
                        return False
        return True

    def further_choices(self) -> Iterator[tuple[int, ...]]:
        """The choices that differ from this run's, first at one of the ties after those chosen for it."""
        ties, chosen = self.tape.ties, self.tape.choices
        start = len(chosen)
        felt = None
        # Ties of maximum and absolute change slopes and no value, so one whose slope goes nowhere may be left out;
        # of a branch not taken, nobody knows what it feels.
        if all(node is not None for _, node, _ in ties[start:]):
            felt = self._felt()
        full = chosen + (0,) * (len(ties) - start)
        for index in range(start, len(ties)):
            ways, node, _ = ties[index]
            if felt is None or id(node) in felt:
                yield from ((*full[:index], way) for way in range(1, ways))

    def _felt(self) -> set[int]:
        """The identities of balls on which the result's slope may depend, whichever way each tie is resolved."""
        tied = {id(node): balls for _, node, balls in self.tape.ties}
        felt = {id(self.result)}
        for node in reversed(self.tape.nodes):
            if id(node) in felt:
                felt.update(id(ball) for ball in tied.get(id(node), ()))
                for parent, slope in node.parents or ():
                    if not (slope is not None and slope == 0):  # an inexact slope is neither == 0 nor != 0
                        felt.add(id(parent))
        return felt


def certify(
    definition: Callable[..., Any],
    arguments: Sequence[Any],
    differentiable: Sequence[bool],
    parameters: Mapping[str, Any],
    *,
    bits: int = 70,
) -> Certified:
    """Value and gradient of ``definition(*arguments, **parameters)``, proven to ``bits`` bits.

    Args:
        definition: what the textbook says, in Python's operators and the words of ``lossbench.functions``; a scalar.
        arguments: each a float, an int, None or an array of floats or integers of any rank; the definition
            gets arrays as nested lists, integers as they are, floats (float64, taken as exact) as balls.
        differentiable: for each argument, whether a gradient is taken; only floats have one.
        parameters: handed on by name; floats in them become constant balls, too.
        bits: relative accuracy that every number must reach, unless it is known to round to zero.

    Raises:
        Undefined: the definition has no value there.
    """
    before, collecting = ctx.prec, gc.isenabled()
    shapes = [np.shape(x) for x, wanted in zip(arguments, differentiable, strict=True) if wanted and _is_float(x)]

    def run(choices: tuple[int, ...]) -> _Run:
        return _run(definition, arguments, differentiable, parameters, Tape(choices, ctx.prec >= LAST_PRECISION))

    try:
        with lifting(constant):
            ctx.prec = FIRST_PRECISION
            gc.disable()  # a tape holds many objects and no cycles; looking for some takes half the time
            while True:
                try:
                    return _attempt(run, shapes, bits)
                except Undecided:
                    ctx.prec *= 2
    finally:
        ctx.prec = before
        if collecting:
            gc.enable()
        begin(Tape())


def _run(
    definition: Callable[..., Any],
    arguments: Sequence[Any],
    differentiable: Sequence[bool],
    parameters: Mapping[str, Any],
    tape: Tape,
) -> _Run:
    """Run the definition forwards, then sweep its tape backwards."""
    begin(tape)
    leaves: list[Ball] = []
    constants: list[Ball] = []
    converted = [
        _converted(x, (), leaves) if wanted else _converted(x, None, constants)
        for x, wanted in zip(arguments, differentiable, strict=True)
    ]
    named = {name: _converted(x, None, constants) for name, x in parameters.items()}
    result = definition(*converted, **named)
    if not isinstance(result, Ball):
        result = constant(result)
    result.adjoint = arb(1)
    for node in reversed(tape.nodes):
        adjoint = node.adjoint
        if adjoint is not None:
            for parent, slope in node.parents or ():
                step = adjoint if slope is None else adjoint * slope
                previous = parent.adjoint
                parent.adjoint = step if previous is None else previous + step
    zero = arb(0)
    return _Run(tape, result, [zero if leaf.adjoint is None else leaf.adjoint for leaf in leaves])


def _is_float(argument: Any) -> bool:
    """Whether an argument holds floating-point numbers."""
    return isinstance(argument, float) or (
        isinstance(argument, (np.ndarray, np.generic)) and argument.dtype.kind == "f"
    )


def _converted(argument: Any, parents: tuple[()] | None, made: list[Ball]) -> Any:
    """The argument with balls in place of its floats and lists in place of arrays; the balls are added to ``made``."""
    if isinstance(argument, (np.ndarray, np.generic)):
        argument = argument.tolist()
    if isinstance(argument, float):
        ball = Ball(arb(argument), parents)
        made.append(ball)
        return ball
    if isinstance(argument, (list, tuple)):
        return type(argument)([_converted(item, parents, made) for item in argument])
    return argument


def _attempt(run: Callable[[tuple[int, ...]], _Run], shapes: Sequence[tuple[int, ...]], bits: int) -> Certified:
    """Everything at the precision in force; Undecided where it takes a higher one."""
    first = run(())
    last = first.tape.last
    if first.result.value.is_nan() and first.hopeless():
        raise Undefined("the definition gives NaN there (such as inf - inf or 0 * inf), at whatever precision")
    proven = first.proven(bits)
    if not (proven or last):
        raise Undecided("value or gradient")
    high, low = _pairs([first.result.value, *first.slopes])
    value, high, remainder, low = float(high[0]), high[1:], float(low[0]), low[1:]
    corners, truncated = [high], False
    if first.tape.ties:
        corners, truncated, agreed = _corners(run, first, high, bits)
        proven = proven and agreed
    starts = itertools.accumulate(map(math.prod, shapes), initial=0)
    return Certified(
        value_high=value,
        value_low=remainder,
        gradients=tuple(
            (high[start:stop].reshape(shape), low[start:stop].reshape(shape))
            for shape, (start, stop) in zip(shapes, itertools.pairwise(starts), strict=True)
        ),
        corners=np.array(corners) if len(corners) > 1 else None,
        corners_truncated=truncated,
        precision=ctx.prec,
        proven=proven,
    )


def _corners(
    run: Callable[[tuple[int, ...]], _Run], first: _Run, high: NDArray[np.float64], bits: int
) -> tuple[list[NDArray[np.float64]], bool, bool]:
    """The distinct gradients over all ways to resolve the ties, whether there are more, whether all are proven."""
    corners = {(high + 0.0).tobytes(): high} if np.isfinite(high).all() else {}  # + 0.0 makes the two zeros one
    agreed = True
    waiting = deque(itertools.islice(first.further_choices(), MOST_RUNS))
    for runs in itertools.count(1):
        if not waiting:
            return list(corners.values()), False, agreed
        if runs >= MOST_RUNS:
            break
        try:
            other = run(waiting.popleft())
        except Undecided:
            raise
        except (ArithmeticError, ValueError):
            continue
        if len(waiting) < MOST_RUNS:
            waiting.extend(itertools.islice(other.further_choices(), MOST_RUNS))
        if any(slope.is_nan() for slope in other.slopes) and other.hopeless():
            continue
        proven = other.proven(bits)
        if not (proven or other.tape.last):
            raise Undecided("a corner")
        gradient, _ = _pairs(other.slopes)
        if not np.isfinite(gradient).all():
            continue
        # Where two branches could only be guessed to meet, their values must at least not exclude each other.
        met = not other.tape.guessed or bool(other.result.value.overlaps(first.result.value))
        agreed = agreed and proven and met
        corners.setdefault((gradient + 0.0).tobytes(), gradient)
        if len(corners) > MOST_CORNERS:
            break
    return list(corners.values())[:MOST_CORNERS], True, agreed


def _infinite(x: Any) -> bool:
    """Whether a ball is surely infinite: around infinity, with any radius but that one; a NaN is not."""
    return not (x.is_finite() or x.is_nan()) and bool(x.rad().is_finite())


def _pairs(numbers: Sequence[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The midpoints as unevaluated sums high + low of float64; NaN for what is unbounded."""
    high = [float(x.mid()) if x.is_finite() or _infinite(x) else np.nan for x in numbers]
    low = [float((x - h).mid()) if h - h == 0 else 0.0 for x, h in zip(numbers, high, strict=True)]
    return np.array(high, np.float64), np.array(low, np.float64)
