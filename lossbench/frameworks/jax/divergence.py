"""optax's divergences: one number for each row, prediction first and given by its logarithm.

Each is asked for rows as they are, and for rows of one element each, which keeps the elements apart.
"""

from __future__ import annotations

import optax
from jax import numpy as jnp

from lossbench.framework import Tensor
from lossbench.frameworks.jax.engine import framework
from lossbench.records import Known

ROWS, APART = ("sum_last",), ("none",)

UNDEFINED = "the gradient by a target of exactly 0 is NaN"


@framework.implements(
    via="optax.losses.kl_divergence",
    reductions=ROWS,
    known=[Known(UNDEFINED, definition="kl_div_undefined_at_zero")],
)
def kl_div(log_prediction: Tensor, target: Tensor) -> Tensor:
    return optax.losses.kl_divergence(log_prediction, target)


@framework.implements(via="optax.losses.kl_divergence_with_log_targets", reductions=ROWS)
def kl_div_log_target(log_prediction: Tensor, log_target: Tensor) -> Tensor:
    return optax.losses.kl_divergence_with_log_targets(log_prediction, log_target)


@framework.implements(
    via="optax.losses.generalized_kl_divergence",
    reductions=ROWS,
    known=[Known(UNDEFINED, definition="generalized_kl_undefined_at_zero")],
)
def generalized_kl(log_prediction: Tensor, target: Tensor) -> Tensor:
    return optax.losses.generalized_kl_divergence(log_prediction, target)


@framework.implements(
    "generalized_kl",
    via="optax.losses.convex_kl_divergence",
    reductions=ROWS,
    known=[Known(UNDEFINED, definition="generalized_kl_undefined_at_zero")],
)
def convex_kl(log_prediction: Tensor, target: Tensor) -> Tensor:
    return optax.losses.convex_kl_divergence(log_prediction, target)


@framework.implements(
    "kl_div",
    via="optax.losses.kl_divergence of x[..., None]",
    reductions=APART,
    known=[Known(UNDEFINED, definition="kl_div_undefined_at_zero")],
)
def elementwise_kl_div(log_prediction: Tensor, target: Tensor) -> Tensor:
    return optax.losses.kl_divergence(jnp.expand_dims(log_prediction, -1), jnp.expand_dims(target, -1))


@framework.implements(
    "kl_div_log_target",
    via="optax.losses.kl_divergence_with_log_targets of x[..., None]",
    reductions=APART,
)
def elementwise_kl_div_log_target(log_prediction: Tensor, log_target: Tensor) -> Tensor:
    return optax.losses.kl_divergence_with_log_targets(
        jnp.expand_dims(log_prediction, -1), jnp.expand_dims(log_target, -1)
    )


@framework.implements(
    "generalized_kl",
    via="optax.losses.generalized_kl_divergence of x[..., None]",
    reductions=APART,
    known=[Known(UNDEFINED, definition="generalized_kl_undefined_at_zero")],
)
def elementwise_generalized_kl(log_prediction: Tensor, target: Tensor) -> Tensor:
    return optax.losses.generalized_kl_divergence(jnp.expand_dims(log_prediction, -1), jnp.expand_dims(target, -1))
