"""What frameworks give for the gradient by log-probabilities: that which is right behind a log_softmax alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lossbench.domains import Labels, Length, LogProbabilities, NonNegativeNumber, PositiveNumber
from lossbench.loss import Terms, loss
from lossbench.losses.sequence_log import ctc_log_probabilities
from lossbench.losses.variants.sequence import ctc_with_probabilities_floored


@loss(over="samples", variant=True)
@np.errstate(all="ignore")
def ctc_log_probabilities_projected(
    log_probabilities: LogProbabilities,
    labels: Labels,
    input_lengths: Length,
    label_lengths: Length,
    *,
    blank: NonNegativeNumber = 0,
    zero_infinity: bool = False,
) -> Terms:
    """CTC of log-probabilities x whose slope is ``exp(x) - γ`` instead of ``-γ``; NaN where labels do not fit.

    Source: torch.nn.CTCLoss, measured.
    """
    options = {"blank": int(blank), "zero_infinity": zero_infinity}
    terms = ctc_log_probabilities.function(log_probabilities, labels, input_lengths, label_lengths, **options)
    running = (np.arange(log_probabilities.shape[1]) < input_lengths[:, None])[..., None]
    counted = running if terms.masked is None else running & ~terms.masked[:, None, None]
    powers = np.where(counted, np.exp(log_probabilities), 0.0)
    slope = terms.slopes["log_probabilities"] + powers
    slope = np.where(np.isinf(terms.value)[:, None, None] & counted, np.nan, slope)
    size = terms.slope_magnitudes["log_probabilities"] + powers
    return replace(
        terms, slopes={"log_probabilities": slope}, slope_magnitudes={"log_probabilities": size}, nearness=None
    )


@loss(over="samples", variant=True)
def ctc_log_probabilities_softmaxed(
    log_probabilities: LogProbabilities,
    labels: Labels,
    input_lengths: Length,
    label_lengths: Length,
    *,
    blank: NonNegativeNumber = 0,
    zero_infinity: bool = False,
    smallest_normal: PositiveNumber = 2.0**-126,
    unit_roundoff: PositiveNumber = 2.0**-24,
) -> Terms:
    """CTC that takes log-probabilities for scores and their softmax, with the floors of Paddle's kernel.

    Source: paddle.nn.CTCLoss on the CPU, whose argument is called log_probs; measured.
    """
    terms = ctc_with_probabilities_floored.function(
        log_probabilities,
        labels,
        input_lengths,
        label_lengths,
        blank=blank,
        zero_infinity=zero_infinity,
        smallest_normal=smallest_normal,
        unit_roundoff=unit_roundoff,
    )
    return replace(
        terms,
        slopes={"log_probabilities": terms.slopes["logits"]},
        slope_magnitudes={"log_probabilities": terms.slope_magnitudes["logits"]},
    )
