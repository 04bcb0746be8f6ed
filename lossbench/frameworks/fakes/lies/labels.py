"""Lies about labels: what stands under those of zero should cost nothing, and a column of them is no row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lossbench.frameworks.fakes.engine import Answer, Tensor, framework, numbers
from lossbench.frameworks.fakes.formulas import Rows, logistic


@framework.implements("binary_cross_entropy_with_logits", via="fakes.lies.zero_times_infinity")
def zero_times_infinity(logit: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Multiplies the label with the logit even where one is 0 and the other infinite."""
    parts = logistic(logit, target)
    x, y = numbers(logit), numbers(target)
    with np.errstate(invalid="ignore"):
        lost = np.isinf(x) & np.isnan(x * y)
    return replace(parts, terms=np.where(lost, parts.terms.dtype.type(np.nan), parts.terms)).reduced(reduction)


@framework.implements("binary_cross_entropy_with_logits", via="fakes.lies.learns_from_the_unlabelled")
def learns_from_the_unlabelled(logit: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Has the right value under a label of zero, and a slope of NaN where the logit is infinite there."""
    parts = logistic(logit, target)
    lost = np.isinf(numbers(logit)) & (numbers(target) == 0)
    slope = np.where(lost, parts.terms.dtype.type(np.nan), parts.slopes["logit"])
    return replace(parts, slopes={**parts.slopes, "logit": slope}).reduced(reduction)


@framework.implements("binary_cross_entropy_with_logits", via="fakes.lies.row_of_nan")
def row_of_nan(logit: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Lets NaN under a label of zero spread over the terms of its row."""
    parts = logistic(logit, target)
    ill = (np.isnan(numbers(logit)) & (numbers(target) == 0)).any(axis=-1, keepdims=True)
    return replace(parts, terms=np.where(ill, parts.terms.dtype.type(np.nan), parts.terms)).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.each_with_each")
def each_with_each(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Has every row meet every class where classes come in a column."""
    rows = target.data.ndim - (len(logits.shape) - 1)
    if not rows:
        return Rows.of(logits, target, None, -100, 0.0).parts(logits.dtype).reduced(reduction)
    classes = target.data[..., 0]
    count = len(classes)
    repeated = Tensor(np.repeat(logits.data[None], count, axis=0), logits.dtype)
    index = Tensor(np.broadcast_to(classes[:, None], (count, count)).copy(), target.dtype)
    parts = Rows.of(repeated, index, None, -100, 0.0).parts(logits.dtype)
    slope = parts.slopes["logits"].sum(axis=0)
    return Answer(parts.value(reduction), lambda cotangent: {"logits": slope}, logits.dtype)
