"""Losses that Paddle does not have, or not without a flaw, written from its primitives; copy them as they stand."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F  # noqa: N812  (the name all of Paddle's users know it by)
from paddle import Tensor

from lossbench.frameworks.paddle.engine import DTYPES, framework
from lossbench.frameworks.paddle.rows import CLASS_INDICES, CLIPPED

HERE = "lossbench.frameworks.paddle.recipes"


def reduced(terms: Tensor, reduction: str) -> Tensor:
    """The terms themselves, their sum or their mean."""
    if reduction == "none":
        return terms
    return terms.sum() if reduction == "sum" else terms.mean()


def samples(batch: Tensor) -> Tensor:
    """One row for each entry of the first axis."""
    return batch.unsqueeze(-1).flatten(1)


def softplus(score: Tensor) -> Tensor:
    """log(1 + exp(t)) with every digit, where F.softplus and F.log_sigmoid lose the small ones; its slope at 0 is 1/2.

    At 0 `maximum` shares its slope between its two arguments, and that of `abs` is 0.
    """
    return paddle.maximum(score, paddle.zeros_like(score)) + paddle.log1p(paddle.exp(-score.abs()))


def cross_entropy_of_logits(logit: Tensor, target: Tensor) -> Tensor:
    """Binary cross entropy as a sum of two positive terms, with a gradient to the target as well."""
    return target * softplus(-logit) + (1 - target) * softplus(logit)


@framework.implements(via=f"{HERE}.binary_focal", recipe=True, dtypes=DTYPES)
def binary_focal(
    logit: Tensor,
    target: Tensor,
    *,
    alpha: float | None = None,
    gamma: float = 2.0,
    normalizer: float = 1.0,
    reduction: str,
) -> Tensor:
    # 1 - p_t without a subtraction; where it is 0 its power is taken of 1 instead, as one below 1 has no slope at 0
    missed = target * F.sigmoid(-logit) + (1 - target) * F.sigmoid(logit)
    power = paddle.where(missed > 0, missed, paddle.ones_like(missed)) ** gamma
    if gamma > 0:
        power = paddle.where(missed > 0, power, paddle.zeros_like(power))
    loss = power * cross_entropy_of_logits(logit, target)
    if alpha is not None:
        loss = (alpha * target + (1 - alpha) * (1 - target)) * loss
    return reduced(loss / normalizer, reduction)


@framework.implements(via=f"{HERE}.soft_dice", recipe=True, dtypes=DTYPES)
def soft_dice(
    prediction: Tensor, target: Tensor, *, smooth: float = 1.0, epsilon: float = 0.0, reduction: str
) -> Tensor:
    # Σ q(1-y) + Σ (1-q)y in place of D - 2Σ qy, which loses all digits where prediction and target agree
    missed = samples(prediction * (1 - target) + (1 - prediction) * target).sum(axis=1)
    present = samples(prediction + target).sum(axis=1)
    return reduced((missed + epsilon) / (present + smooth + epsilon), reduction)


@framework.implements(via=f"{HERE}.bce_dice", recipe=True, dtypes=DTYPES)
def bce_dice(logit: Tensor, target: Tensor, *, bce_weight: float = 0.5, smooth: float = 1.0, reduction: str) -> Tensor:
    inside, outside = F.sigmoid(logit), F.sigmoid(-logit)
    missed = samples(inside * (1 - target) + outside * target).sum(axis=1)
    dice = missed / (samples(inside + target).sum(axis=1) + smooth)
    cross_entropy = samples(cross_entropy_of_logits(logit, target)).mean(axis=1)
    return reduced(bce_weight * cross_entropy + (1 - bce_weight) * dice, reduction)


@framework.implements(via=f"{HERE}.cross_entropy", recipe=True, dtypes=DTYPES)
def cross_entropy(logits: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str) -> Tensor:
    # F.log_softmax clips on the processor, logsumexp does not; of smaller numbers it has a smaller rounding error
    below = logits - logits.max(axis=-1, keepdim=True).detach()
    log_probabilities = below - paddle.logsumexp(below, axis=-1, keepdim=True)
    return F.nll_loss(paddle.moveaxis(log_probabilities, -1, 1), target, weight=weight, reduction=reduction)


@framework.implements(
    via=f"{HERE}.cls_loss", recipe=True, reductions=("mean",), dtypes=DTYPES, integers=CLASS_INDICES, known=[CLIPPED]
)
def cls_loss(logits: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(logits, target, reduction="mean")
