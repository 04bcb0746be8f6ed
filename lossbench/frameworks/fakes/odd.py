"""Implementations that are honest in unusual ways; whoever blames one of them has no case."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lossbench.floats import format_named
from lossbench.frameworks.fakes.engine import Answer, Gradients, Tensor, framework, numbers, rounded
from lossbench.frameworks.fakes.formulas import (
    Parts,
    Rows,
    absolute,
    both,
    dice,
    far_out,
    inside,
    logistic,
    same_shape,
    squared,
)


@framework.implements("squared_error", via="fakes.odd.backwards")
def backwards(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Adds one element after the other, from the last to the first."""
    parts = squared(prediction, target)
    if reduction == "none" or not parts.terms.size:
        return parts.reduced(reduction)
    total = np.add.accumulate(parts.terms.ravel()[::-1])[-1]
    value = np.asarray(total / (parts.parts() if reduction == "mean" else 1), parts.terms.dtype)
    return Answer(value, lambda c: dict(parts.pull(c, reduction)), parts.dtype)


@framework.implements("squared_error", via="fakes.odd.divides_first")
def divides_first(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Divides each element by their number before it adds them up."""
    parts = squared(prediction, target)
    if reduction != "mean" or not parts.terms.size:
        return parts.reduced(reduction)
    value = np.asarray((parts.terms / parts.parts()).sum(), parts.terms.dtype)
    return Answer(value, lambda c: dict(parts.pull(c, reduction)), parts.dtype)


@framework.implements("huber", via="fakes.odd.one_product")
def one_product(prediction: Tensor, target: Tensor, *, delta: float = 1.0, reduction: str) -> Answer:
    """Has one formula for both sides: the clipped residual times what it stands away from half of itself."""
    same_shape(prediction, target)
    inside("delta", delta, 0.0, low_open=True)
    residual = numbers(prediction) - numbers(target)
    clipped = np.clip(residual, -residual.dtype.type(delta), residual.dtype.type(delta))
    terms = clipped * (residual - clipped / 2)
    terms = np.where(np.isinf(terms), far_out(prediction, target, residual.dtype.type(delta)), terms)
    return both(prediction, clipped, terms).reduced(reduction)


def _double(tensor: Tensor) -> Tensor:
    return Tensor(numbers(tensor).astype(np.float64), "float64")


@framework.implements("binary_cross_entropy_with_logits", via="fakes.odd.in_double")
def in_double(logit: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Computes in float64 and rounds once, at the end."""
    parts = replace(logistic(_double(logit), _double(target)), dtype=logit.dtype)
    return Answer(parts.value(reduction), lambda c: dict(parts.pull(c.astype(np.float64), reduction)), logit.dtype)


@framework.implements("absolute_error", via="fakes.odd.half_slope")
def half_slope(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Has the slope of one half where prediction and target are equal."""
    parts = absolute(prediction, target)
    slope = np.where(parts.terms == 0, 0.5, parts.slopes["prediction"]).astype(parts.terms.dtype)
    return both(prediction, slope, parts.terms).reduced(reduction)


@framework.implements("absolute_error", via="fakes.odd.left_slope")
def left_slope(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Has the slope of the left side where prediction and target are equal."""
    parts = absolute(prediction, target)
    slope = np.where(parts.terms == 0, -1, parts.slopes["prediction"]).astype(parts.terms.dtype)
    return both(prediction, slope, parts.terms).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.odd.zero_for_nothing")
def zero_for_nothing(
    logits: Tensor, target: Tensor, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str
) -> Answer:
    """Answers zero for the mean over nothing, where 0/0 says NaN."""
    rows = Rows.of(logits, target, weight, ignore_index, 0.0)
    parts = rows.parts(logits.dtype)
    return (replace(parts, divisor=1) if rows.divisor == 0 else parts).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.odd.takes_columns")
def takes_columns(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Takes classes in a column of their own for classes in a row, as some document it, and answers rightly."""
    classes = target.data.reshape(target.shape[: len(logits.shape) - 1])
    return Rows.of(logits, Tensor(classes, target.dtype), None, -100, 0.0).parts(logits.dtype).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.odd.by_pairs")
def by_pairs(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Folds the logits of a row into their logarithmic sum two by two."""
    rows = Rows.of(logits, target, None, -100, 0.0)
    top = rows.logits.max(axis=-1, keepdims=True, initial=-np.inf)
    folded = rows.logits - top
    while folded.shape[-1] > 1:
        if folded.shape[-1] % 2:
            nothing = np.full((*folded.shape[:-1], 1), -np.inf, folded.dtype)
            folded = np.concatenate([folded, nothing], axis=-1)
        folded = np.logaddexp(folded[..., ::2], folded[..., 1::2])
    return rows.parts(logits.dtype, folded - (rows.logits - top)).reduced(reduction)


@framework.implements("squared_error", via="fakes.odd.flushes_subnormals")
def flushes_subnormals(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Returns zero for results below the smallest normal number."""
    answer = squared(prediction, target).reduced(reduction)
    smallest = format_named(prediction.dtype).smallest_normal

    def flushed(numbers: np.ndarray) -> np.ndarray:
        return np.asarray(np.where(np.abs(numbers) < smallest, 0, numbers))

    def pull(cotangent: np.ndarray) -> Gradients:
        return {name: flushed(np.asarray(gradient)) for name, gradient in answer.pull(cotangent).items()}

    return Answer(flushed(answer.value), pull, answer.dtype)


@framework.implements("soft_dice", via="fakes.odd.columns_first")
def columns_first(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Returns gradients that do not lie in memory row by row."""
    answer = dice(prediction, target, 1.0, 0.0).reduced(reduction)

    def pull(cotangent: np.ndarray) -> Gradients:
        pulled = {
            name: rounded(np.asarray(gradient), prediction.dtype) for name, gradient in answer.pull(cotangent).items()
        }
        return {name: Tensor(np.asfortranarray(tensor.data), tensor.dtype) for name, tensor in pulled.items()}

    return Answer(answer.value, pull, answer.dtype)


@framework.implements("soft_dice", via="fakes.odd.last_bit_off")
def last_bit_off(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Is one unit in the last place off, always in the same places."""
    parts = dice(prediction, target, 1.0, 0.0)
    eps = format_named(prediction.dtype).eps

    def noisy(numbers: np.ndarray) -> np.ndarray:
        sign = np.where(np.arange(numbers.size) % 3 == 0, 1, -1).reshape(numbers.shape)
        return np.asarray(numbers * (1 + sign * eps).astype(numbers.dtype))

    slopes = {name: noisy(slope) for name, slope in parts.slopes.items()}
    return Parts(noisy(parts.terms), slopes, parts.dtype).reduced(reduction)


@framework.implements("squared_error", via="fakes.odd.refuses_nan")
def refuses_nan(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Refuses inputs that are not finite, as it may."""
    if not np.isfinite(numbers(prediction)).all():
        raise ValueError("every prediction has to be finite")
    return squared(prediction, target).reduced(reduction)
