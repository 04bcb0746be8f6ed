"""Focal loss of a yes or no: binary cross entropy with the easy examples turned down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np

from lossbench import pairs
from lossbench.domains import Fraction, Logit, NonNegativeNumber, PositiveNumber, Probability, Range, StrictBinaryTarget
from lossbench.functions import exactly, log, power, sigmoid, xlogy
from lossbench.loss import Terms, loss
from lossbench.losses import stable
from lossbench.losses.limits import product, quotient

REDUCTIONS = ("none", "mean", "sum", "mean_last")
EPS = float(np.finfo(np.float64).eps)
OptionalFraction = Annotated[float | None, Range(low=0.0, high=1.0)]


@loss(
    over="elements",
    also={"alpha": (0.25,), "gamma": (0.0, 0.5, 3.0), "normalizer": (3.0,), "label_smoothing": (0.125,)},
    reductions=REDUCTIONS,
    relations=("labels_mirrored", "not_negative"),
)
@np.errstate(all="ignore")
def binary_focal(
    logit: Logit,
    target: StrictBinaryTarget,
    *,
    alpha: OptionalFraction = None,
    gamma: NonNegativeNumber = 2.0,
    normalizer: PositiveNumber = 1.0,
    label_smoothing: Fraction = 0.0,
) -> Terms:
    """Binary cross entropy of a logit, times a power of the probability given to the wrong answer.

    ``a m^gamma CE / normalizer`` with ``m = y σ(-x) + (1 - y) σ(x)``, CE the binary cross entropy of logit x and
    target y, and ``a = alpha y + (1 - alpha)(1 - y)``, or 1 where alpha is None; label smoothing puts
    ``(1 - ε) y + ε/2`` in the place of y. Shapes: both alike, one term for each element. Identity: with gamma = 0 and
    no alpha, `binary_cross_entropy_with_logits`.

    Source: T.-Y. Lin et al., "Focal loss for dense object detection", ICCV 2017.
    """
    parts = logit_parts(logit, target, alpha, gamma, label_smoothing)
    return by_label(assemble(parts, gamma, normalizer), label_smoothing)


@binary_focal.definition
def _(logit, target, *, alpha, gamma, normalizer, label_smoothing):
    y = (1 - exactly(label_smoothing)) * target + exactly(label_smoothing) / 2
    m = y * sigmoid(-logit) + (1 - y) * sigmoid(logit)
    likelihood = y * log(sigmoid(logit)) + (1 - y) * log(sigmoid(-logit))
    return -_balance(y, alpha) * power(m, gamma) * likelihood / normalizer


@loss(
    over="elements",
    also={"alpha": (0.25,), "gamma": (0.0, 0.5, 3.0), "label_smoothing": (0.125,)},
    reductions=REDUCTIONS,
    form_of="binary_focal",
    relations=("labels_mirrored", "not_negative"),
)
@np.errstate(all="ignore")
def binary_focal_probability(
    prediction: Probability,
    target: StrictBinaryTarget,
    *,
    alpha: OptionalFraction = None,
    gamma: NonNegativeNumber = 2.0,
    label_smoothing: Fraction = 0.0,
) -> Terms:
    """Binary cross entropy of a probability, times a power of the probability given to the wrong answer.

    ``a m^gamma CE`` with ``m = y (1 - q) + (1 - y) q``, CE the binary cross entropy of prediction q and target y, and
    ``a = alpha y + (1 - alpha)(1 - y)``, or 1 where alpha is None; label smoothing as in `binary_focal`. Shapes: both
    alike, one term for each element. Identity: `binary_focal` at the logit of q; with gamma = 0 and no alpha,
    `binary_cross_entropy`.

    Source: T.-Y. Lin et al., "Focal loss for dense object detection", ICCV 2017.
    """
    parts = probability_parts(prediction, target, alpha, gamma, label_smoothing)
    terms = by_label(assemble(parts, gamma, 1.0), label_smoothing)
    # where a soft label meets a certain prediction, the slope is that of the logarithm alone
    endless = np.isinf(parts.entropy)
    by_prediction = np.where(endless, np.where(prediction == 0, -np.inf, np.inf), terms.slopes["prediction"])
    # y/q of a subnormal q overflows, where m^gamma may bring it back; nothing else of the slope is left to see there
    yes, _ = smooth(target, label_smoothing)
    alone = -(parts.root * (parts.root * parts.balance * yes)) / prediction
    by_prediction = np.where(np.isneginf(by_prediction) & (prediction > 0), alone, by_prediction)
    return Terms(
        terms.value,
        {**terms.slopes, "prediction": by_prediction},
        magnitude=terms.magnitude,
        slope_magnitudes=terms.slope_magnitudes,
    )


@binary_focal_probability.definition
def _(prediction, target, *, alpha, gamma, label_smoothing):
    q, y = prediction, (1 - exactly(label_smoothing)) * target + exactly(label_smoothing) / 2
    m = y * (1 - q) + (1 - y) * q
    return -_balance(y, alpha) * power(m, gamma) * (xlogy(y, q) + xlogy(1 - y, 1 - q))


def _balance(y, alpha):
    return 1 if alpha is None else exactly(alpha) * y + (1 - exactly(alpha)) * (1 - y)


def smooth(target: np.ndarray, label_smoothing: float) -> tuple[np.ndarray, np.ndarray]:
    """The shares of yes and of no that labels have on their way to a half, by the share `label_smoothing`."""
    yes, no = (np.asarray((1 - label_smoothing) * part + label_smoothing / 2) for part in (target, 1 - target))
    return yes, no


def by_label(terms: Terms, label_smoothing: float) -> Terms:
    """Terms of smoothed labels, with their slopes by the labels as they were."""
    rest = 1 - label_smoothing
    slopes = {**terms.slopes, "target": rest * terms.slopes["target"]}
    sizes = {n: rest * size if n == "target" else size for n, size in terms.slope_magnitudes.items()}
    return replace(terms, slopes=slopes, slope_magnitudes=sizes)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a focal loss is made of.

    balance, tilt: the factor a, and its slope by the target. miss: the probability m given to the wrong answer.
    root: the square root of m^gamma. entropy: the cross entropy. ratio: entropy / miss by its limit.
    by_miss: the slope of m by each argument, by_entropy: a times that of the entropy; sizes: for both the sums of the
    absolute terms, and what rounding of a sum that starts at 1 adds to the second.
    """

    balance: np.ndarray
    tilt: float
    miss: np.ndarray
    root: np.ndarray
    entropy: np.ndarray
    ratio: np.ndarray
    by_miss: Mapping[str, np.ndarray]
    by_entropy: Mapping[str, np.ndarray]
    sizes: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]]


@np.errstate(all="ignore")
def logit_parts(
    logit: np.ndarray, target: np.ndarray, alpha: float | None, gamma: float, label_smoothing: float = 0.0
) -> Parts:
    """The parts of the focal loss of a logit."""
    x, (y, n) = logit, smooth(target, label_smoothing)
    balance, tilt = balance_and_tilt(y, n, alpha)
    yes, no = stable.sigmoid(x), stable.sigmoid(-x)
    for_yes, for_no = stable.softplus(-x), stable.softplus(x)
    miss = y * no + n * yes
    entropy = product(y, for_yes) + product(n, for_no)
    # m^(gamma/2) of a hard label is exp(gamma s/2) / (1 + e)^(gamma/2) with s = min(±x, 0) and e = exp(-|x|); the
    # rounding of the product gamma s/2 is put back, as the exponential would magnify it
    hard = (y == 0) | (n == 0)
    s = np.minimum(np.where(n == 0, -x, x), 0.0)
    exponent, rest = pairs.two_product(s, np.asarray(gamma / 2))
    exponent = np.where(np.isnan(exponent), 0.0, exponent)  # 0 times infinity
    root = np.exp(exponent) * (1 + rest) * np.exp(-gamma / 2 * np.log1p(np.exp(-np.abs(x))))
    return Parts(
        balance=balance,
        tilt=tilt,
        miss=miss,
        root=np.where(hard, root, miss ** (gamma / 2)),
        entropy=entropy,
        ratio=np.where(hard & (miss < 2.0**-1000), 1.0, entropy / miss),
        by_miss={"logit": (n - y) * yes * no, "target": -np.tanh(x / 2)},
        by_entropy={"logit": balance * (n * yes - y * no), "target": product(balance, -x)},
        sizes={
            "logit": (np.abs(n - y) * yes * no, balance * miss, balance),
            "target": (np.ones(np.shape(x)), product(balance, for_yes + for_no), balance),
        },
    )


@np.errstate(all="ignore")
def probability_parts(
    prediction: np.ndarray, target: np.ndarray, alpha: float | None, gamma: float, label_smoothing: float = 0.0
) -> Parts:
    """The parts of the focal loss of a probability."""
    q, (y, n) = prediction, smooth(target, label_smoothing)
    balance, tilt = balance_and_tilt(y, n, alpha)
    log_yes, log_no = np.log(q), np.log1p(-q)
    miss = y * (1 - q) + n * q
    entropy = -(product(y, log_yes) + product(n, log_no))
    for_yes, for_no = quotient(balance * y, q), quotient(balance * n, 1 - q)
    one = np.ones(np.shape(q))
    return Parts(
        balance=balance,
        tilt=tilt,
        miss=miss,
        root=miss ** (gamma / 2),
        entropy=entropy,
        ratio=np.where((miss == 0) & (entropy == 0), 1.0, entropy / miss),
        by_miss={"prediction": n - y, "target": 1 - 2 * q},
        by_entropy={"prediction": for_no - for_yes, "target": product(balance, log_no - log_yes)},
        sizes={
            "prediction": (one, for_no + for_yes, 0 * one),
            "target": (one, product(balance, np.abs(log_no) + np.abs(log_yes)), balance),
        },
    )


def balance_and_tilt(yes: np.ndarray, no: np.ndarray, alpha: float | None) -> tuple[np.ndarray, float]:
    """The weight of an example with these shares of yes and no, and its slope by that of yes."""
    if alpha is None:
        return np.ones(np.shape(yes)), 0.0
    return alpha * yes + (1 - alpha) * no, 2 * alpha - 1


@np.errstate(all="ignore")
def assemble(parts: Parts, gamma: float, normalizer: float) -> Terms:
    """Value and slopes from the parts, by the product rule."""
    balance, tilt = parts.balance, parts.tilt

    def damped(number: np.ndarray) -> np.ndarray:
        # multiplied by the root twice, as m^gamma may underflow where the product does not
        return product(parts.root, product(parts.root, number)) / normalizer

    # Whoever forms m as 1 - p_t has it with an absolute error of eps, which its power and slopes inherit.
    blur = 1 + gamma / np.maximum(parts.miss, EPS)
    slopes, sizes = {}, {}
    for name, by_miss in parts.by_miss.items():
        size_of_miss, size_of_entropy, rounding = parts.sizes[name]
        slope = balance * product(gamma * by_miss, parts.ratio) + parts.by_entropy[name]
        size = balance * product(gamma * size_of_miss, parts.ratio) + size_of_entropy
        if name == "target":
            # an infinite entropy is m |log 0|, whose slope by the target is ±|log 0|: one coefficient in all
            endless = (by_miss * balance * (gamma + 1) + tilt * parts.miss) * np.inf
            slope = np.where(np.isinf(parts.entropy), endless, slope + tilt * parts.entropy)
            size = size + abs(tilt) * (1 + parts.entropy)
        slopes[name], sizes[name] = damped(slope), damped(size * blur + rounding)
    value = damped(product(balance, parts.entropy))
    # the logarithm of a sum that starts at 1 has an absolute error, whatever the size of the result
    return Terms(value, slopes, magnitude=value * blur + damped(balance), slope_magnitudes=sizes)
