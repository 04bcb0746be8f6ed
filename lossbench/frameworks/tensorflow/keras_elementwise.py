"""Keras's residuals: functions of elements, averaged over the last axis.

Each class is called in three ways: told to compute in its input's format, as it comes, and on inputs with a unit
axis at the end, which is how one weights elements or keeps them apart.
"""

from __future__ import annotations

from keras import losses
from tensorflow import expand_dims

from lossbench.floats import FORMATS
from lossbench.framework import Tensor
from lossbench.frameworks.tensorflow.engine import framework
from lossbench.frameworks.tensorflow.words import IN_FLOAT32, OVER_LAST_AXIS, OVER_WEIGHTED_TERMS, PLAIN, Word
from lossbench.records import Known


@framework.implements(via="keras.losses.MeanAbsoluteError(dtype=)", reductions=OVER_LAST_AXIS)
def absolute_error(prediction: Tensor, target: Tensor, *, reduction: Word) -> Tensor:
    return losses.MeanAbsoluteError(reduction=reduction, dtype=prediction.dtype.name)(target, prediction)


@framework.implements(
    "absolute_error", via="keras.losses.MeanAbsoluteError", reductions=OVER_LAST_AXIS, dtypes=PLAIN, known=[IN_FLOAT32]
)
def absolute_error_in_float32(prediction: Tensor, target: Tensor, *, reduction: Word) -> Tensor:
    return losses.MeanAbsoluteError(reduction=reduction)(target, prediction)


@framework.implements(
    "absolute_error", via="keras.losses.MeanAbsoluteError(dtype=) of x[..., None]", reductions=OVER_WEIGHTED_TERMS
)
def elementwise_absolute_error(prediction: Tensor, target: Tensor, weight: Tensor = None, *, reduction: Word) -> Tensor:
    loss = losses.MeanAbsoluteError(reduction=reduction, dtype=prediction.dtype.name)
    return loss(expand_dims(target, -1), expand_dims(prediction, -1), sample_weight=weight)


@framework.implements(via="keras.losses.MeanSquaredError(dtype=)", reductions=OVER_LAST_AXIS)
def squared_error(prediction: Tensor, target: Tensor, *, reduction: Word) -> Tensor:
    return losses.MeanSquaredError(reduction=reduction, dtype=prediction.dtype.name)(target, prediction)


@framework.implements(
    "squared_error", via="keras.losses.MeanSquaredError", reductions=OVER_LAST_AXIS, dtypes=PLAIN, known=[IN_FLOAT32]
)
def squared_error_in_float32(prediction: Tensor, target: Tensor, *, reduction: Word) -> Tensor:
    return losses.MeanSquaredError(reduction=reduction)(target, prediction)


@framework.implements(
    "squared_error", via="keras.losses.MeanSquaredError(dtype=) of x[..., None]", reductions=OVER_WEIGHTED_TERMS
)
def elementwise_squared_error(prediction: Tensor, target: Tensor, weight: Tensor = None, *, reduction: Word) -> Tensor:
    loss = losses.MeanSquaredError(reduction=reduction, dtype=prediction.dtype.name)
    return loss(expand_dims(target, -1), expand_dims(prediction, -1), sample_weight=weight)


@framework.implements(via="keras.losses.Huber(dtype=)", reductions=OVER_LAST_AXIS)
def huber(prediction: Tensor, target: Tensor, *, delta: float = 1.0, reduction: Word) -> Tensor:
    return losses.Huber(delta=delta, reduction=reduction, dtype=prediction.dtype.name)(target, prediction)


@framework.implements("huber", via="keras.losses.Huber", reductions=OVER_LAST_AXIS, dtypes=PLAIN, known=[IN_FLOAT32])
def huber_in_float32(prediction: Tensor, target: Tensor, *, delta: float = 1.0, reduction: Word) -> Tensor:
    return losses.Huber(delta=delta, reduction=reduction)(target, prediction)


@framework.implements(
    "huber",
    via="keras.losses.Huber(dtype=) of x[..., None]",
    reductions=OVER_WEIGHTED_TERMS,
    known=[
        Known(
            "the gradient is NaN where twice the distance overflows, as that of the square is 0 times infinity",
            definition="huber_undefined_far_out",
            sets=(("overflow", form.overflow_threshold),),
            dtypes=(dtype,),
        )
        for dtype, form in FORMATS.items()
    ],
)
def elementwise_huber(
    prediction: Tensor, target: Tensor, weight: Tensor = None, *, delta: float = 1.0, reduction: Word
) -> Tensor:
    loss = losses.Huber(delta=delta, reduction=reduction, dtype=prediction.dtype.name)
    return loss(expand_dims(target, -1), expand_dims(prediction, -1), sample_weight=weight)
