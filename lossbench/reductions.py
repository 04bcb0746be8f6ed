"""From terms to what a framework returns: the named reductions, and the chain rule through them.

A reduction divides sums of terms by a denominator. `mean` resolves per loss: a loss whose terms carry a denominator
named "mean" (class weights, ignored rows, label lengths) is divided by that, any other by the number of terms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lossbench import pairs
from lossbench.loss import Denominator

MEANINGS = {
    "none": "one number for each term",
    "sum": "the sum of all terms",
    "mean": "the loss's own mean: over the valid terms, by the weights it divides by, else over all terms",
    "count_mean": "the sum over the number of all terms, ignored ones included",
    "batchmean": "the sum over the size of the first axis",
    "mean_last": "the mean over the last axis alone",
    "sum_last": "the sum over the last axis alone",
    "weighted_mean": "the sum over the sum of the sample weights",
    "nonzero_mean": "the sum over the number of sample weights that are not zero",
}
PER_ROW = ("mean_last", "sum_last")
BY_WEIGHTS = ("weighted_mean", "nonzero_mean")  # which say something of their own only where there are weights


@dataclass(frozen=True, slots=True)
class Divided:
    """How terms of a given shape become the output: which axis is summed, and by what each term is divided."""

    output_shape: tuple[int, ...]
    denominator: Denominator
    reduction: str

    def spread(self, output: np.ndarray) -> np.ndarray:
        """Give every term the entry of `output` it went into: broadcastable against the terms."""
        return output[..., None] if self.reduction in PER_ROW else output


def divide(reduction: str, terms: tuple[int, ...], shape: tuple[int, ...], own: Mapping[str, Denominator]) -> Divided:
    """Resolve `reduction` for terms of shape `terms` in a case of shape `shape`.

    Args:
        reduction: one of `MEANINGS`.
        terms: the shape of the unreduced loss.
        shape: the shape of the case.
        own: the denominators that the loss's terms carry.

    Raises:
        KeyError: the loss has no denominator for `reduction`.
    """
    count = int(np.prod(terms, dtype=np.int64))
    if reduction in ("none", "sum", "sum_last"):
        denominator = Denominator(1.0)
    elif reduction in own:
        denominator = own[reduction]
    else:
        counts = {
            "mean": count,
            "count_mean": count,
            "batchmean": shape[0] if shape else 1,
            "mean_last": terms[-1] if terms else 1,
        }
        denominator = Denominator(float(counts[reduction]))
    return Divided(output_shape(reduction, terms), denominator, reduction)


def output_shape(reduction: str, terms: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the output for terms of this shape."""
    return terms if reduction == "none" else terms[:-1] if reduction in PER_ROW else ()


def reduce_value(divided: Divided, high: np.ndarray, low: np.ndarray, magnitude: np.ndarray) -> tuple[np.ndarray, ...]:
    """The output as (high, low, magnitude), each in the output's shape."""
    with np.errstate(all="ignore"):
        if divided.reduction == "none":
            return high, low, magnitude
        divisor = np.asarray(divided.denominator.value, float)
        if divisor.ndim:  # one divisor for each term: divide first
            high, low = pairs.scale(high, low, 1.0, divisor)
            return (*_summed(divided, high, low), (magnitude / np.abs(divisor)).sum())
        whole = _summed(divided, high, low)
        axis = -1 if divided.reduction in PER_ROW else None
        if np.isfinite(whole[0]).all() or not np.isfinite(high).all():
            high, low = pairs.scale(*whole, 1.0, divisor)
        else:  # the sum is beyond float64, the mean may not be: divide first
            high, low = _summed(divided, *pairs.scale(high, low, 1.0, divisor))
        return high, low, magnitude.sum(axis=axis) / np.abs(divisor)


def _summed(divided: Divided, high: np.ndarray, low: np.ndarray) -> pairs.Pair:
    if divided.reduction in PER_ROW:
        return pairs.total_last(high, low)
    total = pairs.total(high, low)
    return np.asarray(total[0]), np.asarray(total[1])


def factors(divided: Divided, cotangent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What each term's slopes are multiplied and divided by, broadcastable against the terms."""
    return divided.spread(cotangent), np.asarray(divided.denominator.value, float)
