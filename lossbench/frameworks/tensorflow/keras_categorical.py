"""Keras's losses of class probabilities: cross entropies and the generalized one."""

from __future__ import annotations

from keras import losses

from lossbench.framework import Tensor
from lossbench.frameworks.tensorflow.engine import framework
from lossbench.frameworks.tensorflow.words import (
    EMPTY,
    IN_FLOAT32,
    OVER_WEIGHTED_TERMS,
    PLAIN,
    Word,
    as_held,
    as_held_by_float32,
)
from lossbench.records import INTEGERS, Known

CLIPPED = (
    "normalizes probabilities and clips them to 1e-7 and 1 - 1e-7",
    "categorical_cross_entropy_prob_clipped",
    ("low", "high", "overflow"),
)
CLIPPED_FIRST = (
    "clips probabilities to 1e-7 and 1 - 1e-7 and normalizes them then",
    "sparse_categorical_cross_entropy_prob_clipped",
    ("low", "high", "overflow"),
)
UNDEFINED_AT_ZERO = Known(
    "where the target's probability is 0 the gradient by the other classes is NaN",
    definition="generalized_cross_entropy_undefined_at_zero",
)


@framework.implements(
    via="keras.losses.CategoricalCrossentropy(dtype=)",
    reductions=OVER_WEIGHTED_TERMS,
    known=[EMPTY, *as_held(*CLIPPED, contract=True)],
)
def categorical_cross_entropy_prob(
    prediction: Tensor,
    target: Tensor,
    sample_weight: Tensor | None = None,
    *,
    label_smoothing: float = 0.0,
    reduction: Word,
) -> Tensor:
    loss = losses.CategoricalCrossentropy(
        label_smoothing=label_smoothing, reduction=reduction, dtype=prediction.dtype.name
    )
    return loss(target, prediction, sample_weight=sample_weight)


@framework.implements(
    "categorical_cross_entropy_prob",
    via="keras.losses.CategoricalCrossentropy",
    reductions=OVER_WEIGHTED_TERMS,
    dtypes=PLAIN,
    known=[EMPTY, *as_held_by_float32(*CLIPPED, contract=True)],
)
def categorical_cross_entropy_prob_in_float32(
    prediction: Tensor,
    target: Tensor,
    sample_weight: Tensor | None = None,
    *,
    label_smoothing: float = 0.0,
    reduction: Word,
) -> Tensor:
    return losses.CategoricalCrossentropy(label_smoothing=label_smoothing, reduction=reduction)(
        target, prediction, sample_weight=sample_weight
    )


@framework.implements(
    via="keras.losses.SparseCategoricalCrossentropy(dtype=)",
    reductions=OVER_WEIGHTED_TERMS,
    integers=INTEGERS,
    known=[EMPTY, *as_held(*CLIPPED_FIRST, contract=True)],
)
def sparse_categorical_cross_entropy_prob(
    prediction: Tensor,
    target: Tensor,
    sample_weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: Word,
) -> Tensor:
    ignore_class = None if ignore_index == -100 else ignore_index
    loss = losses.SparseCategoricalCrossentropy(
        ignore_class=ignore_class, reduction=reduction, dtype=prediction.dtype.name
    )
    return loss(target, prediction, sample_weight=sample_weight)


@framework.implements(
    "sparse_categorical_cross_entropy_prob",
    via="keras.losses.SparseCategoricalCrossentropy",
    reductions=OVER_WEIGHTED_TERMS,
    dtypes=PLAIN,
    integers=INTEGERS,
    known=[EMPTY, *as_held_by_float32(*CLIPPED_FIRST, contract=True)],
)
def sparse_categorical_cross_entropy_prob_in_float32(
    prediction: Tensor,
    target: Tensor,
    sample_weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: Word,
) -> Tensor:
    ignore_class = None if ignore_index == -100 else ignore_index
    return losses.SparseCategoricalCrossentropy(ignore_class=ignore_class, reduction=reduction)(
        target, prediction, sample_weight=sample_weight
    )


@framework.implements(
    via="keras.losses.CategoricalGeneralizedCrossEntropy(dtype=)",
    reductions=OVER_WEIGHTED_TERMS,
    integers=INTEGERS,
    known=[EMPTY, UNDEFINED_AT_ZERO],
)
def generalized_cross_entropy(
    prediction: Tensor, target: Tensor, sample_weight: Tensor | None = None, *, exponent: float = 0.5, reduction: Word
) -> Tensor:
    loss = losses.CategoricalGeneralizedCrossEntropy(q=exponent, reduction=reduction, dtype=prediction.dtype.name)
    return loss(target, prediction, sample_weight=sample_weight)


@framework.implements(
    "generalized_cross_entropy",
    via="keras.losses.CategoricalGeneralizedCrossEntropy",
    reductions=OVER_WEIGHTED_TERMS,
    dtypes=PLAIN,
    integers=INTEGERS,
    known=[EMPTY, IN_FLOAT32, UNDEFINED_AT_ZERO],
)
def generalized_cross_entropy_in_float32(
    prediction: Tensor, target: Tensor, sample_weight: Tensor | None = None, *, exponent: float = 0.5, reduction: Word
) -> Tensor:
    return losses.CategoricalGeneralizedCrossEntropy(q=exponent, reduction=reduction)(
        target, prediction, sample_weight=sample_weight
    )
