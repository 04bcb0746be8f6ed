"""Keras's hinges, of elements (averaged over the last axis) and of rows.

The classes take signs, or labels of 0 and 1 if the whole batch has no others.
"""

from __future__ import annotations

import tensorflow as tf
from keras import losses

from lossbench.framework import Tensor
from lossbench.frameworks.tensorflow.engine import framework
from lossbench.frameworks.tensorflow.words import (
    IN_FLOAT32,
    OVER_LAST_AXIS,
    OVER_WEIGHTED_TERMS,
    PLAIN,
    Word,
)
from lossbench.records import Known

NO_ROWS = Known("refuses an empty batch", regimes=("empty",), raises=True)


@framework.implements(via="keras.losses.Hinge(dtype=)", reductions=OVER_LAST_AXIS)
def hinge(score: Tensor, sign: Tensor, *, reduction: Word) -> Tensor:
    return losses.Hinge(reduction=reduction, dtype=score.dtype.name)(sign, score)


@framework.implements("hinge", via="keras.losses.Hinge(dtype=) of labels 0 and 1", reductions=OVER_LAST_AXIS)
def binary_hinge(score: Tensor, sign: Tensor, *, reduction: Word) -> Tensor:
    return losses.Hinge(reduction=reduction, dtype=score.dtype.name)(sign > 0, score)


@framework.implements("hinge", via="keras.losses.Hinge", reductions=OVER_LAST_AXIS, dtypes=PLAIN, known=[IN_FLOAT32])
def hinge_in_float32(score: Tensor, sign: Tensor, *, reduction: Word) -> Tensor:
    return losses.Hinge(reduction=reduction)(sign, score)


@framework.implements("hinge", via="keras.losses.Hinge(dtype=) of x[..., None]", reductions=OVER_WEIGHTED_TERMS)
def elementwise_hinge(score: Tensor, sign: Tensor, weight: Tensor = None, *, reduction: Word) -> Tensor:
    loss = losses.Hinge(reduction=reduction, dtype=score.dtype.name)
    return loss(tf.expand_dims(sign, -1), tf.expand_dims(score, -1), sample_weight=weight)


@framework.implements(via="keras.losses.SquaredHinge(dtype=)", reductions=OVER_LAST_AXIS)
def squared_hinge(score: Tensor, sign: Tensor, *, reduction: Word) -> Tensor:
    return losses.SquaredHinge(reduction=reduction, dtype=score.dtype.name)(sign, score)


@framework.implements(
    "squared_hinge", via="keras.losses.SquaredHinge(dtype=) of labels 0 and 1", reductions=OVER_LAST_AXIS
)
def binary_squared_hinge(score: Tensor, sign: Tensor, *, reduction: Word) -> Tensor:
    return losses.SquaredHinge(reduction=reduction, dtype=score.dtype.name)(sign > 0, score)


@framework.implements(
    "squared_hinge", via="keras.losses.SquaredHinge", reductions=OVER_LAST_AXIS, dtypes=PLAIN, known=[IN_FLOAT32]
)
def squared_hinge_in_float32(score: Tensor, sign: Tensor, *, reduction: Word) -> Tensor:
    return losses.SquaredHinge(reduction=reduction)(sign, score)


@framework.implements(
    "squared_hinge", via="keras.losses.SquaredHinge(dtype=) of x[..., None]", reductions=OVER_WEIGHTED_TERMS
)
def elementwise_squared_hinge(score: Tensor, sign: Tensor, weight: Tensor = None, *, reduction: Word) -> Tensor:
    loss = losses.SquaredHinge(reduction=reduction, dtype=score.dtype.name)
    return loss(tf.expand_dims(sign, -1), tf.expand_dims(score, -1), sample_weight=weight)


@framework.implements(via="keras.losses.CategoricalHinge(dtype=)", reductions=OVER_WEIGHTED_TERMS, known=[NO_ROWS])
def categorical_hinge(
    scores: Tensor, target: Tensor, sample_weight: Tensor | None = None, *, reduction: Word
) -> Tensor:
    return losses.CategoricalHinge(reduction=reduction, dtype=scores.dtype.name)(
        target, scores, sample_weight=sample_weight
    )


@framework.implements(
    "categorical_hinge",
    via="keras.losses.CategoricalHinge",
    reductions=OVER_WEIGHTED_TERMS,
    dtypes=PLAIN,
    known=[NO_ROWS, IN_FLOAT32],
)
def categorical_hinge_in_float32(
    scores: Tensor, target: Tensor, sample_weight: Tensor | None = None, *, reduction: Word
) -> Tensor:
    return losses.CategoricalHinge(reduction=reduction)(target, scores, sample_weight=sample_weight)
