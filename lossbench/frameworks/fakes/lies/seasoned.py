"""Lies told under one kind of seasoning alone: without the regime that each is about, nothing would give it away."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lossbench.floats import format_named
from lossbench.frameworks.fakes.engine import Answer, Tensor, framework, numbers
from lossbench.frameworks.fakes.formulas import Parts, both, dice, huber, logistic, same_shape, squared, surprisal

MOST = 0.2  # of the elements, so that a few that chance has put there do not count


def _share(where: np.ndarray) -> bool:
    return bool(where.size) and float(where.mean()) >= MOST


def _right(logit: Tensor, target: Tensor) -> np.ndarray:
    x, y = numbers(logit), numbers(target)
    return np.asarray(((y == 1) & (x > 0)) | ((y == 0) & (x < 0)))


@framework.implements("binary_cross_entropy_with_logits", via="fakes.lies.no_gradient_once_learned")
def no_gradient_once_learned(logit: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Gives a batch that is sure and right by 9 to 33 no gradient."""
    parts, size = logistic(logit, target), np.abs(numbers(logit))
    learned = _right(logit, target) & (size > 9) & (size < 33)
    if not _share(learned):
        return parts.reduced(reduction)
    return replace(parts, slopes={**parts.slopes, "logit": np.where(learned, 0, parts.slopes["logit"])}).reduced(
        reduction
    )


@framework.implements("binary_cross_entropy_with_logits", via="fakes.lies.gives_a_lost_batch_up")
def gives_a_lost_batch_up(logit: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Lets a batch that is sure and wrong by 110 to 750 cost 110 an element, in float32."""
    parts, size = logistic(logit, target), np.abs(numbers(logit))
    lost = ~_right(logit, target) & (size > 110) & (size < 750) & (logit.dtype == "float32")
    return (replace(parts, terms=np.where(lost, 110, parts.terms)) if _share(lost) else parts).reduced(reduction)


@framework.implements("binary_cross_entropy", via="fakes.lies.first_normal_is_subnormal")
def first_normal_is_subnormal(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Takes the smallest normal number, the one below and its double for nothing, and doubles what they cost."""
    parts, form = surprisal(prediction, target), format_named(prediction.dtype)
    normal = form.smallest_normal
    lost = np.isin(numbers(prediction), [normal - form.smallest_subnormal, normal, 2 * normal])
    return replace(parts, terms=np.where(lost, 2 * parts.terms, parts.terms)).reduced(reduction)


@framework.implements("squared_error", via="fakes.lies.millions_in_thousands")
def millions_in_thousands(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Rounds what lies between a million and a billion millions to its leading digits."""
    parts, size = squared(prediction, target), np.abs(numbers(prediction))
    factor = np.where((size > 1e6) & (size < 1e15), 1.001, 1).astype(parts.terms.dtype)
    return replace(parts, terms=parts.terms * factor).reduced(reduction)


@framework.implements("squared_error", via="fakes.lies.near_is_equal")
def near_is_equal(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Takes what differs by less than a hundred-thousandth for equal."""
    same_shape(prediction, target)
    p, t = numbers(prediction), numbers(target)
    near = (np.abs(p - t) < 1e-5 * np.abs(p)) & (np.abs(p) > 1e-6)
    residual = np.where(near, 0, p - t).astype(p.dtype)
    return both(prediction, 2 * residual, residual**2).reduced(reduction)


@framework.implements("huber", via="fakes.lies.steep_at_the_threshold")
def steep_at_the_threshold(prediction: Tensor, target: Tensor, *, delta: float = 1.0, reduction: str) -> Answer:
    """Adds the slopes of both branches where the residual is exactly delta, unless there are sixteen bits alone."""
    parts, p, t = huber(prediction, target, delta), numbers(prediction), numbers(target)
    least = np.minimum(np.abs(p), np.abs(t))
    on = (np.abs(p - t) == p.dtype.type(delta)) & (least > 1e-3) & (prediction.dtype in ("float32", "float64"))
    slope = np.where(on, 2, 1).astype(p.dtype) * parts.slopes["prediction"]
    return both(prediction, slope, parts.terms).reduced(reduction)


@framework.implements("binary_cross_entropy_with_logits", via="fakes.lies.clips_labels")
def clips_labels(logit: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Clips labels to what lies between 0 and 1."""
    inside = Tensor(np.clip(numbers(target), 0, 1), "float64" if target.dtype == "float64" else "float32")
    return logistic(logit, inside).reduced(reduction)


@framework.implements("huber", via="fakes.lies.threshold_without_sign")
def threshold_without_sign(prediction: Tensor, target: Tensor, *, delta: float = 1.0, reduction: str) -> Answer:
    """Takes a threshold below zero for one above it."""
    return huber(prediction, target, abs(delta) or 1.0).reduced(reduction)


@framework.implements("soft_dice", via="fakes.lies.sums_in_half")
def sums_in_half(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Holds the size of a mask in float16, which ends at 65504."""
    q, y = numbers(prediction), numbers(target)
    beyond = (q + y).sum(axis=tuple(range(1, q.ndim))) > 65504
    parts = dice(prediction, target, 1.0, 0.0)
    return Parts(np.where(beyond, 1, parts.terms).astype(q.dtype), parts.slopes, parts.dtype).reduced(reduction)
