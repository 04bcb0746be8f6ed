"""From a bad input to the smallest that is still as bad: fewest rows and columns, default options, short decimals."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lossbench.cases.stored import Literal
from lossbench.decimals import number
from lossbench.domains import Kind
from lossbench.floats import FORMATS, Format, round_to
from lossbench.judging.moves import LEFT_ALONE
from lossbench.judging.probing import Rank, rank
from lossbench.judging.specimens import taken
from lossbench.loss import Loss, Over
from lossbench.records import Option, Status, Verdict
from lossbench.reductions import BY_WEIGHTS

Ask = Callable[[Sequence[Literal]], list[Verdict | None]]
TOGETHER = 16  # alternatives asked at once
MOST_ASKED = 3000  # alternatives in all
MOST_DEATHS = 24  # where each costs a worker
ENTRIES = 64  # numbers of an array up to which each is made simple by itself
STRETCHES = 32  # into which a longer one is cut
LEAST_SHARE = 0.25  # of the error that is to stay
LOST = 0.05  # of the number itself: an error that leaves hardly a digit cannot be told from a larger one
DIGITS = (1, 2, 3, 4, 6)
PASSES = 4


@dataclass(frozen=True, slots=True)
class Defect:
    """What has to stay as a case gets smaller: the kind of verdict, and most of the error."""

    status: Status
    objective: str
    rank: Rank
    reason: str = ""  # the declaration that explains it

    @classmethod
    def of(cls, verdict: Verdict, objective: str) -> Defect:
        """The defect that a verdict speaks of."""
        return cls(verdict.status, objective, rank(verdict, objective), reason_of(verdict))

    def shown_by(self, verdict: Verdict | None) -> bool:
        """Whether a verdict shows it still."""
        if verdict is None or verdict.status is not self.status or reason_of(verdict) != self.reason:
            return False
        kind, error = rank(verdict, self.objective)
        lost = LOST / FORMATS[verdict.dtype].eps
        least = self.rank[1] if math.isinf(self.rank[1]) else min(lost, LEAST_SHARE * self.rank[1])
        return kind == self.rank[0] and error >= least

    @property
    def deadly(self) -> bool:
        """Whether showing it costs a worker."""
        return self.status in (Status.CRASHES, Status.HANGS)


def reason_of(verdict: Verdict) -> str:
    """The declaration that explains a verdict; empty where none does."""
    return verdict.note.partition(";")[0] if verdict.status in (Status.DEVIATES, Status.BY_CONTRACT) else ""


class Shrinker:
    """Makes a case smaller step by step, as long as it shows the defect."""

    def __init__(
        self, one: Literal, loss: Loss, defect: Defect, ask: Ask, enough: Callable[[], bool] = lambda: False
    ) -> None:
        """Begin with the case as it was found; go on until nothing gets smaller, or it is `enough`."""
        self.enough = enough
        self.one, self.loss, self.defect, self.ask = one, loss, defect, ask
        self.left = MOST_DEATHS if defect.deadly else MOST_ASKED
        self.form = FORMATS[one.dtype]

    def shrunk(self) -> Literal:
        """The smallest case that was found to show it."""
        for _ in range(PASSES):
            before = self.one.digest
            terms = len(self.loss.term_shape(self.one.shape))
            for axis in range(len(self.one.shape)):
                if axis < terms or not self.loss.axes:
                    self._shorten(axis)
            for alternatives in (self._plainer, self._without):
                while self._first(list(alternatives())):
                    pass
            self._settings()
            for name in self.one.arrays:
                self._simplify(name)
            if self.one.digest == before or self.left <= 0 or self.enough():
                break
        return self.one

    def _first(self, alternatives: Sequence[Literal]) -> bool:
        """Go on with the first of the alternatives that shows the defect, if one does."""
        together = 1 if self.defect.deadly else TOGETHER
        for start in range(0, len(alternatives), together):
            some = list(alternatives[start : start + together])[: max(self.left, 0)]
            if not some or self.enough():
                return False
            self.left -= len(some)
            for one, verdict in zip(some, self.ask(some), strict=True):
                if self.defect.shown_by(verdict):
                    self.one = one
                    return True
        return False

    def _shorten(self, axis: int) -> None:
        """Leave out stretches of positions along an axis, long ones first."""
        length = self.one.shape[axis]
        if length > 1 and length <= ENTRIES and self._first(self._only(axis, [[n] for n in range(length)])):
            return
        self._cut_off(axis)
        size = (self.one.shape[axis] + 1) // 2
        while size:
            length = self.one.shape[axis]
            if length > ENTRIES and size * STRETCHES < length:
                return  # every position of a long axis by itself would take too long
            ranges = [range(start, min(length, start + size)) for start in range(0, length, size)]
            shorter = [[n for n in range(length) if n not in gone] for gone in ranges]
            if not self._first(self._only(axis, [kept for kept in shorter if kept])):
                size //= 2
            size = min(size, self.one.shape[axis] // 2)

    def _cut_off(self, axis: int) -> None:
        """Find by halving how many of the first positions it takes."""
        low, high = 0, self.one.shape[axis]
        while high - low > 1 and self.left > 0:
            middle = (low + high) // 2
            if self._first(self._only(axis, [range(middle)])):
                high = middle
            else:
                low = middle
        # not every length between need show it: what fails at whole vectors shows at lengths beside them
        while high > TOGETHER:
            ends = [range(high - n) for n in range(TOGETHER, 0, -1)] + [range(n, high) for n in range(TOGETHER, 0, -1)]
            if not self._first(self._only(axis, ends)):
                break
            high = self.one.shape[axis]

    def _only(self, axis: int, choices: Sequence[Sequence[int]]) -> list[Literal]:
        found = (taken(self.one, self.loss, axis, kept) for kept in choices)
        return [one for one in found if one is not None]

    def _plainer(self) -> Iterator[Literal]:
        """Without what is said of the layout, and unreduced."""
        if self.one.how:
            yield replace(self.one, how=())
        if self.one.reduction != "none" and "none" in self.loss.reductions:
            yield replace(self.one, reduction="none")
        alike = all(array.shape == self.one.shape for array in self.one.arrays.values())
        if self.loss.over is Over.ELEMENTS and len(self.one.shape) > 1 and alike and not self.loss.axes:
            flat = {name: array.reshape(-1) for name, array in self.one.arrays.items()}
            yield replace(self.one, shape=(next(iter(flat.values())).size,), arrays=flat)

    def _without(self) -> Iterator[Literal]:
        """Without one of the optional arrays, or of the parameters."""
        for name in self.one.given if self.one.reduction not in BY_WEIGHTS else ():
            arrays = {n: a for n, a in self.one.arrays.items() if n != name}
            yield replace(self.one, given=tuple(n for n in self.one.given if n != name), arrays=arrays)
        for name, _ in self.one.parameters:
            yield replace(self.one, parameters=tuple((n, v) for n, v in self.one.parameters if n != name))

    def _settings(self) -> None:
        """Give each parameter a simple value."""
        for name, value in self.one.parameters:
            if isinstance(value, float):
                span = self.loss.parameters[name].range
                simple = [
                    v for v in simpler(value, FORMATS["float64"]) if span is None or _within(v, span.low, span.high)
                ]
                self._first([self._set(name, v) for v in simple if not (span and span.low_open and v == span.low)])

    def _set(self, name: str, value: Option) -> Literal:
        return replace(self.one, parameters=tuple((n, value if n == name else v) for n, v in self.one.parameters))

    def _simplify(self, name: str) -> None:
        """Make the numbers of an array simple: all at once, and where they are few each by itself."""
        domain, array = self.loss.arguments[name].domain, self.one.arrays[name]
        if not array.size or domain.kind in (*LEFT_ALONE, Kind.PROBABILITIES, Kind.SIGN):
            return
        if domain.integer:
            if array.any() and domain.kind is Kind.CLASS_INDEX:
                self._first([self._with(name, np.zeros_like(array))])
            return
        finite = np.isfinite(array)
        whole = [np.where(finite, fixed, array) for fixed in (0.0, 1.0)]
        whole += [np.where(finite, rounded(array, digits), array) for digits in DIGITS]
        self._first([self._with(name, a) for a in whole if self._fits(a, array, domain.low, domain.high)])
        if array.size > ENTRIES:
            self._blank(name)
            return
        positions = range(array.size)
        for position in positions:
            array = self.one.arrays[name]
            value = float(array.reshape(-1)[position])
            if not math.isfinite(value):
                continue
            alternatives = []
            for simple in simpler(value, self.form):
                if _within(simple, domain.low, domain.high):
                    fresh = array.copy()
                    fresh.reshape(-1)[position] = round_to(simple, self.form)
                    alternatives.append(self._with(name, fresh))
            self._first(alternatives)

    def _blank(self, name: str) -> None:
        """Put 0 in the place of stretches of a long array, long ones first."""
        domain = self.loss.arguments[name].domain
        size = self.one.arrays[name].size // 2
        while size * STRETCHES >= self.one.arrays[name].size and domain.low <= 0 <= domain.high:
            alternatives = []
            for start in range(0, self.one.arrays[name].size, size):
                fresh = self.one.arrays[name].copy()
                part = fresh.reshape(-1)[start : start + size]
                if part.any() and np.isfinite(part).all():
                    part[:] = 0.0
                    alternatives.append(self._with(name, fresh))
            if not self._first(alternatives):
                size //= 2

    def _fits(self, fresh: np.ndarray, old: np.ndarray, low: float, high: float) -> bool:
        known = fresh[np.isfinite(fresh)]
        changed = not np.array_equal(fresh, old, equal_nan=True)
        return (
            changed
            and bool(((known >= low) & (known <= high)).all())
            and _length(fresh, self.form) < _length(old, self.form)
        )

    def _with(self, name: str, array: np.ndarray) -> Literal:
        settled = array if array.dtype.kind == "i" else round_to(array, self.form)
        return replace(self.one, arrays={**self.one.arrays, name: np.asarray(settled)})


def _within(value: float, low: float, high: float) -> bool:
    return low <= value <= high


def _length(array: np.ndarray, form: Format) -> int:
    if array.size > ENTRIES:  # long arrays are long whatever their digits: how many numbers differ from 0 says enough
        return int(np.count_nonzero(array))
    return sum(complexity(float(value), form) for value in array.flat)


def complexity(value: float, form: Format) -> int:
    """How much there is to read in a number."""
    if value == 0 or not math.isfinite(value):
        return 0
    far = int(abs(math.log10(abs(value))))  # 100 is easier to believe in than 3e38
    return {1.0: 1, -1.0: 2, 2.0: 2}.get(value, 2 + len(number(value, form)) + far // 2)


def rounded(array: np.ndarray, digits: int) -> np.ndarray:
    """The numbers with so many decimal digits."""
    flat = [float(f"{value:.{digits}g}") if math.isfinite(value) else value for value in array.reshape(-1).tolist()]
    return np.array(flat).reshape(array.shape)


def simpler(value: float, form: Format) -> list[float]:
    """Numbers near and far that are simpler to read, the simplest first."""
    short = [float(f"{value:.{digits}g}") for digits in DIGITS]
    powers = [math.ldexp(0.5, math.frexp(value)[1] + step) * math.copysign(1.0, value) for step in (0, 1)]
    tens = [math.copysign(10.0**power, value) for power in (1, 2, 3, 4, 5, 8, 12, 20, -1, -2, -4, -8, -20)]
    whole = float(round(value)) if abs(value) < 2**53 else value
    found = dict.fromkeys([0.0, 1.0, -1.0, 2.0, 0.5, -0.5, whole, *tens, *short, *powers])
    least = complexity(value, form)
    simple = [v for v in found if math.isfinite(v) and complexity(v, form) < least]
    return sorted(simple, key=lambda v: complexity(v, form))
