"""The sampled losses of tf.nn, with the sample drawn beforehand: unreduced."""

from __future__ import annotations

import tensorflow as tf

from lossbench.framework import Tensor
from lossbench.frameworks.tensorflow.engine import framework
from lossbench.records import Known

HIT = "the value of a row is NaN where one of its classes is removed from the sampled ones"
NARROW = ("float16", "bfloat16")


@framework.implements(
    via="tf.nn.nce_loss", reductions=("none",), known=[Known(HIT, definition="nce_nan_at_hits", dtypes=NARROW)]
)
def nce(
    features: Tensor,
    weights: Tensor,
    biases: Tensor,
    true: Tensor,
    sampled: Tensor,
    true_counts: Tensor,
    sampled_counts: Tensor,
    *,
    remove_accidental_hits: bool = False,
) -> Tensor:
    return tf.nn.nce_loss(
        weights,
        biases,
        true,
        features,
        num_sampled=sampled.shape[0],
        num_classes=weights.shape[0],
        num_true=true.shape[1],
        sampled_values=(sampled, true_counts, sampled_counts),
        remove_accidental_hits=remove_accidental_hits,
    )


@framework.implements(
    via="tf.nn.sampled_softmax_loss",
    reductions=("none",),
    known=[Known(HIT, definition="sampled_softmax_nan_at_hits", dtypes=NARROW)],
)
def sampled_softmax(
    features: Tensor,
    weights: Tensor,
    biases: Tensor,
    true: Tensor,
    sampled: Tensor,
    true_counts: Tensor,
    sampled_counts: Tensor,
    *,
    remove_accidental_hits: bool = True,
) -> Tensor:
    return tf.nn.sampled_softmax_loss(
        weights,
        biases,
        true,
        features,
        num_sampled=sampled.shape[0],
        num_classes=weights.shape[0],
        num_true=true.shape[1],
        sampled_values=(sampled, true_counts, sampled_counts),
        remove_accidental_hits=remove_accidental_hits,
    )
