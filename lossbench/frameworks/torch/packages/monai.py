"""monai.losses: losses of masks, the focal loss of a logit, and the generalized loss of boxes."""

from __future__ import annotations

import math

from torch import Tensor

from lossbench.frameworks.torch.engine import framework
from lossbench.frameworks.torch.packages import package
from lossbench.frameworks.torch.packages.declared import in_float32
from lossbench.frameworks.torch.recipes import samples
from lossbench.records import Known, Symptom

MONAI = package("monai", "monai", measured="1.6.1")
losses = MONAI.module("monai.losses")


def masks(batch: Tensor) -> Tensor:
    """One channel for each sample, and its pixels in one row."""
    return samples(batch).unsqueeze(1)


def classes_second(batch: Tensor) -> Tensor:
    """The classes on axis 1, where monai has its channels; lossbench has them last."""
    return batch.movedim(-1, 1)


def per_sample(loss: Tensor, reduction: str) -> Tensor:
    """One number for each sample where nothing is reduced."""
    return loss.reshape(loss.shape[0]) if reduction == "none" else loss


@framework.implements(
    via="monai.losses.FocalLoss",
    package=MONAI,
    known=[
        in_float32("computes and answers in float32, whatever it is given", "float64", "float16", "bfloat16"),
        Known(
            "takes the focal factor of a label between 0 and 1 at the logit times 2y - 1; slopes by labels follow that",
            definition="binary_focal_of_turned_logit",
        ),
        Known(
            "numbers beyond float32 become infinite, and infinity less infinity is NaN",
            notes=(Symptom.OTHER_DTYPE,),
            dtypes=("float64",),
            regimes=("log_uniform",),
            error=math.inf,
        ),
        Known(
            "a sum over masks averages each mask's pixels first, and of rows without pixels it is their mean",
            definition="binary_focal_of_turned_logit_averaged",
            reductions=("sum",),
        ),
    ],
)
def binary_focal(
    logit: Tensor, target: Tensor, *, alpha: float | None = None, gamma: float = 2.0, reduction: str
) -> Tensor:
    column = (-1, 1)  # it wants a batch and channels
    loss = losses.FocalLoss(gamma=gamma, alpha=alpha, reduction=reduction)(
        logit.reshape(column), target.reshape(column)
    )
    return loss.reshape(logit.shape) if reduction == "none" else loss


@framework.implements(
    via="monai.losses.DiceLoss",
    package=MONAI,
    known=[
        Known(
            "smooths by 1e-5 unless smooth_nr= and smooth_dr= are given",
            definition="soft_dice",
            sets=(("smooth", 1e-5),),
            contract=True,
        )
    ],
)
def soft_dice(prediction: Tensor, target: Tensor, *, reduction: str) -> Tensor:
    return per_sample(losses.DiceLoss(reduction=reduction)(masks(prediction), masks(target)), reduction)


@framework.implements("soft_dice", via="monai.losses.DiceLoss(smooth_nr=, smooth_dr=)", package=MONAI)
def smoothed_soft_dice(
    prediction: Tensor, target: Tensor, *, smooth: float = 1.0, epsilon: float = 0.0, reduction: str
) -> Tensor:
    loss = losses.DiceLoss(reduction=reduction, smooth_nr=smooth, smooth_dr=smooth + epsilon)
    return per_sample(loss(masks(prediction), masks(target)), reduction)


@framework.implements(
    "soft_dice_with_logits", via="monai.losses.DiceLoss(sigmoid=True, smooth_nr=, smooth_dr=)", package=MONAI
)
def soft_dice_with_logits(logit: Tensor, target: Tensor, *, smooth: float = 1.0, reduction: str) -> Tensor:
    loss = losses.DiceLoss(sigmoid=True, reduction=reduction, smooth_nr=smooth, smooth_dr=smooth)
    return per_sample(loss(masks(logit), masks(target)), reduction)


@framework.implements(via="monai.losses.TverskyLoss(smooth_nr=, smooth_dr=)", package=MONAI)
def tversky(
    prediction: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.5,
    beta: float = 0.5,
    smooth: float = 1.0,
    epsilon: float = 0.0,
    reduction: str,
) -> Tensor:
    loss = losses.TverskyLoss(alpha=alpha, beta=beta, reduction=reduction, smooth_nr=smooth, smooth_dr=smooth + epsilon)
    return per_sample(loss(masks(prediction), masks(target)), reduction)


@framework.implements(via="monai.losses.TverskyLoss(sigmoid=True, smooth_nr=, smooth_dr=)", package=MONAI)
def tversky_with_logits(
    logit: Tensor, target: Tensor, *, alpha: float = 0.5, beta: float = 0.5, smooth: float = 1.0, reduction: str
) -> Tensor:
    loss = losses.TverskyLoss(
        sigmoid=True, alpha=alpha, beta=beta, reduction=reduction, smooth_nr=smooth, smooth_dr=smooth
    )
    return per_sample(loss(masks(logit), masks(target)), reduction)


@framework.implements(
    via="monai.losses.TverskyLoss(softmax=True, smooth_nr=, smooth_dr=)", reductions=("mean",), package=MONAI
)
def multiclass_dice(
    logits: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.5,
    beta: float = 0.5,
    smooth: float = 1.0,
    ignore_background: bool = False,
    reduction: str,
) -> Tensor:
    loss = losses.TverskyLoss(
        include_background=not ignore_background,
        softmax=True,
        alpha=alpha,
        beta=beta,
        reduction=reduction,
        smooth_nr=smooth,
        smooth_dr=smooth,
    )
    return loss(classes_second(logits), classes_second(target))


@framework.implements(
    "bce_dice", via="monai.losses.DiceCELoss(sigmoid=True, smooth_nr=, smooth_dr=)", reductions=("mean",), package=MONAI
)
def bce_dice(logit: Tensor, target: Tensor, *, bce_weight: float = 0.5, smooth: float = 1.0, reduction: str) -> Tensor:
    loss = losses.DiceCELoss(
        sigmoid=True,
        reduction=reduction,
        lambda_ce=bce_weight,
        lambda_dice=1 - bce_weight,
        smooth_nr=smooth,
        smooth_dr=smooth,
    )
    return loss(masks(logit), masks(target))


@framework.implements(
    via="monai.losses.BoxGIoULoss",
    package=MONAI,
    known=[
        Known("computes in float32", computes_in="float32", dtypes=("float64", "float16", "bfloat16")),
        Known("adds eps of float32 to each denominator, an area", definition="giou", sets=(("epsilon", 2.0**-23),)),
        Known("refuses boxes whose loss is NaN or infinite", raises=True, contract=True, regimes=("boundary",)),
    ],
)
def giou(prediction: Tensor, target: Tensor, *, reduction: str) -> Tensor:
    boxes = prediction.reshape(-1, 4), target.reshape(-1, 4)
    loss = losses.BoxGIoULoss(reduction=reduction)(*boxes)
    return loss.reshape(prediction.shape[:-1]) if reduction == "none" else loss
