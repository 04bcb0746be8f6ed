"""optax's losses of classes and of a yes or no: unreduced, prediction first."""

from __future__ import annotations

import jax
import optax
from jax import numpy as jnp

from lossbench.framework import Tensor
from lossbench.frameworks.jax.engine import framework
from lossbench.records import INTEGERS, Known

NONE = ("none",)
MASKED = "the gradient by the labels of masked classes is NaN"


@framework.implements(via="optax.losses.sigmoid_binary_cross_entropy", reductions=NONE)
def binary_cross_entropy_with_logits(logit: Tensor, target: Tensor) -> Tensor:
    return optax.losses.sigmoid_binary_cross_entropy(logit, target)


@framework.implements(
    via="optax.losses.sigmoid_focal_loss",
    reductions=NONE,
    known=[
        Known(
            "the gradient by a target of exactly 0 or 1 lacks half of the focal factor's slope",
            definition="binary_focal_one_sided_at_hard_labels",
        )
    ],
)
def binary_focal(logit: Tensor, target: Tensor, *, alpha: float | None = None, gamma: float = 2.0) -> Tensor:
    return optax.losses.sigmoid_focal_loss(logit, target, alpha=alpha, gamma=gamma)


@framework.implements(via="optax.losses.softmax_cross_entropy_with_integer_labels", reductions=NONE, integers=INTEGERS)
def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    return optax.losses.softmax_cross_entropy_with_integer_labels(logits, target)


@framework.implements(
    "cross_entropy",
    via="optax.losses.softmax_cross_entropy_with_integer_labels(axis=-2)",
    reductions=NONE,
    integers=INTEGERS,
)
def cross_entropy_of_classes_before_the_last_axis(logits: Tensor, target: Tensor) -> Tensor:
    classes_moved = jnp.moveaxis(logits, -1, -2)
    return optax.losses.softmax_cross_entropy_with_integer_labels(classes_moved, target, axis=-2)


@framework.implements(
    "cross_entropy",
    via="optax.losses.softmax_cross_entropy_with_integer_labels(where=)",
    reductions=NONE,
    integers=INTEGERS,
)
def cross_entropy_where(
    logits: Tensor, target: Tensor, mask: Tensor | None = None, *, ignore_index: int = -100
) -> Tensor:
    kept = target != ignore_index
    where = kept if mask is None else kept[..., None] & mask.astype(bool)  # of rows, or of single classes
    return optax.losses.softmax_cross_entropy_with_integer_labels(logits, target, where=where)


@framework.implements(
    "cross_entropy",
    via="jax.nn.one_hot + optax.smooth_labels + optax.losses.softmax_cross_entropy",
    reductions=NONE,
    integers=INTEGERS,
)
def one_hot_cross_entropy(logits: Tensor, target: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
    onehot = jax.nn.one_hot(target, logits.shape[-1], dtype=logits.dtype)
    return optax.losses.softmax_cross_entropy(logits, optax.smooth_labels(onehot, label_smoothing))


@framework.implements(via="optax.losses.softmax_cross_entropy", reductions=NONE)
def soft_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    return optax.losses.softmax_cross_entropy(logits, target)


@framework.implements("soft_cross_entropy", via="optax.losses.softmax_cross_entropy(axis=-2)", reductions=NONE)
def soft_cross_entropy_of_classes_before_the_last_axis(logits: Tensor, target: Tensor) -> Tensor:
    classes_moved = jnp.moveaxis(logits, -1, -2), jnp.moveaxis(target, -1, -2)
    return optax.losses.softmax_cross_entropy(*classes_moved, axis=-2)


@framework.implements(
    "soft_cross_entropy",
    via="optax.losses.softmax_cross_entropy(where=)",
    reductions=NONE,
    known=[Known(MASKED, definition="soft_cross_entropy_undefined_where_masked", options=("mask",))],
)
def soft_cross_entropy_where(logits: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    where = jnp.ones(logits.shape, bool) if mask is None else mask.astype(bool)
    return optax.losses.softmax_cross_entropy(logits, target, where=where)


@framework.implements(
    "soft_cross_entropy", via="optax.smooth_labels + optax.losses.softmax_cross_entropy", reductions=NONE
)
def smoothed_soft_cross_entropy(logits: Tensor, target: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
    return optax.losses.softmax_cross_entropy(logits, optax.smooth_labels(target, label_smoothing))


@framework.implements("soft_cross_entropy", via="optax.losses.safe_softmax_cross_entropy", reductions=NONE)
def safe_soft_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    return optax.losses.safe_softmax_cross_entropy(logits, target)


@framework.implements(
    via="optax.losses.poly_loss_cross_entropy",
    reductions=NONE,
    known=[Known(MASKED, definition="poly1_cross_entropy_undefined_where_masked", options=("mask",))],
)
def poly1_cross_entropy(logits: Tensor, target: Tensor, mask: Tensor | None = None, *, epsilon: float = 2.0) -> Tensor:
    where = None if mask is None else mask.astype(bool)
    return optax.losses.poly_loss_cross_entropy(logits, target, epsilon=epsilon, where=where)


@framework.implements("poly1_cross_entropy", via="optax.losses.poly_loss_cross_entropy(axis=-2)", reductions=NONE)
def poly1_cross_entropy_of_classes_before_the_last_axis(
    logits: Tensor, target: Tensor, *, epsilon: float = 2.0
) -> Tensor:
    classes_moved = jnp.moveaxis(logits, -1, -2), jnp.moveaxis(target, -1, -2)
    return optax.losses.poly_loss_cross_entropy(*classes_moved, epsilon=epsilon, axis=-2)
