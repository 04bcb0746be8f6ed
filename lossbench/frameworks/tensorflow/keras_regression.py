"""Keras's smooth and relative losses and its Poisson likelihood: functions of elements, averaged over the last axis.

Each class is called in three ways, as in `keras_elementwise`.
"""

from __future__ import annotations

import tensorflow as tf
from keras import losses

from lossbench.framework import Tensor
from lossbench.frameworks.tensorflow.engine import framework
from lossbench.frameworks.tensorflow.words import AS_HELD, IN_FLOAT32, OVER_LAST_AXIS, OVER_TERMS, PLAIN, Word
from lossbench.records import Known

LOG_2 = Known(
    "takes log 2 off as float32 holds it, 1.9e-9 too much: negative near the target",
    definition="log_cosh_with_log_2_of_float32",
    dtypes=("float64",),
)
EPSILON_OF_FLOAT16 = AS_HELD["float16"]["low"]
EPSILON = Known(
    "adds Keras's epsilon, 1e-7, to the rate under the logarithm",
    definition="poisson_nll_rate",
    sets=(("epsilon", 1e-7),),
    dtypes=("float64", "float32", "bfloat16"),
    contract=True,
)
EPSILON_IN_FLOAT16 = Known(
    "adds Keras's epsilon to the rate under the logarithm; its reciprocal, 8e6, is infinite in float16",
    definition="poisson_nll_rate_by_reciprocal",
    sets=(("epsilon", EPSILON_OF_FLOAT16), ("overflow", 65520.0)),
    dtypes=("float16",),
)


@framework.implements(via="keras.losses.LogCosh(dtype=)", reductions=OVER_LAST_AXIS, known=[LOG_2])
def log_cosh(prediction: Tensor, target: Tensor, *, reduction: Word) -> Tensor:
    return losses.LogCosh(reduction=reduction, dtype=prediction.dtype.name)(target, prediction)


@framework.implements(
    "log_cosh", via="keras.losses.LogCosh", reductions=OVER_LAST_AXIS, dtypes=PLAIN, known=[IN_FLOAT32]
)
def log_cosh_in_float32(prediction: Tensor, target: Tensor, *, reduction: Word) -> Tensor:
    return losses.LogCosh(reduction=reduction)(target, prediction)


@framework.implements(
    "log_cosh", via="keras.losses.LogCosh(dtype=) of x[..., None]", reductions=OVER_TERMS, known=[LOG_2]
)
def elementwise_log_cosh(prediction: Tensor, target: Tensor, *, reduction: Word) -> Tensor:
    loss = losses.LogCosh(reduction=reduction, dtype=prediction.dtype.name)
    return loss(tf.expand_dims(target, -1), tf.expand_dims(prediction, -1))


@framework.implements(via="keras.losses.MeanAbsolutePercentageError(dtype=)", reductions=OVER_LAST_AXIS)
def mean_absolute_percentage_error(prediction: Tensor, target: Tensor, *, reduction: Word) -> Tensor:
    return losses.MeanAbsolutePercentageError(reduction=reduction, dtype=prediction.dtype.name)(target, prediction)


@framework.implements(
    "mean_absolute_percentage_error",
    via="keras.losses.MeanAbsolutePercentageError",
    reductions=OVER_LAST_AXIS,
    dtypes=PLAIN,
    known=[IN_FLOAT32],
)
def mean_absolute_percentage_error_in_float32(prediction: Tensor, target: Tensor, *, reduction: Word) -> Tensor:
    return losses.MeanAbsolutePercentageError(reduction=reduction)(target, prediction)


@framework.implements(
    "mean_absolute_percentage_error",
    via="keras.losses.MeanAbsolutePercentageError(dtype=) of x[..., None]",
    reductions=OVER_TERMS,
)
def elementwise_mean_absolute_percentage_error(prediction: Tensor, target: Tensor, *, reduction: Word) -> Tensor:
    loss = losses.MeanAbsolutePercentageError(reduction=reduction, dtype=prediction.dtype.name)
    return loss(tf.expand_dims(target, -1), tf.expand_dims(prediction, -1))


@framework.implements(via="keras.losses.MeanSquaredLogarithmicError(dtype=)", reductions=OVER_LAST_AXIS)
def mean_squared_logarithmic_error(prediction: Tensor, target: Tensor, *, reduction: Word) -> Tensor:
    return losses.MeanSquaredLogarithmicError(reduction=reduction, dtype=prediction.dtype.name)(target, prediction)


@framework.implements(
    "mean_squared_logarithmic_error",
    via="keras.losses.MeanSquaredLogarithmicError",
    reductions=OVER_LAST_AXIS,
    dtypes=PLAIN,
    known=[IN_FLOAT32],
)
def mean_squared_logarithmic_error_in_float32(prediction: Tensor, target: Tensor, *, reduction: Word) -> Tensor:
    return losses.MeanSquaredLogarithmicError(reduction=reduction)(target, prediction)


@framework.implements(
    "mean_squared_logarithmic_error",
    via="keras.losses.MeanSquaredLogarithmicError(dtype=) of x[..., None]",
    reductions=OVER_TERMS,
)
def elementwise_mean_squared_logarithmic_error(prediction: Tensor, target: Tensor, *, reduction: Word) -> Tensor:
    loss = losses.MeanSquaredLogarithmicError(reduction=reduction, dtype=prediction.dtype.name)
    return loss(tf.expand_dims(target, -1), tf.expand_dims(prediction, -1))


@framework.implements(
    via="keras.losses.Poisson(dtype=)", reductions=OVER_LAST_AXIS, known=[EPSILON, EPSILON_IN_FLOAT16]
)
def poisson_nll_rate(rate: Tensor, target: Tensor, *, reduction: Word) -> Tensor:
    return losses.Poisson(reduction=reduction, dtype=rate.dtype.name)(target, rate)


@framework.implements(
    "poisson_nll_rate", via="keras.losses.Poisson", reductions=OVER_LAST_AXIS, dtypes=PLAIN, known=[IN_FLOAT32, EPSILON]
)
def poisson_nll_rate_in_float32(rate: Tensor, target: Tensor, *, reduction: Word) -> Tensor:
    return losses.Poisson(reduction=reduction)(target, rate)


@framework.implements(
    "poisson_nll_rate",
    via="keras.losses.Poisson(dtype=) of x[..., None]",
    reductions=OVER_TERMS,
    known=[EPSILON, EPSILON_IN_FLOAT16],
)
def elementwise_poisson_nll_rate(rate: Tensor, target: Tensor, *, reduction: Word) -> Tensor:
    loss = losses.Poisson(reduction=reduction, dtype=rate.dtype.name)
    return loss(tf.expand_dims(target, -1), tf.expand_dims(rate, -1))
