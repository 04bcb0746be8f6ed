"""Losses of a row along the last axis: classes, and the metric losses of embeddings."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812  (the name all of torch's users know it by)
from torch import Tensor

from lossbench.frameworks.torch.engine import framework
from lossbench.records import Known

CLASS_INDICES = ("int64", "uint8")  # uint8 for rows alone: with more axes the kernel for images takes int64 only


def class_axis_second(rows: Tensor) -> Tensor:
    """The classes of a batch on axis 1, where torch wants them; lossbench has them last."""
    return rows.movedim(-1, 1) if rows.dim() > 2 else rows


@framework.implements(via="torch.nn.NLLLoss", integers=CLASS_INDICES)
def nll(
    log_probabilities: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str,
) -> Tensor:
    rows = class_axis_second(log_probabilities)
    if rows.dim() == 4:  # its kernel for images refuses the gradient where the classes do not lie first
        rows = rows.contiguous()
    return F.nll_loss(rows, target, weight=weight, ignore_index=ignore_index, reduction=reduction)


@framework.implements(via="torch.nn.CrossEntropyLoss", integers=CLASS_INDICES)
def cross_entropy(
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str,
) -> Tensor:
    return F.cross_entropy(
        class_axis_second(logits),
        target,
        weight=weight,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        reduction=reduction,
    )


@framework.implements(via="torch.nn.CrossEntropyLoss")
def soft_cross_entropy(
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    label_smoothing: float = 0.0,
    reduction: str,
) -> Tensor:
    return F.cross_entropy(
        class_axis_second(logits),
        class_axis_second(target),
        weight=weight,
        label_smoothing=label_smoothing,
        reduction=reduction,
    )


@framework.implements(via="torch.nn.MultiLabelSoftMarginLoss")
def multilabel_soft_margin(logits: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str) -> Tensor:
    return F.multilabel_soft_margin_loss(logits, target, weight=weight, reduction=reduction)


@framework.implements(
    via="torch.nn.CosineEmbeddingLoss",
    known=[
        Known(
            "adds 1e-12 to each squared norm",
            definition="cosine_embedding",
            sets=(("epsilon", 9.999999960041972e-13),),  # 1e-12 as a constant of float32
        )
    ],
)
def cosine_embedding(first: Tensor, second: Tensor, sign: Tensor, *, margin: float = 0.0, reduction: str) -> Tensor:
    if first.dim() <= 2:
        return F.cosine_embedding_loss(first, second, sign, margin=margin, reduction=reduction)
    rows = first.flatten(0, -2), second.flatten(0, -2), sign.flatten()
    loss = F.cosine_embedding_loss(*rows, margin=margin, reduction=reduction)
    return loss.reshape(sign.shape) if reduction == "none" else loss


@framework.implements(via="torch.nn.TripletMarginLoss")
def triplet_margin(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float = 1.0,
    p: float = 2.0,
    epsilon: float = 1e-6,
    swap: bool = False,
    reduction: str,
) -> Tensor:
    return F.triplet_margin_loss(
        anchor, positive, negative, margin=margin, p=p, eps=epsilon, swap=swap, reduction=reduction
    )


@framework.implements("triplet_margin", via="torch.nn.TripletMarginWithDistanceLoss")
def triplet_margin_with_distance(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str,
) -> Tensor:
    return F.triplet_margin_with_distance_loss(
        anchor, positive, negative, margin=margin, swap=swap, reduction=reduction
    )
