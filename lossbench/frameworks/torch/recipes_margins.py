"""Margins written from torch's primitives: ArcFace and its kin, and a logistic loss that does not overflow."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812  (the name all of torch's users know it by)
from torch import Tensor

from lossbench.frameworks.torch.engine import framework
from lossbench.frameworks.torch.recipes import reduced
from lossbench.records import Known

HERE = "lossbench.frameworks.torch.recipes_margins"
NO_DIRECTION = Known(
    "1e-12 is 0 in float16, so that a vector of zeros has no direction there: all is NaN",
    definition="margin_softmax_of_features",
    sets=(("epsilon", 0.0),),
    dtypes=("float16",),
    regimes=("zeros",),
)


def margined(cosine: Tensor, margin1: float, margin2: float) -> Tensor:
    """cos(m1 θ + m2) of a cosine of θ."""
    if margin1 == 1 and margin2 == 0:
        return cosine
    # two roots: 1 - c² cancels near ±1, and the slope of one root of a product is 0 times infinity at ±1
    sine = torch.sqrt(1 - cosine) * torch.sqrt(1 + cosine)
    if margin1 == 1:
        return cosine * math.cos(margin2) - sine * math.sin(margin2)
    return torch.cos(margin1 * torch.atan2(sine, cosine) + margin2)


@framework.implements(via=f"{HERE}.margin_softmax", recipe=True, integers=("int64", "int32"))
def margin_softmax(
    cosines: Tensor,
    target: Tensor,
    *,
    margin1: float = 1.0,
    margin2: float = 0.5,
    margin3: float = 0.0,
    scale: float = 64.0,
    extension: str = "none",
    reduction: str,
) -> Tensor:
    # the target's column alone: a margin on all of them would give the others a slope of 0 times infinity at ±1
    column = target.unsqueeze(-1)
    cosine = cosines.gather(-1, column)
    # where no margin is put, its slope of infinity at -1 would be multiplied by 0
    turned = torch.where(cosine > 0, cosine, torch.zeros_like(cosine)) if extension == "easy" else cosine
    own = margined(turned, margin1, margin2)
    if extension == "linear":
        own = torch.where(cosine >= math.cos((math.pi - margin2) / margin1), own, cosine - margin2 * math.sin(margin2))
    own = own - margin3
    if extension == "easy":
        own = torch.where(cosine > 0, own, cosine)
    logits = scale * cosines.scatter(-1, column, own)
    return reduced(-F.log_softmax(logits, dim=-1).gather(-1, column).squeeze(-1), reduction)


@framework.implements(
    via=f"{HERE}.margin_softmax_of_features", recipe=True, known=[NO_DIRECTION], integers=("int64", "int32")
)
def margin_softmax_of_features(
    features: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    margin1: float = 1.0,
    margin2: float = 0.5,
    margin3: float = 0.0,
    scale: float = 64.0,
    extension: str = "none",
    epsilon: float = 1e-12,
    reduction: str,
) -> Tensor:
    cosines = F.linear(F.normalize(features, dim=-1, eps=epsilon), F.normalize(linear_weight, dim=-1, eps=epsilon))
    cosines = cosines.clamp(-1, 1)  # rounding may leave them a little beyond
    return margin_softmax(
        cosines,
        target,
        margin1=margin1,
        margin2=margin2,
        margin3=margin3,
        scale=scale,
        extension=extension,
        reduction=reduction,
    )


@framework.implements(via=f"{HERE}.soft_margin", recipe=True)
def soft_margin(score: Tensor, sign: Tensor, *, reduction: str) -> Tensor:
    return reduced(-F.logsigmoid(sign * score), reduction)
