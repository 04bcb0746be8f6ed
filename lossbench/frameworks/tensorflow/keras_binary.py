"""Keras's binary cross entropy, of logits and of probabilities.

Probabilities are clipped before the logarithm; the bounds are those the clip has in the format it is computed in.
"""

from __future__ import annotations

from keras import losses
from tensorflow import expand_dims

from lossbench.framework import Tensor
from lossbench.frameworks.tensorflow.engine import framework
from lossbench.frameworks.tensorflow.words import (
    IN_FLOAT32,
    OVER_LAST_AXIS,
    OVER_WEIGHTED_TERMS,
    PLAIN,
    Word,
    as_held,
    as_held_by_float32,
)

CLIPPED = ("clips probabilities to 1e-7 and 1 - 1e-7", "binary_cross_entropy_clipped", ("low", "high", "overflow"))


@framework.implements(
    via="keras.losses.BinaryCrossentropy(from_logits=True, dtype=)",
    reductions=OVER_LAST_AXIS,
)
def binary_cross_entropy_with_logits(
    logit: Tensor, target: Tensor, *, label_smoothing: float = 0.0, reduction: Word
) -> Tensor:
    loss = losses.BinaryCrossentropy(
        from_logits=True, label_smoothing=label_smoothing, reduction=reduction, dtype=logit.dtype.name
    )
    return loss(target, logit)


@framework.implements(
    "binary_cross_entropy_with_logits",
    via="keras.losses.BinaryCrossentropy(from_logits=True)",
    reductions=OVER_LAST_AXIS,
    dtypes=PLAIN,
    known=[IN_FLOAT32],
)
def binary_cross_entropy_with_logits_in_float32(
    logit: Tensor, target: Tensor, *, label_smoothing: float = 0.0, reduction: Word
) -> Tensor:
    loss = losses.BinaryCrossentropy(from_logits=True, label_smoothing=label_smoothing, reduction=reduction)
    return loss(target, logit)


@framework.implements(
    "binary_cross_entropy_with_logits",
    via="keras.losses.BinaryCrossentropy(from_logits=True, dtype=) of x[..., None]",
    reductions=OVER_WEIGHTED_TERMS,
)
def elementwise_binary_cross_entropy_with_logits(
    logit: Tensor, target: Tensor, weight: Tensor = None, *, label_smoothing: float = 0.0, reduction: Word
) -> Tensor:
    loss = losses.BinaryCrossentropy(
        from_logits=True, label_smoothing=label_smoothing, reduction=reduction, dtype=logit.dtype.name
    )
    return loss(expand_dims(target, -1), expand_dims(logit, -1), sample_weight=weight)


@framework.implements(
    via="keras.losses.BinaryCrossentropy(dtype=)", reductions=OVER_LAST_AXIS, known=as_held(*CLIPPED, contract=True)
)
def binary_cross_entropy(
    prediction: Tensor, target: Tensor, *, label_smoothing: float = 0.0, reduction: Word
) -> Tensor:
    loss = losses.BinaryCrossentropy(label_smoothing=label_smoothing, reduction=reduction, dtype=prediction.dtype.name)
    return loss(target, prediction)


@framework.implements(
    "binary_cross_entropy",
    via="keras.losses.BinaryCrossentropy",
    reductions=OVER_LAST_AXIS,
    dtypes=PLAIN,
    known=as_held_by_float32(*CLIPPED, contract=True),
)
def binary_cross_entropy_in_float32(
    prediction: Tensor, target: Tensor, *, label_smoothing: float = 0.0, reduction: Word
) -> Tensor:
    loss = losses.BinaryCrossentropy(label_smoothing=label_smoothing, reduction=reduction)
    return loss(target, prediction)


@framework.implements(
    "binary_cross_entropy",
    via="keras.losses.BinaryCrossentropy(dtype=) of x[..., None]",
    reductions=OVER_WEIGHTED_TERMS,
    known=as_held(*CLIPPED, contract=True),
)
def elementwise_binary_cross_entropy(
    prediction: Tensor, target: Tensor, weight: Tensor = None, *, label_smoothing: float = 0.0, reduction: Word
) -> Tensor:
    loss = losses.BinaryCrossentropy(label_smoothing=label_smoothing, reduction=reduction, dtype=prediction.dtype.name)
    return loss(expand_dims(target, -1), expand_dims(prediction, -1), sample_weight=weight)
