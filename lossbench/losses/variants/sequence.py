"""Deviating formulas of CTC: what implementations put in place of a probability of zero."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from lossbench.domains import Labels, Length, Logits, NonNegativeNumber, PositiveNumber
from lossbench.loss import Denominator, Terms, loss
from lossbench.losses.alignments import (
    Lattice,
    backward,
    by_symbol,
    emissions,
    forward,
    lattice,
    occupancies,
)
from lossbench.losses.sequence import ctc_terms, frames_needed, without
from lossbench.losses.stable import softmax_parts
from lossbench.losses.weighed import sample_weighted

LEAK = math.log(1e-307)


@sample_weighted
@loss(over="samples", variant=True)
@np.errstate(all="ignore")
def ctc_leaking_1e_307(
    logits: Logits,
    labels: Labels,
    input_lengths: Length,
    label_lengths: Length,
    *,
    blank: NonNegativeNumber = 0,
    every_frame: bool = False,
) -> Terms:
    """CTC whose paths may also end in any state, and for the gradient begin in any, each with weight 1e-307.

    The states are those of all labels, the padding included. So no loss exceeds about 707 plus the cheapest path's
    cost, and labels that do not fit cost that. With `every_frame`, the input lengths are not looked at.

    Source: tf.nn.ctc_loss with dense labels; keras.losses.CTC (every_frame), measured.
    """
    frames = np.full(len(logits), logits.shape[1]) if every_frame else input_lengths
    surprisals, probabilities, _ = softmax_parts(logits)
    paths = lattice(labels, np.full(len(labels), labels.shape[1]), int(blank))
    skips = paths.skips.copy()
    skips[:, 3::2] = labels[:, 1:] != labels[:, :-1]
    before = 1.0 + (np.arange(skips.shape[1]) > 0) + skips  # states that each may be entered from
    end = np.maximum(lattice(labels, label_lengths, int(blank)).end, LEAK)
    strict = Lattice(paths.symbols, skips, paths.start, end)
    leaking = strict._replace(start=np.logaddexp(paths.start, LEAK + np.log(before)))
    emitted = emissions(surprisals, paths.symbols)
    value, _ = forward(emitted, frames, strict)
    _, ahead = forward(emitted, frames, leaking)
    states = occupancies(ahead + backward(emitted, frames, leaking))
    padding = paths.symbols == blank
    padding[:, 0::2] = False
    shares = by_symbol(np.where(padding, 0.0, states), paths.symbols, logits.shape[-1])
    return ctc_terms(value, shares, surprisals, probabilities, frames)


@loss(over="samples", variant=True)
@np.errstate(all="ignore")
def ctc_with_probabilities_floored(
    logits: Logits,
    labels: Labels,
    input_lengths: Length,
    label_lengths: Length,
    *,
    blank: NonNegativeNumber = 0,
    zero_infinity: bool = False,
    smallest_normal: PositiveNumber = 2.0**-126,
    unit_roundoff: PositiveNumber = 2.0**-24,
) -> Terms:
    """CTC whose probabilities are at least the smallest normal number, and which takes log 1 = 0 for "no path".

    Labels that do not fit cost 0, whatever `zero_infinity`. The slope is p instead of ``p - γ`` where a symbol's paths
    through a frame have a weight whose logarithm is exactly 0 in the format: a single path, each of whose
    probabilities rounds to 1. The mean divides each term by its number of labels, which may be 0. The last two
    parameters are those of the format, by default float32.

    Source: paddle.nn.CTCLoss on the CPU, measured.
    """
    paths = lattice(labels, label_lengths, int(blank))
    surprisals, probabilities, complements = softmax_parts(logits)
    surprisals = np.minimum(surprisals, -math.log(smallest_normal))
    emitted = emissions(surprisals, paths.symbols)
    value, ahead = forward(emitted, input_lengths, paths)
    behind = backward(emitted, input_lengths, paths)
    shares = by_symbol(occupancies(ahead + behind), paths.symbols, logits.shape[-1])
    terms = ctc_terms(value, shares, surprisals, probabilities, input_lengths)
    states = _paths_of_weight_one(
        (ahead, behind, emitted),
        emissions(-complements, paths.symbols) <= unit_roundoff,
        input_lengths,
        paths,
        math.log(smallest_normal) + math.log(unit_roundoff),
    )
    lost, weighty = (by_symbol(mask.astype(float), paths.symbols, logits.shape[-1]) == 1 for mask in states)
    terms = replace(
        terms,
        slopes={"logits": np.where(lost & weighty, probabilities, terms.slopes["logits"])},
        denominators={"mean": Denominator(len(logits) * np.asarray(label_lengths, float))},
    )
    return without(terms, frames_needed(labels, label_lengths) > input_lengths)


def _paths_of_weight_one(
    weights: tuple[np.ndarray, np.ndarray, np.ndarray],
    certain: np.ndarray,
    frames: np.ndarray,
    paths: Lattice,
    negligible: float,
) -> tuple[np.ndarray, np.ndarray]:
    """The states whose paths have a weight that is 1 to the last bit, and the states whose weight is not lost.

    A sum of weights is 1 to the last bit only if it has a single term: any other, however small, adds to log 1 = 0.

    Args:
        weights: the log weights before each state, after it, and of its own symbol.
        certain: whether the probability of each state's symbol rounds to 1.
        frames: after how many frames each sample ends.
        paths: the states.
        negligible: below this a log weight's exponential is lost.
    """
    ahead, behind, emitted = weights
    begun, ended = np.zeros(ahead.shape, bool), np.zeros(ahead.shape, bool)
    begun[:1] = certain[:1] & (paths.start == 0)
    for t in range(1, len(ahead)):
        single = [_entering(mask, paths.skips) == 1 for mask in (ahead[t - 1] > negligible, begun[t - 1])]
        begun[t] = certain[t] & single[0] & single[1]
    for t in reversed(range(len(ahead))):
        ended[t] = certain[t] & (frames == t + 1)[:, None] & (paths.end == 0)
        if t + 1 < len(ahead):
            onward = emitted[t + 1] + behind[t + 1] > negligible
            single = [_leaving(mask, paths.skips) == 1 for mask in (onward, ended[t + 1])]
            ended[t] |= certain[t] & single[0] & single[1]
    return begun & ended, ahead + behind + emitted > negligible


def _entering(mask: np.ndarray, skips: np.ndarray) -> np.ndarray:
    """How many of the marked states each state may be entered from."""
    count = mask.astype(int)
    count[:, 1:] += mask[:, :-1]
    count[:, 2:] += mask[:, :-2] & skips[:, 2:]
    return count


def _leaving(mask: np.ndarray, skips: np.ndarray) -> np.ndarray:
    """How many of the marked states each state may be left for."""
    count = mask.astype(int)
    count[:, :-1] += mask[:, 1:]
    count[:, :-2] += mask[:, 2:] & skips[:, 2:]
    return count
