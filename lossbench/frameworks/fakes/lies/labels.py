"""Lies about what stands under a label of zero: it should cost nothing, and its neighbours should not notice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lossbench.frameworks.fakes.engine import Answer, Tensor, framework, numbers
from lossbench.frameworks.fakes.formulas import logistic


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
