"""Deviating formulas of the losses of masks."""

from __future__ import annotations

import numpy as np

from lossbench.domains import BinaryTarget, Logit, NonNegativeNumber, Probability
from lossbench.loss import Terms, loss
from lossbench.losses.tversky import soft_dice_with_logits, tversky_terms


@loss(over="batch", variant=True, reductions=("none", "mean", "sum"))
def tversky_over_batch(
    prediction: Probability,
    target: BinaryTarget,
    *,
    alpha: NonNegativeNumber = 0.5,
    beta: NonNegativeNumber = 0.5,
    smooth: NonNegativeNumber = 0.0,
    epsilon: NonNegativeNumber = 1e-7,
) -> Terms:
    """Tversky loss with its sums taken over the whole batch: one number for everything.

    Source: keras.losses.Tversky(axis=None), measured.
    """
    return tversky_terms(prediction, target, (alpha, beta, smooth, epsilon), tuple(range(np.ndim(prediction))))


@loss(over="samples", variant=True)
def soft_dice_with_logits_smoothed_twice(
    logit: Logit, target: BinaryTarget, *, smooth: NonNegativeNumber = 1.0
) -> Terms:
    """Dice loss ``1 - (I + s) / ((P + T)/2 + s)``: that of the textbook with a smoothing of 2s.

    Source: optax.losses.binary_dice_loss, documentation.
    """
    return soft_dice_with_logits.function(logit, target, smooth=2 * smooth)
