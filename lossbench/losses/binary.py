"""Binary cross entropy, of a probability and of a logit."""

from __future__ import annotations

import numpy as np

from lossbench.domains import BinaryTarget, ClassWeight, Fraction, Logit, Probability, Weight
from lossbench.functions import exactly, log, sigmoid, xlogy
from lossbench.loss import Denominator, Terms, loss
from lossbench.losses import stable
from lossbench.losses.limits import product, quotient

REDUCTIONS = ("none", "mean", "sum", "mean_last", "weighted_mean", "nonzero_mean")


@loss(
    over="elements",
    also={"label_smoothing": (0.125,)},
    reductions=REDUCTIONS,
    aliases=("bce",),
    relations=("labels_mirrored", "not_negative"),
)
@np.errstate(all="ignore")
def binary_cross_entropy(
    prediction: Probability, target: BinaryTarget, weight: Weight = None, *, label_smoothing: Fraction = 0.0
) -> Terms:
    """Negative log likelihood of a yes or no that is predicted with a probability.

    ``-w (y log q + (1 - y) log(1 - q))`` with q the prediction, 0 log 0 = 0, w = 1 where no weight is given, and
    ``y = (1 - ε) target + ε/2`` where labels are smoothed by ε; the derivative by q is
    ``w ((1 - y) / (1 - q) - y / q)``. Shapes: all alike, one term for each element. Identity:
    `binary_cross_entropy_with_logits` at log(q / (1 - q)).

    Source: C. M. Bishop, "Pattern Recognition and Machine Learning", 4.3.2.
    """
    yes, no, rate = shares(target, weight, label_smoothing)
    log_yes, log_no = np.log(prediction), np.log1p(-prediction)
    for_yes, for_no = quotient(yes, prediction), quotient(no, 1 - prediction)
    value = -(product(yes, log_yes) + product(no, log_no))
    return Terms(
        value,
        {"prediction": for_no - for_yes, "target": product(rate, log_no - log_yes)},
        # 1 - q is a sum that starts at 1: whoever forms it has an absolute error, however small the result
        magnitude=product(np.abs(yes), -log_yes) + product(np.abs(no), -log_no) + np.abs(no),
        slope_magnitudes={
            "prediction": np.abs(for_no) + np.abs(for_yes),
            "target": product(rate, 1 + np.abs(log_no) + np.abs(log_yes)),
        },
        denominators=weight_denominators(weight, target),
    )


@binary_cross_entropy.definition
def _(prediction, target, weight, *, label_smoothing):
    y = (1 - exactly(label_smoothing)) * target + exactly(label_smoothing) / 2
    w = 1 if weight is None else weight
    return -(xlogy(w * y, prediction) + xlogy(w * (1 - y), 1 - prediction))


@loss(
    over="elements",
    also={"label_smoothing": (0.125,)},
    reductions=REDUCTIONS,
    aliases=("bce_with_logits", "sigmoid_cross_entropy"),
    relations=("labels_mirrored", "not_negative"),
)
@np.errstate(all="ignore")
def binary_cross_entropy_with_logits(
    logit: Logit,
    target: BinaryTarget,
    weight: Weight = None,
    pos_weight: ClassWeight = None,
    *,
    label_smoothing: Fraction = 0.0,
) -> Terms:
    """Negative log likelihood of a yes or no that is predicted with a logit.

    ``-w (v y log σ(x) + (1 - y) log(1 - σ(x)))`` with x the logit, σ(x) = 1 / (1 + exp(-x)), w = 1 and v = 1 where
    weight and pos_weight are not given, and ``y = (1 - ε) target + ε/2`` where labels are smoothed by ε; the
    derivative by x is ``w ((1 - y) σ(x) - v y σ(-x))``. logit, target and weight alike, pos_weight along the last
    axis; one term for each element. Identity: the derivative by the target is -x where there are no weights.

    Source: C. M. Bishop, "Pattern Recognition and Machine Learning", 4.3.2.
    """
    yes, no, rate = shares(target, weight, label_smoothing)
    positive = np.ones(logit.shape[-1:]) if pos_weight is None else pos_weight
    yes = positive * yes
    for_yes, for_no = stable.softplus(-logit), stable.softplus(logit)  # -log σ(x), -log(1 - σ(x))
    value = product(yes, for_yes) + product(no, for_no)
    up, down = no * stable.sigmoid(logit), yes * stable.sigmoid(-logit)
    # v softplus(-x) - softplus(x), with the one that is large written as |x| plus the other
    rest = (positive - 1) * np.minimum(for_yes, for_no)
    by_target = np.where(logit >= 0, rest - logit, rest - positive * logit)
    return Terms(
        value,
        {"logit": up - down, "target": product(rate, by_target)},
        # the logarithm of a sum that starts at 1 has an absolute error
        magnitude=product(np.abs(yes), for_yes) + product(np.abs(no), for_no) + np.abs(yes) + np.abs(no),
        slope_magnitudes={
            "logit": np.abs(up)
            + np.abs(down)
            + np.abs(yes)
            + np.abs(no),  # as of a softmax over yes and no, in which σ(-x) is 1 - σ(x)
            "target": product(rate, positive * (1 + for_yes) + 1 + for_no),
        },
        denominators=weight_denominators(weight, target),
    )


@binary_cross_entropy_with_logits.definition
def _(logit, target, weight, pos_weight, *, label_smoothing):
    y = (1 - exactly(label_smoothing)) * target + exactly(label_smoothing) / 2
    likelihood = (1 if pos_weight is None else pos_weight) * y * log(sigmoid(logit)) + (1 - y) * log(sigmoid(-logit))
    return -(1 if weight is None else weight) * likelihood


def shares(
    target: np.ndarray, weight: np.ndarray | None, label_smoothing: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coefficients of the logarithms of yes and of no, and their common slope by the target."""
    weights = np.ones(np.shape(target)) if weight is None else weight
    kept = 1 - label_smoothing
    # the share of no by itself, not as 1 - y, which would lose the small ones
    yes, no = kept * target + label_smoothing / 2, kept * (1 - target) + label_smoothing / 2
    return weights * yes, weights * no, weights * kept


def weight_denominators(weight: np.ndarray | None, like: np.ndarray) -> dict[str, Denominator]:
    """What the means divide by that go by the weights of the elements."""
    weights = np.ones(np.shape(like)) if weight is None else weight
    return {
        "weighted_mean": Denominator(weights.sum()),
        "nonzero_mean": Denominator(float(np.count_nonzero(weights))),
    }
