"""Connectionist temporal classification of log-probabilities: what a log_softmax has been taken of already."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np

from lossbench.domains import Labels, Length, LogProbabilities, NonNegativeNumber
from lossbench.functions import exp, log, total
from lossbench.loss import Denominator, Terms, loss
from lossbench.losses.alignments import backward, by_symbol, emissions, forward, lattice, occupancies
from lossbench.losses.limits import product
from lossbench.losses.sequence import ctc, without


@loss(
    over="samples",
    also={"blank": (1,), "zero_infinity": (True,)},
    reductions=("none", "mean", "sum", "count_mean"),
    form_of="ctc",
    axes=("sequences", "steps", "symbols"),
    small=(3, 7, 4),
    large=(16, 64, 32),
    relations=("not_negative",),
)
@np.errstate(all="ignore")
def ctc_log_probabilities(
    log_probabilities: LogProbabilities,
    labels: Labels,
    input_lengths: Length,
    label_lengths: Length,
    *,
    blank: NonNegativeNumber = 0,
    zero_infinity: bool = False,
) -> Terms:
    """Negative log probability of a sequence of labels, from the log-probabilities of the symbols at each frame.

    ``-log Σ_π exp(Σ_{t<T} x_t[π_t])`` with the alignments π, shapes, lengths and means of `ctc`, and nothing
    normalized: x are the log-probabilities themselves. The derivative by x_t[c] is ``-γ_t[c]``, the share of the
    alignments that emit c at t. Identity: at the log_softmax of logits, `ctc` of those logits; going back through the
    log_softmax turns ``-γ`` into ``p - γ``.

    Source: A. Graves et al., "Connectionist temporal classification", ICML 2006, equations 7 and 15.
    """
    paths = lattice(labels, label_lengths, int(blank))
    emitted = emissions(-log_probabilities, paths.symbols)
    value, ahead = forward(emitted, input_lengths, paths)
    states = occupancies(ahead + backward(emitted, input_lengths, paths))
    shares = by_symbol(states, paths.symbols, log_probabilities.shape[-1])
    running = (np.arange(shares.shape[1]) < input_lengths[:, None])[..., None]
    # along the paths each frame adds a logarithm, and that is of a sum that starts at 1
    along = np.where(running, product(shares, 1 + np.abs(log_probabilities)), 0.0).sum(axis=(1, 2))
    magnitude = np.fmax(along, np.abs(value))
    size = shares * (1 + np.where(np.isfinite(magnitude), magnitude, 0.0)[:, None, None])
    terms = Terms(
        value,
        {"log_probabilities": np.where(running, -shares, 0.0)},
        magnitude=magnitude,
        slope_magnitudes={"log_probabilities": np.where(running, size, 0.0)},
        nearness=np.where(value == np.inf, 0.0, np.inf),  # where it is infinite, no gradient is wrong
    )
    zeroed = (value == np.inf) & zero_infinity
    divisor = Denominator(len(log_probabilities) * np.maximum(1.0, label_lengths))
    return replace(without(terms, zeroed), denominators={"mean": divisor})


@ctc_log_probabilities.shapes
def _(shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    return {"labels": (max(1, shape[1] // 3),)}


@ctc_log_probabilities.definition
def _(log_probabilities, labels, input_lengths, label_lengths, *, blank, zero_infinity):
    labels = labels[:label_lengths]
    symbols = [blank]
    for label in labels:
        symbols += [label, blank]
    repeats = sum(label == following for label, following in itertools.pairwise(labels))
    if input_lengths < len(labels) + repeats:
        return 0 if zero_infinity else math.inf
    reached: list[Any] = [1]  # before the first frame; then the probability of all ways to each state
    for frame in log_probabilities[:input_lengths]:
        entered = [total(reached[max(0, k - 1) : k + 1]) for k in range(min(len(symbols), len(reached) + 2))]
        for k in range(2, len(entered)):
            if symbols[k] not in (blank, symbols[k - 2]):
                entered[k] = entered[k] + reached[k - 2]
        reached = [exp(frame[symbols[k]]) * weight for k, weight in enumerate(entered)]
    return -log(total(reached[-2:]))


assert ctc.drawn_by is not None
ctc_log_probabilities.draw(ctc.drawn_by)
