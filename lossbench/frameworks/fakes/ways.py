"""Implementations that become something else when they are compiled: two honest ones, and three that lie then alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lossbench.framework import Adapter
from lossbench.frameworks.fakes import formulas
from lossbench.frameworks.fakes.engine import Answer, Tensor, framework, numbers
from lossbench.frameworks.fakes.honest import squared_error


def compiled_into(eager: Adapter) -> Callable[[Adapter], Adapter]:
    """Decorator: what becomes of `eager` when it is compiled."""

    def enter(adapter: Adapter) -> Adapter:
        framework.when_compiled[eager] = adapter
        return adapter

    return enter


def _in_double(tensor: Tensor) -> Tensor:
    return Tensor(numbers(tensor).astype(np.float64), "float64")


@framework.implements("binary_cross_entropy_with_logits", via="fakes.ways.fused")
def fused(logit: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Honest both ways; compiled it rounds once, at the end, and so answers with other last bits."""
    return formulas.logistic(logit, target).reduced(reduction)


@compiled_into(fused)
def _fused_compiled(logit: Tensor, target: Tensor, *, reduction: str) -> Answer:
    parts = replace(formulas.logistic(_in_double(logit), _in_double(target)), dtype=logit.dtype)
    return Answer(parts.value(reduction), lambda c: dict(parts.pull(c.astype(np.float64), reduction)), logit.dtype)


@framework.implements("absolute_error", via="fakes.ways.other_side")
def other_side(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Honest both ways; on the kink it has the slope 0, and compiled the slope 1."""
    return formulas.absolute(prediction, target).reduced(reduction)


@compiled_into(other_side)
def _other_side_compiled(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    parts = formulas.absolute(prediction, target)
    slope = np.where(parts.slopes["prediction"] == 0, parts.terms.dtype.type(1), parts.slopes["prediction"])
    return formulas.both(prediction, slope, parts.terms).reduced(reduction)


@framework.implements("huber", via="fakes.ways.forgets_delta")
def forgets_delta(prediction: Tensor, target: Tensor, *, delta: float = 1.0, reduction: str) -> Answer:
    """Compiled it takes delta for 1."""
    return formulas.huber(prediction, target, delta).reduced(reduction)


@compiled_into(forgets_delta)
def _forgets_delta_compiled(prediction: Tensor, target: Tensor, *, delta: float = 1.0, reduction: str) -> Answer:
    return formulas.huber(prediction, target, 1.0).reduced(reduction)


@framework.implements("squared_error", via="fakes.ways.mean_of_nothing")
def mean_of_nothing(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """The mean over nothing is NaN, and compiled it is 0: the definition has no say in it."""
    answer: Answer = squared_error(prediction, target, reduction=reduction)
    return answer


@compiled_into(mean_of_nothing)
def _mean_of_nothing_compiled(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    answer: Answer = squared_error(prediction, target, reduction=reduction)
    return answer if prediction.data.size else replace(answer, value=np.zeros_like(answer.value))


@framework.implements("squared_error", via="fakes.ways.cannot_be_compiled")
def cannot_be_compiled(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Compiled it refuses everything."""
    answer: Answer = squared_error(prediction, target, reduction=reduction)
    return answer


@compiled_into(cannot_be_compiled)
def _cannot_be_compiled(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    raise NotImplementedError("no kernel for this")
