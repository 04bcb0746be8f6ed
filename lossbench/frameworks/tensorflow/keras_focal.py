"""Keras's focal binary cross entropy, of logits and of probabilities."""

from __future__ import annotations

from keras import losses
from tensorflow import expand_dims

from lossbench.framework import Tensor
from lossbench.frameworks.tensorflow.engine import framework
from lossbench.frameworks.tensorflow.words import OVER_LAST_AXIS, OVER_TERMS, PLAIN, Word, as_held, as_held_by_float32

SUBTRACTED = ("forms 1 - p_t by subtraction", "binary_focal_by_subtraction", ("lost",))
CLIPPED = (
    "clips probabilities to 1e-7 and 1 - 1e-7 under the logarithm, and forms 1 - p_t by subtraction",
    "binary_focal_probability_clipped",
    ("low", "high", "lost", "overflow"),
)


@framework.implements(
    via="keras.losses.BinaryFocalCrossentropy(from_logits=True, dtype=)",
    reductions=OVER_LAST_AXIS,
    known=as_held(*SUBTRACTED),
)
def binary_focal(
    logit: Tensor,
    target: Tensor,
    *,
    alpha: float | None = None,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
    reduction: Word,
) -> Tensor:
    loss = losses.BinaryFocalCrossentropy(
        apply_class_balancing=alpha is not None,
        alpha=0.25 if alpha is None else alpha,
        gamma=gamma,
        label_smoothing=label_smoothing,
        from_logits=True,
        reduction=reduction,
        dtype=logit.dtype.name,
    )
    return loss(target, logit)


@framework.implements(
    "binary_focal",
    via="keras.losses.BinaryFocalCrossentropy(from_logits=True)",
    reductions=OVER_LAST_AXIS,
    dtypes=PLAIN,
    known=as_held_by_float32(*SUBTRACTED),
)
def binary_focal_in_float32(
    logit: Tensor,
    target: Tensor,
    *,
    alpha: float | None = None,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
    reduction: Word,
) -> Tensor:
    loss = losses.BinaryFocalCrossentropy(
        apply_class_balancing=alpha is not None,
        alpha=0.25 if alpha is None else alpha,
        gamma=gamma,
        label_smoothing=label_smoothing,
        from_logits=True,
        reduction=reduction,
    )
    return loss(target, logit)


@framework.implements(
    "binary_focal",
    via="keras.losses.BinaryFocalCrossentropy(from_logits=True, dtype=) of x[..., None]",
    reductions=OVER_TERMS,
    known=as_held(*SUBTRACTED),
)
def elementwise_binary_focal(
    logit: Tensor,
    target: Tensor,
    *,
    alpha: float | None = None,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
    reduction: Word,
) -> Tensor:
    loss = losses.BinaryFocalCrossentropy(
        apply_class_balancing=alpha is not None,
        alpha=0.25 if alpha is None else alpha,
        gamma=gamma,
        label_smoothing=label_smoothing,
        from_logits=True,
        reduction=reduction,
        dtype=logit.dtype.name,
    )
    return loss(expand_dims(target, -1), expand_dims(logit, -1))


@framework.implements(
    via="keras.losses.BinaryFocalCrossentropy(dtype=)",
    reductions=OVER_LAST_AXIS,
    known=as_held(*CLIPPED, contract=True),
)
def binary_focal_probability(
    prediction: Tensor,
    target: Tensor,
    *,
    alpha: float | None = None,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
    reduction: Word,
) -> Tensor:
    loss = losses.BinaryFocalCrossentropy(
        apply_class_balancing=alpha is not None,
        alpha=0.25 if alpha is None else alpha,
        gamma=gamma,
        label_smoothing=label_smoothing,
        reduction=reduction,
        dtype=prediction.dtype.name,
    )
    return loss(target, prediction)


@framework.implements(
    "binary_focal_probability",
    via="keras.losses.BinaryFocalCrossentropy",
    reductions=OVER_LAST_AXIS,
    dtypes=PLAIN,
    known=as_held_by_float32(*CLIPPED, contract=True),
)
def binary_focal_probability_in_float32(
    prediction: Tensor,
    target: Tensor,
    *,
    alpha: float | None = None,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
    reduction: Word,
) -> Tensor:
    loss = losses.BinaryFocalCrossentropy(
        apply_class_balancing=alpha is not None,
        alpha=0.25 if alpha is None else alpha,
        gamma=gamma,
        label_smoothing=label_smoothing,
        reduction=reduction,
    )
    return loss(target, prediction)


@framework.implements(
    "binary_focal_probability",
    via="keras.losses.BinaryFocalCrossentropy(dtype=) of x[..., None]",
    reductions=OVER_TERMS,
    known=as_held(*CLIPPED, contract=True),
)
def elementwise_binary_focal_probability(
    prediction: Tensor,
    target: Tensor,
    *,
    alpha: float | None = None,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
    reduction: Word,
) -> Tensor:
    loss = losses.BinaryFocalCrossentropy(
        apply_class_balancing=alpha is not None,
        alpha=0.25 if alpha is None else alpha,
        gamma=gamma,
        label_smoothing=label_smoothing,
        reduction=reduction,
        dtype=prediction.dtype.name,
    )
    return loss(expand_dims(target, -1), expand_dims(prediction, -1))
