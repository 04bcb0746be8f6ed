"""Losses of boxes that should coincide: by the share of their overlap, and by what tells boxes apart that have none.

A box is (x1, y1, x2, y2) along the last axis, x1 <= x2 and y1 <= y2. All four losses are symmetric in their arguments,
and do not change when both boxes are moved or (epsilon = 0) scaled together.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lossbench.domains import Box, NonNegativeNumber
from lossbench.functions import arctan, frozen, maximum, minimum, pi, total, where
from lossbench.loss import Terms, loss
from lossbench.losses import overlaps
from lossbench.losses.overlaps import pair_of, terms_of

Arrays = dict[str, np.ndarray]
ALSO = {"epsilon": (0.125,)}
SMALL, LARGE = (12, 4), (16384, 4)


@loss(
    over="rows", also=ALSO, small=SMALL, large=LARGE, relations=("arguments_swapped", "unmoved_by_unit", "not_negative")
)
@np.errstate(all="ignore")
def iou(prediction: Box, target: Box, *, epsilon: NonNegativeNumber = 0.0) -> Terms:
    """One minus the area two boxes share, over the area they cover together.

    ``1 - I / (U + ε)`` with I the area of the intersection, ``U = |p| + |g| - I`` and ε = epsilon; I / U is 0 where
    ``U = ε = 0``. prediction p and target g [..., 4]; one term for each pair. The derivative by an edge is
    ``(I ∂|p| - (U + I) ∂I) / U²``; it is 0 for boxes apart. Kinks: edges that coincide, boxes that touch.

    Source: J. Yu et al., "UnitBox", ACM Multimedia 2016, with the ratio itself in place of its logarithm.
    """
    pair = pair_of(prediction, target, epsilon)
    return terms_of(pair, [overlaps.overlap(pair)])


@iou.definition
def _(prediction, target, *, epsilon):
    return 1 - _overlap(prediction, target, epsilon)


@loss(
    over="rows", also=ALSO, small=SMALL, large=LARGE, relations=("arguments_swapped", "unmoved_by_unit", "not_negative")
)
@np.errstate(all="ignore")
def giou(prediction: Box, target: Box, *, epsilon: NonNegativeNumber = 0.0) -> Terms:
    """IoU loss, and the share of the smallest enclosing box that neither of the two covers.

    ``1 - I / (U + ε) + (C - U) / (C + ε)`` with C the area of the smallest box around both and the rest as in `iou`;
    (C - U) / C is 0 where ``C = ε = 0``. prediction and target [..., 4]; one term for each pair. Kinks: those of `iou`.

    Source: H. Rezatofighi et al., "Generalized intersection over union", CVPR 2019.
    """
    pair = pair_of(prediction, target, epsilon)
    return terms_of(pair, [overlaps.overlap(pair), overlaps.uncovered(pair)])


@giou.definition
def _(prediction, target, *, epsilon):
    around = _product(_around(prediction, target))
    gap = around - _union(prediction, target)
    return 1 - _overlap(prediction, target, epsilon) + _share(gap, around + epsilon)


@loss(
    over="rows", also=ALSO, small=SMALL, large=LARGE, relations=("arguments_swapped", "unmoved_by_unit", "not_negative")
)
@np.errstate(all="ignore")
def diou(prediction: Box, target: Box, *, epsilon: NonNegativeNumber = 0.0) -> Terms:
    """IoU loss, and the squared distance of the centres over the squared diagonal of the smallest enclosing box.

    ``1 - I / (U + ε) + ρ² / (c² + ε)`` with ρ the distance of the centres, c the diagonal of the smallest box around
    both and the rest as in `iou`; ρ² / c² is 0 where ``c = ε = 0``. prediction and target [..., 4]; one term for each
    pair. Kinks: those of `iou`.

    Source: Z. Zheng et al., "Distance-IoU loss", AAAI 2020.
    """
    pair = pair_of(prediction, target, epsilon)
    return terms_of(pair, [overlaps.overlap(pair), overlaps.distance(pair)])


@diou.definition
def _(prediction, target, *, epsilon):
    return 1 - _overlap(prediction, target, epsilon) + _distance(prediction, target, epsilon)


@loss(
    over="rows", also=ALSO, small=SMALL, large=LARGE, relations=("arguments_swapped", "unmoved_by_unit", "not_negative")
)
@np.errstate(all="ignore")
def ciou(prediction: Box, target: Box, *, epsilon: NonNegativeNumber = 0.0) -> Terms:
    """Distance-IoU loss, and a term for the difference of the two boxes' aspect ratios.

    `diou` plus ``a v``, ``v = (4/π²) (arctan(w_g/h_g) - arctan(w_p/h_p))²``, ``a = v / (1 - IoU + v + ε)``, where a
    counts as a constant in the derivative. The arctangent is π/2 where h = 0 < w; ``a v`` is 0 where ``v = 0``, and
    where one of the boxes is a point. prediction and target [..., 4]; one term for each pair. Kinks: those of `iou`.

    Source: Z. Zheng et al., "Distance-IoU loss", AAAI 2020.
    """
    pair = pair_of(prediction, target, epsilon)
    return terms_of(pair, [overlaps.overlap(pair), overlaps.distance(pair), overlaps.aspect(pair)])


@ciou.definition
def _(prediction, target, *, epsilon):
    lacks = 1 - _overlap(prediction, target, epsilon)
    (w_p, h_p), (w_g, h_g) = _sides(prediction), _sides(target)

    def aspect():
        turn = _angle(w_g, h_g) - _angle(w_p, h_p)
        v = 4 * turn * turn / (pi() * pi())
        return frozen(v / (lacks + v + epsilon)) * v

    same = frozen(w_g) * frozen(h_p) == frozen(w_p) * frozen(h_g)  # a point included, which has no aspect ratio
    return lacks + _distance(prediction, target, epsilon) + where(same, 0, aspect)


def _sides(box):
    return [box[2] - box[0], box[3] - box[1]]


def _product(sides):
    return sides[0] * sides[1]


def _intersection(p, g):
    return _product([maximum(0, minimum(p[i + 2], g[i + 2]) - maximum(p[i], g[i])) for i in (0, 1)])


def _union(p, g):
    return _product(_sides(p)) + _product(_sides(g)) - _intersection(p, g)


def _around(p, g):
    return [maximum(p[i + 2], g[i + 2]) - minimum(p[i], g[i]) for i in (0, 1)]


def _share(part, whole):
    return where(whole == 0, 0, lambda: part / whole)


def _overlap(p, g, epsilon):
    return _share(_intersection(p, g), _union(p, g) + epsilon)


def _distance(p, g, epsilon):
    apart = total(((p[i] + p[i + 2]) / 2 - (g[i] + g[i + 2]) / 2) ** 2 for i in (0, 1))
    return _share(apart, total(side * side for side in _around(p, g)) + epsilon)


def _angle(w, h):
    return where(h == 0, lambda: pi() / 2 - arctan(h / w), lambda: arctan(w / h))


def settled(values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Numbers near these that come out the same on every processor, with all the bits of a float64."""
    return np.asarray(np.ldexp(np.rint(np.ldexp(values, 20)), -20)) + np.ldexp(
        generator.integers(0, 1 << 28, values.shape), -50
    )


def draw_boxes(generator: np.random.Generator, shape: tuple[int, ...], **_: object) -> Arrays:
    """Targets anywhere; predictions that overlap them, lie apart, inside, around, against their side, or are a line."""
    size, first = (*shape[:-1], 2), np.arange(2) == 0
    centre, half = 2 * generator.normal(size=size), np.exp(generator.normal(size=size) / 2) / 2
    other = half * np.exp(generator.normal(size=size) / 3)
    apart = generator.choice([-1.0, 1.0], size) * (half + other) * generator.uniform(1.1, 3, size)
    share, within = generator.uniform(0.2, 0.9, size), generator.uniform(-1, 1, size)
    how = generator.choice(6, (*shape[:-1], 1), p=[0.5, 0.15, 0.1, 0.1, 0.08, 0.07])
    smaller, larger, against, line = how == 2, how == 3, (how == 4) & first, (how == 5) & first
    moves = [apart, within * half * (1 - share), within * half * (1 / share - 1)]
    middle = centre + np.select([how == 1, smaller, larger], moves, 0.9 * within * half)
    sides = np.select([smaller, larger], [half * share, half / share], other)
    target = np.concatenate([settled(centre - half, generator), settled(centre + half, generator)], axis=-1)
    low = np.where(against, target[..., 2:], settled(middle - sides, generator))
    high = np.where(against, low + 1.5, np.where(line, low, settled(middle + sides, generator)))
    return {"prediction": np.concatenate([low, high], axis=-1), "target": target}


def coinciding(arrays: Arrays, *, epsilon: float) -> Iterator[Arrays]:
    """Boxes that share an edge, that touch from outside at an edge or a corner, and that are the same."""
    target = arrays["target"].copy()
    target[..., 2:] = np.maximum(target[..., 2:], target[..., :2] + 0.25)  # with an area
    low, high = target[..., :2], target[..., 2:]
    first = np.arange(2) == 0
    wider = np.concatenate([low, high + 0.5], axis=-1)
    shifted = np.concatenate([np.where(first, low, low - 0.25), high - 0.125], axis=-1)
    beside = np.concatenate([np.where(first, high, low + 0.125), high + 0.75], axis=-1)
    corner = np.concatenate([high, high + np.array([0.5, 0.75])], axis=-1)
    for prediction in (wider, shifted, beside, corner, target):
        yield {"prediction": prediction, "target": target}


for box_loss in (iou, giou, diou, ciou):
    box_loss.draw(draw_boxes)
    box_loss.kinks(coinciding)
