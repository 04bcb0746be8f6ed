"""Margins written from the primitives of jax.numpy: ArcFace and its kin, and the logistic loss of a side."""

from __future__ import annotations

import math

import jax
from jax import numpy as jnp

from lossbench.framework import Tensor
from lossbench.frameworks.jax.engine import framework
from lossbench.records import INTEGERS, Known

HERE = "lossbench.frameworks.jax.recipes_margins"
NO_DIRECTION = Known(
    "1e-12 is 0 in float16, so that a vector of zeros has no direction there: all is NaN",
    definition="margin_softmax_of_features",
    sets=(("epsilon", 0.0),),
    dtypes=("float16",),
    regimes=("zeros",),
)


def reduced(terms: Tensor, reduction: str) -> Tensor:
    """The terms themselves, their sum or their mean."""
    if reduction == "none":
        return terms
    return terms.sum() if reduction == "sum" else terms.mean()


def margined(cosine: Tensor, margin1: float, margin2: float) -> Tensor:
    """cos(m1 θ + m2) of a cosine of θ."""
    if margin1 == 1 and margin2 == 0:
        return cosine
    # two roots: 1 - c² cancels near ±1, and the slope of one root of a product is 0 times infinity at ±1
    sine = jnp.sqrt(1 - cosine) * jnp.sqrt(1 + cosine)
    if margin1 == 1:
        return cosine * math.cos(margin2) - sine * math.sin(margin2)
    return jnp.cos(margin1 * jnp.arctan2(sine, cosine) + margin2)


@framework.implements(via=f"{HERE}.margin_softmax", recipe=True, integers=INTEGERS)
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
    column = target[..., None]
    cosine = jnp.take_along_axis(cosines, column, axis=-1)
    # where no margin is put, its slope of infinity at -1 would be multiplied by 0
    turned = jnp.where(cosine > 0, cosine, jnp.zeros_like(cosine)) if extension == "easy" else cosine
    own = margined(turned, margin1, margin2)
    if extension == "linear":
        own = jnp.where(cosine >= math.cos((math.pi - margin2) / margin1), own, cosine - margin2 * math.sin(margin2))
    own = own - margin3
    if extension == "easy":
        own = jnp.where(cosine > 0, own, cosine)
    logits = scale * jnp.where(jnp.arange(cosines.shape[-1]) == column, own, cosines)
    log_probabilities = jax.nn.log_softmax(logits, axis=-1)
    return reduced(-jnp.take_along_axis(log_probabilities, column, axis=-1)[..., 0], reduction)


def normalized(vectors: Tensor, epsilon: float) -> Tensor:
    """Each vector over its length, or over epsilon where it is shorter."""
    squares = jnp.sum(vectors * vectors, axis=-1, keepdims=True)
    return vectors * jax.lax.rsqrt(jnp.maximum(squares, epsilon**2))


@framework.implements(via=f"{HERE}.margin_softmax_of_features", recipe=True, known=[NO_DIRECTION], integers=INTEGERS)
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
    cosines = jnp.clip(directions[0] @ directions[1].T, -1, 1)  # rounding may leave them a little beyond
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


@framework.implements(via=f"{HERE}.soft_margin", recipe=True)
def soft_margin(score: Tensor, sign: Tensor, *, reduction: str) -> Tensor:
    return reduced(jax.nn.softplus(-sign * score), reduction)
