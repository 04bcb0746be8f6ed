"""What a loss is: a float64 reference whose signature is the schema, and the textbook definition beside it."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, get_type_hints

import numpy as np

from lossbench.domains import Axes, Domain, Range
from lossbench.records import Option

Arrays = Mapping[str, np.ndarray]


class Over(StrEnum):
    """On which slice of the case's shape one term of the loss depends."""

    ELEMENTS = "elements"  # one term for each element
    ROWS = "rows"  # one for each row along the last axis
    SAMPLES = "samples"  # one for each entry of the first axis
    BATCH = "batch"  # one for everything


@dataclass(frozen=True, slots=True)
class Denominator:
    """What a mean divides by, when that is not the number of terms.

    `value` is a scalar or has one entry per term (each term then has its own divisor); `slopes` holds the
    derivative of a scalar denominator by the arguments it depends on.
    """

    value: np.ndarray | float
    slopes: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Terms:
    """The unreduced loss in float64.

    value: one number per term. slopes: for every differentiable argument its derivative, in the argument's shape; by
    an argument that all terms share, one such array for each term (terms..., *shape of the argument). magnitude,
    slope_magnitudes: the sum of the absolute terms of the formula where it cancels; by default the absolute result.
    nearness: how close a term is to a kink that rounding may put it across: the difference that decides over the sum
    of what it is the difference of; negative where the closed form has lost the side. masked: terms that are exactly
    zero whatever the input holds (ignored rows). denominators: by name of the reduction.
    """

    value: np.ndarray
    slopes: Mapping[str, np.ndarray]
    magnitude: np.ndarray | None = None
    slope_magnitudes: Mapping[str, np.ndarray] = field(default_factory=dict)
    nearness: np.ndarray | None = None
    masked: np.ndarray | None = None
    denominators: Mapping[str, Denominator] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Argument:
    """An array argument: its name, what it may hold, and whether it may be left out."""

    name: str
    domain: Domain
    optional: bool


@dataclass(frozen=True, slots=True)
class Parameter:
    """A keyword parameter: its name, default, and valid range (None for switches and words)."""

    name: str
    default: Option
    range: Range | None


Kinks = Callable[..., Iterator[dict[str, np.ndarray]]]
Drawing = Callable[..., dict[str, np.ndarray]]
Shape = tuple[int, ...]

CERTIFIED_SIZE = 8192  # numbers in all arguments together; above it the float64 reference judges alone


@dataclass(slots=True, eq=False)
class Loss:
    """A loss of the catalogue, read off the signature of its reference function by `loss`."""

    name: str
    over: Over
    function: Callable[..., Terms]
    arguments: dict[str, Argument]
    parameters: dict[str, Parameter]
    also: dict[str, tuple[Option, ...]]
    reductions: tuple[str, ...]
    scale_limit: float | None
    variant: bool
    form_of: str
    aliases: tuple[str, ...]
    textbook: Callable[..., Any] | None = None
    kinks_at: Kinks | None = None
    drawn_by: Drawing | None = None
    shaped_by: Callable[[Shape], Mapping[str, Shape]] | None = None
    axes: tuple[str, ...] = ()  # the names of a case's axes, where their number is fixed
    small: Shape = ()  # the shape of its cases in suites of small sizes; empty: as the suite says
    large: Shape = ()  # and in suites of large ones
    certified_size: int = CERTIFIED_SIZE
    relations: tuple[str, ...] = ()  # names of those in cases/relations that it keeps, beside what its arguments imply
    alone: tuple[str, ...] = ()  # optional arguments that nobody takes beside the other optional ones
    factors: tuple[str, ...] = ()  # the last arguments, where they multiply whole terms: see losses/weighed

    @property
    def doc(self) -> str:
        """Formula, identities and source, as written in the reference's docstring."""
        told = inspect.cleandoc(self.function.__doc__ or "")
        each = "".join(f"\n\n{name} multiplies each term by a number of its own." for name in self.factors)
        text, source, rest = told.partition("\n\nSource:")
        return f"{text}{each}{source}{rest}"

    @property
    def differentiable(self) -> tuple[str, ...]:
        """The arguments the definition has a gradient for."""
        return tuple(a.name for a in self.arguments.values() if a.domain.differentiable)

    def settings(self, changed: Mapping[str, Option] | Iterable[tuple[str, Option]] = ()) -> dict[str, Option]:
        """Every parameter of the loss: at its default, but for those `changed`; names it does not have are left out."""
        chosen = dict(changed)
        return {name: chosen.get(name, parameter.default) for name, parameter in self.parameters.items()}

    def departures(self, settings: Mapping[str, Option]) -> tuple[tuple[str, Option], ...]:
        """Those of the settings that are not at the loss's own defaults, sorted by name, as a case holds them."""
        return tuple(sorted((n, v) for n, v in settings.items() if v != self.parameters[n].default))

    def definition(self, textbook: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator: the definition of one term, on scalars that may be balls; no numerical trick allowed."""
        self.textbook = multiplied(textbook, len(self.factors))
        return textbook

    def kinks(self, at: Kinks) -> Kinks:
        """Decorator: yields replacements of arguments that put every element on a kink of the loss.

        Called as ``at(arrays, **parameters)`` with the arrays of an ordinary draw.
        """
        self.kinks_at = at
        return at

    def draw(self, drawing: Drawing) -> Drawing:
        """Decorator: draws the arguments that cannot be drawn one by one (labels and their lengths).

        Called as ``drawing(generator, shape, **parameters)``; returns the arrays it has drawn.
        """
        self.drawn_by = drawing
        return drawing

    def shapes(self, at: Callable[[Shape], Mapping[str, Shape]]) -> Callable[[Shape], Mapping[str, Shape]]:
        """Decorator: the shapes of the arguments with `Axes.TERM` (of one term's array) and `Axes.SHARED`.

        Called as ``at(shape)`` with the shape of the case.
        """
        self.shaped_by = at
        return at

    def is_shared(self, name: str) -> bool:
        """Whether every term depends on the whole of argument `name`, so that slopes by it are summed over terms."""
        return self.arguments[name].domain.axes is Axes.SHARED

    def __call__(self, arrays: Arrays, parameters: Mapping[str, Option]) -> Terms:
        """The float64 reference on `arrays` (optional ones may be missing)."""
        return self.function(*(arrays.get(name) for name in self.arguments), **parameters)

    def classes(self, shape: Shape) -> int:
        """How many classes a case of this shape has: along the axis of that name, else along the last one."""
        return shape[self.axes.index("classes")] if "classes" in self.axes else shape[-1]

    def term_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the unreduced loss for a case of this shape."""
        cut = {Over.ELEMENTS: len(shape), Over.ROWS: len(shape) - 1, Over.SAMPLES: 1, Over.BATCH: 0}[self.over]
        return shape[:cut]

    def argument_shape(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of argument `name` in a case of this shape."""
        axes = self.arguments[name].domain.axes
        if axes is Axes.ALL:
            return shape
        if axes is Axes.LAST:
            return shape[-1:]
        if axes is Axes.BUT_LAST:
            return shape[:-1]
        terms = self.term_shape(shape)
        if axes in (Axes.TERM, Axes.SHARED):
            assert self.shaped_by is not None, f"{self.name} does not say the shape of {name}: add @{self.name}.shapes"
            own = tuple(self.shaped_by(shape)[name])
            return own if axes is Axes.SHARED else (*terms, *own)
        return terms

    def slice_of(self, name: str, array: np.ndarray, index: tuple[int, ...]) -> Any:
        """The part of argument `name` that the term at `index` depends on."""
        if self.is_shared(name):
            return array
        if self.arguments[name].domain.axes is Axes.LAST:
            return array[index[-1]] if self.over is Over.ELEMENTS else array
        return array[index]


def multiplied(textbook: Callable[..., Any], count: int) -> Callable[..., Any]:
    """A definition times its last `count` arguments, as far as they are given."""
    if not count:
        return textbook

    @functools.wraps(textbook)
    def term(*arguments: Any, **parameters: Any) -> Any:
        weights = [weight for weight in arguments[-count:] if weight is not None]
        return math.prod(weights, start=textbook(*arguments[:-count], **parameters))

    return term


def loss(
    *,
    over: str,
    also: Mapping[str, tuple[Option, ...]] | None = None,
    reductions: tuple[str, ...] = ("none", "mean", "sum"),
    scale_limit: float | None = None,
    variant: bool = False,
    form_of: str = "",
    aliases: tuple[str, ...] = (),
    axes: tuple[str, ...] = (),
    small: Shape = (),
    large: Shape = (),
    certified_size: int = CERTIFIED_SIZE,
    relations: tuple[str, ...] = (),
    alone: tuple[str, ...] = (),
) -> Callable[[Callable[..., Terms]], Loss]:
    """Decorator: turn a float64 reference into a loss of the catalogue.

    Args:
        over: "elements", "rows", "samples" or "batch": the slice one term depends on.
        also: for parameters, the values to test beside the default.
        reductions: the canonical names (see `reductions`) that make sense for it.
        scale_limit: errors up to so many eps by scale agree, where the usual limit does not fit; say why beside it.
        variant: a deviating formula that some framework follows; not listed as a loss.
        form_of: the loss of which this is another parametrization (probabilities for logits, say); asked for by
            that name too.
        aliases: further names people know it by; those of the frameworks' callables are found by themselves.
        axes: the names of a case's axes, where their number is fixed: ("sequences", "steps", "symbols").
        small: the shape of its cases in suites of small sizes, where what they give to all losses does not suit it: a
            size that a human can look at.
        certified_size: so many numbers in all arguments together are proven; fewer where the definition takes steps
            that grow with the square of its classes.
        large: the same in suites of large sizes, where a call should take about a millisecond.
        relations: those of `cases/relations` that hold between its answers, whatever the answers are.
        alone: optional arguments that cases give by themselves, as nobody takes them beside other optional ones.

    Raises:
        TypeError: an argument or parameter lacks a domain from `domains`.
    """

    def read(function: Callable[..., Terms]) -> Loss:
        hints = get_type_hints(function, include_extras=True)
        arguments: dict[str, Argument] = {}
        parameters: dict[str, Parameter] = {}
        for name, parameter in inspect.signature(function).parameters.items():
            marks = getattr(hints.get(name), "__metadata__", ())
            if parameter.kind is parameter.KEYWORD_ONLY:
                span = next((m for m in marks if isinstance(m, Range)), None)
                parameters[name] = Parameter(name, parameter.default, span)
                continue
            domain = next((m for m in marks if isinstance(m, Domain)), None)
            if domain is None:
                raise TypeError(
                    f"{function.__name__}: annotate the argument {name!r} with a name from lossbench.domains"
                )
            arguments[name] = Argument(name, domain, parameter.default is None)
        return Loss(
            name=function.__name__,
            over=Over(over),
            function=function,
            arguments=arguments,
            parameters=parameters,
            also=dict(also or {}),
            reductions=reductions,
            scale_limit=scale_limit,
            variant=variant,
            form_of=form_of or function.__name__,
            aliases=aliases,
            axes=axes,
            small=small,
            large=large,
            certified_size=certified_size,
            relations=relations,
            alone=alone,
        )

    return read
