"""Losses of masks that Paddle does not have, written from its primitives; they can be copied as they stand."""

from __future__ import annotations

from paddle import Tensor

from lossbench.frameworks.paddle.engine import DTYPES, framework
from lossbench.frameworks.paddle.recipes import reduced, samples

HERE = "lossbench.frameworks.paddle.recipes_masks"


@framework.implements(via=f"{HERE}.tversky", recipe=True, dtypes=DTYPES)
def tversky(
    prediction: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.5,
    beta: float = 0.5,
    smooth: float = 1.0,
    epsilon: float = 0.0,
    reduction: str,
) -> Tensor:
    overlap = samples(prediction * target).sum(axis=1)
    # what does not overlap as a sum, where one minus the ratio would lose its digits as the masks come to agree
    excess = samples(prediction * (1 - target)).sum(axis=1)
    missed = samples((1 - prediction) * target).sum(axis=1)
    lacking = alpha * excess + beta * missed + epsilon
    return reduced(lacking / (overlap + lacking + smooth), reduction)
