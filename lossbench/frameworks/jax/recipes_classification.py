"""Losses of classes that optax does not have, written from the primitives of jax.numpy; copy them as they stand."""

from __future__ import annotations

import jax
from jax import numpy as jnp

from lossbench.framework import Tensor
from lossbench.frameworks.jax.engine import framework
from lossbench.records import INTEGERS

HERE = "lossbench.frameworks.jax.recipes_classification"


def reduced(terms: Tensor, reduction: str) -> Tensor:
    """The terms themselves, their sum or their mean."""
    if reduction == "none":
        return terms
    return jnp.sum(terms) if reduction == "sum" else jnp.mean(terms)


@framework.implements(via=f"{HERE}.binary_focal", recipe=True)
def binary_focal(
    logit: Tensor,
    target: Tensor,
    *,
    alpha: float | None = None,
    gamma: float = 2.0,
    normalizer: float = 1.0,
    reduction: str,
) -> Tensor:
    entropy = -(target * jax.nn.log_sigmoid(logit) + (1 - target) * jax.nn.log_sigmoid(-logit))
    # 1 - p_t without a subtraction; kept above zero, where a power below one has an infinite slope
    missed = target * jax.nn.sigmoid(-logit) + (1 - target) * jax.nn.sigmoid(logit)
    loss = jnp.maximum(missed, jnp.finfo(missed.dtype).tiny) ** gamma * entropy
    if alpha is not None:
        loss = (alpha * target + (1 - alpha) * (1 - target)) * loss
    return reduced(loss / normalizer, reduction)


@framework.implements(via=f"{HERE}.categorical_focal", recipe=True)
def categorical_focal(
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    alpha: float = 1.0,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
    reduction: str,
) -> Tensor:
    labels = (1 - label_smoothing) * target + label_smoothing / logits.shape[-1]
    log_probabilities = jax.nn.log_softmax(logits)
    # 1 - p from log p, which keeps its digits near p = 1; above zero, where a power below one has an infinite slope
    missed = jnp.maximum(-jnp.expm1(log_probabilities), jnp.finfo(logits.dtype).tiny)
    terms = -alpha * labels * missed**gamma * log_probabilities
    return reduced((terms if weight is None else weight * terms).sum(axis=-1), reduction)


@framework.implements(via=f"{HERE}.cls_loss", recipe=True, reductions=("mean",), integers=INTEGERS)
def cls_loss(logits: Tensor, target: Tensor) -> Tensor:
    predicts, batch = logits, (None, target)
    of_target = jnp.take_along_axis(predicts, batch[1][..., None], axis=-1)[..., 0]
    return {"loss": jnp.mean(jax.nn.logsumexp(predicts, axis=-1) - of_target)}["loss"]
