"""A mean squared error that refuses what it should not answer, also where it is compiled."""

from __future__ import annotations

import jax
from jax import numpy as jnp

from lossbench.framework import Tensor
from lossbench.frameworks.jax.engine import framework
from lossbench.records import Known

HERE = "lossbench.frameworks.jax.recipes_regression"


def refuse_unless(finite: bool) -> None:
    """Raise on the host, as compiled code cannot."""
    if not finite:
        raise ValueError("prediction and target must be finite, but hold NaN or infinity")


@framework.implements(
    via=f"{HERE}.checked_mse",
    recipe=True,
    reductions=("mean",),
    known=[Known("refuses an empty batch, whose mean is 0/0", raises=True, regimes=("empty",), contract=True)],
)
def checked_mse(prediction: Tensor, target: Tensor) -> Tensor:
    if prediction.shape != target.shape or prediction.size == 0:
        raise ValueError(f"prediction and target must be alike and not empty: {prediction.shape}, {target.shape}")
    jax.debug.callback(refuse_unless, jnp.isfinite(prediction).all() & jnp.isfinite(target).all())
    # subtracted in float64 too: of float32 numbers, the difference is then exact or nearly so
    residual = prediction.astype(jnp.float64) - target.astype(jnp.float64)
    # divided first: the sum of the squares need not be in range, if their mean is
    return jnp.sum(residual * residual / prediction.size).astype(prediction.dtype)
