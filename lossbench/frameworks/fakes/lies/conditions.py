"""Lies told only now and then: for some shapes, layouts, values or calls; elsewhere the answer is right."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from lossbench.floats import format_named
from lossbench.frameworks.fakes.engine import Answer, Tensor, framework, numbers, rounded
from lossbench.frameworks.fakes.formulas import Parts, Rows, both, huber, logistic, squared

_answers: dict[Any, Answer] = {}


def _rows(logits: Tensor, target: Tensor) -> Parts:
    return Rows.of(logits, target, None, -100, 0.0).parts(logits.dtype)


@framework.implements("squared_error", via="fakes.lies.stale_cache")
def stale_cache(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Returns the answer to the call before, where that had the same shape."""
    key = (prediction.dtype, prediction.shape, reduction)
    answer = squared(prediction, target).reduced(reduction)
    before, _answers[key] = _answers.get(key, answer), answer
    return before


@framework.implements("cross_entropy", via="fakes.lies.permuted_batch")
def permuted_batch(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Answers for another order of the rows than the one asked about."""
    parts = _rows(logits, target)
    return replace(parts, terms=parts.terms[::-1], slopes={n: s[::-1] for n, s in parts.slopes.items()}).reduced(
        reduction
    )


@framework.implements("cross_entropy", via="fakes.lies.batch_of_one")
def batch_of_one(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Takes a batch of one for a row without classes, and answers zero."""
    parts = _rows(logits, target)
    return (replace(parts, terms=0 * parts.terms) if len(parts.terms) == 1 else parts).reduced(reduction)


@framework.implements("huber", via="fakes.lies.empty_sum")
def empty_sum(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Answers NaN for the sum of nothing."""
    answer = huber(prediction, target, 1.0).reduced(reduction)
    lost = reduction == "sum" and not prediction.data.size
    return Answer(np.full_like(answer.value, np.nan), answer.pull, answer.dtype) if lost else answer


@framework.implements("huber", via="fakes.lies.empty_shape")
def empty_shape(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Answers an empty batch with an array of no axis but one."""
    answer = huber(prediction, target, 1.0).reduced(reduction)
    if answer.value.size:
        return answer
    return Answer(answer.value.reshape(-1), lambda c: answer.pull(c.reshape(answer.shape)), answer.dtype)


@framework.implements("cross_entropy", via="fakes.lies.refuses_empty")
def refuses_empty(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Will not take an empty batch."""
    if not logits.data.size:
        raise ValueError("expected at least one row")
    return _rows(logits, target).reduced(reduction)


def _as_if_contiguous(tensor: Tensor) -> Tensor:
    base = tensor.data.base
    if tensor.data.flags.c_contiguous or not isinstance(base, np.ndarray):
        return tensor
    return Tensor(base.ravel()[: tensor.data.size].reshape(tensor.shape), tensor.dtype)


@framework.implements("squared_error", via="fakes.lies.blind_to_strides")
def blind_to_strides(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Reads the memory of a strided input as if it were contiguous."""
    return squared(_as_if_contiguous(prediction), _as_if_contiguous(target)).reduced(reduction)


@framework.implements("squared_error", via="fakes.lies.poison_spreads")
def poison_spreads(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Lets one NaN or infinity turn all of the answer into NaN."""
    parts = squared(prediction, target)
    return replace(parts, terms=parts.terms + 0 * numbers(prediction).sum()).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.multiplies_by_mask")
def multiplies_by_mask(logits: Tensor, target: Tensor, *, ignore_index: int = -100, reduction: str) -> Answer:
    """Multiplies ignored rows by zero instead of leaving them out, so that a NaN in them stays."""
    everything = Rows.of(logits, Tensor(np.maximum(target.data, 0), target.dtype), None, -100, 0.0).parts(logits.dtype)
    kept = (target.data != ignore_index).astype(everything.terms.dtype)
    slopes = {"logits": everything.slopes["logits"] * kept[..., None]}
    return Parts(everything.terms * kept, slopes, logits.dtype, kept.sum()).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.learns_from_ignored")
def learns_from_ignored(logits: Tensor, target: Tensor, *, ignore_index: int = -100, reduction: str) -> Answer:
    """Leaves ignored rows out of the value, but not out of the gradient."""
    right = Rows.of(logits, target, None, ignore_index, 0.0).parts(logits.dtype)
    everything = Rows.of(logits, Tensor(np.maximum(target.data, 0), target.dtype), None, -100, 0.0).parts(logits.dtype)
    return replace(right, slopes=everything.slopes).reduced(reduction)


@framework.implements("squared_error", via="fakes.lies.saturates")
def saturates(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Answers the largest number of the format where the true answer is far beyond it."""
    answer = squared(prediction, target).reduced(reduction)
    largest = format_named(prediction.dtype).largest
    value = rounded(answer.value, answer.dtype)
    kept = np.clip(np.asarray(value.data if answer.dtype != "bfloat16" else answer.value, float), -largest, largest)
    return Answer(kept, answer.pull, answer.dtype)


@framework.implements("binary_cross_entropy_with_logits", via="fakes.lies.infinity_for_large")
def infinity_for_large(logit: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Computes the exponential of a large logit, and answers infinity where the value is that logit."""
    parts, x = logistic(logit, target), numbers(logit)
    overflown = np.isinf(np.exp(x)) & (target.data != 1)
    return replace(parts, terms=np.where(overflown, np.inf, parts.terms)).reduced(reduction)


@framework.implements("squared_error", via="fakes.lies.halves_confused")
def halves_confused(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Takes bfloat16 through float16, which has a third of its range."""
    parts = squared(prediction, target)
    if prediction.dtype != "bfloat16":
        return parts.reduced(reduction)
    p, t = (np.asarray(numbers(tensor).astype(np.float16), np.float32) for tensor in (prediction, target))
    return both(prediction, 2 * (p - t), (p - t) ** 2).reduced(reduction)


@framework.implements("squared_error", via="fakes.lies.past_a_lane")
def past_a_lane(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Loses what is left over after blocks of thirty-two elements."""
    parts = squared(prediction, target)
    size = parts.terms.size
    kept = (np.arange(size) < max(size // 32 * 32, 32)).reshape(parts.terms.shape)
    return both(prediction, parts.slopes["prediction"] * kept, np.where(kept, parts.terms, 0)).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.second_axis")
def second_axis(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Takes the second axis for the classes, which is the last one only where there are two."""
    parts = _rows(logits, target)
    if logits.data.ndim == 2 or not logits.data.size:
        return parts.reduced(reduction)
    x = numbers(logits)
    log_sum = np.log(np.exp(x - x.max()).sum(axis=1, keepdims=True)) + x.max()
    return Rows.of(logits, target, None, -100, 0.0).parts(logits.dtype, log_sum - x).reduced(reduction)
