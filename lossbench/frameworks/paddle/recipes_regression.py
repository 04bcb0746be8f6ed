"""A mean squared error that refuses what it should not answer; it can be copied as it stands."""

from __future__ import annotations

import paddle
from paddle import Tensor

from lossbench.frameworks.paddle.engine import DTYPES, framework
from lossbench.records import Known

HERE = "lossbench.frameworks.paddle.recipes_regression"


@framework.implements(
    via=f"{HERE}.checked_mse",
    recipe=True,
    reductions=("mean",),
    dtypes=DTYPES,
    known=[Known("refuses an empty batch, whose mean is 0/0", raises=True, regimes=("empty",), contract=True)],
)
def checked_mse(prediction: Tensor, target: Tensor) -> Tensor:
    if prediction.shape != target.shape or prediction.size == 0:
        raise ValueError(f"prediction and target must be alike and not empty: {prediction.shape}, {target.shape}")
    if not (paddle.isfinite(prediction).all() and paddle.isfinite(target).all()):
        raise ValueError("prediction and target must be finite, but hold NaN or infinity")
    # subtracted in float64 too: of float32 numbers, the difference is then exact or nearly so
    residual = prediction.astype("float64") - target.astype("float64")
    # divided first: the sum of the squares need not be in range, if their mean is
    return (residual * residual / prediction.size).sum().astype(prediction.dtype)
