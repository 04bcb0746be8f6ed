"""Lies of precision: the right formula in too few digits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lossbench.frameworks.fakes.engine import Answer, Tensor, framework, numbers
from lossbench.frameworks.fakes.formulas import Rows, huber, squared


@framework.implements("squared_error", via="fakes.lies.computes_in_half")
def computes_in_half(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Computes in float16 whatever the format."""
    first, second = (Tensor(numbers(tensor).astype(np.float16), "float16") for tensor in (prediction, target))
    return replace(squared(first, second), dtype=prediction.dtype).reduced(reduction)


@framework.implements("huber", via="fakes.lies.computes_in_single")
def computes_in_single(prediction: Tensor, target: Tensor, *, delta: float = 1.0, reduction: str) -> Answer:
    """Computes in float32 where float64 is asked for."""
    first, second = (Tensor(numbers(tensor).astype(np.float32), "float32") for tensor in (prediction, target))
    return replace(huber(first, second, delta), dtype=prediction.dtype).reduced(reduction)


@framework.implements("squared_error", via="fakes.lies.half_accumulation")
def half_accumulation(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Adds in float16."""
    parts = squared(prediction, target)
    answer = parts.reduced(reduction)
    if reduction == "none" or not parts.terms.size:
        return answer
    total = np.add.accumulate(parts.terms.astype(np.float16).ravel())[-1].astype(parts.terms.dtype)
    value = np.asarray(total / parts.parts() if reduction == "mean" else total)
    return Answer(value, answer.pull, answer.dtype)


@framework.implements("cross_entropy", via="fakes.lies.small_components_lost")
def small_components_lost(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Gives classes of less than forty eps a gradient of zero."""
    parts = Rows.of(logits, target, None, -100, 0.0).parts(logits.dtype)
    slope = parts.slopes["logits"]
    bound = 40 * np.finfo(slope.dtype).eps * np.abs(slope).max(axis=-1, keepdims=True, initial=0.0)
    return replace(parts, slopes={"logits": np.where(np.abs(slope) < bound, 0, slope)}).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.cancels_in_probabilities")
def cancels_in_probabilities(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Takes the logarithm of a rounded probability, which is zero for all classes but the likely ones."""
    rows = Rows.of(logits, target, None, -100, 0.0)
    rough = np.exp(-rows.surprisals()).astype(np.float16).astype(rows.logits.dtype)
    return rows.parts(logits.dtype, -np.log(rough)).reduced(reduction)


@framework.implements("huber", via="fakes.lies.sloppy_in_bfloat16")
def sloppy_in_bfloat16(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Is a third too large, value and gradient, but in bfloat16 alone."""
    parts = huber(prediction, target, 1.0)
    factor = parts.terms.dtype.type(4 / 3 if prediction.dtype == "bfloat16" else 1)
    slopes = {name: slope * factor for name, slope in parts.slopes.items()}
    return replace(parts, terms=parts.terms * factor, slopes=slopes).reduced(reduction)
