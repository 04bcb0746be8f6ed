"""Lies told by the backward pass alone: the value is right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lossbench.frameworks.fakes.engine import Answer, Gradients, Tensor, framework, numbers
from lossbench.frameworks.fakes.formulas import Parts, Rows, absolute, dice, logistic, squared

_previous: dict[Any, Gradients] = {}


def _bent(parts: Parts, reduction: str, bend: Callable[[Gradients], Gradients]) -> Answer:
    """The right answer, with its gradients bent."""
    return Answer(parts.value(reduction), lambda c: bend(dict(parts.pull(c, reduction))), parts.dtype)


@framework.implements("squared_error", via="fakes.lies.opposite_sign")
def opposite_sign(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Climbs where it should descend."""
    parts = squared(prediction, target)
    return Answer(parts.value(reduction), lambda c: dict(parts.pull(-c, reduction)), parts.dtype)


@framework.implements("squared_error", via="fakes.lies.swaps_arguments")
def swaps_arguments(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Gives each argument the gradient of the other."""
    return _bent(
        squared(prediction, target), reduction, lambda g: {"prediction": g["target"], "target": g["prediction"]}
    )


@framework.implements("binary_cross_entropy_with_logits", via="fakes.lies.doubled")
def doubled(logit: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Counts every gradient twice."""
    parts = logistic(logit, target)
    return Answer(parts.value(reduction), lambda c: dict(parts.pull(2 * c, reduction)), parts.dtype)


@framework.implements("cross_entropy", via="fakes.lies.ignores_cotangent")
def ignores_cotangent(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Returns the gradient of a plain sum or mean, whatever comes from above."""
    parts = Rows.of(logits, target, None, -100, 0.0).parts(logits.dtype)
    return Answer(parts.value(reduction), lambda c: dict(parts.pull(np.ones_like(c), reduction)), parts.dtype)


@framework.implements("squared_error", via="fakes.lies.averages_cotangent")
def averages_cotangent(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Gives all elements the mean of what comes from above."""
    parts = squared(prediction, target)
    return Answer(parts.value(reduction), lambda c: dict(parts.pull(np.full_like(c, c.mean()), reduction)), parts.dtype)


@framework.implements("squared_error", via="fakes.lies.wrong_for_ones")
def wrong_for_ones(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Forgets the factor of two on a fast path for a cotangent of ones."""
    parts = squared(prediction, target)

    def pull(cotangent: np.ndarray) -> Gradients:
        return dict(parts.pull(cotangent / 2 if (cotangent == 1).all() else cotangent, reduction))

    return Answer(parts.value(reduction), pull, parts.dtype)


@framework.implements("squared_error", via="fakes.lies.no_gradient")
def no_gradient(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Gives the prediction no gradient."""
    return _bent(squared(prediction, target), reduction, lambda g: {"target": g["target"]})


@framework.implements("binary_cross_entropy_with_logits", via="fakes.lies.detached_target")
def detached_target(logit: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Gives the target a gradient of zeros."""
    parts = logistic(logit, target)
    return _bent(parts, reduction, lambda g: {**g, "target": np.zeros(target.shape, np.float32)})


@framework.implements("soft_dice", via="fakes.lies.half_the_quotient_rule")
def half_the_quotient_rule(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Takes the denominator for a constant."""
    parts, q, y = dice(prediction, target, 1.0, 0.0), numbers(prediction), numbers(target)
    size = (q + y).sum(axis=tuple(range(1, q.ndim)), keepdims=True) + 1
    return Parts(parts.terms, {"prediction": -2 * y / size, "target": -2 * q / size}, parts.dtype).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.rows_reversed")
def rows_reversed(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Returns the gradients of the rows in the opposite order; a sum does not show it."""
    parts = Rows.of(logits, target, None, -100, 0.0).parts(logits.dtype)
    slopes = {"logits": parts.slopes["logits"][::-1]}
    return Parts(parts.terms, slopes, parts.dtype, parts.divisor).reduced(reduction)


@framework.implements("absolute_error", via="fakes.lies.steep_kink")
def steep_kink(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Has a slope of two where prediction and target are equal."""
    parts = absolute(prediction, target)
    steep = np.where(parts.terms == 0, 2, parts.slopes["prediction"]).astype(parts.terms.dtype)
    return Parts(parts.terms, {"prediction": steep, "target": -steep}, parts.dtype).reduced(reduction)


@framework.implements("absolute_error", via="fakes.lies.both_up_at_kink")
def both_up_at_kink(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Pushes both arguments up where they are equal: each slope is possible, but not together."""
    parts = absolute(prediction, target)
    up = {n: np.where(parts.terms == 0, 1, s).astype(parts.terms.dtype) for n, s in parts.slopes.items()}
    return Parts(parts.terms, up, parts.dtype).reduced(reduction)


@framework.implements("binary_cross_entropy_with_logits", via="fakes.lies.wrong_at_zero")
def wrong_at_zero(logit: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Takes the sigmoid of exactly zero for zero in its gradient."""
    parts = logistic(logit, target)
    slopes = {
        **parts.slopes,
        "logit": parts.slopes["logit"] - np.where(logit.data == 0, 1, 0).astype(parts.terms.dtype) / 2,
    }
    return Parts(parts.terms, slopes, parts.dtype).reduced(reduction)


@framework.implements("squared_error", via="fakes.lies.stale_gradient")
def stale_gradient(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Returns the gradient of the call before, where that had the same shape."""

    def bend(gradients: Gradients) -> Gradients:
        key = (prediction.dtype, prediction.shape)
        before, _previous[key] = _previous.get(key, gradients), gradients
        return before

    return _bent(squared(prediction, target), reduction, bend)
