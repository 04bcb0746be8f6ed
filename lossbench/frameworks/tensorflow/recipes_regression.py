"""A mean squared error that refuses what it should not answer; it can be copied as it stands."""

from __future__ import annotations

import math

import tensorflow as tf

from lossbench.framework import Tensor
from lossbench.frameworks.tensorflow.engine import framework
from lossbench.records import Known

HERE = "lossbench.frameworks.tensorflow.recipes_regression"


@framework.implements(
    via=f"{HERE}.checked_mse",
    recipe=True,
    reductions=("mean",),
    known=[Known("refuses an empty batch, whose mean is 0/0", raises=True, regimes=("empty",), contract=True)],
)
def checked_mse(prediction: Tensor, target: Tensor) -> Tensor:
    if prediction.shape != target.shape or 0 in prediction.shape:
        raise ValueError(f"prediction and target must be alike and not empty: {prediction.shape}, {target.shape}")
    for numbers in (prediction, target):
        tf.debugging.assert_all_finite(numbers, "prediction and target must be finite")
    # subtracted in float64 too: of float32 numbers, the difference is then exact or nearly so
    residual = tf.cast(prediction, tf.float64) - tf.cast(target, tf.float64)
    # divided first: the sum of the squares need not be in range, if their mean is
    return tf.cast(tf.reduce_sum(residual * residual / math.prod(prediction.shape)), prediction.dtype)
