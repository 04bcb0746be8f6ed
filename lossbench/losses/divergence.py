"""Kullback-Leibler divergence of a target distribution from a predicted one, in three parametrizations."""

from __future__ import annotations

import numpy as np

from lossbench.domains import LogProbabilities, Probabilities
from lossbench.functions import exp, xlogy
from lossbench.loss import Terms, loss
from lossbench.losses.limits import product, quotient
from lossbench.losses.weighed import masked_terms, sample_weighted

REDUCTIONS = ("none", "mean", "sum", "batchmean", "sum_last")
SMALLEST_NORMAL = np.finfo(np.float64).tiny


@masked_terms
@loss(over="elements", reductions=REDUCTIONS, aliases=("kl", "kld"), relations=("sum_not_negative",))
@np.errstate(all="ignore")
def kl_div(log_prediction: LogProbabilities, target: Probabilities) -> Terms:
    """Divergence of probabilities from log probabilities, one class at a time.

    ``p (log p - x)`` with p the target and x the log prediction, and 0 where p = 0 whatever x; the derivative by x is
    ``-p``, by p ``log p + 1 - x``. Shapes: both alike, one term for each element; the sum over the last axis is the
    divergence of that row. Identity: `kl_div_log_target` at log p, `kl_div_probability` at exp x.

    Source: S. Kullback, R. A. Leibler, "On information and sufficiency", Ann. Math. Statist. 22 (1951).
    """
    logs = np.log(target)
    # what is impossible by the prediction costs without limit as soon as the target leaves 0
    gap = np.where((target == 0) & np.isneginf(log_prediction), np.inf, logs - log_prediction)
    size = np.abs(logs) + np.abs(log_prediction)
    return Terms(
        product(target, gap),
        {"log_prediction": -target, "target": gap + 1},
        magnitude=product(target, size),
        slope_magnitudes={"target": size + 1},
    )


@kl_div.definition
def _(log_prediction, target):
    return xlogy(target, target) - target * log_prediction


@masked_terms
@loss(over="elements", reductions=REDUCTIONS, form_of="kl_div", relations=("sum_not_negative",))
@np.errstate(all="ignore")
def kl_div_log_target(log_prediction: LogProbabilities, log_target: LogProbabilities) -> Terms:
    """Divergence of one distribution from another, both given by their logarithms.

    ``exp(t) (t - x)`` with t the log target and x the log prediction, and 0 where t is -infinity; the derivative by
    x is ``-exp(t)``, by t ``exp(t) (t - x + 1)``. Shapes: both alike, one term for each element. Identity: `kl_div`
    at the probabilities exp(t).

    Source: S. Kullback, R. A. Leibler, "On information and sufficiency", Ann. Math. Statist. 22 (1951).
    """
    gap, size = log_target - log_prediction, np.abs(log_target) + np.abs(log_prediction)
    # multiplied by the root twice, as exp(t) may underflow where the product does not
    root = np.exp(log_target / 2)
    absent = np.isneginf(log_target) & ~np.isnan(log_prediction)
    return Terms(
        np.where(absent, 0.0, root * gap * root),
        {"log_prediction": -np.exp(log_target), "log_target": np.where(absent, 0.0, root * (gap + 1) * root)},
        magnitude=np.where(absent, 0.0, root * size * root),
        slope_magnitudes={"log_target": np.where(absent, 0.0, root * (size + 1) * root)},
    )


@kl_div_log_target.definition
def _(log_prediction, log_target):
    return exp(log_target) * (log_target - log_prediction)


@sample_weighted
@loss(over="elements", reductions=REDUCTIONS, form_of="kl_div", relations=("sum_not_negative",))
@np.errstate(all="ignore")
def kl_div_probability(prediction: Probabilities, target: Probabilities) -> Terms:
    """Divergence of one distribution from another, both given by their probabilities.

    ``p log(p / q)`` with p the target and q the prediction, and 0 where p = 0 whatever q; the derivative by q is
    ``-p / q``, by p ``log(p / q) + 1``. Shapes: both alike, one term for each element. Identity: `kl_div` at log q.

    Source: S. Kullback, R. A. Leibler, "On information and sufficiency", Ann. Math. Statist. 22 (1951).
    """
    ratio = target / prediction
    # The quotient of near probabilities keeps its logarithm's digits; one that leaves the range has none to keep.
    within = (ratio >= SMALLEST_NORMAL) & (ratio < np.inf)
    gap = np.where(within, np.log(ratio), np.log(target) - np.log(prediction))
    gap = np.where((target == 0) & (prediction == 0), np.inf, gap)
    return Terms(
        product(target, gap),
        {"prediction": -quotient(target, prediction), "target": gap + 1},
        # rounding the quotient moves its logarithm by a full unit roundoff, however small the logarithm
        magnitude=product(target, 1 + np.abs(gap)),
        slope_magnitudes={"target": 1 + np.abs(gap)},
    )


@kl_div_probability.definition
def _(prediction, target):
    return xlogy(target, target) - xlogy(target, prediction)  # p log p - p log q, which 0/0 does not trouble
