"""Deviating formulas of the focal loss of a logit, as packages beside the frameworks have them.

All agree with the textbook where the target is 0 or 1; they differ in what a label between means, and with it in the
slope by the target.
"""

from __future__ import annotations

import numpy as np

from lossbench.domains import BinaryTarget, Fraction, Logit, NonNegativeNumber
from lossbench.loss import Terms, loss
from lossbench.losses.focal import OptionalFraction, assemble, balance_and_tilt, logit_parts
from lossbench.losses.limits import product
from lossbench.losses.stable import sigmoid, softplus

EPS = float(np.finfo(np.float64).eps)


@loss(over="elements", variant=True)
@np.errstate(all="ignore")
def binary_focal_side_by_side(
    logit: Logit, target: BinaryTarget, *, alpha: OptionalFraction = None, gamma: NonNegativeNumber = 2.0
) -> Terms:
    """The focal losses of a yes and of a no, weighted by the target: each logarithm has a focal factor of its own.

    ``y α σ(-x)^γ softplus(-x) + (1 - y) (1 - α) σ(x)^γ softplus(x)``, both weights 1 where alpha is None.

    Source: kornia.losses.binary_focal_loss_with_logits, documentation.
    """
    one = np.ones(np.shape(logit))
    yes = assemble(logit_parts(logit, one, alpha, gamma), gamma, 1.0)
    no = assemble(logit_parts(logit, 0 * one, alpha, gamma), gamma, 1.0)

    def mixed(for_yes: np.ndarray, for_no: np.ndarray) -> np.ndarray:
        return np.asarray(product(target, for_yes) + product(1 - target, for_no))

    sizes = np.asarray(yes.magnitude), np.asarray(no.magnitude)
    return Terms(
        mixed(yes.value, no.value),
        {"logit": mixed(yes.slopes["logit"], no.slopes["logit"]), "target": yes.value - no.value},
        mixed(*sizes),
        {"logit": mixed(yes.slope_magnitudes["logit"], no.slope_magnitudes["logit"]), "target": sizes[0] + sizes[1]},
    )


@loss(over="elements", variant=True)
@np.errstate(all="ignore")
def binary_focal_of_turned_logit(
    logit: Logit, target: BinaryTarget, *, alpha: OptionalFraction = None, gamma: NonNegativeNumber = 2.0
) -> Terms:
    """Focal loss whose factor is ``σ(-x (2y - 1))^γ``, which at a label between is no mixture of the two answers.

    Source: monai.losses.FocalLoss, measured.
    """
    x, y = logit, target
    balance, tilt = balance_and_tilt(y, 1 - y, alpha)
    turned = x * (2 * y - 1)
    entropy = product(y, softplus(-x)) + product(1 - y, softplus(x))
    damping = np.exp(-gamma * softplus(turned))
    steep = gamma * sigmoid(turned)  # the slope of -log of the factor, by the turned logit
    by_logit = (1 - y) * sigmoid(x) - y * sigmoid(-x)
    around = 1 + np.abs(x) + entropy  # x - xy - log σ(x): its terms
    blur = 1 + gamma * (1 + softplus(turned))
    return Terms(
        product(balance * damping, entropy),
        {
            "logit": balance * damping * (by_logit - product(steep * (2 * y - 1), entropy)),
            "target": damping * (product(balance, -x - 2 * product(steep * x, entropy)) + tilt * entropy),
        },
        balance * damping * around * blur,
        {
            "logit": balance * damping * blur * (1 + steep * around),
            "target": damping * blur * (balance * (1 + np.abs(x)) * (1 + 2 * steep * around) + abs(tilt) * around),
        },
    )


@loss(over="elements", variant=True)
@np.errstate(all="ignore")
def binary_focal_of_entropy(
    logit: Logit,
    target: BinaryTarget,
    *,
    alpha: OptionalFraction = None,
    gamma: NonNegativeNumber = 2.0,
    lost: Fraction = 2.0**-54,
) -> Terms:
    """Focal loss whose probability of the right answer is ``exp(-CE)``, and 1 less that formed by subtraction.

    Where CE is at most `lost`, a quarter of the format's eps, the difference is 0: so is the value, and the slopes of
    gamma < 1 are NaN.

    Source: segmentation_models_pytorch.losses.FocalLoss, measured.
    """
    x, y = logit, target
    balance, tilt = balance_and_tilt(y, 1 - y, alpha)
    entropy = product(y, softplus(-x)) + product(1 - y, softplus(x))
    miss = -np.expm1(-entropy)
    gone = entropy <= lost
    power = np.where(gone, 0.0 if gamma > 0 else 1.0, miss**gamma)
    # of CE m^gamma by CE; m over CE tends to 1
    share = np.where(entropy < 2.0**-1000, 1.0, entropy / miss)
    steep = power * (1 + gamma * share * np.exp(-entropy))
    steep = np.where(gone & (0 < gamma < 1), np.nan, steep)
    by_logit = (1 - y) * sigmoid(x) - y * sigmoid(-x)
    # CE is formed as x - xy - log σ(x), whose terms are as large as x; its error is that of 1 - exp(-CE)
    blur = (1 + gamma * (1 + np.abs(x)) / np.maximum(miss, EPS)) ** 2
    size = power * (1 + gamma * share) * blur
    return Terms(
        product(balance * power, entropy),
        {
            "logit": product(balance * steep, by_logit),
            "target": product(balance * steep, -x) + tilt * product(power, entropy),
        },
        balance * power * (1 + entropy) * blur,
        {
            "logit": balance * size,
            "target": balance * size * (1 + np.abs(x)) + abs(tilt) * power * (1 + entropy) * blur,
        },
    )


@loss(over="batch", variant=True, reductions=("none", "mean", "sum"))
@np.errstate(all="ignore")
def binary_focal_of_turned_logit_averaged(
    logit: Logit, target: BinaryTarget, *, alpha: OptionalFraction = None, gamma: NonNegativeNumber = 2.0
) -> Terms:
    """The mean of `binary_focal_of_turned_logit`, as one number for everything.

    Source: monai.losses.FocalLoss(reduction="sum"), measured.
    """
    terms = binary_focal_of_turned_logit.function(logit, target, alpha=alpha, gamma=gamma)
    count = max(np.size(logit), 1)
    return Terms(
        np.asarray(terms.value.sum() / count),
        {name: slope / count for name, slope in terms.slopes.items()},
        np.asarray(np.asarray(terms.magnitude).sum() / count),
        {name: size / count for name, size in terms.slope_magnitudes.items()},
    )
