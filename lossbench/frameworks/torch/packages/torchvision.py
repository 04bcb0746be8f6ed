"""torchvision.ops: the focal loss of a logit, and the losses of boxes."""

from __future__ import annotations

from torch import Tensor

from lossbench.frameworks.torch.engine import framework
from lossbench.frameworks.torch.packages import package

# Every torchvision is built for one torch, and imports beside no other.
TORCHVISION = package("torchvision", "torchvision", measured="0.28.0", version="any")
ops = TORCHVISION.module("torchvision.ops")


@framework.implements(via="torchvision.ops.sigmoid_focal_loss", package=TORCHVISION)
def binary_focal(
    logit: Tensor, target: Tensor, *, alpha: float | None = None, gamma: float = 2.0, reduction: str
) -> Tensor:
    return ops.sigmoid_focal_loss(logit, target, alpha=-1 if alpha is None else alpha, gamma=gamma, reduction=reduction)


@framework.implements(via="torchvision.ops.generalized_box_iou_loss", package=TORCHVISION)
def giou(prediction: Tensor, target: Tensor, *, reduction: str) -> Tensor:
    return ops.generalized_box_iou_loss(prediction, target, reduction=reduction)


@framework.implements("giou", via="torchvision.ops.generalized_box_iou_loss(eps=)", package=TORCHVISION)
def giou_with_epsilon(prediction: Tensor, target: Tensor, *, epsilon: float = 0.0, reduction: str) -> Tensor:
    return ops.generalized_box_iou_loss(prediction, target, reduction=reduction, eps=epsilon)


@framework.implements(via="torchvision.ops.distance_box_iou_loss", package=TORCHVISION)
def diou(prediction: Tensor, target: Tensor, *, reduction: str) -> Tensor:
    return ops.distance_box_iou_loss(prediction, target, reduction=reduction)


@framework.implements("diou", via="torchvision.ops.distance_box_iou_loss(eps=)", package=TORCHVISION)
def diou_with_epsilon(prediction: Tensor, target: Tensor, *, epsilon: float = 0.0, reduction: str) -> Tensor:
    return ops.distance_box_iou_loss(prediction, target, reduction=reduction, eps=epsilon)


@framework.implements(via="torchvision.ops.complete_box_iou_loss", package=TORCHVISION)
def ciou(prediction: Tensor, target: Tensor, *, reduction: str) -> Tensor:
    return ops.complete_box_iou_loss(prediction, target, reduction=reduction)


@framework.implements("ciou", via="torchvision.ops.complete_box_iou_loss(eps=)", package=TORCHVISION)
def ciou_with_epsilon(prediction: Tensor, target: Tensor, *, epsilon: float = 0.0, reduction: str) -> Tensor:
    return ops.complete_box_iou_loss(prediction, target, reduction=reduction, eps=epsilon)
