"""Losses that torch does not have, written from its primitives; they can be copied as they stand."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  (the name all of torch's users know it by)
from torch import Tensor

from lossbench.frameworks.torch.engine import framework
from lossbench.frameworks.torch.rows import CLASS_INDICES, class_axis_second

HERE = "lossbench.frameworks.torch.recipes"


def reduced(terms: Tensor, reduction: str) -> Tensor:
    """The terms themselves, their sum or their mean."""
    if reduction == "none":
        return terms
    return terms.sum() if reduction == "sum" else terms.mean()


def samples(batch: Tensor) -> Tensor:
    """One row for each entry of the first axis."""
    return batch.unsqueeze(-1).flatten(1)


def cross_entropy_of_logits(logit: Tensor, target: Tensor) -> Tensor:
    """Binary cross entropy as a sum of two positive terms, each exact however small it is."""
    return -(target * F.logsigmoid(logit) + (1 - target) * F.logsigmoid(-logit))


@framework.implements(via=f"{HERE}.binary_focal", recipe=True)
def binary_focal(
    logit: Tensor,
    target: Tensor,
    *,
    alpha: float | None = None,
    gamma: float = 2.0,
    normalizer: float = 1.0,
    reduction: str,
) -> Tensor:
    # 1 - p_t without a subtraction; kept above zero, where a power below one has an infinite slope
    missed = target * torch.sigmoid(-logit) + (1 - target) * torch.sigmoid(logit)
    missed = missed.clamp_min(torch.finfo(missed.dtype).tiny)
    loss = missed**gamma * cross_entropy_of_logits(logit, target)
    if alpha is not None:
        loss = (alpha * target + (1 - alpha) * (1 - target)) * loss
    return reduced(loss / normalizer, reduction)


@framework.implements(via=f"{HERE}.soft_dice", recipe=True)
def soft_dice(
    prediction: Tensor, target: Tensor, *, smooth: float = 1.0, epsilon: float = 0.0, reduction: str
) -> Tensor:
    # Σ q(1-y) + Σ (1-q)y in place of D - 2Σ qy, which loses all digits where prediction and target agree
    missed = samples(prediction * (1 - target) + (1 - prediction) * target).sum(dim=1)
    present = samples(prediction + target).sum(dim=1)
    return reduced((missed + epsilon) / (present + smooth + epsilon), reduction)


@framework.implements(via=f"{HERE}.bce_dice", recipe=True)
def bce_dice(logit: Tensor, target: Tensor, *, bce_weight: float = 0.5, smooth: float = 1.0, reduction: str) -> Tensor:
    inside, outside = torch.sigmoid(logit), torch.sigmoid(-logit)
    missed = samples(inside * (1 - target) + outside * target).sum(dim=1)
    dice = missed / (samples(inside + target).sum(dim=1) + smooth)
    cross_entropy = samples(cross_entropy_of_logits(logit, target)).mean(dim=1)
    return reduced(bce_weight * cross_entropy + (1 - bce_weight) * dice, reduction)


@framework.implements(via=f"{HERE}.cls_loss", recipe=True, reductions=("mean",), integers=CLASS_INDICES)
def cls_loss(logits: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(class_axis_second(logits), target, reduction="mean")
