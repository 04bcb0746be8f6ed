"""Losses of the angle between two vectors: their cosine, what it lacks of one, and the embedding loss made of both."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from lossbench.domains import Cosine, Mask, NonNegativeNumber, Real, RowWeight, SignPerRow
from lossbench.functions import maximum, sqrt, total, where
from lossbench.loss import Denominator, Terms, loss
from lossbench.losses.limits import product, ratio
from lossbench.losses.weighed import sample_weighted

Arrays = dict[str, np.ndarray]


class Direction(NamedTuple):
    """A vector over its guarded length, which is ``length · 2**exponent``."""

    unit: np.ndarray
    length: np.ndarray
    exponent: np.ndarray
    missing: np.ndarray  # by which the unit's square falls short of 1
    held: np.ndarray  # whether the length is the floor, which does not change with the vector


def direction(vector: np.ndarray, added: float = 0.0, floor: float = 0.0) -> Direction:
    """A vector over the larger of ``sqrt(|a|² + added)`` and `floor`; nothing is guarded where both are 0."""
    guard = math.sqrt(added)
    # a power of two brings the squares into range and rounds nothing
    largest = np.maximum(np.abs(vector).max(axis=-1, keepdims=True, initial=0.0), max(guard, floor))
    exponent = np.frexp(largest)[1]
    scaled, scaled_guard, least = (np.ldexp(part, -exponent) for part in (vector, guard, floor))
    norm = np.sqrt((scaled**2).sum(axis=-1, keepdims=True) + scaled_guard**2)
    held = norm < least
    length = np.where(held, least, norm)
    missing = np.where(held, 1 - (norm / length) ** 2, (scaled_guard / length) ** 2)
    return Direction(scaled / length, length, exponent, missing, held)


class Angle(NamedTuple):
    """The cosine c of two directions."""

    cosine: np.ndarray
    apart: np.ndarray  # 1 - c, which keeps its digits where the directions are nearly the same
    opposed: np.ndarray  # 1 + c, likewise where they are nearly opposite
    terms: np.ndarray  # the sum of the absolute terms of c


def angle(a: Direction, b: Direction) -> Angle:
    """The cosine of two directions along the last axis."""
    missing = (a.missing + b.missing)[..., 0]
    return Angle(
        (a.unit * b.unit).sum(axis=-1),
        (((a.unit - b.unit) ** 2).sum(axis=-1) + missing) / 2,
        (((a.unit + b.unit) ** 2).sum(axis=-1) + missing) / 2,
        np.abs(a.unit * b.unit).sum(axis=-1),
    )


def turns(near: Direction, far: Direction, between: Angle) -> tuple[np.ndarray, np.ndarray]:
    """The slope of the cosine by the vector that `near` is the direction of, and its size before it cancels."""
    cosine, apart, opposed, terms = (part[..., None] for part in between)
    # v - c u, where u and v are nearly parallel by way of their difference or sum, which does not cancel
    turn = far.unit - cosine * near.unit
    turn = np.where(cosine > 0.5, far.unit - near.unit + apart * near.unit, turn)
    turn = np.where(cosine < -0.5, far.unit + near.unit - opposed * near.unit, turn)
    turn = np.where(near.held, far.unit, turn)
    size = np.abs(far.unit) + terms * np.abs(near.unit)
    return np.ldexp(turn / near.length, -near.exponent), np.ldexp(size / near.length, -near.exponent)


def cosine_terms(a: np.ndarray, b: np.ndarray, floor: float, mask: np.ndarray | None = None) -> tuple[Terms, Angle]:
    """The terms of the cosine of the vectors first and second, whose lengths count as at least `floor`."""
    if mask is not None:
        a, b = np.where(mask > 0, a, 0.0), np.where(mask > 0, b, 0.0)
    u, v = direction(a, floor=floor), direction(b, floor=floor)
    found = angle(u, v)
    by_first, by_second = turns(u, v, found), turns(v, u, found)
    slopes = {"first": by_first[0], "second": by_second[0]}
    sizes = {"first": by_first[1], "second": by_second[1]}
    if (
        mask is not None
    ):  # what is left out pulls nowhere, also where its vector is zero and the others pull without end
        slopes, sizes = ({n: np.where(mask > 0, part, 0.0) for n, part in some.items()} for some in (slopes, sizes))
    return Terms(found.cosine, slopes, found.terms, sizes), found


@sample_weighted
@loss(
    over="rows",
    also={"epsilon": (2.0,)},
    aliases=("cosine",),
    small=(6, 8),
    relations=("arguments_swapped", "unmoved_by_length"),
    alone=("mask",),
)
@np.errstate(all="ignore")
def cosine_similarity(first: Real, second: Real, mask: Mask = None, *, epsilon: NonNegativeNumber = 0.0) -> Terms:
    """The cosine of the angle between two vectors: 1 where they point the same way; to be maximized.

    ``<a, b> / (max(|a|, ε) max(|b|, ε))``. first and second [..., D]; one term for each row. The derivative by a is
    ``(v - c u) / |a|`` with u and v the two directions; where ε takes the place of the length, ``v / ε``. Undefined
    where a vector is zero and ε as well. With a mask [..., D] the entries whose mask is 0 are left out of all sums.
    Identity: one minus `cosine_distance`.

    Source: any textbook of linear algebra, such as G. Strang, "Introduction to Linear Algebra", chapter 1; ε as the
    frameworks guard the division.
    """
    return cosine_terms(first, second, epsilon, mask)[0]


@cosine_similarity.definition
def _(first, second, mask, *, epsilon):
    return _cosine(first, second, epsilon, mask)


@loss(
    over="rows",
    also={"epsilon": (2.0,)},
    reductions=("none", "mean", "sum", "weighted_mean", "nonzero_mean"),
    form_of="cosine_similarity",
    small=(6, 8),
    relations=("arguments_swapped", "unmoved_by_length", "not_negative"),
    alone=("mask",),
)
@np.errstate(all="ignore")
def cosine_distance(
    first: Real, second: Real, weight: RowWeight = None, mask: Mask = None, *, epsilon: NonNegativeNumber = 0.0
) -> Terms:
    """What the cosine of two vectors lacks of one: 0 where they point the same way, 2 where they are opposite.

    ``w (1 - c)`` with ``c = <a, b> / (max(|a|, ε) max(|b|, ε))`` and w = 1 where no weight is given. first and second
    [..., D], weight [...]; one term for each row; derivatives are minus w times those of `cosine_similarity`.
    Undefined where a vector is zero and ε as well. With a mask [..., D] the entries whose mask is 0 are left out of
    all sums. Identity (ε = 0): ``1 - c = |u - v|²/2`` with the two directions.

    Source: as `cosine_similarity`.
    """
    terms, found = cosine_terms(first, second, epsilon, mask)
    weights = np.ones(found.cosine.shape) if weight is None else weight
    return Terms(
        product(weights, found.apart),
        {name: -product(weights[..., None], slope) for name, slope in terms.slopes.items()},
        product(weights, 1 + found.terms),
        {name: product(weights[..., None], size) for name, size in terms.slope_magnitudes.items()},
        denominators=weighted(weights),
    )


@cosine_distance.definition
def _(first, second, weight, mask, *, epsilon):
    return (1 if weight is None else weight) * (1 - _cosine(first, second, epsilon, mask))


def _cosine(first, second, epsilon, mask=None):
    if mask is not None:
        kept = [k for k, counts in enumerate(mask) if bool(counts == 1)]
        first, second = [first[k] for k in kept], [second[k] for k in kept]
    a, b = (maximum(sqrt(total(x * x for x in vector)), epsilon) for vector in (first, second))
    return total(x * y for x, y in zip(first, second, strict=True)) / (a * b)


def weighted(weights: np.ndarray) -> dict[str, Denominator]:
    """What the means of weighted terms divide by."""
    return {
        "weighted_mean": Denominator(weights.sum()),
        "nonzero_mean": Denominator(float(np.count_nonzero(weights))),
    }


@loss(
    over="rows",
    also={"margin": (0.5,)},
    small=(6, 8),
    relations=("arguments_swapped", "unmoved_by_length", "not_negative"),
)
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
    a, b = direction(first, added=epsilon), direction(second, added=epsilon)
    found = angle(a, b)
    together, excess = sign > 0, found.cosine - margin
    magnitude = np.where(together, 1.0, abs(margin)) + found.terms
    idle = (~together & (excess <= 0))[..., None]
    slopes, sizes = {}, {}
    for name, near, far in (("first", a, b), ("second", b, a)):
        slope, size = turns(near, far, found)
        slopes[name] = np.where(idle, 0.0, np.where(together[..., None], -slope, slope))
        sizes[name] = np.where(idle, 0.0, size)
    return Terms(
        np.where(together, found.apart, np.maximum(excess, 0.0)),
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
