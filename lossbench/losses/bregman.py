"""Kullback-Leibler divergence of measures that need not be normalized."""

from __future__ import annotations

import math

import numpy as np

from lossbench.domains import Amount, Logit
from lossbench.functions import exp, xlogy
from lossbench.loss import Terms, loss
from lossbench.losses.limits import product
from lossbench.losses.weighed import masked_terms

UNIT = 400.0  # exp(-UNIT) keeps the parts in range where one of them overflows


@masked_terms
@loss(over="elements", reductions=("none", "mean", "sum", "batchmean", "sum_last"), relations=("not_negative",))
@np.errstate(all="ignore")
def generalized_kl(log_prediction: Logit, target: Amount) -> Terms:
    """Divergence of positive numbers from others that are given by their logarithms; no sum need be 1.

    ``p (log p - x) + exp(x) - p`` with p the target and x the log prediction, and 0 log 0 = 0: never negative, and 0
    only where p = exp(x). The derivative by x is ``exp(x) - p``, by p ``log p - x``. Shapes: both alike, one term for
    each element; the sum over the last axis is the divergence of that row. Identity: the sum over a row is that of
    `kl_div` where both sides sum to 1.

    Source: L. M. Bregman, USSR Comput. Math. Math. Phys. 7 (1967), with the function p log p - p.
    """
    rate, gap = np.exp(log_prediction), np.log(target) - log_prediction
    parts = product(target, gap), rate - target
    value = parts[0] + parts[1]
    share = target * math.exp(-UNIT) * gap + np.exp(log_prediction - UNIT) - target * math.exp(-UNIT)
    beyond = np.isinf(rate) | np.isinf(parts[0])
    value = np.where(beyond & (target > 0), share * math.exp(UNIT), value)
    size = np.abs(np.log(target)) + np.abs(log_prediction)
    return Terms(
        value,
        {"log_prediction": rate - target, "target": gap},
        magnitude=product(target, size) + rate + target,
        slope_magnitudes={"log_prediction": rate + target, "target": size},
    )


@generalized_kl.definition
def _(log_prediction, target):
    return xlogy(target, target) - target * log_prediction + exp(log_prediction) - target
