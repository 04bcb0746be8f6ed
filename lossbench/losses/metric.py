"""Losses that learn a metric: what belongs together comes close, what does not is kept apart by a margin."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Annotated, NamedTuple

import numpy as np

from lossbench.domains import Cosine, NonNegativeNumber, Number, Range, Real, Sign, SignPerRow
from lossbench.functions import maximum, minimum, norm, sqrt, total, where
from lossbench.loss import Terms, loss
from lossbench.pairs import two_sum

Arrays = dict[str, np.ndarray]
Degree = Annotated[float, Range(low=1.0)]
HUGE = 2.0**900


@loss(over="elements", also={"margin": (0.5,)})
def hinge_embedding(distance: Real, sign: Sign, *, margin: Number = 1.0) -> Terms:
    """A distance as it is where two things belong together; what it lacks of the margin where they do not.

    ``x`` where the sign is 1, ``max(0, m - x)`` where it is -1. Shapes: distance and sign alike, one term for each
    element. Kink: sign -1 at ``x = m``.

    Source: torch.nn.HingeEmbeddingLoss, documentation.
    """
    together = sign > 0
    lacking = margin - distance
    value = np.where(together, distance, np.maximum(lacking, 0.0))
    return Terms(
        value,
        {"distance": np.where(together, 1.0, np.where(lacking > 0, -1.0, 0.0))},
        nearness=np.where(together, np.inf, ratio(np.abs(lacking), np.abs(distance) + abs(margin))),
    )


@hinge_embedding.definition
def _(distance, sign, *, margin):
    return where(sign == 1, lambda: distance, lambda: maximum(0, margin - distance))


@hinge_embedding.kinks
def _(arrays: Arrays, *, margin: float) -> Iterator[Arrays]:
    yield {"distance": np.full_like(arrays["distance"], margin), "sign": np.full_like(arrays["sign"], -1.0)}


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """How much of the whole a part is; of nothing, nothing."""
    return np.where(whole == 0, 0.0, part / whole)


class _Direction(NamedTuple):
    """A vector over its length ``sqrt(|a|² + e)``, which is ``length · 2**exponent``."""

    unit: np.ndarray
    length: np.ndarray
    exponent: np.ndarray
    missing: np.ndarray  # e / (|a|² + e), by which the unit's square falls short of 1


def _direction(vector: np.ndarray, epsilon: float) -> _Direction:
    guard = math.sqrt(epsilon)
    # a power of two brings the squares into range and rounds nothing
    largest = np.maximum(np.abs(vector).max(axis=-1, keepdims=True, initial=0.0), guard)
    exponent = np.frexp(largest)[1]
    scaled, scaled_guard = np.ldexp(vector, -exponent), np.ldexp(guard, -exponent)
    length = np.sqrt((scaled**2).sum(axis=-1, keepdims=True) + scaled_guard**2)
    return _Direction(scaled / length, length, exponent, (scaled_guard / length) ** 2)


@loss(over="rows", also={"margin": (0.5,)}, small=(6, 8))
@np.errstate(all="ignore")
def cosine_embedding(
    first: Real, second: Real, sign: SignPerRow, *, margin: Cosine = 0.0, epsilon: NonNegativeNumber = 0.0
) -> Terms:
    """One minus the cosine of two vectors that belong together; the cosine's excess over the margin if they do not.

    With ``c = <a, b> / sqrt((|a|² + ε) (|b|² + ε))``: ``1 - c`` where the sign is 1, ``max(0, c - m)`` where it is
    -1. first and second [..., D], sign [...]; one term for each row. The derivative of c by a is
    ``(v - c u) / sqrt(|a|² + ε)`` with ``u = a / sqrt(|a|² + ε)`` and v likewise of b. Identity (ε = 0):
    ``1 - c = |u - v|²/2``. Undefined where a vector is zero and ε as well.

    Source: torch.nn.CosineEmbeddingLoss, documentation; ε as in its implementation.
    """
    a, b = _direction(first, epsilon), _direction(second, epsilon)
    missing = (a.missing + b.missing)[..., 0]
    cosine = (a.unit * b.unit).sum(axis=-1)
    apart = (((a.unit - b.unit) ** 2).sum(axis=-1) + missing) / 2  # 1 - c
    opposed = (((a.unit + b.unit) ** 2).sum(axis=-1) + missing) / 2  # 1 + c
    together, excess = sign > 0, cosine - margin
    terms = np.abs(a.unit * b.unit).sum(axis=-1)
    magnitude = np.where(together, 1.0, abs(margin)) + terms
    slopes, sizes = {}, {}
    for name, near, far in (("first", a, b), ("second", b, a)):
        # v - c u, where u and v are nearly parallel by way of their difference or sum, which does not cancel
        turn = far.unit - cosine[..., None] * near.unit
        turn = np.where(cosine[..., None] > 0.5, far.unit - near.unit + apart[..., None] * near.unit, turn)
        turn = np.where(cosine[..., None] < -0.5, far.unit + near.unit - opposed[..., None] * near.unit, turn)
        size = np.abs(far.unit) + terms[..., None] * np.abs(near.unit)
        idle = (~together & (excess <= 0))[..., None]
        signed = np.where(together[..., None], -turn, turn)
        slopes[name] = np.where(idle, 0.0, np.ldexp(signed / near.length, -near.exponent))
        sizes[name] = np.where(idle, 0.0, np.ldexp(size / near.length, -near.exponent))
    return Terms(
        np.where(together, apart, np.maximum(excess, 0.0)),
        slopes,
        magnitude,
        sizes,
        np.where(together, np.inf, ratio(np.abs(excess), magnitude)),
    )


@cosine_embedding.definition
def _(first, second, sign, *, margin, epsilon):
    product = total(a * b for a, b in zip(first, second, strict=True))
    squares = (total(a * a for a in first) + epsilon) * (total(b * b for b in second) + epsilon)
    cosine = product / sqrt(squares)
    return where(sign == 1, lambda: 1 - cosine, lambda: maximum(0, cosine - margin))


@cosine_embedding.kinks
def _(arrays: Arrays, *, margin: float, epsilon: float) -> Iterator[Arrays]:
    first, negative = arrays["first"], np.full_like(arrays["sign"], -1.0)
    even = first.shape[-1] // 2 * 2
    if margin == 0.0:  # exactly orthogonal: every product meets its opposite
        turned = np.zeros_like(first)
        turned[..., 0:even:2], turned[..., 1:even:2] = -first[..., 1:even:2], first[..., 0:even:2]
        yield {"second": turned, "sign": negative}
    yield {"second": first}


class Distance(NamedTuple):
    """The p-norm of a difference t, its derivative by t, the size of both before t cancels, and how near an edge is."""

    length: np.ndarray
    slope: np.ndarray
    magnitude: np.ndarray
    slope_magnitude: np.ndarray
    nearness: np.ndarray


def _norm(vector: np.ndarray, p: float) -> tuple[np.ndarray, np.ndarray]:
    """The p-norm along the last axis (kept), and the vector over it."""
    size = np.abs(vector)
    largest = size.max(axis=-1, keepdims=True, initial=0.0)
    scaled = np.where(largest == 0, 0.0, size / largest)  # so that no power overflows
    root = np.ones(largest.shape) if math.isinf(p) else (scaled**p).sum(axis=-1, keepdims=True) ** (1 / p)
    length = largest * root
    return length, np.where(largest == 0, 0.0, scaled / root)


def _wide(mask: np.ndarray, array: np.ndarray) -> np.ndarray:
    """The mask of the rows, broadcastable against an array over rows or over their elements."""
    return mask[..., None] if array.ndim > mask.ndim else mask


def minkowski(u: np.ndarray, v: np.ndarray, p: float, epsilon: np.ndarray) -> Distance:
    """The p-norm of u - v + epsilon along the last axis."""
    difference, error = two_sum(u, -v)
    shifted, rest = two_sum(difference, epsilon)
    t = shifted + (rest + error)
    before = np.abs(difference) + epsilon
    length, shares = _norm(t, p)
    magnitude, _ = _norm(before, p)
    nearness = np.full(u.shape[:-1], np.inf)
    if math.isinf(p):
        slope = np.sign(t) * (np.arange(t.shape[-1]) == np.abs(t).argmax(axis=-1)[..., None])
        slope_magnitude = np.abs(slope)
        if t.shape[-1] > 1:
            ranked = np.sort(np.abs(t), axis=-1)
            nearness = ratio(ranked[..., -1] - ranked[..., -2], 2 * magnitude[..., 0])
    else:
        slope = np.sign(t) * shares ** (p - 1)
        # what t loses by cancellation, its components and its norm lose
        slope_magnitude = np.where(length == 0, 0.0, (before / length * (magnitude / length)) ** (p - 1))
        # a share to the power of p - 1 is off by p times its own rounding; up to 16 that is within every limit
        slope_magnitude = slope_magnitude * max(1.0, p / 16)
        nearness = np.where(length[..., 0] == 0, 0.0, nearness)
        if p == 1:
            nearness = ratio(np.abs(t), before).min(axis=-1, initial=np.inf)
    slope = np.where(np.isnan(length), np.nan, slope)
    return Distance(length[..., 0], slope, magnitude[..., 0], slope_magnitude, nearness)


Triplet = tuple[np.ndarray, np.ndarray, np.ndarray]


def triplet_terms(
    triplet: Triplet,
    margin: float,
    p: float,
    epsilon: float,
    swap: bool,
    distance: Callable[[np.ndarray, np.ndarray, float, np.ndarray], Distance] = minkowski,
) -> Terms:
    """The terms of the triplet loss (anchor, positive, negative) by a distance."""
    largest = np.abs(triplet).max(axis=(0, -1), keepdims=True, initial=0.0)[0]
    unit = np.where(largest > HUGE, HUGE, 1.0)  # so that no distance overflows before it is subtracted
    (a, b, n), shift = (vector / unit for vector in triplet), epsilon / unit
    near, far = distance(a, b, p, shift), distance(a, n, p, shift)
    between = distance(b, n, p, shift) if swap else far
    swapped = between.length < far.length
    apart = Distance(*(np.where(_wide(swapped, one), one, other) for one, other in zip(between, far, strict=True)))
    unit = unit[..., 0]
    excess = near.length - apart.length + margin / unit
    magnitude = near.magnitude + apart.magnitude + margin / unit
    edges = np.minimum(near.nearness, apart.nearness)
    if swap:
        edges = np.minimum(edges, ratio(np.abs(far.length - between.length), far.magnitude + between.magnitude))
    of_anchor, of_positive = ~swapped[..., None], swapped[..., None]  # whose distance to the negative counts
    slopes = {
        "anchor": near.slope - of_anchor * apart.slope,
        "positive": -near.slope - of_positive * apart.slope,
        "negative": apart.slope,
    }
    sizes = {
        "anchor": near.slope_magnitude + of_anchor * apart.slope_magnitude,
        "positive": near.slope_magnitude + of_positive * apart.slope_magnitude,
        "negative": apart.slope_magnitude,
    }
    idle = (excess <= 0)[..., None]
    return Terms(
        np.maximum(excess, 0.0) * unit,
        {name: np.where(idle, 0.0, slope) for name, slope in slopes.items()},
        magnitude * unit,
        {name: np.where(idle, 0.0, size) for name, size in sizes.items()},
        np.minimum(ratio(np.abs(excess), magnitude), np.where(excess > 0, edges, np.inf)),
    )


@loss(
    over="rows",
    also={"margin": (0.5,), "p": (1.0, 3.0, math.inf), "epsilon": (0.0,), "swap": (True,)},
    aliases=("triplet",),
    small=(6, 8),
)
@np.errstate(all="ignore")
def triplet_margin(
    anchor: Real,
    positive: Real,
    negative: Real,
    *,
    margin: NonNegativeNumber = 1.0,
    p: Degree = 2.0,
    epsilon: NonNegativeNumber = 1e-6,
    swap: bool = False,
) -> Terms:
    """By how much the positive fails to be closer to the anchor than the negative is, by a margin.

    With ``d(u, v) = (Σ_k |u_k - v_k + ε|^p)^(1/p)``: ``max(0, d(a, p) - d⁻ + m)``, where ``d⁻ = d(a, n)``, or with
    `swap` the smaller of that and ``d(p, n)``. anchor, positive and negative [..., D]; one term for each row. The
    derivative of d by u_k is ``sign(t_k) (|t_k|/d)^(p-1)`` with ``t = u - v + ε``. Kinks: where the maximum is
    just 0, where the two negative distances tie, and where a norm is 0 or (p = 1, ∞) has its edges.

    Source: V. Balntas et al., "Learning local feature descriptors with triplets and shallow convolutional neural
    networks", BMVC 2016.
    """
    return triplet_terms((anchor, positive, negative), margin, p, epsilon, swap)


@triplet_margin.definition
def _(anchor, positive, negative, *, margin, p, epsilon, swap):
    def distance(u, v):
        return norm([x - y + epsilon for x, y in zip(u, v, strict=True)], p)

    apart = distance(anchor, negative)
    if swap:
        apart = minimum(apart, distance(positive, negative))
    return maximum(0, distance(anchor, positive) - apart + margin)


@triplet_margin.kinks
def _(arrays: Arrays, *, margin: float, p: float, epsilon: float, swap: bool) -> Iterator[Arrays]:
    anchor = arrays["anchor"]
    yield {"positive": anchor}
    yield {"negative": anchor}
    if epsilon == 0:
        first = np.zeros_like(anchor)
        first[..., :1] = 1.0
        yield {"anchor": np.zeros_like(anchor), "positive": first, "negative": (1 + margin) * first}
    else:
        yield {"positive": anchor, "negative": anchor}
