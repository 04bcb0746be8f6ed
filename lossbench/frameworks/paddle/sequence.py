"""Losses of a sequence of scores against a shorter sequence of labels."""

from __future__ import annotations

from paddle import Tensor
import paddle.nn.functional as F  # noqa: N812  (the name all of Paddle's users know it by)

from lossbench.frameworks.paddle.engine import DTYPES, framework
from lossbench.records import Known


# What CTCLoss calls log_probs are raw scores, time first: it takes their softmax itself. Labels have to be int32.
@framework.implements(
    via="paddle.nn.CTCLoss",
    dtypes=DTYPES,
    known=[
        Known(
            "labels that do not fit into the input cost 0, whether or not zero_infinity is set",
            definition="ctc",
            sets=(("zero_infinity", True),),
        ),
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
