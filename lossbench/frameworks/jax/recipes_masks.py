"""Losses of masks, written from JAX's primitives; they can be copied as they stand."""

from __future__ import annotations

import jax
from jax import numpy as jnp

from lossbench.framework import Tensor
from lossbench.frameworks.jax.engine import framework

HERE = "lossbench.frameworks.jax.recipes_masks"


def reduced(terms: Tensor, reduction: str) -> Tensor:
    """The terms themselves, their sum or their mean."""
    if reduction == "none":
        return terms
    return jnp.sum(terms) if reduction == "sum" else jnp.mean(terms)


def inner_axes(batch: Tensor) -> tuple[int, ...]:
    """All axes but the first: those of one sample."""
    return tuple(range(1, batch.ndim))


def cross_entropy_of_logits(logit: Tensor, target: Tensor) -> Tensor:
    """Binary cross entropy as a sum of two positive terms, each exact however small it is."""
    return -(target * jax.nn.log_sigmoid(logit) + (1 - target) * jax.nn.log_sigmoid(-logit))


@framework.implements(via=f"{HERE}.soft_dice", recipe=True)
def soft_dice(
    prediction: Tensor, target: Tensor, *, smooth: float = 1.0, epsilon: float = 0.0, reduction: str
) -> Tensor:
    # Σ q(1-y) + Σ (1-q)y in place of D - 2Σ qy, which loses all digits where prediction and target agree
    axes = inner_axes(prediction)
    missed = jnp.sum(prediction * (1 - target) + (1 - prediction) * target, axis=axes)
    present = jnp.sum(prediction + target, axis=axes)
    return reduced((missed + epsilon) / (present + smooth + epsilon), reduction)


@framework.implements(via=f"{HERE}.bce_dice", recipe=True)
def bce_dice(logit: Tensor, target: Tensor, *, bce_weight: float = 0.5, smooth: float = 1.0, reduction: str) -> Tensor:
    axes = inner_axes(logit)
    inside, outside = jax.nn.sigmoid(logit), jax.nn.sigmoid(-logit)
    missed = jnp.sum(inside * (1 - target) + outside * target, axis=axes)
    dice = missed / (jnp.sum(inside + target, axis=axes) + smooth)
    cross_entropy = jnp.mean(cross_entropy_of_logits(logit, target), axis=axes)
    return reduced(bce_weight * cross_entropy + (1 - bce_weight) * dice, reduction)


@framework.implements(via=f"{HERE}.tversky", recipe=True)
def tversky(
    prediction: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.5,
    beta: float = 0.5,
    smooth: float = 1.0,
    epsilon: float = 0.0,
    reduction: str,
) -> Tensor:
    axes = inner_axes(prediction)
    overlap = (prediction * target).sum(axis=axes)
    # what does not overlap as a sum, where one minus the ratio would lose its digits as the masks come to agree
    excess = (prediction * (1 - target)).sum(axis=axes)
    missed = ((1 - prediction) * target).sum(axis=axes)
    lacking = alpha * excess + beta * missed + epsilon
    return reduced(lacking / (overlap + lacking + smooth), reduction)
