"""The hinge of tf.compat.v1.losses: labels of 0 and 1 first, computed in float32."""

from __future__ import annotations

import tensorflow as tf

from lossbench.framework import Tensor
from lossbench.frameworks.tensorflow.engine import framework
from lossbench.frameworks.tensorflow.words import IN_FLOAT32

WORDS = tf.compat.v1.losses.Reduction
REDUCTIONS = {
    "none": WORDS.NONE,
    "sum": WORDS.SUM,
    "mean": WORDS.SUM_OVER_BATCH_SIZE,
    "weighted_mean": WORDS.MEAN,
    "nonzero_mean": WORDS.SUM_BY_NONZERO_WEIGHTS,
}


@framework.implements(via="tf.compat.v1.losses.hinge_loss", reductions=REDUCTIONS, known=[IN_FLOAT32])
def hinge(score: Tensor, sign: Tensor, weight: Tensor = 1.0, *, reduction: str) -> Tensor:
    return tf.compat.v1.losses.hinge_loss(sign > 0, score, weights=weight, reduction=reduction)
