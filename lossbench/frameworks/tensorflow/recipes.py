"""Losses that TensorFlow and Keras do not have as such, written from primitives; they can be copied as they stand."""

from __future__ import annotations

import ml_dtypes
import tensorflow as tf
from keras import losses

from lossbench.framework import Tensor
from lossbench.frameworks.tensorflow.engine import framework
from lossbench.records import INTEGERS

HERE = "lossbench.frameworks.tensorflow.recipes"


def reduced(terms: Tensor, reduction: str) -> Tensor:
    """The terms themselves, their sum or their mean."""
    if reduction == "none":
        return terms
    return tf.reduce_sum(terms) if reduction == "sum" else tf.reduce_mean(terms)


def inner_axes(batch: Tensor) -> tuple[int, ...]:
    """All axes but the first: those of one sample."""
    return tuple(range(1, batch.ndim))


def cross_entropy_of_logits(logit: Tensor, target: Tensor) -> Tensor:
    """Binary cross entropy as a sum of two positive terms, each exact however small it is."""
    return -(target * tf.math.log_sigmoid(logit) + (1 - target) * tf.math.log_sigmoid(-logit))


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
    # 1 - p_t without a subtraction; kept above zero, where a power below one has an infinite slope
    missed = target * tf.sigmoid(-logit) + (1 - target) * tf.sigmoid(logit)
    smallest = ml_dtypes.finfo(missed.dtype.as_numpy_dtype).tiny  # type: ignore[no-untyped-call]
    missed = tf.maximum(missed, smallest)
    loss = missed**gamma * cross_entropy_of_logits(logit, target)
    if alpha is not None:
        loss = (alpha * target + (1 - alpha) * (1 - target)) * loss
    return reduced(loss / normalizer, reduction)


@framework.implements(via=f"{HERE}.soft_dice", recipe=True)
def soft_dice(
    prediction: Tensor, target: Tensor, *, smooth: float = 1.0, epsilon: float = 0.0, reduction: str
) -> Tensor:
    # Σ q(1-y) + Σ (1-q)y in place of D - 2Σ qy, which loses all digits where prediction and target agree
    axes = inner_axes(prediction)
    missed = tf.reduce_sum(prediction * (1 - target) + (1 - prediction) * target, axes)
    present = tf.reduce_sum(prediction + target, axes)
    return reduced((missed + epsilon) / (present + smooth + epsilon), reduction)


@framework.implements(via=f"{HERE}.bce_dice", recipe=True)
def bce_dice(logit: Tensor, target: Tensor, *, bce_weight: float = 0.5, smooth: float = 1.0, reduction: str) -> Tensor:
    axes = inner_axes(logit)
    inside, outside = tf.sigmoid(logit), tf.sigmoid(-logit)
    missed = tf.reduce_sum(inside * (1 - target) + outside * target, axes)
    dice = missed / (tf.reduce_sum(inside + target, axes) + smooth)
    cross_entropy = tf.reduce_mean(cross_entropy_of_logits(logit, target), axes)
    return reduced(bce_weight * cross_entropy + (1 - bce_weight) * dice, reduction)


@framework.implements(via=f"{HERE}.cls_loss", recipe=True, reductions=("mean",), integers=INTEGERS)
def cls_loss(logits: Tensor, target: Tensor) -> Tensor:
    predicts, batch = logits, (None, target)
    cross_entropy = losses.SparseCategoricalCrossentropy(from_logits=True, dtype=predicts.dtype.name)
    return {"loss": cross_entropy(batch[1], predicts)}["loss"]
