"""Cross entropy of angles between features and the classes' own vectors: margins with their layer in front."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lossbench.domains import ClassIndex, LayerInput, LayerWeight, NonNegativeNumber, Number, PositiveNumber
from lossbench.functions import maximum, sqrt, total
from lossbench.loss import Terms, loss
from lossbench.losses.cosine import Direction, direction
from lossbench.losses.limits import product, ratio
from lossbench.losses.margin_softmax import Multiple, cross_entropy_of_angles, margined
from lossbench.losses.stable import softmax_parts


class Angles(NamedTuple):
    """The cosines between each feature vector and each class's, [N, C], and the sums of their absolute terms."""

    cosine: np.ndarray
    apart: np.ndarray  # 1 - c, which keeps its digits where two directions are nearly the same
    opposed: np.ndarray  # 1 + c, likewise where they are nearly opposite
    size: np.ndarray

    @property
    def sine(self) -> np.ndarray:
        """Of the angle between them."""
        return np.asarray(np.sqrt(self.apart * self.opposed))


@np.errstate(all="ignore")
def angles(rows: Direction, classes: Direction) -> Angles:
    """All cosines of rows with classes."""
    cosine = rows.unit @ classes.unit.T
    gap = rows.unit[:, None, :] - classes.unit
    total_of_both = rows.unit[:, None, :] + classes.unit
    missing = (rows.missing + classes.missing[:, 0]) / 2
    apart, opposed = (gap**2).sum(axis=-1) / 2 + missing, (total_of_both**2).sum(axis=-1) / 2 + missing
    return Angles(cosine, apart, opposed, np.abs(rows.unit) @ np.abs(classes.unit).T)


@loss(
    over="samples",
    # what a margin does is tested with `margin_softmax`; here, that it is handed on, and what the lengths do
    also={"margin3": (0.125,), "scale": (8.0,), "extension": ("linear",), "epsilon": (2.0,)},
    form_of="margin_softmax",
    axes=("rows", "features", "classes"),
    small=(6, 4, 5),
    large=(64, 64, 512),
    relations=("not_negative", "unmoved_by_length"),
)
@np.errstate(all="ignore")
def margin_softmax_of_features(
    features: LayerInput,
    linear_weight: LayerWeight,
    target: ClassIndex,
    *,
    margin1: Multiple = 1.0,
    margin2: NonNegativeNumber = 0.5,
    margin3: Number = 0.0,
    scale: PositiveNumber = 64.0,
    extension: str = "none",
    epsilon: NonNegativeNumber = 1e-12,
) -> Terms:
    """`margin_softmax` of the cosines between features and the classes' vectors: ArcFace, CosFace and SphereFace.

    ``margin_softmax(c, t)`` with ``c_nj = <h_n, W_j> / (max(|h_n|, ε) max(|W_j|, ε))``. features [N, D], linear_weight
    [C, D], target [N]; one term for each row. With g the slope by the cosines and u, v the directions of h_n and W_j,
    the slope by h_n is ``Σ_j g_nj (v_j - c_nj u) / |h_n|``, that by W_j the sum over the rows of
    ``g_nj (u_n - c_nj v) / |W_j|``; where ε takes the place of a length, ``g v / ε``. Identity: where all vectors have
    length 1, `margin_softmax` of their scalar products.

    Source: J. Deng et al., "ArcFace: additive angular margin loss for deep face recognition", CVPR 2019, equations 2
    to 4; ε as torch.nn.functional.normalize guards the division.
    """
    rows, classes = direction(features, floor=epsilon), direction(linear_weight, floor=epsilon)
    found = angles(rows, classes)
    value, magnitude, slope, slope_size, nearness = margined_softmax(
        found, target, (margin1, margin2, margin3), scale, extension
    )
    by_features, by_weights = _turned(rows, classes, found, slope, slope_size)
    return Terms(
        value,
        {"features": by_features[0], "linear_weight": by_weights[0]},
        magnitude,
        {"features": by_features[1], "linear_weight": by_weights[1]},
        nearness,
    )


@np.errstate(all="ignore")
def margined_softmax(
    found: Angles, target: np.ndarray, margins: tuple[float, float, float], scale: float, extension: str
) -> tuple[np.ndarray, ...]:
    """Value and its magnitude [N], slopes by the cosines and theirs [N, C], and how near to a turn of the margin.

    Each cosine is known to an eps of its size: the margin's slope carries that on, a large scale multiplies it.
    """
    column = target[:, None]
    chosen = np.arange(found.cosine.shape[-1]) == column
    if not found.cosine.size:
        nothing = np.zeros(target.shape)
        return nothing, nothing, found.cosine, found.cosine, nothing + np.inf
    own_cosine, own_sine, own_terms = (
        np.take_along_axis(part, column, axis=-1) for part in (found.cosine, found.sine, found.size)
    )
    own = margined(own_cosine, *margins, extension, own_sine)
    plain = own.slope == 1
    bend = np.where(plain, 0.0, _bend(own_cosine, own_sine, margins))
    own_size = own.size + product(np.abs(own.slope), own_terms)
    logits = scale * np.where(chosen, own.cosine, found.cosine)
    sizes = scale * np.where(chosen, own_size, np.abs(found.cosine) + found.size)
    surprisals, shares, complements = softmax_parts(logits)
    value = np.take_along_axis(surprisals, column, axis=-1)
    missed = np.take_along_axis(complements, column, axis=-1)
    felt = product(shares, sizes).sum(axis=-1, keepdims=True)
    target_size = scale * own_size
    others = np.where(chosen, 0.0, product(shares, sizes + target_size)).sum(axis=-1, keepdims=True)
    by_target = np.abs(own.slope) * (2 - missed + others) + missed * (own.slope_size + product(bend, own_terms))
    slope = scale * np.where(chosen, -missed * own.slope, shares)
    slope_size = scale * np.where(chosen, by_target, shares + product(shares, sizes + felt))
    return (
        value[:, 0],
        (1 + value + others)[:, 0],
        slope,
        slope_size,
        _turn_nearness(own_cosine, own_sine, own_terms, margins, extension)[:, 0],
    )


@np.errstate(all="ignore")
def _bend(cosine: np.ndarray, sine: np.ndarray, margins: tuple[float, float, float]) -> np.ndarray:
    """The absolute terms of the second derivative of ``cos(m₁θ + m₂)`` by the cosine of θ."""
    margin1, margin2, _ = margins
    angle = margin1 * np.arctan2(sine, cosine) + margin2
    terms = margin1**2 * np.abs(np.cos(angle)) / sine**2
    return np.asarray(terms + margin1 * np.abs(np.sin(angle) * cosine) / sine**3)


@np.errstate(all="ignore")
def _turn_nearness(
    cosine: np.ndarray, sine: np.ndarray, terms: np.ndarray, margins: tuple[float, float, float], extension: str
) -> np.ndarray:
    """How near a cosine is to where the margin is extended otherwise, relative to what it is the sum of."""
    if extension == "easy":
        return ratio(np.abs(cosine), terms + np.abs(cosine))
    if extension == "linear":
        margin1, margin2, _ = margins
        angle = margin1 * np.arctan2(sine, cosine) + margin2
        return np.asarray(np.abs(angle - np.pi) / (np.pi + margin1 * terms / sine))
    return np.full(cosine.shape, np.inf)


@np.errstate(all="ignore")
def _turned(
    rows: Direction, classes: Direction, found: Angles, slope: np.ndarray, slope_size: np.ndarray
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """From slopes by the cosines to those by the vectors, [N, D] and for each row [N, C, D], and their sizes."""
    near, far = rows.unit[:, None, :], classes.unit[None]
    cosine, apart, opposed, size = (entry[..., None] for entry in found)

    def part(own: np.ndarray, other: np.ndarray, held: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # where two directions are nearly parallel, their difference or sum keeps the digits of v - c u
        turn = other - cosine * own
        turn = np.where(cosine > 0.5, other - own + apart * own, turn)
        turn = np.where(cosine < -0.5, other + own - opposed * own, turn)
        turn = np.where(held, other, turn)
        terms = np.abs(other) + np.where(held, 0.0, size * np.abs(own))
        pull = slope[..., None] * turn
        return pull, product(slope_size[..., None], np.abs(turn)) + np.abs(slope)[..., None] * terms

    by_row, by_row_size = part(near, far, rows.held[:, None])
    by_class, by_class_size = part(far, near, classes.held[None])
    back = [np.ldexp(p.sum(axis=1) / rows.length, -rows.exponent) for p in (by_row, by_row_size)]
    aside = [np.ldexp(p / classes.length, -classes.exponent) for p in (by_class, by_class_size)]
    return (back[0], back[1]), (aside[0], aside[1])


@margin_softmax_of_features.shapes
def _(shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    _, features, classes = shape
    return {"features": (features,), "linear_weight": (classes, features)}


@margin_softmax_of_features.definition
def _(features, linear_weight, target, *, epsilon, **margins):
    def length(vector):
        return maximum(sqrt(total(x * x for x in vector)), epsilon)

    own = length(features)
    cosines = [total(h * w for h, w in zip(features, row, strict=True)) / (own * length(row)) for row in linear_weight]
    return cross_entropy_of_angles(cosines, target, **margins)
