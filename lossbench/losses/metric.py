"""Losses that learn a metric: what belongs together comes close, what does not is kept apart by a margin."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Annotated, NamedTuple

import numpy as np

from lossbench.domains import NonNegativeNumber, Number, Range, Real, Sign
from lossbench.functions import maximum, minimum, norm, where
from lossbench.loss import Terms, loss
from lossbench.losses.limits import ratio
from lossbench.pairs import two_sum

Arrays = dict[str, np.ndarray]
Degree = Annotated[float, Range(low=1.0)]
HUGE = 2.0**900


@loss(over="elements", also={"margin": (0.5,)}, relations=("grows_as_the_unit",))
@np.errstate(all="ignore")
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


class Distance(NamedTuple):
    """How far v is from u, the slopes by both, the size of all three before they cancel, and how near an edge is."""

    length: np.ndarray
    slope: np.ndarray  # by u
    magnitude: np.ndarray
    slope_magnitude: np.ndarray
    nearness: np.ndarray
    other: np.ndarray  # by v
    other_magnitude: np.ndarray


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
    return Distance(length[..., 0], slope, magnitude[..., 0], slope_magnitude, nearness, -slope, slope_magnitude)


Triplet = tuple[np.ndarray, np.ndarray, np.ndarray]


def triplet_terms(
    triplet: Triplet,
    margin: float,
    p: float,
    epsilon: float,
    swap: bool,
    distance: Callable[[np.ndarray, np.ndarray, float, np.ndarray], Distance] = minkowski,
    degree: int = 1,
) -> Terms:
    """The terms of the triplet loss (anchor, positive, negative) by a distance that grows with vectors by `degree`."""
    largest = np.abs(triplet).max(axis=(0, -1), keepdims=True, initial=0.0)[0]
    huge = HUGE if degree < 2 else 2.0**500
    unit = np.where(largest > huge, HUGE, 1.0)  # so that no distance overflows before it is subtracted
    (a, b, n), shift = (vector / unit for vector in triplet), epsilon / unit
    near, far = distance(a, b, p, shift), distance(a, n, p, shift)
    between = distance(b, n, p, shift) if swap else far
    swapped = between.length < far.length
    apart = Distance(*(np.where(_wide(swapped, one), one, other) for one, other in zip(between, far, strict=True)))
    size, steepness = unit[..., 0] ** degree, unit ** (degree - 1)
    excess = near.length - apart.length + margin / size
    magnitude = near.magnitude + apart.magnitude + margin / size
    edges = np.minimum(near.nearness, apart.nearness)
    # beside huge components the sign of a tiny difference is lost on the way down
    lost = [(first / unit == second / unit) & (first != second) for first, second in itertools.combinations(triplet, 2)]
    edges = np.where(np.any(lost, axis=(0, -1)), -1.0, edges)
    if swap:
        edges = np.minimum(edges, ratio(np.abs(far.length - between.length), far.magnitude + between.magnitude))
    of_anchor, of_positive = ~swapped[..., None], swapped[..., None]  # whose distance to the negative counts
    slopes = {
        "anchor": near.slope - of_anchor * apart.slope,
        "positive": near.other - of_positive * apart.slope,
        "negative": -apart.other,
    }
    sizes = {
        "anchor": near.slope_magnitude + of_anchor * apart.slope_magnitude,
        "positive": near.other_magnitude + of_positive * apart.slope_magnitude,
        "negative": apart.other_magnitude,
    }
    idle = (excess <= 0)[..., None]
    return Terms(
        np.maximum(excess, 0.0) * size,
        {name: np.where(idle, 0.0, slope * steepness) for name, slope in slopes.items()},
        magnitude * size,
        {name: np.where(idle, 0.0, slope * steepness) for name, slope in sizes.items()},
        np.minimum(ratio(np.abs(excess), magnitude), np.where(excess > 0, edges, np.inf)),
    )


@loss(
    over="rows",
    also={"margin": (0.5,), "p": (1.0, 3.0, math.inf), "epsilon": (0.0,), "swap": (True,)},
    aliases=("triplet",),
    small=(6, 8),
    relations=("unmoved_by_shift", "grows_as_the_unit", "not_negative"),
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
