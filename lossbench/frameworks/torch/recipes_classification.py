"""Losses of classes that torch does not have, written from its primitives; they can be copied as they stand."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  (the name all of torch's users know it by)
from torch import Tensor

from lossbench.frameworks.torch.engine import framework
from lossbench.frameworks.torch.recipes import reduced

HERE = "lossbench.frameworks.torch.recipes_classification"


@framework.implements(via=f"{HERE}.categorical_focal", recipe=True)
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
    log_probabilities = F.log_softmax(logits, dim=-1)
    # 1 - p from log p, which keeps its digits near p = 1; above zero, where a power below one has an infinite slope
    missed = (-torch.expm1(log_probabilities)).clamp_min(torch.finfo(logits.dtype).tiny)
    terms = -alpha * labels * missed**gamma * log_probabilities
    return reduced((terms if weight is None else weight * terms).sum(dim=-1), reduction)
