"""Keras's functions of whole samples: connectionist temporal classification, and Dice."""

from __future__ import annotations

from keras import losses

from lossbench.framework import Tensor
from lossbench.frameworks.tensorflow.engine import framework
from lossbench.frameworks.tensorflow.words import EMPTY, IN_FLOAT32, OVER_WEIGHTED_TERMS, PLAIN, REFUSES_EMPTY, Word
from lossbench.records import Known

COUNTED = {
    "none": None,
    "count_mean": "sum_over_batch_size",
    "sum": "sum",
    "weighted_mean": "mean_with_sample_weight",
}
NO_LENGTHS = Known(
    "takes no lengths: it reads every frame, and the labels up to the padding of zeros",
    definition="ctc_leaking_1e_307",
    sets=(("every_frame", True),),
    contract=True,
)
NO_SMOOTHING = Known(
    "has no smoothing term; 1e-7 in the denominator guards an empty mask",
    definition="soft_dice",
    sets=(("smooth", 0.0), ("epsilon", 1e-7)),
    contract=True,
)


@framework.implements(
    via="keras.losses.CTC(dtype=)",
    reductions=COUNTED,
    known=[NO_LENGTHS, REFUSES_EMPTY, Known("computes in float32", computes_in="float32", dtypes=("float64",))],
)
def ctc(
    logits: Tensor,
    labels: Tensor,
    input_lengths: Tensor,
    label_lengths: Tensor,
    sample_weight: Tensor | None = None,
    *,
    reduction: Word,
) -> Tensor:
    return losses.CTC(reduction=reduction, dtype=logits.dtype.name)(labels, logits, sample_weight=sample_weight)


@framework.implements(
    "ctc", via="keras.losses.CTC", reductions=COUNTED, dtypes=PLAIN, known=[NO_LENGTHS, REFUSES_EMPTY, IN_FLOAT32]
)
def ctc_in_float32(
    logits: Tensor,
    labels: Tensor,
    input_lengths: Tensor,
    label_lengths: Tensor,
    sample_weight: Tensor | None = None,
    *,
    reduction: Word,
) -> Tensor:
    return losses.CTC(reduction=reduction)(labels, logits, sample_weight=sample_weight)


@framework.implements(
    via="keras.losses.Dice(axis=(1, ...), dtype=)", reductions=OVER_WEIGHTED_TERMS, known=[EMPTY, NO_SMOOTHING]
)
def soft_dice(prediction: Tensor, target: Tensor, sample_weight: Tensor | None = None, *, reduction: Word) -> Tensor:
    axis = tuple(range(1, prediction.ndim))
    loss = losses.Dice(axis=axis, reduction=reduction, dtype=prediction.dtype.name)
    return loss(target, prediction, sample_weight=sample_weight)


@framework.implements(
    "soft_dice",
    via="keras.losses.Dice",
    reductions=("mean",),
    dtypes=PLAIN,
    known=[
        IN_FLOAT32,
        Known(
            "takes its sums over the whole batch, without smoothing",
            definition="soft_dice_over_batch",
            sets=(("smooth", 0.0), ("epsilon", 1e-7)),
            contract=True,
        ),
    ],
)
def soft_dice_in_float32(prediction: Tensor, target: Tensor) -> Tensor:
    return losses.Dice()(target, prediction)
