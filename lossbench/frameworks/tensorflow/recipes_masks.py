"""Losses of masks that Keras has without smoothing, from primitives; they can be copied as they stand."""

from __future__ import annotations

import tensorflow as tf

from lossbench.framework import Tensor
from lossbench.frameworks.tensorflow.engine import framework
from lossbench.frameworks.tensorflow.recipes import inner_axes, reduced

HERE = "lossbench.frameworks.tensorflow.recipes_masks"


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
    overlap = tf.reduce_sum(prediction * target, axes)
    # what does not overlap as a sum, where one minus the ratio would lose its digits as the masks come to agree
    excess = tf.reduce_sum(prediction * (1 - target), axes)
    missed = tf.reduce_sum((1 - prediction) * target, axes)
    lacking = alpha * excess + beta * missed + epsilon
    return reduced(lacking / (overlap + lacking + smooth), reduction)
