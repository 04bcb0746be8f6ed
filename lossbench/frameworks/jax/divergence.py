"""optax's divergences: one number for each row, prediction first and given by its logarithm.

Each is asked for rows as they are, for rows along the first axis, and for rows of one element each, which keeps the
elements apart.
"""

from __future__ import annotations

import optax
from jax import numpy as jnp

from lossbench.framework import Tensor
from lossbench.frameworks.jax.engine import framework
from lossbench.records import Known

ROWS, APART = ("sum_last",), ("none",)

UNDEFINED = "the gradient by a target of exactly 0 is NaN"
# XLA's arithmetic on the processor knows no subnormal numbers; in float16 it computes by way of float32.
SMALLEST_NORMAL = {"float64": 2.0**-1022, "float32": 2.0**-126, "bfloat16": 2.0**-126}
UNDEFINED_AT_ZERO = [Known(UNDEFINED, definition="generalized_kl_undefined_at_zero")]
FLUSHED = [
    Known(
        "a target whose probability is subnormal is taken for 0",
        definition="kl_div_log_target_flushed",
        sets=(("smallest_normal", smallest),),
        dtypes=(dtype,),
    )
    for dtype, smallest in SMALLEST_NORMAL.items()
]


@framework.implements(
    via="optax.losses.kl_divergence",
    reductions=ROWS,
    known=[Known(UNDEFINED, definition="kl_div_undefined_at_zero")],
)
def kl_div(log_prediction: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    return optax.losses.kl_divergence(log_prediction, target, where=None if mask is None else mask.astype(bool))


@framework.implements(via="optax.losses.kl_divergence_with_log_targets", reductions=ROWS, known=FLUSHED)
def kl_div_log_target(log_prediction: Tensor, log_target: Tensor, mask: Tensor | None = None) -> Tensor:
    return optax.losses.kl_divergence_with_log_targets(
        log_prediction, log_target, where=None if mask is None else mask.astype(bool)
    )


@framework.implements(
    via="optax.losses.generalized_kl_divergence",
    reductions=ROWS,
    known=UNDEFINED_AT_ZERO,
)
def generalized_kl(log_prediction: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    return optax.losses.generalized_kl_divergence(
        log_prediction, target, where=None if mask is None else mask.astype(bool)
    )


@framework.implements(
    "generalized_kl",
    via="optax.losses.convex_kl_divergence",
    reductions=ROWS,
    known=UNDEFINED_AT_ZERO,
)
def convex_kl(log_prediction: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    return optax.losses.convex_kl_divergence(log_prediction, target, where=None if mask is None else mask.astype(bool))


@framework.implements(
    "kl_div",
    via="optax.losses.kl_divergence(axis=0)",
    reductions=ROWS,
    known=[Known(UNDEFINED, definition="kl_div_undefined_at_zero")],
)
def kl_div_of_classes_first(log_prediction: Tensor, target: Tensor) -> Tensor:
    along_first = jnp.moveaxis(log_prediction, -1, 0), jnp.moveaxis(target, -1, 0)
    return optax.losses.kl_divergence(*along_first, axis=0)


@framework.implements(
    "kl_div_log_target",
    via="optax.losses.kl_divergence_with_log_targets(axis=0)",
    reductions=ROWS,
    known=FLUSHED,
)
def kl_div_log_target_of_classes_first(log_prediction: Tensor, log_target: Tensor) -> Tensor:
    along_first = jnp.moveaxis(log_prediction, -1, 0), jnp.moveaxis(log_target, -1, 0)
    return optax.losses.kl_divergence_with_log_targets(*along_first, axis=0)


@framework.implements(
    "generalized_kl",
    via="optax.losses.generalized_kl_divergence(axis=0)",
    reductions=ROWS,
    known=UNDEFINED_AT_ZERO,
)
def generalized_kl_of_classes_first(log_prediction: Tensor, target: Tensor) -> Tensor:
    along_first = jnp.moveaxis(log_prediction, -1, 0), jnp.moveaxis(target, -1, 0)
    return optax.losses.generalized_kl_divergence(*along_first, axis=0)


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
    known=FLUSHED,
)
def elementwise_kl_div_log_target(log_prediction: Tensor, log_target: Tensor) -> Tensor:
    return optax.losses.kl_divergence_with_log_targets(
        jnp.expand_dims(log_prediction, -1), jnp.expand_dims(log_target, -1)
    )


@framework.implements(
    "generalized_kl",
    via="optax.losses.generalized_kl_divergence of x[..., None]",
    reductions=APART,
    known=UNDEFINED_AT_ZERO,
)
def elementwise_generalized_kl(log_prediction: Tensor, target: Tensor) -> Tensor:
    return optax.losses.generalized_kl_divergence(jnp.expand_dims(log_prediction, -1), jnp.expand_dims(target, -1))
