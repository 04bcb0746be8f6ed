"""A loss made of its definition alone: without a closed form, the definition itself is the reference."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lossbench.domains import Axes
from lossbench.loss import Loss, Terms, loss

STEPS = (2.0**-20, 2.0**-30)  # relative; a slope that moves by as much over both stands at a kink


def defined(*, over: str, **options: Any) -> Callable[[Callable[..., Any]], Loss]:
    """Decorator: turn a definition, on scalars that may be balls, into a loss that needs no closed form.

    Its signature is the schema, as that of a closed form is. Value and slopes are those proven from the definition,
    which takes some tens of microseconds for each number; the scale that errors are measured by is how far a
    rounding of the inputs moves them.

    Args:
        over: "elements", "rows", "samples" or "batch": the slice one term depends on.
        options: the further ones of `lossbench.loss.loss`.

    Raises:
        TypeError: an argument or parameter lacks a domain from `lossbench.domains`, or none has the case's shape.
    """

    def read(textbook: Callable[..., Any]) -> Loss:
        @functools.wraps(textbook)
        def function(*arrays: np.ndarray | None, **parameters: Any) -> Terms:
            return _terms(made, textbook, arrays, parameters)

        made: Loss = loss(over=over, **options)(function)
        if not any(a.domain.axes is Axes.ALL and not a.optional for a in made.arguments.values()):
            raise TypeError(
                f"{made.name}: one argument must have the shape of the case, such as Real, Logit or Probability; "
                f"found {', '.join(str(inspect.signature(textbook).parameters[n]) for n in made.arguments) or 'none'}"
            )
        made.definition(textbook)
        return made

    return read


def _terms(made: Loss, textbook: Callable[..., Any], arrays: Sequence[np.ndarray | None], parameters: Any) -> Terms:
    given = {name: a for name, a in zip(made.arguments, arrays, strict=True) if a is not None}
    shape = next(a.shape for name, a in given.items() if made.arguments[name].domain.axes is Axes.ALL)
    terms = made.term_shape(shape)
    names = [name for name in made.differentiable if name in given]
    value, size = np.zeros(terms), np.zeros(terms)
    slopes = {name: np.zeros(made.argument_shape(name, shape)) for name in names}
    sizes = {name: np.zeros(made.argument_shape(name, shape)) for name in names}
    for index in np.ndindex(*terms):
        parts = [made.slice_of(name, given[name], index) if name in given else None for name in made.arguments]
        value[index], here, size[index], widths = _term(made, textbook, parts, names, parameters)
        for name in names:
            slopes[name][index], sizes[name][index] = here[name], widths[name]
    return Terms(value, slopes, magnitude=size, slope_magnitudes=sizes)


Proven = tuple[float, dict[str, np.ndarray]]


def _term(
    made: Loss, textbook: Callable[..., Any], parts: Sequence[Any], names: Sequence[str], parameters: Any
) -> tuple[float, dict[str, np.ndarray], float, dict[str, np.ndarray]]:
    """Value, slopes, and the scale of each: its size, and how far a rounding of the inputs moves it."""
    (value, slopes), on_kink = _proven(made, textbook, parts, names, parameters)
    size, sizes = abs(value), {name: np.abs(slope) for name, slope in slopes.items()}
    if on_kink or not np.isfinite(value):
        return value, slopes, size, sizes
    for pattern in range(2):  # of signs: what moves together may cancel
        moved = [
            (step, _proven(made, textbook, _moved(made, parts, step, pattern), names, parameters)[0]) for step in STEPS
        ]
        with np.errstate(all="ignore"):
            size = max(size, min(abs(there - value) / step for step, (there, _) in moved))
            for name in names:
                reach = np.fmin(*(np.abs(there[name] - slopes[name]) / step for step, (_, there) in moved))
                sizes[name] = np.fmax(sizes[name], reach)
    return value, slopes, size, sizes


def _moved(made: Loss, parts: Sequence[Any], step: float, pattern: int) -> list[Any]:
    moved = []
    for position, (argument, part) in enumerate(zip(made.arguments.values(), parts, strict=True)):
        if part is None or argument.domain.integer:
            moved.append(part)
            continue
        count = np.arange(np.size(part)).reshape(np.shape(part))
        signs = (-1.0) ** (position + pattern * count + pattern * position)
        moved.append(np.clip(part * (1 + step * signs), argument.domain.low, argument.domain.high))
    return moved


def _proven(
    made: Loss, textbook: Callable[..., Any], parts: Sequence[Any], names: Sequence[str], parameters: Any
) -> tuple[Proven, bool]:
    from lossbench.reference.balls import Undefined
    from lossbench.reference.certify import certify

    active = [name in names for name in made.arguments]
    try:
        proof = certify(textbook, parts, active, parameters)
    except Undefined:
        nowhere = {n: np.full(np.shape(p), np.nan) for n, p in zip(made.arguments, parts, strict=True) if n in names}
        return (float("nan"), nowhere), True
    present = [name for name in made.arguments if name in names]
    found = {name: np.asarray(high) for name, (high, _) in zip(present, proof.gradients, strict=True)}
    return (proof.value_high, found), proof.corners is not None or proof.corners_truncated
