"""optax's losses of masks: of logits, unreduced over the samples."""

from __future__ import annotations

import math

import optax

from lossbench.framework import Tensor
from lossbench.frameworks.jax.engine import framework
from lossbench.records import Known

NONE = ("none",)


def as_masks(batch: Tensor) -> Tensor:
    """Each sample as one row of pixels of a single class."""
    return batch.reshape(batch.shape[0], math.prod(batch.shape[1:]), 1)


@framework.implements(
    via="optax.losses.binary_dice_loss",
    reductions=NONE,
    known=[
        Known(
            "counts the smoothing twice: it is added to the overlap and to half the sizes of the masks",
            definition="soft_dice_with_logits_smoothed_twice",
            contract=True,
        )
    ],
)
def soft_dice_with_logits(logit: Tensor, target: Tensor, *, smooth: float = 1.0) -> Tensor:
    mask = as_masks(logit)
    return optax.losses.binary_dice_loss(mask, as_masks(target), smooth=smooth)


@framework.implements(via="optax.losses.dice_loss", reductions=NONE)
def tversky_with_logits(
    logit: Tensor, target: Tensor, *, alpha: float = 0.5, beta: float = 0.5, smooth: float = 1.0
) -> Tensor:
    mask = as_masks(logit)
    return optax.losses.dice_loss(mask, as_masks(target), alpha=alpha, beta=beta, smooth=smooth)


@framework.implements(via="optax.losses.dice_loss", reductions=NONE)
def multiclass_dice(
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    alpha: float = 0.5,
    beta: float = 0.5,
    smooth: float = 1.0,
    ignore_background: bool = False,
) -> Tensor:
    return optax.losses.dice_loss(
        logits,
        target,
        class_weights=weight,
        alpha=alpha,
        beta=beta,
        smooth=smooth,
        ignore_background=ignore_background,
    )


@framework.implements(via="optax.losses.multiclass_generalized_dice_loss", reductions=("mean",))
def generalized_dice(logits: Tensor, target: Tensor, *, smooth: float = 1.0, ignore_background: bool = False) -> Tensor:
    return optax.losses.multiclass_generalized_dice_loss(
        logits, target, smooth=smooth, ignore_background=ignore_background
    )
