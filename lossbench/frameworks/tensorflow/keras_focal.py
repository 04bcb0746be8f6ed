"""Keras's focal binary cross entropy, of logits and of probabilities."""

from __future__ import annotations

from typing import Any

from keras import losses
from tensorflow import expand_dims

from lossbench.framework import Tensor
from lossbench.frameworks.tensorflow.engine import framework
from lossbench.frameworks.tensorflow.words import IN_FLOAT32, OVER_LAST_AXIS, OVER_UNIT_AXIS, PLAIN, Word


def balance(alpha: float | None) -> dict[str, Any]:
    """Keras's arguments for `alpha`, which it applies only when told to."""
    return {} if alpha is None else {"apply_class_balancing": True, "alpha": alpha}


@framework.implements(via="keras.losses.BinaryFocalCrossentropy(from_logits=True, dtype=)", reductions=OVER_LAST_AXIS)
def binary_focal(
    logit: Tensor, target: Tensor, *, alpha: float | None = None, gamma: float = 2.0, reduction: Word
) -> Tensor:
    loss = losses.BinaryFocalCrossentropy(
        **balance(alpha), gamma=gamma, from_logits=True, reduction=reduction, dtype=logit.dtype.name
    )
    return loss(target, logit)


@framework.implements(
    "binary_focal",
    via="keras.losses.BinaryFocalCrossentropy(from_logits=True)",
    reductions=OVER_LAST_AXIS,
    dtypes=PLAIN,
    known=[IN_FLOAT32],
)
def binary_focal_in_float32(
    logit: Tensor, target: Tensor, *, alpha: float | None = None, gamma: float = 2.0, reduction: Word
) -> Tensor:
    loss = losses.BinaryFocalCrossentropy(**balance(alpha), gamma=gamma, from_logits=True, reduction=reduction)
    return loss(target, logit)


@framework.implements(
    "binary_focal",
    via="keras.losses.BinaryFocalCrossentropy(from_logits=True, dtype=) of x[..., None]",
    reductions=OVER_UNIT_AXIS,
)
def elementwise_binary_focal(
    logit: Tensor, target: Tensor, *, alpha: float | None = None, gamma: float = 2.0, reduction: Word
) -> Tensor:
    loss = losses.BinaryFocalCrossentropy(
        **balance(alpha), gamma=gamma, from_logits=True, reduction=reduction, dtype=logit.dtype.name
    )
    return loss(expand_dims(target, -1), expand_dims(logit, -1))


@framework.implements(via="keras.losses.BinaryFocalCrossentropy(dtype=)", reductions=OVER_LAST_AXIS)
def binary_focal_probability(
    prediction: Tensor, target: Tensor, *, alpha: float | None = None, gamma: float = 2.0, reduction: Word
) -> Tensor:
    loss = losses.BinaryFocalCrossentropy(
        **balance(alpha), gamma=gamma, reduction=reduction, dtype=prediction.dtype.name
    )
    return loss(target, prediction)


@framework.implements(
    "binary_focal_probability",
    via="keras.losses.BinaryFocalCrossentropy",
    reductions=OVER_LAST_AXIS,
    dtypes=PLAIN,
    known=[IN_FLOAT32],
)
def binary_focal_probability_in_float32(
    prediction: Tensor, target: Tensor, *, alpha: float | None = None, gamma: float = 2.0, reduction: Word
) -> Tensor:
    loss = losses.BinaryFocalCrossentropy(**balance(alpha), gamma=gamma, reduction=reduction)
    return loss(target, prediction)


@framework.implements(
    "binary_focal_probability",
    via="keras.losses.BinaryFocalCrossentropy(dtype=) of x[..., None]",
    reductions=OVER_UNIT_AXIS,
)
def elementwise_binary_focal_probability(
    prediction: Tensor, target: Tensor, *, alpha: float | None = None, gamma: float = 2.0, reduction: Word
) -> Tensor:
    loss = losses.BinaryFocalCrossentropy(
        **balance(alpha), gamma=gamma, reduction=reduction, dtype=prediction.dtype.name
    )
    return loss(expand_dims(target, -1), expand_dims(prediction, -1))
