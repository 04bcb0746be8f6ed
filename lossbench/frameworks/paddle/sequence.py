"""Losses of a sequence of scores against a shorter sequence of labels."""

from __future__ import annotations

import paddle.nn.functional as F  # noqa: N812  (the name all of Paddle's users know it by)
from paddle import Tensor

from lossbench.frameworks.paddle.engine import DTYPES, framework
from lossbench.records import Known

EMPTY_BATCH = Known("refuses a batch of no samples", raises=True, regimes=("empty",))


def floored(dtype: str, smallest_normal: float, unit_roundoff: float) -> Known:
    """What the processor's kernel makes of certain and of impossible alignments, by the numbers of a format."""
    return Known(
        "labels that do not fit cost 0, a certain symbol gets gradient +1, and a mean divides by 0 labels too",
        definition="ctc_with_probabilities_floored",
        sets=(("smallest_normal", smallest_normal), ("unit_roundoff", unit_roundoff)),
        dtypes=(dtype,),
    )


# What CTCLoss calls log_probs are raw scores, time first: it takes their softmax itself. Labels have to be int32.
@framework.implements(
    via="paddle.nn.CTCLoss",
    dtypes=DTYPES,
    known=[
        floored("float64", smallest_normal=2.0**-1022, unit_roundoff=2.0**-53),
        floored("float32", smallest_normal=2.0**-126, unit_roundoff=2.0**-24),
        EMPTY_BATCH,
    ],
)
def ctc(
    logits: Tensor,
    labels: Tensor,
    input_lengths: Tensor,
    label_lengths: Tensor,
    *,
    blank: int = 0,
    zero_infinity: bool = False,
    reduction: str,
) -> Tensor:
    return F.ctc_loss(
        logits.transpose([1, 0, 2]),
        labels.astype("int32"),
        input_lengths,
        label_lengths,
        blank=blank,
        zero_infinity=zero_infinity,
        reduction=reduction,
    )


def softmaxed(dtype: str, smallest_normal: float, unit_roundoff: float) -> Known:
    """What the gradient by log-probabilities is, with the kernel's floors."""
    return Known(
        "takes the softmax of its log_probs: the gradient is p - γ, which is right behind a log_softmax alone",
        definition="ctc_log_probabilities_softmaxed",
        sets=(("smallest_normal", smallest_normal), ("unit_roundoff", unit_roundoff)),
        dtypes=(dtype,),
        contract=True,
    )


@framework.implements(
    via="paddle.nn.CTCLoss",
    dtypes=DTYPES,
    known=[
        softmaxed("float64", smallest_normal=2.0**-1022, unit_roundoff=2.0**-53),
        softmaxed("float32", smallest_normal=2.0**-126, unit_roundoff=2.0**-24),
        EMPTY_BATCH,
    ],
)
def ctc_log_probabilities(
    log_probabilities: Tensor,
    labels: Tensor,
    input_lengths: Tensor,
    label_lengths: Tensor,
    *,
    blank: int = 0,
    zero_infinity: bool = False,
    reduction: str,
) -> Tensor:
    return F.ctc_loss(
        log_probabilities.transpose([1, 0, 2]),
        labels.astype("int32"),
        input_lengths,
        label_lengths,
        blank=blank,
        zero_infinity=zero_infinity,
        reduction=reduction,
    )


def over_frames(dtype: str, smallest_normal: float, unit_roundoff: float) -> Known:
    """The same with the gradient, not the value, divided by the number of frames."""
    return Known(
        "norm_by_times divides the gradient by the number of frames, and leaves the value as it is",
        definition="ctc_slope_over_frames",
        sets=(("smallest_normal", smallest_normal), ("unit_roundoff", unit_roundoff)),
        dtypes=(dtype,),
        contract=True,
    )


@framework.implements(
    "ctc",
    via="paddle.nn.CTCLoss(norm_by_times)",
    dtypes=DTYPES,
    known=[
        over_frames("float64", smallest_normal=2.0**-1022, unit_roundoff=2.0**-53),
        over_frames("float32", smallest_normal=2.0**-126, unit_roundoff=2.0**-24),
        EMPTY_BATCH,
    ],
)
def ctc_by_frames(
    logits: Tensor,
    labels: Tensor,
    input_lengths: Tensor,
    label_lengths: Tensor,
    *,
    blank: int = 0,
    reduction: str,
) -> Tensor:
    return F.ctc_loss(
        logits.transpose([1, 0, 2]),
        labels.astype("int32"),
        input_lengths,
        label_lengths,
        blank=blank,
        reduction=reduction,
        norm_by_times=True,
    )
