"""Losses of a yes or no: binary cross entropies and the focal loss."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F  # noqa: N812  (the name all of Paddle's users know it by)
from paddle import Tensor

from lossbench.frameworks.paddle.engine import DTYPES, framework
from lossbench.records import Known

NO_GRADIENT = Known("gives no gradient to the target", no_gradient=("target",))


def focal(dtype: str, lost: float) -> tuple[Known, Known]:
    """The focal loss as a format has it, where an alpha is given and where none is; `lost` is a quarter of eps."""
    reason = "forms 1 - p_t by subtraction; its cross entropy is wrong at logit 0 and gives the target no gradient"
    formula = "binary_focal_lowered_at_zero"
    return (
        Known(reason, definition=formula, sets=(("lost", lost),), dtypes=(dtype,), options=("alpha",)),
        Known(
            f"weights by alpha = 0.25 unless another is given; {reason}",
            definition=formula,
            sets=(("alpha", 0.25), ("lost", lost)),
            dtypes=(dtype,),
        ),
    )


@framework.implements(
    via="paddle.nn.BCELoss",
    dtypes=DTYPES,
    known=[
        NO_GRADIENT,
        Known(
            "clamps each logarithm at -100, and the denominator of the gradient at 1e-12",
            definition="binary_cross_entropy_clamped_at_100",
            contract=True,
        ),
    ],
)
def binary_cross_entropy(prediction: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str) -> Tensor:
    return F.binary_cross_entropy(prediction, target, weight=weight, reduction=reduction)


@framework.implements(
    via="paddle.nn.BCEWithLogitsLoss",
    dtypes=DTYPES,
    known=[
        NO_GRADIENT,
        Known(
            "without pos_weight the gradient at logit 0 is too low by 1, times the weight",
            definition="binary_cross_entropy_with_logits_lowered_at_zero",
        ),
    ],
)
def binary_cross_entropy_with_logits(
    logit: Tensor, target: Tensor, weight: Tensor | None = None, pos_weight: Tensor | None = None, *, reduction: str
) -> Tensor:
    return F.binary_cross_entropy_with_logits(logit, target, weight=weight, pos_weight=pos_weight, reduction=reduction)


@framework.implements(
    "binary_cross_entropy_with_logits",
    via="paddle.nn.BCEWithLogitsLoss(pos_weight=ones)",
    dtypes=DTYPES,
    known=[NO_GRADIENT],
)
def binary_cross_entropy_with_logits_and_ones(
    logit: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str
) -> Tensor:
    ones = paddle.ones([1], logit.dtype)
    return F.binary_cross_entropy_with_logits(logit, target, weight=weight, pos_weight=ones, reduction=reduction)


@framework.implements(
    "binary_focal",
    via="paddle.nn.functional.sigmoid_focal_loss",
    dtypes=DTYPES,
    known=[*focal("float64", lost=2.0**-54), *focal("float32", lost=2.0**-25)],
)
def sigmoid_focal_loss(
    logit: Tensor,
    target: Tensor,
    *,
    alpha: float | None = None,
    gamma: float = 2.0,
    normalizer: float = 1.0,
    reduction: str,
) -> Tensor:
    weighting = {} if alpha is None else {"alpha": alpha}
    divisor = None if normalizer == 1.0 else paddle.full([1], normalizer, logit.dtype)
    return F.sigmoid_focal_loss(logit, target, divisor, gamma=gamma, reduction=reduction, **weighting)
