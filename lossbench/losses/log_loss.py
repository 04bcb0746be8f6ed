"""Binary cross entropy of a probability, with a small number under each logarithm."""

from __future__ import annotations

import numpy as np

from lossbench.domains import BinaryTarget, PositiveNumber, Probability, Weight
from lossbench.functions import exactly, log
from lossbench.loss import Terms, loss
from lossbench.losses.binary import REDUCTIONS, shares, weight_denominators


@loss(over="elements", also={"epsilon": (0.125,)}, reductions=REDUCTIONS, relations=("labels_mirrored", "not_negative"))
@np.errstate(all="ignore")
def log_loss(
    prediction: Probability, target: BinaryTarget, weight: Weight = None, *, epsilon: PositiveNumber = 1e-7
) -> Terms:
    """Binary cross entropy of a probability, kept finite by an epsilon added to the argument of each logarithm.

    ``-w (y log(q + ε) + (1 - y) log(1 - q + ε))`` with q the prediction and w = 1 where no weight is given; slightly
    negative where prediction and target agree. The derivative by q is ``w ((1 - y)/(1 - q + ε) - y/(q + ε))``, that
    by y is ``w (log(1 - q + ε) - log(q + ε))``. Shapes: all alike, one term for each element. Identity:
    `binary_cross_entropy` in the limit ε = 0.

    Source: documentation of tf.compat.v1.losses.log_loss and of paddle.nn.functional.log_loss.
    """
    yes, no, rate = shares(target, weight, 0.0)
    for_yes, for_no = prediction + epsilon, (1 - prediction) + epsilon
    # 1 + (ε - q) rather than (1 - q) + ε near the left end, where the small part would be lost
    log_yes = np.where(prediction > 0.5, np.log1p(epsilon - (1 - prediction)), np.log(for_yes))
    log_no = np.where(prediction < 0.5, np.log1p(epsilon - prediction), np.log(for_no))
    return Terms(
        -(yes * log_yes + no * log_no),
        {"prediction": no / for_no - yes / for_yes, "target": rate * (log_no - log_yes)},
        # both logarithms may be those of a sum that starts at 1
        magnitude=yes * (1 + np.abs(log_yes)) + no * (1 + np.abs(log_no)),
        slope_magnitudes={
            "prediction": no / for_no + yes / for_yes,
            "target": rate * (2 + np.abs(log_no) + np.abs(log_yes)),
        },
        denominators=weight_denominators(weight, target),
    )


@log_loss.definition
def _(prediction, target, weight, *, epsilon):
    e = exactly(epsilon)
    likelihood = target * log(prediction + e) + (1 - target) * log(1 - prediction + e)
    return -(1 if weight is None else weight) * likelihood
