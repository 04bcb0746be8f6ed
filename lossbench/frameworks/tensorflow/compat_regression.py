"""tf.compat.v1.losses of a residual: labels first, weighted, computed in float32 whatever the input."""

from __future__ import annotations

import tensorflow as tf

from lossbench.framework import Tensor
from lossbench.frameworks.tensorflow.engine import framework
from lossbench.records import Known, Symptom

REDUCTIONS = {
    "none": "none",
    "sum": "weighted_sum",
    "mean": "weighted_sum_over_batch_size",
    "weighted_mean": "weighted_mean",
    "nonzero_mean": "weighted_sum_by_nonzero_weights",
}
ALWAYS_FLOAT32 = Known(
    "computes and answers in float32, whatever its input",
    computes_in="float32",
    notes=(Symptom.OTHER_DTYPE,),
    dtypes=("float64", "float16", "bfloat16"),
    contract=True,
)
BY_BATCH_COUNT = Known(
    "executed eagerly without weights for each sample, takes each sample to have as many elements as the batch",
    definition="mean_pairwise_squared_error_by_batch_count",
)


@framework.implements(via="tf.compat.v1.losses.absolute_difference", reductions=REDUCTIONS, known=[ALWAYS_FLOAT32])
def absolute_error(prediction: Tensor, target: Tensor, weight: Tensor = None, *, reduction: str) -> Tensor:
    return tf.compat.v1.losses.absolute_difference(
        target, prediction, weights=1.0 if weight is None else weight, reduction=reduction
    )


@framework.implements(via="tf.compat.v1.losses.mean_squared_error", reductions=REDUCTIONS, known=[ALWAYS_FLOAT32])
def squared_error(prediction: Tensor, target: Tensor, weight: Tensor = None, *, reduction: str) -> Tensor:
    return tf.compat.v1.losses.mean_squared_error(
        target, prediction, weights=1.0 if weight is None else weight, reduction=reduction
    )


@framework.implements(
    via="tf.compat.v1.losses.huber_loss",
    reductions=REDUCTIONS,
    known=[
        ALWAYS_FLOAT32,
        Known(
            "takes the gradient within delta as delta + (|d| - delta): what is below half an eps of delta is lost",
            definition="huber_slope_by_subtraction",
        ),
    ],
)
def huber(prediction: Tensor, target: Tensor, weight: Tensor = None, *, delta: float = 1.0, reduction: str) -> Tensor:
    return tf.compat.v1.losses.huber_loss(
        target, prediction, weights=1.0 if weight is None else weight, delta=delta, reduction=reduction
    )


@framework.implements(
    via="tf.compat.v1.losses.mean_pairwise_squared_error",
    reductions=("sum",),
    known=[ALWAYS_FLOAT32, BY_BATCH_COUNT],
)
def mean_pairwise_squared_error(prediction: Tensor, target: Tensor, *, reduction: str) -> Tensor:
    return tf.compat.v1.losses.mean_pairwise_squared_error(target, prediction)


@framework.implements(
    "mean_pairwise_squared_error",
    via="tf.compat.v1.losses.mean_pairwise_squared_error(weights=)",
    reductions=("sum",),
    known=[ALWAYS_FLOAT32],
)
def weighted_mean_pairwise_squared_error(
    prediction: Tensor, target: Tensor, weight: Tensor, *, reduction: str
) -> Tensor:
    weights = tf.reshape(weight, (-1, *[1] * (prediction.ndim - 1)))
    return tf.compat.v1.losses.mean_pairwise_squared_error(target, prediction, weights=weights)


@framework.implements(
    "mean_pairwise_squared_error",
    via="tf.function + tf.compat.v1.losses.mean_pairwise_squared_error",
    reductions=("sum",),
    known=[ALWAYS_FLOAT32],
)
def mean_pairwise_squared_error_in_a_graph(prediction: Tensor, target: Tensor, *, reduction: str) -> Tensor:
    return GRAPH(target, prediction)


GRAPH = tf.function(tf.compat.v1.losses.mean_pairwise_squared_error, reduce_retracing=True)
