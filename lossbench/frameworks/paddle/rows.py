"""Losses of a row of scores: one class, a distribution over the classes, or several labels at once."""

from __future__ import annotations

from dataclasses import replace

import paddle
import paddle.nn.functional as F  # noqa: N812  (the name all of Paddle's users know it by)
from paddle import Tensor

from lossbench.frameworks.paddle.engine import DTYPES, INTEGERS, framework
from lossbench.records import Known, Symptom

CLASS_INDICES = ("int64", "int32")
NO_GRADIENT = Known("gives no gradient to the target", no_gradient=("target",))
CLIPPED = Known(
    "the softmax on the processor clips scores at 64 below the maximum; a mean counts ignored rows where ignore_index "
    "is negative",
    definition="cross_entropy_clipped_at_64",
)
SMOOTHED = Known(
    "where labels are smoothed, whole rows are weighted instead of classes, and none is ignored",
    definition="cross_entropy_clipped_at_64",
    options=("label_smoothing",),
)
SOFT_CLIPPED = Known(
    "the softmax on the processor clips scores at 64 below the maximum; the gradient takes labels to sum to 1",
    definition="soft_cross_entropy_clipped_at_64",
)
SOFT_WEIGHTED = Known(
    "weights whole rows instead of classes, and a mean divides by those weights",
    definition="soft_cross_entropy_clipped_at_64",
    options=("weight",),
    contract=True,
)
SMOOTHED_IN_FLOAT32 = Known(
    "label smoothing passes through float32",
    computes_in="float32",
    dtypes=("float64",),
    options=("label_smoothing",),
)
UNIT_AXIS = Known("keeps the class axis at length 1", notes=(Symptom.OTHER_SHAPE,), reductions=("none",), contract=True)
UNIT_AXIS_IF_SMOOTHED = replace(UNIT_AXIS, options=("label_smoothing",), contract=False)


@framework.implements(via="paddle.nn.functional.dice_loss", reductions=("mean",), dtypes=DTYPES)
def class_dice(prediction: Tensor, target: Tensor, *, epsilon: float = 1e-5) -> Tensor:
    return F.dice_loss(prediction, paddle.unsqueeze(target, -1), epsilon=epsilon)


WRITES_BEHIND = Known(
    "for each ignored row a mean or sum writes a zero behind its one number; the process may die of it, then or later",
    options=("ignore_index",),
    reductions=("mean", "sum"),
    corrupts=True,
)


@framework.implements(via="paddle.nn.NLLLoss", dtypes=DTYPES, known=[WRITES_BEHIND])
def nll(
    log_probabilities: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str,
) -> Tensor:
    rows = paddle.moveaxis(log_probabilities, -1, 1)
    return F.nll_loss(rows, target, weight=weight, ignore_index=ignore_index, reduction=reduction)


@framework.implements(
    via="paddle.nn.CrossEntropyLoss",
    dtypes=DTYPES,
    integers=CLASS_INDICES,
    known=[SMOOTHED_IN_FLOAT32, UNIT_AXIS_IF_SMOOTHED, SMOOTHED, CLIPPED],
)
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
        logits,
        target,
        weight=weight,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        reduction=reduction,
    )


@framework.implements(
    "cross_entropy",
    via="paddle.nn.functional.softmax_with_cross_entropy + paddle.squeeze",
    reductions=("none",),
    dtypes=DTYPES,
    integers=INTEGERS,
    known=[CLIPPED],
)
def softmax_with_cross_entropy(logits: Tensor, target: Tensor, *, ignore_index: int = -100) -> Tensor:
    loss = F.softmax_with_cross_entropy(logits, target.unsqueeze(-1), ignore_index=ignore_index)
    return loss.squeeze(-1)


@framework.implements(
    via="paddle.nn.CrossEntropyLoss(soft_label=True)",
    dtypes=DTYPES,
    known=[NO_GRADIENT, UNIT_AXIS, SMOOTHED_IN_FLOAT32, SOFT_WEIGHTED, SOFT_CLIPPED],
)
def soft_cross_entropy(
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    label_smoothing: float = 0.0,
    reduction: str,
) -> Tensor:
    return F.cross_entropy(
        logits, target, weight=weight, soft_label=True, label_smoothing=label_smoothing, reduction=reduction
    )


@framework.implements(
    "soft_cross_entropy",
    via="paddle.nn.CrossEntropyLoss(soft_label=True) + paddle.squeeze",
    reductions=("none",),
    dtypes=DTYPES,
    known=[NO_GRADIENT, SMOOTHED_IN_FLOAT32, SOFT_WEIGHTED, SOFT_CLIPPED],
)
def squeezed_soft_cross_entropy(
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    label_smoothing: float = 0.0,
    reduction: str,
) -> Tensor:
    loss = F.cross_entropy(
        logits, target, weight=weight, soft_label=True, label_smoothing=label_smoothing, reduction=reduction
    )
    return loss.squeeze(-1)


@framework.implements(
    "soft_cross_entropy",
    via="paddle.nn.functional.softmax_with_cross_entropy(soft_label=True) + paddle.squeeze",
    reductions=("none",),
    dtypes=DTYPES,
    known=[NO_GRADIENT, SOFT_CLIPPED],
)
def soft_softmax_with_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    return F.softmax_with_cross_entropy(logits, target, soft_label=True).squeeze(-1)


@framework.implements(via="paddle.nn.MultiLabelSoftMarginLoss", dtypes=DTYPES)
def multilabel_soft_margin(logits: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str) -> Tensor:
    return F.multi_label_soft_margin_loss(logits, target, weight=weight, reduction=reduction)
