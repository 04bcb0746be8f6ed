"""Deviating formulas of the losses of masks, as packages beside the frameworks have them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lossbench.domains import BinaryTarget, NonNegativeNumber, Probability
from lossbench.loss import Terms, loss
from lossbench.losses.limits import ratio


@loss(over="batch", variant=True, reductions=("none", "mean", "sum"))
@np.errstate(all="ignore")
def tversky_by_minimum(
    prediction: Probability,
    target: BinaryTarget,
    *,
    alpha: NonNegativeNumber = 0.5,
    beta: NonNegativeNumber = 0.5,
    smooth: NonNegativeNumber = 0.0,
    floor: NonNegativeNumber = 1e-7,
) -> Terms:
    """Tversky loss of the whole batch whose overlap is ``(Σq + Σy - Σ|q - y|)/2``, the sum of the smaller numbers.

    ``1 - (I + s) / max(D, floor)`` with ``D = I + α (Σq - I) + β (Σy - I) + s``, s = smooth; 0 where no target is
    positive. It is the textbook's for targets of 0 and 1; for those between, the overlap is min(q, y) instead of qy.
    The derivative of I by q is ``(1 - sign(q - y))/2``; below the floor D has none. Kinks: ``q = y``.

    Source: segmentation_models_pytorch.losses.TverskyLoss, measured.
    """
    q, y = prediction, target
    side = np.sign(q - y)
    overlap, size = np.minimum(q, y).sum(), q.sum() + y.sum()
    bare = overlap + alpha * (q.sum() - overlap) + beta * (y.sum() - overlap) + smooth
    whole = max(bare, floor) if not np.isnan(bare) else bare
    share = (overlap + smooth) / whole
    inner = {"prediction": (1 - side) / 2, "target": (1 + side) / 2}
    weights = {"prediction": alpha, "target": beta}
    slopes, sizes = {}, {}
    for name, of_overlap in inner.items():
        of_whole = (1 - alpha - beta) * of_overlap + weights[name]
        of_whole = of_whole if bare >= floor else 0 * of_whole
        slopes[name] = (share * of_whole - of_overlap) / whole
        sizes[name] = (abs(share) * (1 + alpha + beta) + 1) / whole * np.ones(np.shape(q))
    nothing = not (y.sum() > 0)
    # the sums, from which the overlap is formed by subtraction, have an absolute error
    blur = 1 + size / whole
    return Terms(
        np.asarray(0.0 if nothing else 1 - share),
        {name: slope * (not nothing) for name, slope in slopes.items()},
        np.asarray((1 + share) * blur),
        {name: each * blur for name, each in sizes.items()},
        np.asarray(ratio(np.abs(q - y), q + y).min(initial=np.inf)),
    )


@loss(over="batch", variant=True, reductions=("none", "mean", "sum"))
def soft_dice_by_minimum(
    prediction: Probability, target: BinaryTarget, *, smooth: NonNegativeNumber = 0.0, floor: NonNegativeNumber = 1e-7
) -> Terms:
    """Dice loss of the whole batch, as `tversky_by_minimum` with both weights 1/2.

    Source: segmentation_models_pytorch.losses.DiceLoss, measured.
    """
    terms = tversky_by_minimum.function(prediction, target, alpha=0.5, beta=0.5, smooth=smooth, floor=floor)
    return replace(terms)
