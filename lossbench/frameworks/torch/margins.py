"""Losses that ask for a margin: between classes, between labels and the rest, or on a side."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch.nn.functional as F  # noqa: N812  (the name all of torch's users know it by)
from torch import Tensor

from lossbench.frameworks.torch.engine import framework
from lossbench.records import Known

WIDE = ("float64", "float32")
UNSET = Known(
    "the sum or mean of an empty batch is whatever the memory held that was never written to",
    regimes=("empty",),
    reductions=("sum", "mean"),
    error=math.inf,
)
OVERFLOWING = [
    Known(
        "takes exp of a score on the wrong side as it stands, which overflows: infinity, and a gradient of NaN",
        definition="soft_margin_overflowing",
        sets=(("limit", limit),),
        dtypes=(dtype,),
    )
    for dtype, limit in {
        "float64": 709.782712893384,
        "float32": 88.72283905206835,
        "float16": math.log(65520),
        "bfloat16": 88.72283905206835,
    }.items()
]


def by_rows(
    call: Callable[[Tensor, Tensor], Tensor], rows: Tensor, labels: Tensor, kept: int, reduction: str
) -> Tensor:
    """The call on a batch of two axes, its value given the leading axes again; `kept` axes of a label are one row's."""
    if rows.dim() <= 2:
        return call(rows, labels)
    value = call(rows.flatten(0, -2), labels.flatten(0, -1 - kept))
    return value.reshape(rows.shape[:-1]) if reduction == "none" else value


@framework.implements(via="torch.nn.MultiMarginLoss", dtypes=WIDE, known=[UNSET])
def multi_margin(
    scores: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    p: int = 1,
    margin: float = 1.0,
    reduction: str,
) -> Tensor:
    def call(rows: Tensor, targets: Tensor) -> Tensor:
        return F.multi_margin_loss(rows, targets, p=p, margin=margin, weight=weight, reduction=reduction)

    return by_rows(call, scores, target, 0, reduction)


@framework.implements(via="torch.nn.MultiLabelMarginLoss", dtypes=WIDE, known=[UNSET])
def multilabel_margin(scores: Tensor, labels: Tensor, *, reduction: str) -> Tensor:
    def call(rows: Tensor, sets: Tensor) -> Tensor:
        return F.multilabel_margin_loss(rows, sets, reduction=reduction)

    return by_rows(call, scores, labels, 1, reduction)


@framework.implements(via="torch.nn.SoftMarginLoss", known=OVERFLOWING)
def soft_margin(score: Tensor, sign: Tensor, *, reduction: str) -> Tensor:
    return F.soft_margin_loss(score, sign, reduction=reduction)
