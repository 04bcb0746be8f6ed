"""Margins written from Paddle's primitives: ArcFace and its kin on the processor, and a stable logistic loss."""

from __future__ import annotations

import math

import paddle
from paddle import Tensor

from lossbench.frameworks.paddle.engine import DTYPES, framework
from lossbench.frameworks.paddle.margins import INDICES
from lossbench.frameworks.paddle.recipes import reduced, softplus

HERE = "lossbench.frameworks.paddle.recipes_margins"


def margined(cosine: Tensor, margin1: float, margin2: float) -> Tensor:
    """cos(m1 θ + m2) of a cosine of θ."""
    if margin1 == 1 and margin2 == 0:
        return cosine
    # two roots: 1 - c² cancels near ±1, and the slope of one root of a product is 0 times infinity at ±1
    sine = paddle.sqrt(1 - cosine) * paddle.sqrt(1 + cosine)
    if margin1 == 1:
        return cosine * math.cos(margin2) - sine * math.sin(margin2)
    return paddle.cos(margin1 * paddle.atan2(sine, cosine) + margin2)


@framework.implements(via=f"{HERE}.margin_softmax", recipe=True, dtypes=DTYPES, integers=INDICES)
def margin_softmax(
    cosines: Tensor,
    target: Tensor,
    *,
    margin1: float = 1.0,
    margin2: float = 0.5,
    margin3: float = 0.0,
    scale: float = 64.0,
    extension: str = "none",
    reduction: str,
) -> Tensor:
    # the target's column alone: a margin on all of them would give the others a slope of 0 times infinity at ±1
    column = target.unsqueeze(-1)
    cosine = paddle.take_along_axis(cosines, column, axis=-1)
    # where no margin is put, its slope of infinity at -1 would be multiplied by 0
    turned = paddle.where(cosine > 0, cosine, paddle.zeros_like(cosine)) if extension == "easy" else cosine
    own = margined(turned, margin1, margin2)
    if extension == "linear":
        border = math.cos((math.pi - margin2) / margin1)
        own = paddle.where(cosine >= border, own, cosine - margin2 * math.sin(margin2))
    own = own - margin3
    if extension == "easy":
        own = paddle.where(cosine > 0, own, cosine)
    chosen = paddle.arange(cosines.shape[-1], dtype=target.dtype) == column
    logits = scale * paddle.where(chosen, own, cosines)
    # F.log_softmax clips at 64 below the largest on the processor, and here twice the scale may lie between two
    below = logits - logits.max(axis=-1, keepdim=True).detach()
    picked = paddle.take_along_axis(below, column, axis=-1)
    return reduced((paddle.logsumexp(below, axis=-1, keepdim=True) - picked).squeeze(-1), reduction)


def normalized(vectors: Tensor, epsilon: float) -> Tensor:
    """Each vector over its length, or over epsilon where it is shorter."""
    # not F.normalize: its slopes take a length to be longer by epsilon, and those below it to grow all the same
    squares = (vectors * vectors).sum(axis=-1, keepdim=True)
    return vectors * paddle.rsqrt(squares.clip(min=epsilon**2))


@framework.implements(via=f"{HERE}.margin_softmax_of_features", recipe=True, dtypes=DTYPES, integers=INDICES)
def margin_softmax_of_features(
    features: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    margin1: float = 1.0,
    margin2: float = 0.5,
    margin3: float = 0.0,
    scale: float = 64.0,
    extension: str = "none",
    epsilon: float = 1e-12,
    reduction: str,
) -> Tensor:
    directions = normalized(features, epsilon), normalized(linear_weight, epsilon)
    cosines = paddle.matmul(*directions, transpose_y=True).clip(-1, 1)  # rounding may leave them a little beyond
    return margin_softmax(
        cosines,
        target,
        margin1=margin1,
        margin2=margin2,
        margin3=margin3,
        scale=scale,
        extension=extension,
        reduction=reduction,
    )


@framework.implements(via=f"{HERE}.soft_margin", recipe=True, dtypes=DTYPES)
def soft_margin(score: Tensor, sign: Tensor, *, reduction: str) -> Tensor:
    return reduced(softplus(-sign * score), reduction)
