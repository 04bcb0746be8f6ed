"""optax's losses of a prediction against a real target: unreduced, prediction first."""

from __future__ import annotations

import optax

from lossbench.framework import Tensor
from lossbench.frameworks.jax.engine import framework

NONE = ("none",)


@framework.implements(via="optax.losses.squared_error", reductions=NONE)
def squared_error(prediction: Tensor, target: Tensor) -> Tensor:
    return optax.losses.squared_error(prediction, target)


@framework.implements(via="optax.losses.huber_loss", reductions=NONE)
def huber(prediction: Tensor, target: Tensor, *, delta: float = 1.0) -> Tensor:
    return optax.losses.huber_loss(prediction, target, delta=delta)
