"""Losses of one element each: residuals, divergences and binary cross entropies."""

# mypy: disable-error-code="call-arg"
# (torch 2.13 is delivered with stubs that lack the argument `weight` of l1_loss, mse_loss and huber_loss)

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812  (the name all of torch's users know it by)
from torch import Tensor

from lossbench.frameworks.torch.engine import framework
from lossbench.records import Known

# With weights, the means of l1_loss and mse_loss divide by the sum of the weights; that of huber_loss does not.
BY_WEIGHTS = {"none": "none", "sum": "sum", "weighted_mean": "mean"}
DIVERGENCES = ("none", "mean", "sum", "batchmean")


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


@framework.implements(via="torch.nn.KLDivLoss", reductions=DIVERGENCES)
def kl_div(log_prediction: Tensor, target: Tensor, *, reduction: str) -> Tensor:
    return F.kl_div(log_prediction, target, reduction=reduction)


@framework.implements(via="torch.nn.KLDivLoss(log_target=True)", reductions=DIVERGENCES)
def kl_div_log_target(log_prediction: Tensor, log_target: Tensor, *, reduction: str) -> Tensor:
    return F.kl_div(log_prediction, log_target, log_target=True, reduction=reduction)


@framework.implements(
    via="torch.nn.BCELoss",
    known=[
        Known(
            "clamps each logarithm at -100, and the denominator of the gradient at 1e-12",
            definition="binary_cross_entropy_clamped_at_100",
            contract=True,
        )
    ],
)
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
