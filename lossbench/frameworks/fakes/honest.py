"""Implementations that do what the definition says."""

from __future__ import annotations

from lossbench.frameworks.fakes import formulas
from lossbench.frameworks.fakes.engine import Answer, Tensor, framework, numbers, reduced
from lossbench.records import INTEGERS


@framework.implements(via="fakes.honest.squared_error")
def squared_error(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """The square of the residual."""
    formulas.same_shape(prediction, target)
    residual = numbers(prediction) - numbers(target)
    slope = 2 * residual
    return reduced(residual**2, {"prediction": slope, "target": -slope}, reduction, prediction.dtype)


@framework.implements(via="fakes.honest.absolute_error")
def absolute_error(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """The size of the residual."""
    return formulas.absolute(prediction, target).reduced(reduction)


@framework.implements(via="fakes.honest.huber")
def huber(prediction: Tensor, target: Tensor, *, delta: float = 1.0, reduction: str) -> Answer:
    """Half the square near the target, linear further out."""
    return formulas.huber(prediction, target, delta).reduced(reduction)


@framework.implements(via="fakes.honest.binary_cross_entropy")
def binary_cross_entropy(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """The logarithms of both probabilities, in the shares of yes and no."""
    return formulas.surprisal(prediction, target).reduced(reduction)


@framework.implements(via="fakes.honest.binary_cross_entropy_with_logits")
def binary_cross_entropy_with_logits(
    logit: Tensor, target: Tensor, weight: Tensor | None = None, pos_weight: Tensor | None = None, *, reduction: str
) -> Answer:
    """The softplus of the logit and of its opposite, in the shares of no and yes."""
    return formulas.logistic(logit, target, weight, pos_weight).reduced(reduction)


@framework.implements(via="fakes.honest.cross_entropy", integers=INTEGERS)
def cross_entropy(
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str,
) -> Answer:
    """The logarithm of the sum of exponentials, below the maximum."""
    return (
        formulas.Rows.of(logits, target, weight, ignore_index, label_smoothing).parts(logits.dtype).reduced(reduction)
    )


@framework.implements(via="fakes.honest.soft_dice")
def soft_dice(
    prediction: Tensor, target: Tensor, *, smooth: float = 1.0, epsilon: float = 0.0, reduction: str
) -> Answer:
    """One minus the overlap as a share of the size."""
    return formulas.dice(prediction, target, smooth, epsilon).reduced(reduction)
