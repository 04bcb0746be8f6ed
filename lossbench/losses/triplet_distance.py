"""The triplet loss by a distance of one's own choice, of which the common ones are stated here."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lossbench.domains import NonNegativeNumber, Real
from lossbench.functions import absolute, maximum, minimum, norm, sqrt, total
from lossbench.loss import Terms, loss
from lossbench.losses.cosine import angle, direction, turns
from lossbench.losses.metric import Distance, triplet_terms
from lossbench.pairs import two_sum

Arrays = dict[str, np.ndarray]
NORMS = {"euclidean": 2.0, "manhattan": 1.0}
DEGREES = {"euclidean": 1, "manhattan": 1, "squared": 2, "cosine": 0}


@loss(
    over="rows",
    also={"margin": (0.5,), "distance": ("manhattan", "squared", "cosine"), "swap": (True,)},
    small=(6, 8),
    relations=("not_negative", "unmoved_by_shift", "grows_as_the_unit"),
)
@np.errstate(all="ignore")
def triplet_margin_with_distance(
    anchor: Real,
    positive: Real,
    negative: Real,
    *,
    margin: NonNegativeNumber = 1.0,
    distance: str = "euclidean",
    swap: bool = False,
) -> Terms:
    """By how much the positive fails to be closer to the anchor than the negative is, by a margin and any distance.

    ``max(0, d(a, p) - d⁻ + m)``, where ``d⁻ = d(a, n)``, or with `swap` the smaller of that and ``d(p, n)``; d is one
    of euclidean ``sqrt(Σ t²)``, manhattan ``Σ |t|``, squared ``Σ t²`` with ``t = u - v``, and cosine ``1 - cos(u, v)``.
    anchor, positive and negative [..., D]; one term for each row. Kinks: where the maximum is just 0, where the two
    negative distances tie, and those of d. Identity: `triplet_margin` with ε = 0 by the norms.

    Source: as `triplet_margin`.
    """
    degree = DEGREES[distance]
    if distance in NORMS:
        return triplet_terms((anchor, positive, negative), margin, NORMS[distance], 0.0, swap, degree=degree)
    by = _squared if distance == "squared" else _cosine
    return triplet_terms((anchor, positive, negative), margin, 2.0, 0.0, swap, by, degree)


def _squared(u: np.ndarray, v: np.ndarray, _p: float, _shift: np.ndarray) -> Distance:
    difference, error = two_sum(u, -v)
    t = difference + error
    length = (t**2).sum(axis=-1)
    return Distance(length, 2 * t, length, np.abs(2 * t), np.full(length.shape, np.inf), -2 * t, np.abs(2 * t))


def _cosine(u: np.ndarray, v: np.ndarray, _p: float, _shift: np.ndarray) -> Distance:
    a, b = direction(u), direction(v)
    found = angle(a, b)
    (slope, size), (other, other_size) = turns(a, b, found), turns(b, a, found)
    never = np.full(found.apart.shape, np.inf)
    return Distance(found.apart, -slope, 1 + found.terms, size, never, -other, other_size)


@triplet_margin_with_distance.definition
def _(anchor, positive, negative, *, margin, distance, swap):
    apart = _distance(anchor, negative, distance)
    if swap:
        apart = minimum(apart, _distance(positive, negative, distance))
    return maximum(0, _distance(anchor, positive, distance) - apart + margin)


def _distance(u, v, word):
    if word == "cosine":
        lengths = sqrt(total(x * x for x in u)) * sqrt(total(y * y for y in v))
        return 1 - total(x * y for x, y in zip(u, v, strict=True)) / lengths
    difference = [x - y for x, y in zip(u, v, strict=True)]
    if word == "manhattan":
        return total(absolute(t) for t in difference)
    return norm(difference, 2) if word == "euclidean" else total(t * t for t in difference)


@triplet_margin_with_distance.kinks
def _(arrays: Arrays, *, margin: float, distance: str, swap: bool) -> Iterator[Arrays]:
    anchor = arrays["anchor"]
    yield {"positive": anchor}
    yield {"negative": anchor}
    if distance in NORMS:
        first = np.zeros_like(anchor)
        first[..., :1] = 1.0
        yield {"anchor": np.zeros_like(anchor), "positive": first, "negative": (1 + margin) * first}
