"""Implementations that do what the definition says."""

from __future__ import annotations

from lossbench.frameworks.fakes.engine import Answer, Tensor, framework, numbers, reduced


@framework.implements(via="fakes.honest.squared_error")
def squared_error(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """The square of the residual."""
    residual = numbers(prediction) - numbers(target)
    slope = 2 * residual
    return reduced(residual**2, {"prediction": slope, "target": -slope}, reduction, prediction.dtype)
