"""Losses that ask for a margin: between classes, between labels and the rest, or on a side."""

from __future__ import annotations

from collections.abc import Callable

import paddle.nn.functional as F  # noqa: N812  (the name all of Paddle's users know it by)
from paddle import Tensor

from lossbench.frameworks.paddle.engine import DTYPES, framework
from lossbench.frameworks.paddle.rows import UNIT_AXIS
from lossbench.records import Known

INDICES = ("int64", "int32")
OWN_TERM = Known(
    "sums over the target's class as well and takes off margin^p/C in float32; wrong where the margin is negative",
    definition="multi_margin_less_own_term",
)
OVERFLOWING = [
    Known(
        "takes exp of a score on the wrong side as it stands, which overflows: infinity, and a gradient of NaN",
        definition="soft_margin_overflowing",
        sets=(("limit", limit),),
        dtypes=(dtype,),
    )
    for dtype, limit in {"float64": 709.782712893384, "float32": 88.72283905206835}.items()
]


def by_rows(
    call: Callable[[Tensor, Tensor], Tensor], rows: Tensor, labels: Tensor, kept: int, reduction: str
) -> Tensor:
    """The call on a batch of two axes, its value given the leading axes again; `kept` axes of a label are one row's."""
    if rows.ndim <= 2:
        return call(rows, labels)
    value = call(rows.flatten(0, -2), labels.flatten(0, -1 - kept))
    return value.reshape(rows.shape[:-1]) if reduction == "none" else value


@framework.implements(via="paddle.nn.MultiMarginLoss", dtypes=DTYPES, integers=INDICES, known=[OWN_TERM])
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


@framework.implements(via="paddle.nn.MultiLabelMarginLoss", dtypes=DTYPES, integers=INDICES)
def multilabel_margin(scores: Tensor, labels: Tensor, *, reduction: str) -> Tensor:
    def call(rows: Tensor, sets: Tensor) -> Tensor:
        return F.multi_label_margin_loss(rows, sets, reduction=reduction)

    return by_rows(call, scores, labels, 1, reduction)


@framework.implements(via="paddle.nn.SoftMarginLoss", dtypes=DTYPES, known=OVERFLOWING)
def soft_margin(score: Tensor, sign: Tensor, *, reduction: str) -> Tensor:
    return F.soft_margin_loss(score, sign, reduction=reduction)


@framework.implements(
    via="paddle.nn.functional.margin_cross_entropy", integers=INDICES, devices=("cuda",), known=[UNIT_AXIS]
)
def margin_softmax(
    cosines: Tensor,
    target: Tensor,
    *,
    margin1: float = 1.0,
    margin2: float = 0.5,
    margin3: float = 0.0,
    scale: float = 64.0,
    reduction: str,
) -> Tensor:
    def call(rows: Tensor, targets: Tensor) -> Tensor:
        return F.margin_cross_entropy(
            rows, targets, margin1=margin1, margin2=margin2, margin3=margin3, scale=scale, reduction=reduction
        )

    return by_rows(call, cosines, target, 0, reduction)
