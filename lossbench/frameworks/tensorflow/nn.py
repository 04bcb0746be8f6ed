"""The functions of tf.nn: unreduced, labels first."""

from __future__ import annotations

import tensorflow as tf

from lossbench.framework import Tensor
from lossbench.frameworks.tensorflow.engine import framework
from lossbench.frameworks.tensorflow.words import FLUSHED, REFUSES_EMPTY, SLOPE_P_MINUS_Y
from lossbench.records import Known


@framework.implements(
    "binary_cross_entropy_with_logits", via="tf.nn.sigmoid_cross_entropy_with_logits", reductions=("none",)
)
def sigmoid_cross_entropy_with_logits(logit: Tensor, target: Tensor) -> Tensor:
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=target, logits=logit)


@framework.implements(
    "binary_cross_entropy_with_logits",
    via="tf.nn.weighted_cross_entropy_with_logits",
    reductions=("none",),
    known=[
        Known(
            "the slope by a logit of exactly 0 is one minus the target, whatever the weight",
            definition="binary_cross_entropy_with_logits_straight_at_zero",
        )
    ],
)
def weighted_cross_entropy_with_logits(logit: Tensor, target: Tensor, pos_weight: Tensor) -> Tensor:
    return tf.nn.weighted_cross_entropy_with_logits(labels=target, logits=logit, pos_weight=pos_weight)


@framework.implements(
    "cross_entropy",
    via="tf.nn.sparse_softmax_cross_entropy_with_logits",
    reductions=("none",),
    integers=("int64", "int32"),
)
def sparse_softmax_cross_entropy_with_logits(logits: Tensor, target: Tensor) -> Tensor:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=target, logits=logits)


@framework.implements(
    "soft_cross_entropy", via="tf.nn.softmax_cross_entropy_with_logits", reductions=("none",), known=[SLOPE_P_MINUS_Y]
)
def softmax_cross_entropy_with_logits(logits: Tensor, target: Tensor) -> Tensor:
    return tf.nn.softmax_cross_entropy_with_logits(labels=target, logits=logits)


@framework.implements(
    "soft_cross_entropy",
    via="tf.nn.softmax_cross_entropy_with_logits(axis=ndim - 2)",
    reductions=("none",),
    known=[SLOPE_P_MINUS_Y],
)
def softmax_cross_entropy_of_classes_before_the_last_axis(logits: Tensor, target: Tensor) -> Tensor:
    # of the axes counted from the end it takes the last alone, and refuses -2
    return tf.nn.softmax_cross_entropy_with_logits(
        labels=tf.experimental.numpy.moveaxis(target, -1, -2),
        logits=tf.experimental.numpy.moveaxis(logits, -1, -2),
        axis=logits.ndim - 2,
    )


@framework.implements(
    "ctc",
    via="tf.nn.ctc_loss(dense labels)",
    reductions=("none",),
    known=[
        Known(
            "labels that do not fit their frames cost about 707 instead of infinity", definition="ctc_leaking_1e_307"
        ),
        REFUSES_EMPTY,
    ],
    dtypes=("float32", "float16", "bfloat16"),
)
def dense_ctc(
    logits: Tensor, labels: Tensor, input_lengths: Tensor, label_lengths: Tensor, *, blank: int = 0
) -> Tensor:
    return tf.nn.ctc_loss(labels, logits, label_lengths, input_lengths, logits_time_major=False, blank_index=blank)


@framework.implements(
    "ctc",
    via="tf.nn.ctc_loss(sparse labels)",
    reductions=("none",),
    known=[
        Known("refuses a sample without labels, and labels that do not fit their frames", raises=True),
        FLUSHED,
        Known("computes in float32", computes_in="float32", dtypes=("float64",)),
    ],
)
def sparse_ctc(
    logits: Tensor, labels: Tensor, input_lengths: Tensor, label_lengths: Tensor, *, blank: int = 0
) -> Tensor:
    sparse = tf.RaggedTensor.from_tensor(tf.cast(labels, tf.int32), lengths=label_lengths).to_sparse()
    return tf.nn.ctc_loss(
        sparse, logits, None, tf.cast(input_lengths, tf.int32), logits_time_major=False, blank_index=blank
    )
