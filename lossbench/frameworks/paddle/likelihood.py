"""Likelihoods of a count or of a real target under a distribution that is predicted."""

from __future__ import annotations

import paddle.nn.functional as F  # noqa: N812  (the name all of Paddle's users know it by)
from paddle import Tensor

from lossbench.frameworks.paddle.engine import DTYPES, framework
from lossbench.records import Known

UNDEFINED = "with full=True, the gradient by a count of exactly 0 is NaN"


@framework.implements(
    via="paddle.nn.PoissonNLLLoss",
    dtypes=DTYPES,
    known=[Known(UNDEFINED, definition="poisson_nll_undefined_at_zero", options=("full",))],
)
def poisson_nll(log_rate: Tensor, target: Tensor, *, full: bool = False, reduction: str) -> Tensor:
    return F.poisson_nll_loss(log_rate, target, full=full, reduction=reduction)


@framework.implements(
    via="paddle.nn.PoissonNLLLoss(log_input=False)",
    dtypes=DTYPES,
    known=[
        Known("refuses an epsilon of 0", raises=True, options=("epsilon",), contract=True),
        Known(UNDEFINED, definition="poisson_nll_rate_undefined_at_zero", options=("full",)),
    ],
)
def poisson_nll_rate(
    rate: Tensor, target: Tensor, *, full: bool = False, epsilon: float = 1e-8, reduction: str
) -> Tensor:
    return F.poisson_nll_loss(rate, target, log_input=False, full=full, epsilon=epsilon, reduction=reduction)


@framework.implements(
    via="paddle.nn.GaussianNLLLoss",
    dtypes=DTYPES,
    known=[Known("gives no gradient to the variance, which so is never trained", no_gradient=("variance",))],
)
def gaussian_nll(
    prediction: Tensor,
    target: Tensor,
    variance: Tensor,
    *,
    full: bool = False,
    epsilon: float = 1e-6,
    reduction: str,
) -> Tensor:
    return F.gaussian_nll_loss(prediction, target, variance, full=full, epsilon=epsilon, reduction=reduction)
