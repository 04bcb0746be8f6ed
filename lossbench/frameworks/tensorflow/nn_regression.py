"""The functions of tf.nn for a real target and for a count."""

from __future__ import annotations

import tensorflow as tf

from lossbench.framework import Tensor
from lossbench.frameworks.tensorflow.engine import framework
from lossbench.records import Known


@framework.implements(via="tf.subtract + tf.nn.l2_loss", reductions=("sum",))
def half_squared_error(prediction: Tensor, target: Tensor, *, reduction: str) -> Tensor:
    return tf.nn.l2_loss(tf.subtract(prediction, target))


@framework.implements(
    via="tf.nn.log_poisson_loss",
    reductions=("none",),
    known=[
        Known(
            "with compute_full_loss=True, the gradient by a count of exactly 0 is NaN",
            definition="poisson_nll_undefined_at_zero",
            options=("full",),
        )
    ],
)
def poisson_nll(log_rate: Tensor, target: Tensor, *, full: bool = False) -> Tensor:
    return tf.nn.log_poisson_loss(target, log_rate, compute_full_loss=full)
