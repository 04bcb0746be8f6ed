"""Losses of one element each: residuals, divergences, distances with a sign."""

from __future__ import annotations

import paddle.nn.functional as F  # noqa: N812  (the name all of Paddle's users know it by)
from paddle import Tensor

from lossbench.frameworks.paddle.engine import DTYPES, framework
from lossbench.records import Known

DIVERGENCES = ("none", "mean", "sum", "batchmean")


@framework.implements(via="paddle.nn.L1Loss", dtypes=DTYPES)
def absolute_error(prediction: Tensor, target: Tensor, *, reduction: str) -> Tensor:
    return F.l1_loss(prediction, target, reduction=reduction)


@framework.implements(via="paddle.nn.MSELoss", dtypes=DTYPES)
def squared_error(prediction: Tensor, target: Tensor, *, reduction: str) -> Tensor:
    return F.mse_loss(prediction, target, reduction=reduction)


@framework.implements(
    "squared_error", via="paddle.nn.functional.square_error_cost", reductions=("none",), dtypes=DTYPES
)
def square_error_cost(prediction: Tensor, target: Tensor) -> Tensor:
    return F.square_error_cost(prediction, target)


@framework.implements(via="paddle.nn.HuberLoss", dtypes=DTYPES)
def huber(prediction: Tensor, target: Tensor, *, delta: float = 1.0, reduction: str) -> Tensor:
    return F.smooth_l1_loss(prediction, target, delta=delta, is_huber=True, reduction=reduction)


@framework.implements("huber", via="paddle.nn.SmoothL1Loss", dtypes=DTYPES)
def smooth_l1_as_huber(prediction: Tensor, target: Tensor, *, delta: float = 1.0, reduction: str) -> Tensor:
    return F.smooth_l1_loss(prediction, target, delta=delta, reduction=reduction)


@framework.implements(via="paddle.nn.SmoothL1Loss(is_huber=False)", dtypes=DTYPES)
def smooth_l1(prediction: Tensor, target: Tensor, *, beta: float = 1.0, reduction: str) -> Tensor:
    return F.smooth_l1_loss(prediction, target, delta=beta, is_huber=False, reduction=reduction)


@framework.implements(
    "smooth_l1",
    via="paddle.nn.SmoothL1Loss",
    dtypes=DTYPES,
    known=[
        Known(
            "computes Huber, which is beta times as much, unless is_huber=False is given",
            definition="huber",
            renames=(("delta", "beta"),),
            options=("beta",),
            contract=True,
        )
    ],
)
def smooth_l1_by_default(prediction: Tensor, target: Tensor, *, beta: float = 1.0, reduction: str) -> Tensor:
    return F.smooth_l1_loss(prediction, target, delta=beta, reduction=reduction)


@framework.implements(
    via="paddle.nn.KLDivLoss",
    reductions=DIVERGENCES,
    dtypes=DTYPES,
    known=[Known("gives no gradient to the target", no_gradient=("target",))],
)
def kl_div(log_prediction: Tensor, target: Tensor, *, reduction: str) -> Tensor:
    return F.kl_div(log_prediction, target, reduction=reduction)


@framework.implements(
    via="paddle.nn.KLDivLoss(log_target=True)",
    reductions=DIVERGENCES,
    dtypes=DTYPES,
    known=[Known("gives no gradient to the target", no_gradient=("log_target",))],
)
def kl_div_log_target(log_prediction: Tensor, log_target: Tensor, *, reduction: str) -> Tensor:
    return F.kl_div(log_prediction, log_target, log_target=True, reduction=reduction)


@framework.implements(via="paddle.nn.HingeEmbeddingLoss", dtypes=DTYPES)
def hinge_embedding(distance: Tensor, sign: Tensor, *, margin: float = 1.0, reduction: str) -> Tensor:
    return F.hinge_embedding_loss(distance, sign, margin=margin, reduction=reduction)
