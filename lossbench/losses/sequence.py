"""Connectionist temporal classification: labels of a sequence without their positions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from lossbench.domains import Labels, Length, Logits, NonNegativeNumber
from lossbench.functions import exp, log, total
from lossbench.loss import Denominator, Terms, loss
from lossbench.losses.alignments import backward, by_symbol, emissions, forward, lattice, occupancies
from lossbench.losses.limits import product
from lossbench.losses.stable import softmax_parts
from lossbench.losses.weighed import sample_weighted

Arrays = dict[str, np.ndarray]
REPEATED = 0.3  # the chance of a label to repeat its neighbour
SHORTENED = 0.5  # the chance of a sample to have fewer labels, and of one to have fewer frames, than there is room for
CERTAIN = 64.0  # by so much a logit leads where a softmax is to saturate


def ctc_terms(
    value: np.ndarray, shares: np.ndarray, surprisals: np.ndarray, probabilities: np.ndarray, frames: np.ndarray
) -> Terms:
    """The terms of CTC: in every frame the slope by a logit is its probability minus its share of the paths.

    Args:
        value: [N], minus the log probability of all paths together.
        shares: [N, T, C], how many of the paths emit each symbol at each frame.
        surprisals: [N, T, C], minus the logarithm of the probabilities.
        probabilities: [N, T, C], the softmax of each frame.
        frames: [N], after how many frames each sample ends.
    """
    running = (np.arange(shares.shape[1]) < frames[:, None])[..., None]
    # the slopes of a frame sum to 0, which spares the leading symbol the difference of two numbers close to 1
    slope = probabilities - shares
    leads = np.arange(shares.shape[-1]) == probabilities.argmax(axis=-1)[..., None]
    slope = np.where(leads, -np.where(leads, 0.0, slope).sum(axis=-1, keepdims=True), slope)
    # along the paths each frame adds a logarithm, and that is of a sum that starts at 1
    along = np.where(running, product(shares, 1 + surprisals), 0.0).sum(axis=(1, 2))
    magnitude = np.fmax(along, np.abs(value))
    # a share is the exponential of such sums, and their size is how far it is off
    size = probabilities + shares * (1 + np.where(np.isfinite(magnitude), magnitude, 0.0)[:, None, None])
    return Terms(
        value,
        {"logits": np.where(running, slope, 0.0)},
        magnitude=magnitude,
        slope_magnitudes={"logits": np.where(running, size, 0.0)},
        nearness=np.where(value == np.inf, 0.0, np.inf),  # where it is infinite, no gradient is wrong
    )


@sample_weighted
@loss(
    over="samples",
    also={"blank": (1,), "zero_infinity": (True,)},
    reductions=("none", "mean", "sum", "count_mean"),
    axes=("sequences", "steps", "symbols"),
    small=(3, 7, 4),
    large=(16, 64, 32),
    relations=("unmoved_by_shift", "gradients_sum_to_zero", "not_negative"),
)
@np.errstate(all="ignore")
def ctc(
    logits: Logits,
    labels: Labels,
    input_lengths: Length,
    label_lengths: Length,
    *,
    blank: NonNegativeNumber = 0,
    zero_infinity: bool = False,
) -> Terms:
    """Negative log probability of a sequence of labels, over all its alignments to the frames.

    ``-log Σ_π Π_{t<T} p_t[π_t]`` with p the softmax of a frame's logits and the sum over all sequences π of T symbols
    that give the labels when repeats are merged and then blanks removed. logits [N, T, C], labels [N, S] of which the
    first `label_lengths` count, both lengths [N]; one term for each sample. Infinite where no alignment fits, which is
    where the frames are fewer than the labels and their repeats together (the gradient is then undefined); 0, and
    without gradient, if `zero_infinity`. The derivative by a logit is ``p_t[c] - γ_t[c]``, where γ is the share of the
    alignments that emit c at t; it is 0 beyond the input's length. The mean divides each term by the number of its
    labels (at least 1) first; count_mean is the plain one. Identity: without labels, the sum over the frames of
    `cross_entropy` against the blank.

    Source: A. Graves et al., "Connectionist temporal classification", ICML 2006.
    """
    paths = lattice(labels, label_lengths, int(blank))
    surprisals, probabilities, _ = softmax_parts(logits)
    emitted = emissions(surprisals, paths.symbols)
    value, ahead = forward(emitted, input_lengths, paths)
    states = occupancies(ahead + backward(emitted, input_lengths, paths))
    shares = by_symbol(states, paths.symbols, logits.shape[-1])
    terms = ctc_terms(value, shares, surprisals, probabilities, input_lengths)
    zeroed = (value == np.inf) & zero_infinity
    return replace(
        without(terms, zeroed), denominators={"mean": Denominator(len(logits) * np.maximum(1.0, label_lengths))}
    )


def without(terms: Terms, masked: np.ndarray) -> Terms:
    """The terms with some samples taken out: they are 0, and so are their slopes, whatever they hold."""
    wide = masked[:, None, None]
    return replace(
        terms,
        value=np.where(masked, 0.0, terms.value),
        slopes={name: np.where(wide, 0.0, slope) for name, slope in terms.slopes.items()},
        magnitude=np.where(masked, 0.0, np.asarray(terms.magnitude)),
        slope_magnitudes={name: np.where(wide, 0.0, size) for name, size in terms.slope_magnitudes.items()},
        nearness=np.where(masked, np.inf, np.asarray(terms.nearness)),
        masked=masked,
    )


@ctc.shapes
def _(shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    return {"labels": (max(1, shape[1] // 3),)}


@ctc.definition
def _(logits, labels, input_lengths, label_lengths, *, blank, zero_infinity):
    labels = labels[:label_lengths]
    symbols = [blank]
    for label in labels:
        symbols += [label, blank]
    repeats = sum(label == following for label, following in itertools.pairwise(labels))
    if input_lengths < len(labels) + repeats:
        return 0 if zero_infinity else math.inf
    reached: list[Any] = [1]  # before the first frame; then the probability of all ways to each state
    for frame in logits[:input_lengths]:
        partition = total(exp(x) for x in frame)
        entered = [total(reached[max(0, k - 1) : k + 1]) for k in range(min(len(symbols), len(reached) + 2))]
        for k in range(2, len(entered)):
            if symbols[k] not in (blank, symbols[k - 2]):
                entered[k] = entered[k] + reached[k - 2]
        reached = [exp(frame[symbols[k]]) / partition * weight for k, weight in enumerate(entered)]
    return -log(total(reached[-2:]))


@ctc.draw
def _(
    generator: np.random.Generator, shape: tuple[int, ...], *, blank: int, zero_infinity: bool
) -> dict[str, np.ndarray]:
    samples, frames, classes = shape
    longest = max(1, frames // 3)
    symbols = np.array([c for c in range(classes) if c != blank] or [blank], dtype=np.int64)
    labels = np.full((samples, longest), int(blank), dtype=np.int64)
    input_lengths = np.full(samples, frames, dtype=np.int64)
    label_lengths = np.full(samples, min(longest, frames), dtype=np.int64)
    if classes < 2:  # there is nothing but blanks
        label_lengths[:] = 0
    for n in range(samples):
        drawn = generator.choice(symbols, longest)
        for position in range(1, longest):
            if generator.random() < REPEATED:
                drawn[position] = drawn[position - 1]
        # the first sample is as long as it can be, the third has no labels, and the others are as chance has it
        if n == 2:
            label_lengths[n] = 0
        elif n and generator.random() < SHORTENED:
            label_lengths[n] = generator.integers(min(1, label_lengths[n]), label_lengths[n] + 1)
        labels[n, : label_lengths[n]] = drawn[: label_lengths[n]]
        needed = frames_needed(labels[n : n + 1], label_lengths[n : n + 1])[0]
        if zero_infinity and n % 4 == 1:
            input_lengths[n] = min(frames, max(1, needed - 1))
        elif n and generator.random() < SHORTENED:
            input_lengths[n] = generator.integers(min(frames, max(1, needed)), frames + 1)
    return {"labels": labels, "input_lengths": input_lengths, "label_lengths": label_lengths}


def frames_needed(labels: np.ndarray, label_lengths: np.ndarray) -> np.ndarray:
    """The fewest frames that hold the labels: one for each, and a blank between equal neighbours."""
    inner = np.arange(1, labels.shape[1]) < label_lengths[:, None]
    needed: np.ndarray = label_lengths + (inner & (labels[:, 1:] == labels[:, :-1])).sum(axis=1)
    return needed


@ctc.kinks
def _(arrays: Arrays, *, blank: int, zero_infinity: bool) -> Iterator[Arrays]:
    labels, label_lengths, logits = arrays["labels"], arrays["label_lengths"], arrays["logits"]
    needed = frames_needed(labels, label_lengths)
    yield {"input_lengths": np.minimum(logits.shape[1], np.maximum(1, needed - 1))}  # no alignment fits
    saturated = np.zeros_like(logits)  # the only alignment that fits is certain
    for n, length in enumerate(label_lengths):
        path: list[int] = []
        for label in labels[n, :length].tolist():
            path += [int(blank), label] if path and path[-1] == label else [label]
        path += [int(blank)] * (logits.shape[1] - len(path))
        saturated[n, np.arange(logits.shape[1]), path[: logits.shape[1]]] = CERTAIN
    yield {"logits": saturated, "input_lengths": np.minimum(logits.shape[1], np.maximum(1, needed))}
