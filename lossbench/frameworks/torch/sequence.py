"""Losses of a sequence of scores against a shorter sequence of labels."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812  (the name all of torch's users know it by)
from torch import Tensor

from lossbench.frameworks.torch.engine import framework
from lossbench.records import Known

EMPTY_BATCH = Known("refuses a batch of no samples", raises=True, regimes=("empty",))


# CTCLoss takes log probabilities, time first. The gradient it gives by them is right only behind a log_softmax, which
# is how the two are used together.
@framework.implements(
    via="torch.nn.functional.log_softmax + torch.nn.CTCLoss",
    dtypes=("float64", "float32"),
    known=[
        Known(
            "gives NaN for the gradient of a sample whose labels do not fit",
            definition="ctc_without_slope_where_infinite",
        ),
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
    log_probabilities = F.log_softmax(logits, dim=-1).transpose(0, 1)
    return F.ctc_loss(
        log_probabilities,
        labels,
        input_lengths,
        label_lengths,
        blank=blank,
        zero_infinity=zero_infinity,
        reduction=reduction,
    )


@framework.implements(
    via="torch.nn.CTCLoss",
    dtypes=("float64", "float32"),
    known=[
        Known(
            "gives exp(x) - γ for the gradient by its log-probabilities, which is right behind a log_softmax alone",
            definition="ctc_log_probabilities_projected",
            contract=True,
        ),
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
        log_probabilities.transpose(0, 1),
        labels,
        input_lengths,
        label_lengths,
        blank=blank,
        zero_infinity=zero_infinity,
        reduction=reduction,
    )
