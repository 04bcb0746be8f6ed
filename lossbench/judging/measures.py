"""How far an answer is from what was expected: by scale, and in units in the last place.

By scale: |got - want| / (eps max(|want|, magnitude, smallest normal)), eps = 2^(1-p) of the tested format, the
magnitude taken over one slice of the loss, never over a tensor of independent slices.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lossbench import pairs
from lossbench.floats import FORMATS, Format, ulps_between
from lossbench.spreads import Spread, counted

NOTHING = np.zeros((), bool)
UNBOUNDED = np.array(math.nan)
MIDDLE = np.array(0.0)
CHUNK = 1 << 20  # numbers compared at a time, so that memory stays flat


@dataclass(slots=True)
class Measured:
    """The errors of one or several arrays. Infinity stands for a NaN or infinity where a number belongs."""

    scale: float = 0.0  # worst, in eps
    ulps: float = 0.0  # worst
    ulps_p99: float = 0.0
    compared: int = 0
    rank: tuple[float, float] = (0.0, 0.0)  # of the worst element: its error by scale if that is beyond the limit, ulps
    worst: str = ""  # argument, index, got, want at the worst error by scale (by ulps where all agree by scale)
    spread: Spread = field(default_factory=Counter)  # how many ulps lie where
    ulps_median: float = 0.0

    def include(self, other: Measured) -> None:
        """Take in the errors of another array: the worse of each."""
        if other.rank > self.rank or not self.worst:
            self.rank, self.worst = other.rank, other.worst
        self.scale, self.ulps = max(self.scale, other.scale), max(self.ulps, other.ulps)
        self.ulps_p99 = max(self.ulps_p99, other.ulps_p99)
        self.ulps_median = max(self.ulps_median, other.ulps_median)
        self.compared += other.compared
        self.spread += other.spread


def misshapen(text: str) -> Measured:
    """The error of an array that has not even the right number of entries."""
    worst = math.inf
    return Measured(worst, worst, worst, 1, (worst, worst), text, counted(np.array([worst])), worst)


def errors(
    got: np.ndarray, want: pairs.Pair, scale: np.ndarray, form: Format, slack: float
) -> tuple[np.ndarray, np.ndarray]:
    """Errors by scale and in ulps; infinite where the pattern of NaN and infinity is wrong.

    Within `slack` eps of the largest number, both that number and infinity are right; further out, infinity alone.
    Of results below the smallest normal number nothing is asked but to stay there: flushing them to zero is right.
    """
    high, low = want
    with np.errstate(all="ignore"):
        # a scale that is NaN or infinite must not hide an error: it counts as none, or as the largest number
        floor = np.fmax(np.minimum(np.nan_to_num(scale, nan=0.0, posinf=np.inf), form.largest), form.smallest_normal)
        by_scale = np.asarray(np.abs((got - high) - low) / (form.eps * np.fmax(np.abs(high), floor)))
        ulps = np.asarray(ulps_between(got, high, low, form))
        tiny = (np.abs(high) < form.smallest_normal) & (np.abs(got) <= 2 * form.smallest_normal)
        by_scale, ulps = np.where(tiny, 0.0, by_scale), np.where(tiny, 0.0, ulps)
        edge = form.largest * (1 - slack * form.eps)
        odd = ~np.isfinite(got) | ~np.isfinite(high) | (np.abs(high) >= edge)
        if odd.any():
            beyond = (np.abs(high) >= edge) & (np.sign(got) == np.sign(high)) & (np.abs(got) >= edge)
            # an infinite float64 expectation may be a number that no carrier holds: it may not lie far out
            near = (np.abs(high) - form.largest <= slack * form.eps * form.largest) | (form == FORMATS["float64"])
            # a number that the tested format cannot hold came in a wider one, which the judge has noted
            wider = np.isfinite(high) & (np.abs(got - high) <= slack * form.eps * np.abs(high))
            beyond &= np.isinf(got) | near | wider
            right = odd & (beyond | (np.isnan(high) & np.isnan(got)))
            wrong = odd & ~right & (~np.isfinite(got) | ~np.isfinite(high) | (np.abs(high) >= form.overflow_threshold))
            by_scale = np.where(right, 0.0, np.where(wrong | np.isnan(by_scale), np.inf, by_scale))
            ulps = np.where(right, 0.0, np.where(wrong, np.inf, ulps))
    return by_scale, ulps


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an array should hold.

    pair: (high, low), in the array's shape. scale, free: broadcastable to it; nothing is asked of free entries.
    forgiven: entries that lie between the corners of a kink, and are right whatever `pair` says.
    bounds: for entries that rounding may put across a kink, how far from their center they must stay; NaN for all
    others. centers: of these entries; 0 unless given.
    """

    pair: pairs.Pair
    scale: np.ndarray
    free: np.ndarray
    forgiven: np.ndarray | None = None
    bounds: np.ndarray | None = None
    centers: np.ndarray | None = None

    def flat(self, shape: tuple[int, ...]) -> list[np.ndarray]:
        """High, low, scale, free, forgiven, bounds and centers, each laid out like an array of this shape."""
        forgiven = NOTHING if self.forgiven is None else self.forgiven
        bounds = UNBOUNDED if self.bounds is None else self.bounds
        centers = MIDDLE if self.centers is None else self.centers
        return [
            (a if np.shape(a) == shape else np.broadcast_to(a, shape)).reshape(-1)
            for a in (*self.pair, self.scale, self.free, forgiven, bounds, centers)
        ]


@dataclass(frozen=True, slots=True)
class Part:
    """An array that came back, what it is, and what it should hold."""

    label: str
    got: np.ndarray
    wanted: Wanted


def measure(parts: Sequence[Part], form: Format, slack: float) -> Measured:
    """Compare arrays with their expectations: small ones together in one sweep, large ones a chunk at a time.

    Args:
        parts: the arrays.
        form: the tested format.
        slack: eps by which results may miss the largest number, see `errors`.
    """
    result, samples = Measured(), []
    together: list[Part] = []
    for part in parts:
        if part.got.size > CHUNK:
            samples += _sweep([part], form, slack, result)
        elif part.got.size:
            together.append(part)
    if together:
        samples += _sweep(together, form, slack, result)
    ulps = np.concatenate(samples) if samples else np.zeros(0)
    if ulps.size:
        places = [(share * (ulps.size - 1)) // 100 for share in (50, 99)]
        ranked = np.partition(ulps, places)
        result.ulps_median, result.ulps_p99 = (float(ranked[place]) for place in places)
        result.spread = counted(ulps)
    return result


def _sweep(parts: Sequence[Part], form: Format, slack: float, result: Measured) -> list[np.ndarray]:
    """Measure parts as one long array, into `result`; the ulps of everything that counts come back."""
    columns = zip(*([p.got.reshape(-1), *p.wanted.flat(p.got.shape)] for p in parts), strict=True)
    flat = [column[0] if len(column) == 1 else np.concatenate(column) for column in columns]
    samples: list[np.ndarray] = []
    for start in range(0, flat[0].size, CHUNK):
        g, high, low, scale, free, pardoned, bounds, centers = (a[start : start + CHUNK] for a in flat)
        asked = ~free
        by_scale, ulps = _counted((g, high, low, scale, free, pardoned, bounds, centers), form, slack)
        at = int(np.argmax(by_scale if by_scale.max() > slack else ulps))
        chunk = Measured(
            scale=float(by_scale.max()),
            ulps=float(ulps.max()),
            compared=int(asked.sum()),
            rank=(float(by_scale[at]) if by_scale[at] > slack else 0.0, float(ulps[at])),
            worst=_located(parts, start + at, float(g[at]), float(high[at])) if ulps[at] > 0 else "",
        )
        samples.append(ulps[asked])
        result.include(chunk)
    return samples


def _counted(columns: Sequence[np.ndarray], form: Format, slack: float) -> tuple[np.ndarray, np.ndarray]:
    """Errors by scale and in ulps; 0 where nothing is asked or the answer is right in some other way."""
    g, high, low, scale, free, pardoned, bounds, centers = columns
    with np.errstate(all="ignore"):
        rounding = slack * form.eps * np.fmax(bounds, np.where(np.isfinite(scale), scale, 0.0))
        within = np.abs(g - centers) <= bounds + rounding
    judged = ~free & ~pardoned & ~within
    by_scale, ulps = (np.where(judged, e, 0.0) for e in errors(g, (high, low), scale, form, slack))
    return by_scale, ulps


def everywhere(part: Part, form: Format, slack: float) -> tuple[np.ndarray, np.ndarray]:
    """The errors of every element, by scale and in ulps, in the array's shape."""
    columns = [part.got.reshape(-1), *part.wanted.flat(part.got.shape)]
    by_scale, ulps = _counted(columns, form, slack)
    return by_scale.reshape(part.got.shape), ulps.reshape(part.got.shape)


def _located(parts: Sequence[Part], position: int, got: float, want: float) -> str:
    for part in parts:
        if position < part.got.size:
            return describe(part.label, part.got.shape, position, got, want)
        position -= part.got.size
    raise IndexError(position)


def describe(label: str, shape: Sequence[int], flat: int, got: float, want: float) -> str:
    """One element as text: ``gradient of logits[3,2]: got 0, want 5.55e-17``."""
    index = ",".join(str(i) for i in np.unravel_index(flat, shape)) if shape else ""
    return f"{label}{f'[{index}]' if index else ''}: got {got:.6g}, want {want:.6g}"


@dataclass(slots=True)
class Hull:
    """The corner gradients of one slice and where its components stand in the gradients."""

    corners: np.ndarray  # (corners, components)
    got: np.ndarray  # (components,)
    unit: np.ndarray  # (components,): what counts as one eps
    limit: float = field(default=64.0)

    @np.errstate(over="ignore", invalid="ignore")
    def holds(self) -> bool:
        """Whether `got` is a mixture of the corners, up to `limit` eps in every component."""
        if not np.isfinite(self.got).all():
            return False
        inside = np.isfinite(self.corners).all(axis=1)
        points, got = self.corners[inside] / self.unit, self.got / self.unit
        if not len(points) or not np.isfinite(got).all():  # so far out that its distance in units overflows
            return False
        # most answers are one of the corners, or all of them in equal parts
        if (np.abs(np.vstack([points, points.mean(axis=0)]) - got).max(axis=1, initial=0.0) <= self.limit).any():
            return True
        if len(points) == 2:
            edge = points[1] - points[0]
            length = float(edge @ edge)
            share = 0.0 if length == 0 else min(1.0, max(0.0, float((got - points[0]) @ edge) / length))
            nearest = points[0] + share * edge
        else:
            from scipy.optimize import nnls

            weight = max(1.0, float(np.abs(points).max())) * math.sqrt(points.shape[1])
            system = np.vstack([points.T, np.full(len(points), weight)])
            shares, _ = nnls(system, np.append(got, weight))
            nearest = points.T @ (shares / max(shares.sum(), 1e-300))
        return bool(np.abs(nearest - got).max(initial=0.0) <= self.limit)
