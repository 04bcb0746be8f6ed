"""Losses of classes that Paddle does not have, written from its primitives; they can be copied as they stand."""

from __future__ import annotations

import paddle
from paddle import Tensor

from lossbench.frameworks.paddle.engine import DTYPES, framework
from lossbench.frameworks.paddle.recipes import reduced

HERE = "lossbench.frameworks.paddle.recipes_classification"


@framework.implements(via=f"{HERE}.categorical_focal", recipe=True, dtypes=DTYPES)
def categorical_focal(
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    alpha: float = 1.0,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
    reduction: str,
) -> Tensor:
    labels = (1 - label_smoothing) * target + label_smoothing / logits.shape[-1]
    # F.log_softmax clips on the processor, logsumexp does not
    below = logits - logits.max(axis=-1, keepdim=True).detach()
    log_probabilities = below - paddle.logsumexp(below, axis=-1, keepdim=True)
    # 1 - p from log p, which keeps its digits near p = 1; where it is 0 its power is taken of 1 instead, as one below
    # 1 has no slope at 0
    missed = -paddle.expm1(log_probabilities)
    power = paddle.where(missed > 0, missed, paddle.ones_like(missed)) ** gamma
    if gamma > 0:
        power = paddle.where(missed > 0, power, paddle.zeros_like(power))
    terms = -alpha * labels * power * log_probabilities
    return reduced((terms if weight is None else weight * terms).sum(axis=-1), reduction)
