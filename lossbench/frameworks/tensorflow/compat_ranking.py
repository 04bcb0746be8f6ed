"""The cosine distance of tf.compat.v1, as it is and of normalized vectors."""

from __future__ import annotations

import tensorflow as tf

from lossbench.framework import Tensor
from lossbench.frameworks.tensorflow.engine import framework
from lossbench.records import Known, Symptom

OVER_WEIGHTED = {
    "none": "none",
    "sum": "weighted_sum",
    "mean": "weighted_sum_over_batch_size",
    "weighted_mean": "weighted_mean",
    "nonzero_mean": "weighted_sum_by_nonzero_weights",
}
ALWAYS_FLOAT32 = Known(
    "computes and answers in float32, whatever the input",
    computes_in="float32",
    notes=(Symptom.OTHER_DTYPE,),
    dtypes=("float64", "float16", "bfloat16"),
    contract=True,
)


def distance(first: Tensor, second: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """The call, with a last axis of length 1 for the weights, which the unreduced answer keeps."""
    loss = tf.compat.v1.losses.cosine_distance(
        second, first, axis=-1, weights=1.0 if weight is None else weight[..., None], reduction=reduction
    )
    return loss[..., 0] if reduction == "none" else loss


@framework.implements(
    via="tf.compat.v1.losses.cosine_distance",
    reductions=OVER_WEIGHTED,
    known=[
        ALWAYS_FLOAT32,
        Known(
            "takes the vectors to have length 1 and does not normalize them",
            definition="cosine_distance_unnormalized",
            contract=True,
        ),
    ],
)
def cosine_distance(first: Tensor, second: Tensor, weight: Tensor | None = None, *, reduction: str) -> Tensor:
    return distance(first, second, weight, reduction)


@framework.implements(
    "cosine_distance",
    via="tf.math.l2_normalize + tf.compat.v1.losses.cosine_distance",
    reductions=OVER_WEIGHTED,
    known=[
        ALWAYS_FLOAT32,
        Known(
            "takes squared lengths below 1e-12 for 1e-12",
            definition="cosine_distance",
            sets=(("epsilon", 1e-6),),
            contract=True,
        ),
    ],
)
def normalized_cosine_distance(
    first: Tensor, second: Tensor, weight: Tensor | None = None, *, reduction: str
) -> Tensor:
    return distance(tf.math.l2_normalize(first, -1), tf.math.l2_normalize(second, -1), weight, reduction)
