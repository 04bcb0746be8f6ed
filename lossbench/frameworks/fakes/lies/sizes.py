"""Lies told only beyond some size, in some place in memory, or in some format: elsewhere the answer is right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lossbench.floats import format_named, round_to
from lossbench.frameworks.fakes.engine import Answer, Tensor, framework, numbers, rounded
from lossbench.frameworks.fakes.formulas import Parts, Rows, logistic, squared
from lossbench.records import INTEGERS


def _rows(logits: Tensor, target: Tensor) -> Parts:
    return Rows.of(logits, target, None, -100, 0.0).parts(logits.dtype)


def _wrong_where(parts: Parts, where: np.ndarray) -> Parts:
    """The parts, twice as large where it says so."""
    factor = np.where(where, 2, 1).astype(parts.terms.dtype)
    slopes = {n: s * factor.reshape(factor.shape + (1,) * (s.ndim - factor.ndim)) for n, s in parts.slopes.items()}
    return replace(parts, terms=parts.terms * factor, slopes=slopes)


def _everywhere(parts: Parts, wrong: bool) -> Parts:
    return _wrong_where(parts, np.full(parts.terms.shape, wrong))


@framework.implements("cross_entropy", via="fakes.lies.above_1024_classes")
def above_1024_classes(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Leaves classes beyond the first 1024 out of the sum of exponentials."""
    rows = Rows.of(logits, target, None, -100, 0.0)
    x = rows.logits
    if x.shape[-1] <= 1024:
        return rows.parts(logits.dtype).reduced(reduction)
    top = x.max(axis=-1, keepdims=True)
    log_sum = top + np.log(np.exp(x[..., :1024] - top).sum(axis=-1, keepdims=True))
    return rows.parts(logits.dtype, log_sum - x).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.above_50000_classes")
def above_50000_classes(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Is twice too large, value and gradient, for vocabularies of more than 50 000."""
    return _everywhere(_rows(logits, target), logits.shape[-1] > 50_000).reduced(reduction)


@framework.implements("squared_error", via="fakes.lies.last_partial_vector")
def last_partial_vector(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Counts what is left over after whole vectors of eight twice, where there are several vectors."""
    parts = squared(prediction, target)
    size = parts.terms.size
    return _wrong_where(parts, (np.arange(size) >= max(8, size // 8 * 8)).reshape(parts.terms.shape)).reduced(reduction)


@framework.implements("squared_error", via="fakes.lies.second_block")
def second_block(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Is twice too large from the 1025th number on."""
    parts = squared(prediction, target)
    return _wrong_where(parts, (np.arange(parts.terms.size) >= 1024).reshape(parts.terms.shape)).reduced(reduction)


@framework.implements("squared_error", via="fakes.lies.strided_gradient")
def strided_gradient(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Is right in value, but gives strided inputs the gradient of their neighbours."""
    parts = squared(prediction, target)
    if prediction.data.flags.c_contiguous:
        return parts.reduced(reduction)
    slopes = {name: np.roll(slope.ravel(), 1).reshape(slope.shape) for name, slope in parts.slopes.items()}
    return replace(parts, slopes=slopes).reduced(reduction)


@framework.implements("squared_error", via="fakes.lies.unaligned_start")
def unaligned_start(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Skips the numbers before the first address that a vector may begin at."""
    parts = squared(prediction, target)
    skipped = np.arange(parts.terms.size) < (prediction.data.ctypes.data % 16 != 0)
    return _wrong_where(parts, skipped.reshape(parts.terms.shape)).reduced(reduction)


@framework.implements("squared_error", via="fakes.lies.three_axes")
def three_axes(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Divides the mean of an array with three axes by the lengths of the first two."""
    parts = squared(prediction, target)
    wide = prediction.data.ndim == 3
    return (replace(parts, divisor=prediction.data[..., 0].size) if wide else parts).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.gradient_of_one_row")
def gradient_of_one_row(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Gives a batch of one the right value, and a gradient of zeros."""
    parts = _rows(logits, target)
    alone = len(parts.terms) == 1
    return (replace(parts, slopes={"logits": 0 * parts.slopes["logits"]}) if alone else parts).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.counts_in_half")
def counts_in_half(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Counts the rows of a mean in the format of the input."""
    rows = Rows.of(logits, target, None, -100, 0.0)
    with np.errstate(over="ignore"):
        counted = numbers(rounded(np.asarray(float(rows.divisor)), logits.dtype))
    return replace(rows.parts(logits.dtype), divisor=counted).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.classes_in_half")
def classes_in_half(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Holds class indices in the format of the input, in which those beyond 256 or 2048 are others."""
    classes = max(logits.shape[-1], 1)
    held = round_to(np.asarray(target.data, float), format_named(logits.dtype)).astype(np.int64)
    inside = (target.data >= 0) & (target.data < classes)
    index = np.where(inside, np.minimum(held, classes - 1), target.data)
    return _rows(logits, Tensor(index, "int64")).reduced(reduction)


def _narrow(target: Tensor, kind: str) -> Tensor:
    """The labels one too low where they came in this format, as long as there is one."""
    return Tensor(np.maximum(target.data.astype(np.int64) - 1, 0), "int64") if target.dtype == kind else target


@framework.implements("cross_entropy", via="fakes.lies.labels_of_16_bits", integers=INTEGERS)
def labels_of_16_bits(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Reads labels of sixteen bits wrongly."""
    return _rows(logits, _narrow(target, "int16")).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.labels_without_sign", integers=INTEGERS)
def labels_without_sign(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Reads labels of eight bits without a sign wrongly."""
    return _rows(logits, _narrow(target, "uint8")).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.labels_of_64_bits_without_sign", integers=INTEGERS)
def labels_of_64_bits_without_sign(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Reads labels of sixty-four bits without a sign wrongly."""
    return _rows(logits, _narrow(target, "uint64")).reduced(reduction)


@framework.implements("squared_error", via="fakes.lies.wider_than_bfloat16")
def wider_than_bfloat16(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Answers bfloat16 in float32, and all others in their own format."""
    answer = squared(prediction, target).reduced(reduction)
    return Answer(answer.value, answer.pull, "float32" if answer.dtype == "bfloat16" else answer.dtype)


@framework.implements("binary_cross_entropy_with_logits", via="fakes.lies.single_constants")
def single_constants(logit: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Has a constant in float32 in the middle of its float64."""
    parts = logistic(logit, target)
    factor = parts.terms.dtype.type(np.float32(0.1)) / parts.terms.dtype.type(0.1)
    return replace(parts, terms=parts.terms * factor).reduced(reduction)
