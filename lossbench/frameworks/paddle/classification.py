"""Paddle's further ways to its cross entropies: classes off the last axis, probabilities, and an added epsilon."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F  # noqa: N812  (the name all of Paddle's users know it by)
from paddle import Tensor

from lossbench.frameworks.paddle.engine import DTYPES, INTEGERS, framework
from lossbench.frameworks.paddle.rows import CLASS_INDICES, CLIPPED, NO_GRADIENT, SOFT_CLIPPED
from lossbench.records import Known

MIXED_UP = Known(
    "smooths labels as if the classes lay last: refused, or silently another label where both axes are as long",
    options=("label_smoothing",),
    raises=True,
)
WEIGHTS_MIXED_UP = Known(
    "weighs rows of labels as if the classes lay last: refused, or silently wrong where both axes are as long",
    options=("weight",),
    raises=True,
)
AS_GIVEN = Known(
    "takes the probabilities as they are, without normalizing; a mean counts ignored rows where ignore_index is "
    "negative",
    definition="sparse_categorical_cross_entropy_prob_as_given",
    contract=True,
)
SOFT_AS_GIVEN = Known(
    "takes the probabilities as they are, without normalizing; where label and probability are 0 the gradient is NaN",
    definition="categorical_cross_entropy_prob_as_given",
    contract=True,
)


def before_last(rows: Tensor) -> Tensor:
    """The classes on the axis before the last one."""
    return paddle.moveaxis(rows, -1, -2)


@framework.implements(
    "cross_entropy",
    via="paddle.nn.CrossEntropyLoss(axis=-2)",
    dtypes=DTYPES,
    integers=CLASS_INDICES,
    known=[MIXED_UP, CLIPPED],
)
def cross_entropy_before_the_last_axis(
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str,
) -> Tensor:
    return F.cross_entropy(
        before_last(logits),
        target,
        weight=weight,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        reduction=reduction,
        axis=-2,
    )


@framework.implements(
    "soft_cross_entropy",
    via="paddle.nn.CrossEntropyLoss(soft_label=True, axis=-2) + paddle.squeeze",
    reductions=("none",),
    dtypes=DTYPES,
    known=[NO_GRADIENT, WEIGHTS_MIXED_UP, SOFT_CLIPPED],
)
def soft_cross_entropy_before_the_last_axis(logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    classes_moved = before_last(logits), before_last(target)
    return F.cross_entropy(*classes_moved, weight=weight, soft_label=True, axis=-2, reduction="none").squeeze(-2)


@framework.implements(
    "cross_entropy",
    via="paddle.nn.functional.softmax_with_cross_entropy(axis=-2) + paddle.squeeze",
    reductions=("none",),
    dtypes=DTYPES,
    integers=INTEGERS,
    known=[CLIPPED],
)
def softmax_with_cross_entropy_before_the_last_axis(
    logits: Tensor, target: Tensor, *, ignore_index: int = -100
) -> Tensor:
    loss = F.softmax_with_cross_entropy(before_last(logits), target.unsqueeze(-2), ignore_index=ignore_index, axis=-2)
    return loss.squeeze(-2)


@framework.implements(
    via="paddle.nn.CrossEntropyLoss(use_softmax=False)", dtypes=DTYPES, integers=CLASS_INDICES, known=[AS_GIVEN]
)
def sparse_categorical_cross_entropy_prob(
    prediction: Tensor, target: Tensor, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str
) -> Tensor:
    return F.cross_entropy(
        prediction, target, weight=weight, ignore_index=ignore_index, use_softmax=False, reduction=reduction
    )


@framework.implements(
    via="paddle.nn.CrossEntropyLoss(soft_label=True, use_softmax=False) + paddle.squeeze",
    reductions=("none",),
    dtypes=DTYPES,
    known=[NO_GRADIENT, SOFT_AS_GIVEN],
)
def categorical_cross_entropy_prob(prediction: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(prediction, target, soft_label=True, use_softmax=False, reduction="none").squeeze(-1)


@framework.implements(
    via="paddle.nn.functional.log_loss of x.reshape(-1, 1)",
    reductions=("none",),
    dtypes=("float32",),
    known=[NO_GRADIENT],
)
def log_loss(prediction: Tensor, target: Tensor, *, epsilon: float = 1e-7) -> Tensor:
    return F.log_loss(prediction.reshape([-1, 1]), target.reshape([-1, 1]), epsilon).reshape(prediction.shape)


@framework.implements(
    "binary_cross_entropy",
    via="paddle.nn.functional.log_loss of x.reshape(-1, 1)",
    reductions=("none",),
    dtypes=("float32",),
    known=[
        NO_GRADIENT,
        Known(
            "adds 1e-4 to the argument of each logarithm, so that no loss exceeds 9.21",
            definition="log_loss",
            sets=(("epsilon", 1e-4),),
            contract=True,
        ),
    ],
)
def binary_cross_entropy_by_log_loss(prediction: Tensor, target: Tensor) -> Tensor:
    return F.log_loss(prediction.reshape([-1, 1]), target.reshape([-1, 1])).reshape(prediction.shape)
