"""Every number a format has as the input of an elementwise loss, and how far off the answers are.

A distance is counted in steps from one number of the format to the next; 0 steps is the number nearest to the truth,
the best that any arithmetic could return.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from lossbench.domains import Axes, Domain, Kind
from lossbench.floats import FORMATS, Format, decode, encode
from lossbench.loss import Loss, Over
from lossbench.records import Option

# What the other arguments are held at while one runs through all patterns.
HELD: dict[Kind, tuple[float, ...]] = {
    Kind.REAL: (0.0, 1.5),
    Kind.POSITIVE: (1.0, 0.0625),
    Kind.LOGIT: (0.0, -3.0),
    Kind.PROBABILITY: (0.25, 0.984375),
    Kind.PROBABILITIES: (0.25,),
    Kind.LOG_PROBABILITIES: (-1.5,),
    Kind.BINARY: (0.0, 1.0, 0.75),
    Kind.SIGN: (-1.0, 1.0),
}
LEAST_EXPONENT, MOST_EXPONENTS = -1100, 2200  # binary ones of inputs; zero counts as the least
BUCKETS = ("0", "1", "2", "3", "more")


@dataclass(frozen=True, slots=True)
class Passage:
    """One argument running through all patterns of a format, everything else held fixed."""

    loss: str
    argument: str
    held: tuple[tuple[str, float], ...]
    parameters: tuple[tuple[str, Option], ...]
    dtype: str

    def __str__(self) -> str:
        """What is held: ``prediction over all bfloat16; target=1.5, delta=0.125``."""
        held = ", ".join(f"{name}={value}" for name, value in (*self.held, *self.parameters))
        return f"{self.argument} over all {self.dtype}" + (f"; {held}" if held else "")

    @property
    def options(self) -> str:
        """What is held, in short."""
        return ", ".join(f"{name}={value}" for name, value in (*self.held, *self.parameters))


def takes_patterns(loss: Loss) -> bool:
    """Whether the loss works on one element at a time, so that all patterns of an argument say everything."""
    required = [argument for argument in loss.arguments.values() if not argument.optional]
    alone = all(argument.domain.axes is Axes.ALL and argument.domain.kind in HELD for argument in required)
    return loss.over is Over.ELEMENTS and "none" in loss.reductions and alone and loss.drawn_by is None


def passages(loss: Loss, dtype: str, arguments: tuple[str, ...] = ()) -> Iterator[Passage]:
    """All passages of a loss: each continuous argument in turn, the others and each parameter at several values."""
    names = [argument.name for argument in loss.arguments.values() if not argument.optional]
    fixed = (Kind.BINARY, Kind.SIGN)
    settings = [(), *(((name, value),) for name, values in loss.also.items() for value in values)]
    for name in names:
        if loss.arguments[name].domain.kind in fixed or (arguments and name not in arguments):
            continue
        others = [other for other in names if other != name]
        choices = itertools.product(*(HELD[loss.arguments[other].domain.kind] for other in others))
        for held, parameters in itertools.product(choices, settings):
            yield Passage(loss.name, name, tuple(zip(others, held, strict=True)), parameters, dtype)


def pattern_count(form: Format) -> int:
    """How many bit patterns a format has."""
    return 1 << (8 * form.storage.itemsize)


def patterns(form: Format, start: int, stop: int) -> np.ndarray:
    """The bit patterns from `start` up to `stop`, as the format stores them."""
    unsigned = np.arange(start, stop, dtype=np.uint64).astype(f"u{form.storage.itemsize}")
    return unsigned.view(form.storage)


def inside(stored: np.ndarray, domain: Domain, form: Format) -> np.ndarray:
    """The patterns, with the end of a bounded domain in the place of those outside: some refuse the lot for one."""
    if not math.isfinite(domain.low):
        return stored
    numbers = decode(stored, form)
    with np.errstate(invalid="ignore"):
        valid = (numbers >= domain.low) & (numbers <= domain.high)
    return np.where(valid, stored, encode(np.full(1, domain.low), form))


@dataclass(slots=True)
class Truth:
    """What should come back for a stretch of patterns: in storage, for the value and for each gradient.

    `asked` marks the inputs that lie inside of the argument's domain and are finite; `sure` those of them whose
    gradient does not lie on a kink.
    """

    numbers: np.ndarray  # the patterns as float64
    asked: np.ndarray
    sure: np.ndarray
    value: np.ndarray
    gradients: dict[str, np.ndarray]


def truth(loss: Loss, passage: Passage, stored: np.ndarray) -> Truth:
    """The float64 reference for these patterns of the passage's argument."""
    form = FORMATS[passage.dtype]
    numbers = decode(stored, form)
    inputs = {name: np.full(numbers.shape, value) for name, value in passage.held}
    inputs[passage.argument] = numbers
    parameters = loss.settings(passage.parameters)
    domain = loss.arguments[passage.argument].domain
    with np.errstate(all="ignore"):
        asked = np.isfinite(numbers) & (numbers >= domain.low) & (numbers <= domain.high)
        terms = loss(inputs, parameters)
        sure = asked if terms.nearness is None else asked & ~(terms.nearness <= 8 * form.eps)
        slopes = {name: nearest(np.asarray(slope), form) for name, slope in terms.slopes.items()}
        return Truth(numbers, asked, sure, nearest(np.asarray(terms.value), form), slopes)


def nearest(values: np.ndarray, form: Format) -> np.ndarray:
    """The numbers of the format nearest to these, in storage."""
    if form.name == "bfloat16":
        return encode(values, form)
    with np.errstate(all="ignore"):
        return np.asarray(values.astype(form.storage))


def ordinals(stored: np.ndarray, form: Format) -> np.ndarray:
    """Whole numbers that count the numbers of the format upwards; both zeros are 0."""
    bits = stored.view(f"i{form.storage.itemsize}").astype(np.int64)
    lowest = -(1 << (8 * form.storage.itemsize - 1))
    return np.asarray(np.where(bits < 0, lowest - bits, bits))


def steps(got: np.ndarray, want: np.ndarray, form: Format) -> tuple[np.ndarray, np.ndarray]:
    """How many numbers of the format lie between got and want, and where one of the two alone is NaN.

    Results below the smallest normal number may be flushed to zero: they count as no steps away.
    """
    same = got == want if form.name != "bfloat16" else got.view(np.uint16) == want.view(np.uint16)
    distance = np.zeros(got.shape, np.int64)
    nan = np.zeros(got.shape, bool)
    rest = np.flatnonzero(~same)
    if rest.size:
        one, other = got[rest], want[rest]
        a, b = decode(one, form), decode(other, form)
        lost = np.isnan(a) != np.isnan(b)
        away = np.abs(ordinals(one, form) - ordinals(other, form))
        tiny = (np.abs(a) <= 2 * form.smallest_normal) & (np.abs(b) < form.smallest_normal)
        distance[rest] = np.where(lost | tiny | np.isnan(a), 0, away)
        nan[rest] = lost
    return distance, nan


@dataclass(slots=True)
class Tally:
    """How many answers lay how far off, and the worst of them."""

    counts: list[int] = field(default_factory=lambda: [0] * len(BUCKETS))
    wrong: int = 0  # NaN or a number where the other belongs
    worst: int = 0  # steps
    at: float = math.nan  # the input of the worst, or of the first that is wrong
    got: float = math.nan
    want: float = math.nan
    passage: Passage | None = None  # in which it was met
    by_exponent: dict[int, int] = field(default_factory=dict)  # worst steps by the binary exponent of the input

    @property
    def compared(self) -> int:
        """How many answers were looked at."""
        return sum(self.counts) + self.wrong

    def include(
        self, passage: Passage, numbers: np.ndarray, got: np.ndarray, want: np.ndarray, asked: np.ndarray
    ) -> None:
        """Count the answers to a stretch of inputs."""
        form = FORMATS[passage.dtype]
        distance, nan = steps(got, want, form)
        distance, nan = distance[asked], nan[asked]
        numbers = numbers[asked]
        if not distance.size:
            return
        counts = np.bincount(np.minimum(distance[~nan], len(BUCKETS) - 1), minlength=len(BUCKETS))
        self.counts = [int(old + new) for old, new in zip(self.counts, counts, strict=True)]
        first = int(nan.argmax()) if nan.any() else int(distance.argmax())
        worse = (bool(nan.any()), int(distance[first])) > (self.wrong > 0, self.worst)
        self.wrong += int(nan.sum())
        if worse or self.passage is None:
            self.worst = max(self.worst, int(distance.max()))
            self.at, self.passage = float(numbers[first]), passage
            self.got, self.want = (
                float(decode(got[asked][first : first + 1], form)[0]),
                float(decode(want[asked][first : first + 1], form)[0]),
            )
        self._spread(numbers, np.where(nan, np.iinfo(np.int64).max, distance))

    def _spread(self, numbers: np.ndarray, distance: np.ndarray) -> None:
        """Keep the worst of each binade of the input, for the plot."""
        found = np.flatnonzero(distance)
        if found.size:
            exponents = np.where(numbers[found] == 0, LEAST_EXPONENT, np.frexp(numbers[found])[1])
            worst = np.zeros(MOST_EXPONENTS, np.int64)
            np.maximum.at(worst, exponents - LEAST_EXPONENT, distance[found])
            for position in np.flatnonzero(worst).tolist():
                exponent = position + LEAST_EXPONENT
                self.by_exponent[exponent] = max(int(worst[position]), self.by_exponent.get(exponent, 0))
