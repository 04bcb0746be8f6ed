"""Lies about reductions: what is summed, and by what it is divided."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lossbench.frameworks.fakes.engine import Answer, Tensor, framework
from lossbench.frameworks.fakes.formulas import Parts, Rows, dice, logistic, squared


@framework.implements("squared_error", via="fakes.lies.sum_for_mean")
def sum_for_mean(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Sums where a mean is asked for."""
    return squared(prediction, target).reduced("sum" if reduction == "mean" else reduction)


@framework.implements("binary_cross_entropy_with_logits", via="fakes.lies.mean_for_sum")
def mean_for_sum(logit: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Averages where a sum is asked for."""
    return logistic(logit, target).reduced("mean" if reduction == "sum" else reduction)


@framework.implements("squared_error", via="fakes.lies.one_fewer")
def one_fewer(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Divides a mean by one less than the number of elements."""
    parts = squared(prediction, target)
    return replace(parts, divisor=parts.terms.size - 1).reduced(reduction)


@framework.implements("binary_cross_entropy_with_logits", via="fakes.lies.divides_by_rows")
def divides_by_rows(logit: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Divides a mean by the number of rows instead of elements."""
    return replace(logistic(logit, target), divisor=logit.shape[0]).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.counts_ignored")
def counts_ignored(logits: Tensor, target: Tensor, *, ignore_index: int = -100, reduction: str) -> Answer:
    """Divides a mean by the number of all rows, the ignored ones included."""
    parts = Rows.of(logits, target, None, ignore_index, 0.0).parts(logits.dtype)
    return replace(parts, divisor=None).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.counts_weights_as_one")
def counts_weights_as_one(logits: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str) -> Answer:
    """Divides a weighted mean by the number of rows instead of by their weights."""
    return replace(Rows.of(logits, target, weight, -100, 0.0).parts(logits.dtype), divisor=None).reduced(reduction)


def _without_last(parts: Parts, count: int) -> Parts:
    """The parts with the last `count` terms at zero."""
    kept = (np.arange(parts.terms.size) < parts.terms.size - count).reshape(parts.terms.shape)
    slopes = {
        name: slope * kept.reshape(kept.shape + (1,) * (slope.ndim - kept.ndim)) for name, slope in parts.slopes.items()
    }
    return Parts(np.where(kept, parts.terms, 0), slopes, parts.dtype, parts.divisor)


@framework.implements("squared_error", via="fakes.lies.drops_last_element")
def drops_last_element(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Stops before the last element of a sum or mean."""
    parts = squared(prediction, target)
    return (parts if reduction == "none" else _without_last(parts, 1)).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.drops_last_row")
def drops_last_row(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Leaves the last row at zero."""
    return _without_last(Rows.of(logits, target, None, -100, 0.0).parts(logits.dtype), 1).reduced(reduction)


@framework.implements("soft_dice", via="fakes.lies.one_overlap_for_all")
def one_overlap_for_all(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Sums the overlap over the whole batch instead of over each sample."""
    q, y = (Tensor(tensor.data[None], prediction.dtype) for tensor in (prediction, target))
    pooled = dice(q, y, 1.0, 0.0)
    terms = np.broadcast_to(pooled.terms, prediction.shape[:1])
    return Parts(terms, {n: slope[0] for n, slope in pooled.slopes.items()}, prediction.dtype).reduced(reduction)


@framework.implements("squared_error", via="fakes.lies.gradient_without_share")
def gradient_without_share(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Averages the value, but returns the gradient of the sum."""
    parts = squared(prediction, target)
    honest = parts.reduced(reduction)
    return Answer(honest.value, lambda c: parts.pull(c, "sum"), honest.dtype)
