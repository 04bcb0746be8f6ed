"""optax's losses of masks: of logits, unreduced over the samples."""

from __future__ import annotations

import math

import jax
import optax
from jax import numpy as jnp

from lossbench.framework import Tensor
from lossbench.frameworks.jax.engine import framework
from lossbench.records import Known

NONE = ("none",)
UNCOMPILED = [
    Known(
        "asks in Python whether the probabilities sum to 1, which jax.jit refuses; called as it stands "
        "(--target jax:eager), it refuses sums that are off 1 by more than 1e-5, as those of 16-bit formats are",
        raises=True,
    )
]


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


@framework.implements("multiclass_dice", via="optax.losses.dice_loss(axis=(0, ...))", reductions=NONE)
def multiclass_dice_of_samples_before_classes(logits: Tensor, target: Tensor, *, smooth: float = 1.0) -> Tensor:
    pixels_first = jnp.moveaxis(logits, 0, -2), jnp.moveaxis(target, 0, -2)
    return optax.losses.dice_loss(*pixels_first, smooth=smooth, axis=tuple(range(logits.ndim - 2)))


@framework.implements(
    "multiclass_dice",
    via="jax.nn.softmax + optax.losses.dice_loss(apply_softmax=False)",
    reductions=NONE,
    known=UNCOMPILED,
)
def multiclass_dice_of_probabilities(logits: Tensor, target: Tensor, *, smooth: float = 1.0) -> Tensor:
    return optax.losses.dice_loss(jax.nn.softmax(logits), target, smooth=smooth, apply_softmax=False)


@framework.implements(via="optax.losses.multiclass_generalized_dice_loss", reductions=("mean",))
def generalized_dice(logits: Tensor, target: Tensor, *, smooth: float = 1.0, ignore_background: bool = False) -> Tensor:
    return optax.losses.multiclass_generalized_dice_loss(
        logits, target, smooth=smooth, ignore_background=ignore_background
    )
