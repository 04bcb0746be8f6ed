"""Keras's focal cross entropy of several classes, of logits and of probabilities; both are clipped alike."""

from __future__ import annotations

from keras import losses

from lossbench.framework import Tensor
from lossbench.frameworks.tensorflow.engine import framework
from lossbench.frameworks.tensorflow.words import (
    EMPTY,
    OVER_TERMS,
    OVER_WEIGHTED_TERMS,
    PLAIN,
    Word,
    as_held,
    as_held_by_float32,
)

NAMES = ("low", "high", "lost", "overflow")
REASON = "clips probabilities to 1e-7 and 1 - 1e-7, and forms 1 - p by subtraction"
CLIPPED = (REASON, "categorical_focal_probability_clipped", NAMES)
CLIPPED_SOFTMAX = (f"{REASON}, even from logits", "categorical_focal_clipped", NAMES)


@framework.implements(
    via="keras.losses.CategoricalFocalCrossentropy(from_logits=True, dtype=)",
    reductions=OVER_WEIGHTED_TERMS,
    known=[EMPTY, *as_held(*CLIPPED_SOFTMAX, contract=True)],
)
def categorical_focal(
    logits: Tensor,
    target: Tensor,
    sample_weight: Tensor | None = None,
    *,
    alpha: float = 1.0,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
    reduction: Word,
) -> Tensor:
    loss = losses.CategoricalFocalCrossentropy(
        alpha=alpha,
        gamma=gamma,
        from_logits=True,
        label_smoothing=label_smoothing,
        reduction=reduction,
        dtype=logits.dtype.name,
    )
    return loss(target, logits, sample_weight=sample_weight)


@framework.implements(
    "categorical_focal",
    via="keras.losses.CategoricalFocalCrossentropy(from_logits=True)",
    reductions=OVER_WEIGHTED_TERMS,
    dtypes=PLAIN,
    known=[EMPTY, *as_held_by_float32(*CLIPPED_SOFTMAX, contract=True)],
)
def categorical_focal_in_float32(
    logits: Tensor,
    target: Tensor,
    sample_weight: Tensor | None = None,
    *,
    alpha: float = 1.0,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
    reduction: Word,
) -> Tensor:
    loss = losses.CategoricalFocalCrossentropy(
        alpha=alpha, gamma=gamma, from_logits=True, label_smoothing=label_smoothing, reduction=reduction
    )
    return loss(target, logits, sample_weight=sample_weight)


@framework.implements(
    "categorical_focal",
    via="keras.losses.CategoricalFocalCrossentropy(alpha=[...], from_logits=True, dtype=)",
    reductions=OVER_TERMS,
    known=[EMPTY, *as_held(*CLIPPED_SOFTMAX, contract=True)],
)
def categorical_focal_by_class(
    logits: Tensor,
    target: Tensor,
    weight: Tensor,
    *,
    reduction: Word,
) -> Tensor:
    loss = losses.CategoricalFocalCrossentropy(
        alpha=weight,
        from_logits=True,
        reduction=reduction,
        dtype=logits.dtype.name,
    )
    return loss(target, logits)


@framework.implements(
    via="keras.losses.CategoricalFocalCrossentropy(dtype=)",
    reductions=OVER_WEIGHTED_TERMS,
    known=[EMPTY, *as_held(*CLIPPED, contract=True)],
)
def categorical_focal_probability(
    prediction: Tensor,
    target: Tensor,
    sample_weight: Tensor | None = None,
    *,
    alpha: float = 1.0,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
    reduction: Word,
) -> Tensor:
    loss = losses.CategoricalFocalCrossentropy(
        alpha=alpha,
        gamma=gamma,
        label_smoothing=label_smoothing,
        reduction=reduction,
        dtype=prediction.dtype.name,
    )
    return loss(target, prediction, sample_weight=sample_weight)


@framework.implements(
    "categorical_focal_probability",
    via="keras.losses.CategoricalFocalCrossentropy",
    reductions=OVER_WEIGHTED_TERMS,
    dtypes=PLAIN,
    known=[EMPTY, *as_held_by_float32(*CLIPPED, contract=True)],
)
def categorical_focal_probability_in_float32(
    prediction: Tensor,
    target: Tensor,
    sample_weight: Tensor | None = None,
    *,
    alpha: float = 1.0,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
    reduction: Word,
) -> Tensor:
    loss = losses.CategoricalFocalCrossentropy(
        alpha=alpha, gamma=gamma, label_smoothing=label_smoothing, reduction=reduction
    )
    return loss(target, prediction, sample_weight=sample_weight)


@framework.implements(
    "categorical_focal_probability",
    via="keras.losses.CategoricalFocalCrossentropy(alpha=[...], dtype=)",
    reductions=OVER_TERMS,
    known=[EMPTY, *as_held(*CLIPPED, contract=True)],
)
def categorical_focal_probability_by_class(
    prediction: Tensor,
    target: Tensor,
    weight: Tensor,
    *,
    reduction: Word,
) -> Tensor:
    loss = losses.CategoricalFocalCrossentropy(
        alpha=weight,
        reduction=reduction,
        dtype=prediction.dtype.name,
    )
    return loss(target, prediction)
