"""A framework of numpy with losses of its own, and some of a package that may or may not be installed."""

from typing import Any

from lossbench.frameworks.fakes.engine import Answer, Fakes, Tensor
from lossbench.frameworks.fakes.honest import absolute_error as honest
from lossbench.packages import Package

framework = Fakes()
STANDIN = Package("standin-losses", "standin_losses", measured="1.0", beside="numpy")
losses: Any = STANDIN.module("standin_losses")


@framework.implements("absolute_error", via="standin.own.absolute_error")
def absolute_error(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """The framework's own."""
    return honest(prediction, target, reduction=reduction)


@framework.implements("absolute_error", via="standin_losses.absolute_error", package=STANDIN)
def packaged_absolute_error(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """The package's."""
    answer: Answer = losses.absolute_error(prediction, target, reduction)
    return answer


@framework.implements(
    "absolute_error", via="standin_losses.absolute_error_on_a_card", devices=("cuda",), package=STANDIN
)
def absolute_error_on_a_card(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """The package's for a graphics card."""
    answer: Answer = losses.absolute_error(prediction, target, reduction)
    return answer
