"""Keras's functions of rows: divergence and categorical cross entropies, one number for each row."""

from __future__ import annotations

import math

import tensorflow as tf
from keras import losses

from lossbench.framework import Tensor
from lossbench.frameworks.tensorflow.engine import framework
from lossbench.frameworks.tensorflow.words import (
    EMPTY,
    IN_FLOAT32,
    OVER_TERMS,
    OVER_WEIGHTED_TERMS,
    PLAIN,
    SLOPE_P_MINUS_Y,
    Word,
    as_held,
    as_held_by_float32,
)
from lossbench.records import INTEGERS, Known

CLIPPED = ("clips both distributions to 1e-7 and 1", "kl_div_probability_clipped", ("low", "overflow"))
# Which of the two it is hangs on what comes down from above, that no formula of the term alone knows.
WEIGHED_AWAY = Known(
    "a small weight times the clipped target may round to 0 in float16, and times an infinite quotient it is NaN then",
    dtypes=("float16",),
    options=("sample_weight",),
    regimes=("log_uniform", "odd_labels"),
    error=math.inf,
)

ROUNDED_CLASS = [
    Known(
        f"rounds class indices to {dtype}: from {2**digits + 1} on another class may be meant",
        definition="cross_entropy_of_rounded_class",
        sets=(("digits", digits),),
        dtypes=(dtype,),
    )
    for dtype, digits in (("float16", 11), ("bfloat16", 8))
]

DIVERGENCE = {"sum_last": None, "batchmean": "sum_over_batch_size", "sum": "sum"}


@framework.implements(
    via="keras.losses.KLDivergence(dtype=)", reductions=DIVERGENCE, known=[EMPTY, *as_held(*CLIPPED, contract=True)]
)
def kl_div_probability(prediction: Tensor, target: Tensor, *, reduction: Word) -> Tensor:
    if reduction == "sum_over_batch_size":
        prediction, target = flattened(prediction), flattened(target)
    return losses.KLDivergence(reduction=reduction, dtype=prediction.dtype.name)(target, prediction)


@framework.implements(
    "kl_div_probability",
    via="keras.losses.KLDivergence",
    reductions=DIVERGENCE,
    dtypes=PLAIN,
    known=[EMPTY, *as_held_by_float32(*CLIPPED, contract=True)],
)
def kl_div_probability_in_float32(prediction: Tensor, target: Tensor, *, reduction: Word) -> Tensor:
    if reduction == "sum_over_batch_size":
        prediction, target = flattened(prediction), flattened(target)
    return losses.KLDivergence(reduction=reduction)(target, prediction)


@framework.implements(
    "kl_div_probability",
    via="keras.losses.KLDivergence(dtype=) of x[..., None]",
    reductions=OVER_WEIGHTED_TERMS,
    known=[*as_held(*CLIPPED, contract=True), WEIGHED_AWAY],
)
def elementwise_kl_div_probability(
    prediction: Tensor, target: Tensor, sample_weight: Tensor | None = None, *, reduction: Word
) -> Tensor:
    loss = losses.KLDivergence(reduction=reduction, dtype=prediction.dtype.name)
    return loss(tf.expand_dims(target, -1), tf.expand_dims(prediction, -1), sample_weight=sample_weight)


def flattened(tensor: Tensor) -> Tensor:
    """One row for each entry of the first axis, because Keras divides by the number of rows."""
    return tf.reshape(tensor, (tensor.shape[0], math.prod(tensor.shape[1:])))


@framework.implements(
    via="keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype=)",
    reductions=OVER_WEIGHTED_TERMS,
    integers=INTEGERS,
    known=[EMPTY, *ROUNDED_CLASS],
)
def cross_entropy(
    logits: Tensor, target: Tensor, sample_weight: Tensor | None = None, *, ignore_index: int = -100, reduction: Word
) -> Tensor:
    ignore_class = None if ignore_index == -100 else ignore_index
    loss = losses.SparseCategoricalCrossentropy(
        from_logits=True, ignore_class=ignore_class, reduction=reduction, dtype=logits.dtype.name
    )
    return loss(target, logits, sample_weight=sample_weight)


@framework.implements(
    "cross_entropy",
    via="keras.losses.SparseCategoricalCrossentropy(from_logits=True)",
    reductions=OVER_WEIGHTED_TERMS,
    integers=INTEGERS,
    dtypes=PLAIN,
    known=[EMPTY, IN_FLOAT32],
)
def cross_entropy_in_float32(
    logits: Tensor, target: Tensor, sample_weight: Tensor | None = None, *, ignore_index: int = -100, reduction: Word
) -> Tensor:
    ignore_class = None if ignore_index == -100 else ignore_index
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=ignore_class, reduction=reduction)
    return loss(target, logits, sample_weight=sample_weight)


@framework.implements(
    "cross_entropy",
    via="keras.losses.sparse_categorical_crossentropy(from_logits=True)",
    reductions=("none",),
    integers=INTEGERS,
)
def cross_entropy_by_function(logits: Tensor, target: Tensor, *, ignore_index: int = -100) -> Tensor:
    ignore_class = None if ignore_index == -100 else ignore_index
    return losses.sparse_categorical_crossentropy(target, logits, from_logits=True, ignore_class=ignore_class)


@framework.implements(
    "cross_entropy",
    via="tf.one_hot + keras.losses.CategoricalCrossentropy(from_logits=True, dtype=)",
    reductions=OVER_WEIGHTED_TERMS,
    integers=("int64", "int32", "int8", "uint8"),
    known=[EMPTY],
)
def one_hot_cross_entropy(
    logits: Tensor,
    target: Tensor,
    sample_weight: Tensor | None = None,
    *,
    label_smoothing: float = 0.0,
    reduction: Word,
) -> Tensor:
    loss = losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=label_smoothing, reduction=reduction, dtype=logits.dtype.name
    )
    return loss(tf.one_hot(target, logits.shape[-1], dtype=logits.dtype), logits, sample_weight=sample_weight)


@framework.implements(
    via="keras.losses.CategoricalCrossentropy(from_logits=True, dtype=)",
    reductions=OVER_WEIGHTED_TERMS,
    known=[EMPTY, SLOPE_P_MINUS_Y],
)
def soft_cross_entropy(
    logits: Tensor,
    target: Tensor,
    sample_weight: Tensor | None = None,
    *,
    label_smoothing: float = 0.0,
    reduction: Word,
) -> Tensor:
    loss = losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=label_smoothing, reduction=reduction, dtype=logits.dtype.name
    )
    return loss(target, logits, sample_weight=sample_weight)


@framework.implements(
    "soft_cross_entropy",
    via="keras.losses.CategoricalCrossentropy(from_logits=True)",
    reductions=OVER_WEIGHTED_TERMS,
    dtypes=PLAIN,
    known=[EMPTY, IN_FLOAT32, SLOPE_P_MINUS_Y],
)
def soft_cross_entropy_in_float32(
    logits: Tensor,
    target: Tensor,
    sample_weight: Tensor | None = None,
    *,
    label_smoothing: float = 0.0,
    reduction: Word,
) -> Tensor:
    loss = losses.CategoricalCrossentropy(from_logits=True, label_smoothing=label_smoothing, reduction=reduction)
    return loss(target, logits, sample_weight=sample_weight)


@framework.implements(
    "soft_cross_entropy",
    via="keras.losses.CategoricalCrossentropy(from_logits=True, axis=ndim - 2, dtype=)",
    reductions=OVER_TERMS,
    known=[EMPTY, SLOPE_P_MINUS_Y],
)
def soft_cross_entropy_of_classes_before_the_last_axis(logits: Tensor, target: Tensor, *, reduction: Word) -> Tensor:
    # of the axes counted from the end it takes the last alone, and refuses -2
    loss = losses.CategoricalCrossentropy(
        from_logits=True, axis=logits.ndim - 2, reduction=reduction, dtype=logits.dtype.name
    )
    return loss(tf.experimental.numpy.moveaxis(target, -1, -2), tf.experimental.numpy.moveaxis(logits, -1, -2))
