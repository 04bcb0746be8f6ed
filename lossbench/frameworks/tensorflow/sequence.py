"""Further callables of connectionist temporal classification: Keras's operation, and those of TensorFlow 1."""

from __future__ import annotations

import keras
import tensorflow as tf

from lossbench.framework import Tensor
from lossbench.frameworks.tensorflow.engine import framework
from lossbench.frameworks.tensorflow.words import FLUSHED, REFUSES_EMPTY
from lossbench.records import Known, Symptom

NO_LABELS = Known("refuses a sample without labels, and labels that do not fit their frames", raises=True)
IN_FLOAT32 = Known("computes in float32", computes_in="float32", dtypes=("float64",))


@framework.implements(
    via="keras.ops.ctc_loss",
    reductions=("none",),
    known=[
        Known(
            "labels that do not fit their frames cost about 707 instead of infinity", definition="ctc_leaking_1e_307"
        ),
        IN_FLOAT32,
        REFUSES_EMPTY,
        Known("answers in float32", notes=(Symptom.OTHER_DTYPE,), dtypes=("float16", "bfloat16"), contract=True),
    ],
)
def ctc(logits: Tensor, labels: Tensor, input_lengths: Tensor, label_lengths: Tensor, *, blank: int = 0) -> Tensor:
    return keras.ops.ctc_loss(labels, logits, label_lengths, input_lengths, mask_index=blank)


def blank_last(scores: Tensor, labels: Tensor, blank: int) -> tuple[Tensor, Tensor]:
    """Scores and labels with the blank renamed to the last class, where TensorFlow 1 has it."""
    others = tf.concat([scores[..., :blank], scores[..., blank + 1 :]], axis=-1)
    renamed = tf.where(labels > blank, labels - 1, labels)
    return tf.concat([others, scores[..., blank : blank + 1]], axis=-1), tf.cast(renamed, tf.int32)


@framework.implements(
    "ctc",
    via="tf.compat.v1.nn.ctc_loss",
    reductions=("none",),
    known=[NO_LABELS, IN_FLOAT32, FLUSHED],
)
def ctc_of_tensorflow_1(
    logits: Tensor, labels: Tensor, input_lengths: Tensor, label_lengths: Tensor, *, blank: int = 0
) -> Tensor:
    scores, renamed = blank_last(logits, labels, blank)
    sparse = tf.RaggedTensor.from_tensor(renamed, lengths=label_lengths).to_sparse()
    return tf.compat.v1.nn.ctc_loss(sparse, scores, tf.cast(input_lengths, tf.int32), time_major=False)


@framework.implements(
    "ctc",
    via="tf.nn.softmax + tf.keras.backend.ctc_batch_cost",
    reductions=("none",),
    known=[
        NO_LABELS,
        IN_FLOAT32,
        Known(
            "adds 1e-7 to each probability",
            definition="ctc_of_probabilities_plus_epsilon",
            contract=True,
        ),
    ],
)
def ctc_batch_cost(
    logits: Tensor, labels: Tensor, input_lengths: Tensor, label_lengths: Tensor, *, blank: int = 0
) -> Tensor:
    scores, renamed = blank_last(logits, labels, blank)
    lengths = input_lengths[:, None], label_lengths[:, None]
    return tf.keras.backend.ctc_batch_cost(renamed, tf.nn.softmax(scores), *lengths)[:, 0]
