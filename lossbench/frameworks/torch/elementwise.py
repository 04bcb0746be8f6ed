"""Losses of one element each: residuals, divergences and binary cross entropies."""

# mypy: disable-error-code="call-arg"
# (torch's stubs do not know the argument `weight` of l1_loss, mse_loss and huber_loss)

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812  (the name all of torch's users know it by)
from torch import Tensor

from lossbench.frameworks.torch.engine import framework
from lossbench.records import Known

# With weights, the means of l1_loss and mse_loss divide by the sum of the weights; that of huber_loss does not.
BY_WEIGHTS = {"none": "none", "sum": "sum", "weighted_mean": "mean"}
DIVERGENCES = ("none", "mean", "sum", "batchmean")

UNDEFINED_AT_ZERO = Known(
    "the gradient by a target of exactly 0 is NaN, and so is the value there if the prediction is impossible, too",
    definition="kl_div_undefined_at_zero",
)
# 1e-12 as a constant of float32, which is what torch takes the maximum with
FLOOR = 9.999999960041972e-13
CLAMPED = Known(
    "clamps each logarithm at -100, and the denominator of the gradient at 1e-12",
    definition="binary_cross_entropy_clamped_at_100",
    sets=(("floor", FLOOR),),
    dtypes=("float64", "float32", "bfloat16"),
    contract=True,
)
CLAMPED_WITHOUT_FLOOR = Known(
    "clamps each logarithm at -100; the 1e-12 that should keep the gradient from 0/0 is itself 0 in float16",
    definition="binary_cross_entropy_clamped_at_100",
    sets=(("floor", 0.0),),
    dtypes=("float16",),
)


@framework.implements(via="torch.nn.L1Loss")
def absolute_error(prediction: Tensor, target: Tensor, *, reduction: str) -> Tensor:
    return F.l1_loss(prediction, target, reduction=reduction)


@framework.implements("absolute_error", via="torch.nn.functional.l1_loss(weight=)", reductions=BY_WEIGHTS)
def weighted_absolute_error(prediction: Tensor, target: Tensor, weight: Tensor, *, reduction: str) -> Tensor:
    return F.l1_loss(prediction, target, weight=weight, reduction=reduction)


@framework.implements(via="torch.nn.MSELoss")
def squared_error(prediction: Tensor, target: Tensor, *, reduction: str) -> Tensor:
    return F.mse_loss(prediction, target, reduction=reduction)


@framework.implements("squared_error", via="torch.nn.functional.mse_loss(weight=)", reductions=BY_WEIGHTS)
def weighted_squared_error(prediction: Tensor, target: Tensor, weight: Tensor, *, reduction: str) -> Tensor:
    return F.mse_loss(prediction, target, weight=weight, reduction=reduction)


@framework.implements(via="torch.nn.HuberLoss")
def huber(prediction: Tensor, target: Tensor, *, delta: float = 1.0, reduction: str) -> Tensor:
    return F.huber_loss(prediction, target, delta=delta, reduction=reduction)


@framework.implements("huber", via="torch.nn.functional.huber_loss(weight=)")
def weighted_huber(prediction: Tensor, target: Tensor, weight: Tensor, *, delta: float = 1.0, reduction: str) -> Tensor:
    return F.huber_loss(prediction, target, weight=weight, delta=delta, reduction=reduction)


@framework.implements(via="torch.nn.SmoothL1Loss")
def smooth_l1(prediction: Tensor, target: Tensor, *, beta: float = 1.0, reduction: str) -> Tensor:
    return F.smooth_l1_loss(prediction, target, beta=beta, reduction=reduction)


@framework.implements(via="torch.nn.KLDivLoss", reductions=DIVERGENCES, known=[UNDEFINED_AT_ZERO])
def kl_div(log_prediction: Tensor, target: Tensor, *, reduction: str) -> Tensor:
    return F.kl_div(log_prediction, target, reduction=reduction)


@framework.implements(via="torch.nn.KLDivLoss(log_target=True)", reductions=DIVERGENCES)
def kl_div_log_target(log_prediction: Tensor, log_target: Tensor, *, reduction: str) -> Tensor:
    return F.kl_div(log_prediction, log_target, log_target=True, reduction=reduction)


@framework.implements(via="torch.nn.BCELoss", known=[CLAMPED, CLAMPED_WITHOUT_FLOOR])
def binary_cross_entropy(prediction: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str) -> Tensor:
    return F.binary_cross_entropy(prediction, target, weight=weight, reduction=reduction)


@framework.implements(via="torch.nn.BCEWithLogitsLoss")
def binary_cross_entropy_with_logits(
    logit: Tensor, target: Tensor, weight: Tensor | None = None, pos_weight: Tensor | None = None, *, reduction: str
) -> Tensor:
    return F.binary_cross_entropy_with_logits(logit, target, weight=weight, pos_weight=pos_weight, reduction=reduction)


@framework.implements(via="torch.nn.HingeEmbeddingLoss")
def hinge_embedding(distance: Tensor, sign: Tensor, *, margin: float = 1.0, reduction: str) -> Tensor:
    return F.hinge_embedding_loss(distance, sign, margin=margin, reduction=reduction)
