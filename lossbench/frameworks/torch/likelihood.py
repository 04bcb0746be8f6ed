"""Likelihoods of a count or of a real target under a distribution that is predicted."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812  (the name all of torch's users know it by)
from torch import Tensor

from lossbench.floats import FORMATS
from lossbench.frameworks.torch.engine import framework
from lossbench.records import Known

INFINITE_SQUARES = [
    Known(
        "squares the distance before it divides by the variance, which is infinite far from the target",
        definition="gaussian_nll_of_infinite_squares",
        sets=(("overflow", FORMATS[dtype].overflow_threshold),),
        dtypes=(dtype,),
    )
    for dtype in ("float64", "float32", "bfloat16")
]
UNDEFINED = "with full=True, the gradient by a count of exactly 0 is NaN"


@framework.implements(
    via="torch.nn.PoissonNLLLoss",
    known=[Known(UNDEFINED, definition="poisson_nll_undefined_at_zero", options=("full",))],
)
def poisson_nll(log_rate: Tensor, target: Tensor, *, full: bool = False, reduction: str) -> Tensor:
    return F.poisson_nll_loss(log_rate, target, full=full, reduction=reduction)


@framework.implements(
    via="torch.nn.PoissonNLLLoss(log_input=False)",
    known=[
        Known(
            "float16 has no 1e-8, so that epsilon is 0 there: a rate of 0 costs infinity, and NaN if the count is 0",
            definition="poisson_nll_rate_undefined_at_zero",
            sets=(("epsilon", 0.0),),
            dtypes=("float16",),
        ),
        Known(UNDEFINED, definition="poisson_nll_rate_undefined_at_zero", options=("full",)),
    ],
)
def poisson_nll_rate(
    rate: Tensor, target: Tensor, *, full: bool = False, epsilon: float = 1e-8, reduction: str
) -> Tensor:
    return F.poisson_nll_loss(rate, target, log_input=False, full=full, eps=epsilon, reduction=reduction)


@framework.implements(
    via="torch.nn.GaussianNLLLoss",
    known=[
        Known(
            "the gradient goes through the clamp: below epsilon, the variance gets the one at epsilon",
            definition="gaussian_nll_slope_through_clamp",
            contract=True,
        ),
        *INFINITE_SQUARES,
    ],
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
    return F.gaussian_nll_loss(prediction, target, variance, full=full, eps=epsilon, reduction=reduction)
