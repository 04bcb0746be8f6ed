"""The classification losses of tf.compat.v1: labels first, weighted and reduced in float32."""

from __future__ import annotations

import tensorflow as tf

from lossbench.framework import Tensor
from lossbench.frameworks.tensorflow.engine import framework
from lossbench.frameworks.tensorflow.words import SLOPE_P_MINUS_Y, Word
from lossbench.records import Known, Symptom

losses = tf.compat.v1.losses

OVER_TERMS = {
    "none": "none",
    "sum": "weighted_sum",
    "mean": "weighted_sum_over_batch_size",
    "weighted_mean": "weighted_mean",
    "nonzero_mean": "weighted_sum_by_nonzero_weights",
}
REDUCED_IN_FLOAT32 = Known("weighs and reduces in float32", computes_in="float32", dtypes=("float64",))
IN_FLOAT32 = Known(
    "computes and answers in float32, whatever the input",
    computes_in="float32",
    notes=(Symptom.OTHER_DTYPE,),
    dtypes=("float64", "float16", "bfloat16"),
    contract=True,
)
ADDED_EPSILON = Known(
    "adds 1e-7 to the argument of each logarithm, so that no loss exceeds 16.12",
    definition="log_loss",
    sets=(("epsilon", 1e-7),),
    contract=True,
)
NO_GRADIENT = Known("stops the gradient to the target", no_gradient=("target",), contract=True)


@framework.implements(via="tf.compat.v1.losses.log_loss", reductions=OVER_TERMS, known=[IN_FLOAT32])
def log_loss(
    prediction: Tensor, target: Tensor, weight: Tensor | None = None, *, epsilon: float = 1e-7, reduction: Word
) -> Tensor:
    weights = 1.0 if weight is None else weight
    return losses.log_loss(target, prediction, weights, epsilon, reduction=reduction)


@framework.implements(
    "binary_cross_entropy",
    via="tf.compat.v1.losses.log_loss",
    reductions=OVER_TERMS,
    known=[IN_FLOAT32, ADDED_EPSILON],
)
def binary_cross_entropy(
    prediction: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: Word
) -> Tensor:
    weights = 1.0 if weight is None else weight
    return losses.log_loss(target, prediction, weights, reduction=reduction)


@framework.implements(
    via="tf.compat.v1.losses.sigmoid_cross_entropy", reductions=OVER_TERMS, known=[REDUCED_IN_FLOAT32]
)
def binary_cross_entropy_with_logits(
    logit: Tensor, target: Tensor, weight: Tensor | None = None, *, label_smoothing: float = 0.0, reduction: Word
) -> Tensor:
    weights = 1.0 if weight is None else weight
    return losses.sigmoid_cross_entropy(target, logit, weights, label_smoothing=label_smoothing, reduction=reduction)


@framework.implements(
    via="tf.compat.v1.losses.sparse_softmax_cross_entropy",
    reductions=OVER_TERMS,
    integers=("int64", "int32"),
    known=[REDUCED_IN_FLOAT32],
)
def cross_entropy(logits: Tensor, target: Tensor, sample_weight: Tensor | None = None, *, reduction: Word) -> Tensor:
    weights = 1.0 if sample_weight is None else sample_weight
    return losses.sparse_softmax_cross_entropy(target, logits, weights, reduction=reduction)


@framework.implements(
    "cross_entropy",
    via="tf.one_hot + tf.compat.v1.losses.softmax_cross_entropy",
    reductions=OVER_TERMS,
    integers=("int64", "int32", "int8", "uint8"),
    known=[REDUCED_IN_FLOAT32],
)
def one_hot_cross_entropy(
    logits: Tensor,
    target: Tensor,
    sample_weight: Tensor | None = None,
    *,
    label_smoothing: float = 0.0,
    reduction: Word,
) -> Tensor:
    onehot = tf.one_hot(target, logits.shape[-1], dtype=logits.dtype)
    weights = 1.0 if sample_weight is None else sample_weight
    return losses.softmax_cross_entropy(onehot, logits, weights, label_smoothing=label_smoothing, reduction=reduction)


@framework.implements(
    via="tf.compat.v1.losses.softmax_cross_entropy",
    reductions=OVER_TERMS,
    known=[NO_GRADIENT, REDUCED_IN_FLOAT32, SLOPE_P_MINUS_Y],
)
def soft_cross_entropy(
    logits: Tensor,
    target: Tensor,
    sample_weight: Tensor | None = None,
    *,
    label_smoothing: float = 0.0,
    reduction: Word,
) -> Tensor:
    weights = 1.0 if sample_weight is None else sample_weight
    return losses.softmax_cross_entropy(target, logits, weights, label_smoothing=label_smoothing, reduction=reduction)
