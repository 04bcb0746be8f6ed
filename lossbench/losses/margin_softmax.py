"""Cross entropy of angles: a softmax over cosines whose target is made harder by a margin."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np

from lossbench.domains import ClassIndex, Cosines, NonNegativeNumber, Number, PositiveNumber, Range
from lossbench.functions import arccos, cos, exp, log, pi, sin, total, where
from lossbench.loss import Terms, loss
from lossbench.losses.stable import softmax_parts

Multiple = Annotated[float, Range(low=1.0, high=16.0)]  # beyond, an angle's rounding errors turn it about


class Margined(NamedTuple):
    """What a margin makes of the target's cosine, its derivative, and the sums of the absolute terms of both."""

    cosine: np.ndarray
    slope: np.ndarray
    size: np.ndarray
    slope_size: np.ndarray


@np.errstate(all="ignore")
def margined(
    cosine: np.ndarray,
    margin1: float,
    margin2: float,
    margin3: float,
    extension: str,
    sine: np.ndarray | None = None,
) -> Margined:
    """``cos(m₁θ + m₂) - m₃`` of the cosine of θ, extended where that is not monotonous as `extension` says.

    `sine` is that of θ, where it is known better than the cosine tells.
    """
    one = np.ones(cosine.shape)
    plain = Margined(cosine, one, np.abs(cosine), one)
    sine = np.sqrt((1 - cosine) * (1 + cosine)) if sine is None else sine
    angle = margin1 * np.arctan2(sine, cosine) + margin2
    slope = np.where(sine == 0, np.nan, margin1 * np.sin(angle) / sine)  # at the ends there is none
    size = np.abs(np.cos(angle)) + angle * np.abs(np.sin(angle))
    slope_size = margin1 * (np.abs(np.sin(angle)) + angle * np.abs(np.cos(angle))) / sine
    turned = plain if margin1 == 1 and margin2 == 0 else Margined(np.cos(angle), slope, size, slope_size)
    if extension == "linear":
        lowered = margin2 * np.sin(margin2)
        straight = Margined(cosine - lowered, one, np.abs(cosine) + abs(lowered), one)
        turned = Margined(*(np.where(angle > np.pi, s, t) for s, t in zip(straight, turned, strict=True)))
    turned = turned._replace(cosine=turned.cosine - margin3, size=turned.size + abs(margin3))
    if extension == "easy":
        return Margined(*(np.where(cosine > 0, t, p) for p, t in zip(plain, turned, strict=True)))
    return turned


@loss(
    over="rows",
    also={
        "margin1": (1.25,),
        "margin2": (0.0,),
        "margin3": (0.125,),
        "scale": (8.0,),
        "extension": ("linear", "easy"),
    },
    aliases=("arcface", "cosface", "sphereface", "margin_cross_entropy"),
    relations=("classes_permuted", "not_negative"),
)
@np.errstate(all="ignore")
def margin_softmax(
    cosines: Cosines,
    target: ClassIndex,
    *,
    margin1: Multiple = 1.0,
    margin2: NonNegativeNumber = 0.5,
    margin3: Number = 0.0,
    scale: PositiveNumber = 64.0,
    extension: str = "none",
) -> Terms:
    """Cross entropy of scaled cosines, after a margin has been put between the target and its class.

    ``log Σ_j exp(z_j) - z_t`` with ``z_j = s c_j``, but ``z_t = s (cos(m₁ θ + m₂) - m₃)`` for the target, whose angle
    is ``θ = arccos c_t``. ArcFace has the margins (1, m, 0), CosFace (1, 0, m), SphereFace (m, 0, 0). Where
    ``m₁ θ + m₂`` exceeds π the formula turns up again; `extension` says what is done about it: "none" nothing,
    "linear" takes ``c_t - m₂ sin m₂ - m₃`` there, "easy" leaves c_t as it is unless it is positive. cosines [..., C],
    target [...]; one term for each row. The derivative by c_j is ``s p_j``, that by c_t is
    ``-s (1 - p_t) m₁ sin(m₁ θ + m₂)/sin θ``, and there is none at ``|c_t| = 1``, unless
    ``m₁ = 1`` and ``m₂ = 0``.

    Source: J. Deng et al., "ArcFace: additive angular margin loss for deep face recognition", CVPR 2019, equation 4;
    linear extension: the authors' implementation.
    """
    chosen = np.arange(cosines.shape[-1]) == target[..., None]
    if not cosines.size:
        return Terms(np.zeros(target.shape), {"cosines": cosines})
    own = margined(np.take_along_axis(cosines, target[..., None], axis=-1), margin1, margin2, margin3, extension)
    logits = scale * np.where(chosen, own.cosine, cosines)
    surprisals, shares, complements = softmax_parts(logits)
    value = np.take_along_axis(surprisals, target[..., None], axis=-1)
    missed = np.take_along_axis(complements, target[..., None], axis=-1)  # 1 - p_t
    sizes = scale * np.where(chosen, own.size, np.abs(cosines))
    # a relative error of exp(z) is the absolute error of z, which is that of its terms
    felt = (shares * sizes).sum(axis=-1, keepdims=True)
    spread = shares * (1 + sizes + felt)
    own_slope = np.where(np.isnan(own.slope), 1.0, own.slope), np.where(np.isnan(own.slope), 1.0, own.slope_size)
    own_size = np.take_along_axis(sizes, target[..., None], axis=-1)
    others = np.where(chosen, 0.0, shares * (sizes + own_size)).sum(axis=-1, keepdims=True)
    by_target = np.abs(own_slope[0]) * (2 - missed + others) + missed * own_slope[1]  # p_t - 1 cancels
    return Terms(
        value[..., 0],
        {"cosines": scale * np.where(chosen, -missed * own.slope, shares)},
        magnitude=(1 + value + others)[..., 0],
        slope_magnitudes={"cosines": scale * np.where(chosen, by_target, spread)},
    )


@margin_softmax.definition
def cross_entropy_of_angles(cosines, target, *, margin1, margin2, margin3, scale, extension):
    """The textbook's formula, on scalars."""
    cosine = cosines[target]

    def turned():
        return where((margin1 == 1) & (margin2 == 0), lambda: cosine, lambda: cos(margin1 * arccos(cosine) + margin2))

    if extension == "linear":
        within = margin1 * arccos(cosine) + margin2 <= pi()
        own = where(within, turned, lambda: cosine - margin2 * sin(margin2)) - margin3
    elif extension == "easy":
        own = where((cosine > 0) & (cosine != 0), lambda: turned() - margin3, lambda: cosine)  # a jump, and no kink
    else:
        own = turned() - margin3
    logits = [scale * (own if j == target else c) for j, c in enumerate(cosines)]
    return -log(exp(logits[target]) / total(exp(z) for z in logits))
