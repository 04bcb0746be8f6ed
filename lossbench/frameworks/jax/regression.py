"""optax's losses of a prediction against a real target: unreduced, prediction first."""

from __future__ import annotations

import optax

from lossbench.framework import Tensor
from lossbench.frameworks.jax.engine import framework
from lossbench.records import Known

NONE = ("none",)


@framework.implements(via="optax.losses.squared_error", reductions=NONE)
def squared_error(prediction: Tensor, target: Tensor) -> Tensor:
    return optax.losses.squared_error(prediction, target)


@framework.implements(via="optax.losses.l2_loss", reductions=NONE)
def half_squared_error(prediction: Tensor, target: Tensor) -> Tensor:
    return optax.losses.l2_loss(prediction, target)


@framework.implements(
    via="optax.losses.huber_loss",
    reductions=NONE,
    known=[
        Known(
            "takes the gradient within delta as delta + (|d| - delta): what is below half an eps of delta is lost",
            definition="huber_slope_by_subtraction",
        )
    ],
)
def huber(prediction: Tensor, target: Tensor, *, delta: float = 1.0) -> Tensor:
    return optax.losses.huber_loss(prediction, target, delta=delta)


@framework.implements(via="optax.losses.log_cosh", reductions=NONE)
def log_cosh(prediction: Tensor, target: Tensor) -> Tensor:
    return optax.losses.log_cosh(prediction, target)
