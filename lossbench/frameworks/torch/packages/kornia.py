"""kornia.losses: the focal loss of a logit, and the divergence of maps."""

from __future__ import annotations

from torch import Tensor

from lossbench.frameworks.torch.engine import framework
from lossbench.frameworks.torch.packages import package
from lossbench.records import Known

KORNIA = package("kornia", "kornia", measured="0.9.0")
losses = KORNIA.module("kornia.losses")


@framework.implements(
    via="kornia.losses.binary_focal_loss_with_logits",
    package=KORNIA,
    known=[
        Known(
            "weights a label's two logarithms apart, each with its own focal factor, as documented: a label between 0 "
            "and 1 means another loss, and so do slopes by labels",
            definition="binary_focal_side_by_side",
            contract=True,
        )
    ],
)
def binary_focal(
    logit: Tensor, target: Tensor, *, alpha: float | None = None, gamma: float = 2.0, reduction: str
) -> Tensor:
    column = (-1, 1)  # it wants a batch and channels
    loss = losses.binary_focal_loss_with_logits(
        logit.reshape(column), target.reshape(column), alpha=alpha, gamma=gamma, reduction=reduction
    )
    return loss.reshape(logit.shape) if reduction == "none" else loss


@framework.implements(via="kornia.losses.kl_div_loss_2d", reductions={"sum_last": "none", "sum": "sum"}, package=KORNIA)
def kl_div_probability(prediction: Tensor, target: Tensor, *, reduction: str) -> Tensor:
    maps = (1, -1, 1, prediction.shape[-1])  # one distribution in each row
    loss = losses.kl_div_loss_2d(prediction.reshape(maps), target.reshape(maps), reduction=reduction)
    return loss.reshape(prediction.shape[:-1]) if reduction == "none" else loss
