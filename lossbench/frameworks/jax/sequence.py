"""optax's losses of a sequence of scores against a shorter sequence of labels."""

from __future__ import annotations

import optax
from jax import numpy as jnp

from lossbench.framework import Tensor
from lossbench.frameworks.jax.engine import framework
from lossbench.records import Known, Symptom

NONE = ("none",)
EPSILON = Known(
    "takes the logarithm of 0 to be -100000: labels that do not fit cost that much",
    definition="ctc_with_log_epsilon",
    contract=True,
)
EPSILON_OF_1E9 = Known(
    "takes the logarithm of 0 to be -1000000000: labels that do not fit cost that much",
    definition="ctc_with_log_epsilon",
    sets=(("log_epsilon", -1e9),),
    contract=True,
)
IN_FLOAT64 = Known(
    "answers in float64 where that is enabled",
    notes=(Symptom.OTHER_DTYPE,),
    dtypes=("float32", "float16", "bfloat16"),
    contract=True,
)


def paddings(lengths: Tensor, longest: int) -> Tensor:
    """Lengths as optax takes them: for each sample zeros, and ones past its end."""
    return (jnp.arange(longest) >= lengths[:, None]).astype(jnp.float32)


@framework.implements(via="optax.losses.ctc_loss", reductions=NONE, known=[EPSILON, IN_FLOAT64])
def ctc(logits: Tensor, labels: Tensor, input_lengths: Tensor, label_lengths: Tensor, *, blank: int = 0) -> Tensor:
    frames, places = paddings(input_lengths, logits.shape[1]), paddings(label_lengths, labels.shape[1])
    return optax.losses.ctc_loss(logits, frames, labels, places, blank_id=blank)


@framework.implements(
    "ctc", via="optax.losses.ctc_loss_with_forward_probs", reductions=NONE, known=[EPSILON, IN_FLOAT64]
)
def ctc_with_forward_probs(
    logits: Tensor, labels: Tensor, input_lengths: Tensor, label_lengths: Tensor, *, blank: int = 0
) -> Tensor:
    frames, places = paddings(input_lengths, logits.shape[1]), paddings(label_lengths, labels.shape[1])
    return optax.losses.ctc_loss_with_forward_probs(logits, frames, labels, places, blank_id=blank)[0]


@framework.implements(
    "ctc", via="optax.losses.ctc_loss(log_epsilon=-1e9)", reductions=NONE, known=[EPSILON_OF_1E9, IN_FLOAT64]
)
def ctc_of_another_log_epsilon(logits: Tensor, labels: Tensor, input_lengths: Tensor, label_lengths: Tensor) -> Tensor:
    frames, places = paddings(input_lengths, logits.shape[1]), paddings(label_lengths, labels.shape[1])
    return optax.losses.ctc_loss(logits, frames, labels, places, log_epsilon=-1e9)
