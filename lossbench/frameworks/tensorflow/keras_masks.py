"""Keras's Tversky loss: over each sample, and over the whole batch as by default."""

from __future__ import annotations

from keras import losses

from lossbench.framework import Tensor
from lossbench.frameworks.tensorflow.engine import framework
from lossbench.frameworks.tensorflow.words import EMPTY, IN_FLOAT32, OVER_WEIGHTED_TERMS, PLAIN, Word
from lossbench.records import Known

BARE = (("smooth", 0.0), ("epsilon", 1e-7))
UNSMOOTHED = "has no smoothing term; 1e-7 in the denominator guards an empty mask"
SWAPPED = "weights false negatives by alpha and false positives by beta, not as documented"
EXCHANGED = (("alpha", "beta"), ("beta", "alpha"))
WEIGHTS = ("alpha", "beta")


@framework.implements(
    via="keras.losses.Tversky(axis=(1, ...), dtype=)",
    reductions=OVER_WEIGHTED_TERMS,
    known=[
        EMPTY,
        Known(UNSMOOTHED, definition="tversky", sets=BARE, contract=True),
        Known(SWAPPED, definition="tversky", sets=BARE, renames=EXCHANGED, options=WEIGHTS),
    ],
)
def tversky(
    prediction: Tensor,
    target: Tensor,
    sample_weight: Tensor | None = None,
    *,
    alpha: float = 0.5,
    beta: float = 0.5,
    reduction: Word,
) -> Tensor:
    axis = tuple(range(1, prediction.ndim))
    function = losses.Tversky(alpha=alpha, beta=beta, axis=axis, reduction=reduction, dtype=prediction.dtype.name)
    return function(target, prediction, sample_weight=sample_weight)


@framework.implements(
    "tversky",
    via="keras.losses.Tversky",
    reductions=("mean",),
    dtypes=PLAIN,
    known=[
        IN_FLOAT32,
        Known(
            "takes its sums over the whole batch, without smoothing",
            definition="tversky_over_batch",
            sets=BARE,
            contract=True,
        ),
        Known(
            f"takes its sums over the whole batch, and {SWAPPED}",
            definition="tversky_over_batch",
            sets=BARE,
            renames=EXCHANGED,
            options=WEIGHTS,
        ),
    ],
)
def tversky_in_float32(prediction: Tensor, target: Tensor, *, alpha: float = 0.5, beta: float = 0.5) -> Tensor:
    return losses.Tversky(alpha=alpha, beta=beta)(target, prediction)
