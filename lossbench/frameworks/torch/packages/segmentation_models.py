"""segmentation_models_pytorch.losses: losses of masks, and cross entropies with label smoothing."""

from __future__ import annotations

import math

from torch import Tensor

from lossbench.frameworks.torch.engine import framework
from lossbench.frameworks.torch.packages import package
from lossbench.frameworks.torch.packages.declared import by_subtraction
from lossbench.frameworks.torch.recipes import samples
from lossbench.frameworks.torch.rows import class_axis_second
from lossbench.records import Known

SEGMENTATION_MODELS = package("segmentation_models_pytorch", "segmentation_models_pytorch", measured="0.6.0")
losses = SEGMENTATION_MODELS.module("segmentation_models_pytorch.losses")

BARE = (("smooth", 0.0), ("floor", 1e-7))
BATCHWISE = (
    "takes its sums over the whole batch, without smoothing, as documented; of labels between 0 and 1 the overlap is "
    "the sum of the smaller numbers, and a batch without a positive label costs nothing"
)

NO_SAMPLES = Known("refuses a batch of no samples", raises=True, regimes=("empty",))


@framework.implements(
    via="segmentation_models_pytorch.losses.DiceLoss(binary, from_logits=False)",
    reductions=("mean",),
    package=SEGMENTATION_MODELS,
    known=[Known(BATCHWISE, definition="soft_dice_by_minimum", sets=BARE, contract=True), NO_SAMPLES],
)
def soft_dice(prediction: Tensor, target: Tensor) -> Tensor:
    return losses.DiceLoss("binary", from_logits=False)(samples(prediction), samples(target))


@framework.implements(
    via="segmentation_models_pytorch.losses.TverskyLoss(binary, from_logits=False)",
    reductions=("mean",),
    package=SEGMENTATION_MODELS,
    known=[Known(BATCHWISE, definition="tversky_by_minimum", sets=BARE, contract=True), NO_SAMPLES],
)
def tversky(prediction: Tensor, target: Tensor, *, alpha: float = 0.5, beta: float = 0.5) -> Tensor:
    return losses.TverskyLoss("binary", from_logits=False, alpha=alpha, beta=beta)(samples(prediction), samples(target))


@framework.implements(
    via="segmentation_models_pytorch.losses.FocalLoss(binary)",
    package=SEGMENTATION_MODELS,
    known=[
        *by_subtraction(
            "binary_focal_of_entropy",
            "takes exp(-CE) for the probability of the right answer, which it is for labels of 0 and 1 alone, and "
            "forms 1 less that by subtraction",
        ),
        Known(
            "a gamma below 1 has slopes of infinity or NaN where 1 - p_t rounds to 0",
            regimes=("confident",),
            options=("gamma",),
            error=math.inf,
        ),
    ],
)
def binary_focal(
    logit: Tensor, target: Tensor, *, alpha: float | None = None, gamma: float = 2.0, reduction: str
) -> Tensor:
    loss = losses.FocalLoss("binary", alpha=alpha, gamma=gamma, reduction=reduction)(logit, target)
    return loss.reshape(logit.shape) if reduction == "none" else loss


@framework.implements(via="segmentation_models_pytorch.losses.SoftBCEWithLogitsLoss", package=SEGMENTATION_MODELS)
def binary_cross_entropy_with_logits(
    logit: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    pos_weight: Tensor | None = None,
    *,
    label_smoothing: float = 0.0,
    reduction: str,
) -> Tensor:
    loss = losses.SoftBCEWithLogitsLoss(
        weight=weight, reduction=reduction, smooth_factor=label_smoothing / 2, pos_weight=pos_weight
    )
    return loss(logit, target)


@framework.implements(
    via="segmentation_models_pytorch.losses.SoftCrossEntropyLoss(smooth_factor=)",
    package=SEGMENTATION_MODELS,
    known=[
        Known(
            "the mean counts the rows that are ignored, too",
            definition="cross_entropy_averaged_over_all_rows",
            reductions=("mean",),
            options=("ignore_index",),
        ),
        Known(
            "adds 0 times the sum of a row's logarithms where nothing is smoothed: NaN if one of them is infinite",
            regimes=("shielded",),
            error=math.inf,
        ),
        Known(
            "the slope of an ignored row is 0 times its softmax, which is NaN if its scores are",
            regimes=("poison",),
            options=("ignore_index",),
            error=math.inf,
        ),
    ],
)
def cross_entropy(
    logits: Tensor, target: Tensor, *, ignore_index: int = -100, label_smoothing: float = 0.0, reduction: str
) -> Tensor:
    loss = losses.SoftCrossEntropyLoss(reduction=reduction, smooth_factor=label_smoothing, ignore_index=ignore_index)
    found = loss(class_axis_second(logits), target)
    return found.reshape(target.shape) if reduction == "none" else found
