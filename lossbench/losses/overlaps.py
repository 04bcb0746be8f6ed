"""What two boxes share, what they leave open, and how far they are apart: shares with slopes, for the losses of boxes.

All shares but those with an epsilon are the same for boxes of another scale, so boxes are first brought to the size
of 1, by a power of two that rounds nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lossbench.loss import Terms
from lossbench.losses.limits import only_where, ratio

NAMES = ("prediction", "target")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two boxes: its sides [..., 2], area, and the slopes by its four edges of what the pair is made of."""

    sides: np.ndarray
    sides_by_extent: np.ndarray
    area: np.ndarray
    by_area: np.ndarray
    by_inner: np.ndarray  # of the intersection's area
    by_outer: np.ndarray  # of the enclosing box's area
    by_diagonal: np.ndarray  # of its squared diagonal
    by_distance: np.ndarray  # of the squared distance of the centres
    by_distance_size: np.ndarray


@dataclass(frozen=True, slots=True)
class Pair:
    """Two boxes over 2 to the `exponent`: areas of what they share and of what is around them; [..., 1] each."""

    prediction: Side
    target: Side
    epsilon: np.ndarray  # over 2 to the 2 exponent, as it is an area
    guard: float  # epsilon itself
    extent: np.ndarray  # the exponent of the boxes alone
    exponent: np.ndarray
    inner: np.ndarray
    alone: np.ndarray  # the area covered by one of the two and not by the other
    union: np.ndarray
    outer: np.ndarray
    diagonal: np.ndarray  # squared
    distance: np.ndarray  # squared, of the centres
    distance_size: np.ndarray
    tied: np.ndarray  # whether edges coincide or the boxes just touch, [...]


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a loss: its value, the size of that before it cancels, and both for its slopes by the two boxes."""

    value: np.ndarray
    size: np.ndarray
    slopes: tuple[np.ndarray, np.ndarray]
    slope_sizes: tuple[np.ndarray, np.ndarray]


def product(sides: np.ndarray) -> np.ndarray:
    """The area of a box of these sides."""
    return np.asarray(sides[..., :1] * sides[..., 1:])


def pair_of(prediction: np.ndarray, target: np.ndarray, epsilon: float) -> Pair:
    """Two boxes, and what lies between them.

    Raises:
        ValueError: the last axis is not of length 4.
    """
    if prediction.shape[-1] != 4:
        raise ValueError(f"a box has 4 edges along the last axis, not {prediction.shape[-1]}, as in 12x4")
    lows, highs = (prediction[..., :2], target[..., :2]), (prediction[..., 2:], target[..., 2:])
    outer = np.maximum(*highs) - np.minimum(*lows)
    extent = outer.max(axis=-1, keepdims=True)
    # the boxes below 1, and so is epsilon, which is an area
    least = -(10**4) if epsilon == 0 else math.ceil(math.frexp(epsilon)[1] / 2)
    exponent = np.where(np.isfinite(extent), np.maximum(np.frexp(extent)[1], least), 0)

    def scaled(length: np.ndarray) -> np.ndarray:
        return np.asarray(np.ldexp(length, -exponent))

    sides = [scaled(high - low) for low, high in zip(lows, highs, strict=True)]
    reach = scaled(np.minimum(*highs) - np.maximum(*lows))
    inner, outer = np.maximum(reach, 0.0), scaled(outer)
    meets = (reach > 0).all(axis=-1, keepdims=True)
    # the centres' difference; both halves may cancel
    left, right = scaled(lows[0] - lows[1]), scaled(highs[0] - highs[1])
    between, between_size = (left + right) / 2, (np.abs(left) + np.abs(right)) / 2
    alone = np.zeros_like(exponent, dtype=float)
    made = []
    for number in (0, 1):
        low, high = lows[number], highs[number]
        # at a tie one of the boxes moves the edge
        leads_low = low >= lows[1] if number == 0 else low > lows[0]
        leads_high = high <= highs[1] if number == 0 else high < highs[0]
        first_low = low <= lows[1] if number == 0 else low < lows[0]
        first_high = high >= highs[1] if number == 0 else high > highs[0]
        own = sides[number]
        # area less intersection, as two strips whose widths are differences of edges
        beyond = scaled(np.maximum(*lows) - low) + scaled(high - np.minimum(*highs))
        strips = beyond[..., :1] * own[..., 1:] + inner[..., :1] * beyond[..., 1:]
        alone = alone + np.where(meets, strips, product(own))
        open_ = np.where(reach > 0, inner[..., ::-1], 0.0)
        sign = 1.0 if number == 0 else -1.0
        made.append(
            Side(
                sides=own,
                sides_by_extent=np.ldexp(high - low, -np.where(np.isfinite(extent), np.frexp(extent)[1], 0)),
                area=product(own),
                by_area=_edges(-own[..., ::-1], own[..., ::-1]),
                by_inner=_edges(np.where(leads_low, -open_, 0.0), np.where(leads_high, open_, 0.0)),
                by_outer=_edges(np.where(first_low, -outer[..., ::-1], 0.0), np.where(first_high, outer[..., ::-1], 0)),
                by_diagonal=_edges(np.where(first_low, -2 * outer, 0.0), np.where(first_high, 2 * outer, 0.0)),
                by_distance=_edges(sign * between, sign * between),
                by_distance_size=_edges(between_size, between_size),
            )
        )
    area = product(inner)
    return Pair(
        prediction=made[0],
        target=made[1],
        epsilon=np.ldexp(float(epsilon), -2 * exponent),
        guard=float(epsilon),
        extent=np.where(np.isfinite(extent), np.frexp(extent)[1], 0),
        exponent=exponent,
        inner=area,
        alone=alone,
        union=alone + area,
        outer=product(outer),
        diagonal=(outer**2).sum(axis=-1, keepdims=True),
        distance=(between**2).sum(axis=-1, keepdims=True),
        distance_size=(between_size**2).sum(axis=-1, keepdims=True),
        tied=((lows[0] == lows[1]) | (highs[0] == highs[1]) | (reach == 0)).any(axis=-1),
    )


def _edges(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return np.concatenate([low, high], axis=-1)


def _quotient(
    part: np.ndarray, whole: np.ndarray, slopes: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Slopes of part/whole and their sizes, from (slope of part, size of that, slope of whole) for each box."""
    share = ratio(part, whole)
    found = [ratio(of_part - share * of_whole, whole) for of_part, _, of_whole in slopes]
    sizes = [ratio(size + np.abs(share) * np.abs(of_whole), whole) for _, size, of_whole in slopes]
    return (found[0], found[1]), (sizes[0], sizes[1])


def boxes(pair: Pair) -> tuple[Side, Side]:
    """Both boxes of a pair."""
    return pair.prediction, pair.target


def overlap(pair: Pair) -> Share:
    """One minus the intersection over the union."""
    whole = pair.union + pair.epsilon
    of_part = [(-b.by_inner, np.abs(b.by_inner), b.by_area - b.by_inner) for b in boxes(pair)]
    of_sizes = [(b.by_inner, np.abs(b.by_inner), np.abs(b.by_area) + np.abs(b.by_inner)) for b in boxes(pair)]
    slopes, _ = _quotient(-pair.inner, whole, of_part)
    _, sizes = _quotient(pair.inner, whole, of_sizes)
    lacking = (pair.alone + pair.epsilon) / whole
    # of boxes without end, one less what the quotient says
    value = np.where(np.isinf(whole), 1 - pair.inner / whole, np.where(whole == 0, 1.0, lacking))
    return Share(value, 1 + ratio(pair.inner, whole), slopes, sizes)


def uncovered(pair: Pair) -> Share:
    """What neither box covers of the smallest one around both."""
    whole = pair.outer + pair.epsilon
    rows, signed = [], []
    for b in boxes(pair):
        of_union, size = b.by_area - b.by_inner, np.abs(b.by_area) + np.abs(b.by_inner)
        signed.append((b.by_outer - of_union, size, b.by_outer))
        rows.append((size, np.abs(b.by_outer) + size, b.by_outer))
    gap = pair.outer - pair.union
    slopes, _ = _quotient(gap, whole, signed)
    _, sizes = _quotient(pair.outer + pair.union, whole, rows)
    return Share(ratio(gap, whole), ratio(pair.outer + pair.union, whole), slopes, sizes)


def distance(pair: Pair) -> Share:
    """The squared distance of the centres over the squared diagonal of the smallest box around both."""
    whole = pair.diagonal + pair.epsilon
    rows = [(b.by_distance, b.by_distance_size, b.by_diagonal) for b in boxes(pair)]
    slopes, _ = _quotient(pair.distance, whole, rows)
    _, sizes = _quotient(pair.distance_size, whole, rows)
    return Share(ratio(pair.distance, whole), ratio(pair.distance_size, whole), slopes, sizes)


def aspect(pair: Pair) -> Share:
    """The squared difference of the aspect angles, times its own share in itself and the lack of overlap."""
    # an angle has no scale: the sides by that of the boxes, however large epsilon is beside them
    sides = [b.sides_by_extent for b in boxes(pair)]
    (w_p, h_p), (w_g, h_g) = ((own[..., :1], own[..., 1:]) for own in sides)
    cross = w_g * h_p - w_p * h_g
    # the angle between the two diagonals, which does not cancel
    turn = np.where(cross == 0, 0.0, np.arctan2(cross, w_g * w_p + h_g * h_p))
    angles = np.arctan2(w_g, h_g) + np.arctan2(w_p, h_p)
    v = 4 / np.pi**2 * turn**2
    lacks = overlap(pair)
    factor = ratio(v, lacks.value + v + pair.guard)
    slopes, sizes = [], []
    for own, sign in zip(sides, (-1.0, 1.0), strict=True):
        length = np.hypot(own[..., :1], own[..., 1:])
        # of the angle by (w, h): (h, -w) / (w² + h²)
        turned = ratio(ratio(own[..., ::-1] * np.array([1.0, -1.0]), length), length)
        steps = np.ldexp(_edges(-turned, turned), pair.exponent - pair.extent)
        slopes.append(np.where(cross == 0, 0.0, factor * 8 / np.pi**2 * turn * sign * steps))
        # of the two angles, and of the factor by the lack of overlap
        doubt = angles + ratio(np.abs(turn) * lacks.size, lacks.value + v + pair.guard)
        sizes.append(np.where(cross == 0, 0.0, factor * 8 / np.pi**2 * doubt * np.abs(steps)))
    size = factor * 4 / np.pi**2 * (turn**2 + 2 * np.abs(turn) * angles)
    return Share(factor * v, size, (slopes[0], slopes[1]), (sizes[0], sizes[1]))


def added(parts: Sequence[np.ndarray]) -> np.ndarray:
    """The sum of arrays of one shape."""
    return np.asarray(np.sum(parts, axis=0))


def terms_of(pair: Pair, shares: Sequence[Share]) -> Terms:
    """The sum of shares, as the terms of a loss of the boxes in their own scale."""

    def by_edges(parts: Sequence[np.ndarray]) -> np.ndarray:
        return np.asarray(np.ldexp(added(parts), -pair.exponent))

    return Terms(
        added([share.value for share in shares])[..., 0],
        {name: by_edges([share.slopes[i] for share in shares]) for i, name in enumerate(NAMES)},
        added([share.size for share in shares])[..., 0],
        {name: by_edges([share.slope_sizes[i] for share in shares]) for i, name in enumerate(NAMES)},
        nearness=only_where(pair.tied),
    )
