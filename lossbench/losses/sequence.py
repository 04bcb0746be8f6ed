"""Connectionist temporal classification: labels of a sequence without their positions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from lossbench.domains import Labels, Length, Logits, NonNegativeNumber
from lossbench.functions import exp, log, total
from lossbench.loss import Denominator, Terms, loss
from lossbench.losses.stable import softmax_parts

Arrays = dict[str, np.ndarray]
REPEATED = 0.3  # the chance of a label to repeat its neighbour
SHORTENED = 0.5  # the chance of a sample to have fewer labels, and of one to have fewer frames, than there is room for
CERTAIN = 64.0  # by so much a logit leads where a softmax is to saturate


class Lattice(NamedTuple):
    """The states that a sample's paths run through: [N, K] each, a state entered from itself and the one before."""

    symbols: np.ndarray  # what each state emits
    skips: np.ndarray  # whether it may also be entered from the state two before
    start: np.ndarray  # log weight of a path that begins with it
    end: np.ndarray  # log weight of a path that ends with it


def lattice(labels: np.ndarray, label_lengths: np.ndarray, blank: int) -> Lattice:
    """A blank, the first label, a blank, the second label, and so on to the last blank."""
    samples, longest = labels.shape
    states = np.arange(2 * longest + 1)
    symbols = np.full((samples, len(states)), blank)
    symbols[:, 1::2] = labels
    skips = np.zeros(symbols.shape, bool)
    skips[:, 2:] = (symbols[:, 2:] != blank) & (symbols[:, 2:] != symbols[:, :-2])
    ends = 2 * label_lengths[:, None]
    inside = states <= ends
    with np.errstate(divide="ignore"):
        start = np.log((inside & (states <= 1)).astype(float))
        end = np.log((inside & (states >= ends - 1)).astype(float))
    return Lattice(np.where(inside, symbols, blank), skips & inside, start, end)


def _entered(before: np.ndarray, skips: np.ndarray) -> np.ndarray:
    """The log weight with which each state is entered, given that of each state a frame before."""
    entered = before.copy()
    entered[:, 1:] = np.logaddexp(entered[:, 1:], before[:, :-1])
    entered[:, 2:] = np.where(skips[:, 2:], np.logaddexp(entered[:, 2:], before[:, :-2]), entered[:, 2:])
    return entered


def _left(after: np.ndarray, skips: np.ndarray) -> np.ndarray:
    """The log weight with which each state is left, given that of each state a frame later."""
    left = after.copy()
    left[:, :-1] = np.logaddexp(left[:, :-1], after[:, 1:])
    left[:, :-2] = np.where(skips[:, 2:], np.logaddexp(left[:, :-2], after[:, 2:]), left[:, :-2])
    return left


def _largest(weights: np.ndarray) -> np.ndarray:
    """The largest log weight of each sample, and 0 where every weight is 0."""
    largest = weights.max(axis=-1, keepdims=True)
    return np.where(largest == -np.inf, 0.0, largest)


def forward(emitted: np.ndarray, frames: np.ndarray, paths: Lattice) -> tuple[np.ndarray, np.ndarray]:
    """The surprisal of all paths together, [N], and the log weights of the states at each frame, [T, N, K].

    The weights of a frame are relative to the largest of them, whose logarithm is summed apart: so they stay close
    to 0 where they matter, and so does their rounding error, however long the sequence.

    Args:
        emitted: [T, N, K], the log probability of each state's symbol.
        frames: [N], after how many frames each sample ends.
        paths: the states.
    """
    count, samples, _ = emitted.shape
    weights = np.empty(emitted.shape)
    shifts = np.zeros((samples, count))
    ended = np.concatenate([paths.end[:, :1], np.zeros((samples, count))], axis=1)  # after no frame, one, two ...
    for t in range(count):
        arrived = (_entered(weights[t - 1], paths.skips) if t else paths.start) + emitted[t]
        largest = _largest(arrived)
        shifts[:, t] = largest[:, 0]
        weights[t] = arrived - largest
        ended[:, t + 1] = _total(weights[t] + paths.end)
    relative = np.take_along_axis(ended, frames[:, None], axis=1)[:, 0]
    return -(np.where(np.arange(count) < frames[:, None], shifts, 0.0).sum(axis=-1) + relative) + 0.0, weights


def backward(emitted: np.ndarray, frames: np.ndarray, paths: Lattice) -> np.ndarray:
    """The log weights of all ways to go on from the states at each frame, [T, N, K], up to a factor per frame."""
    weights = np.full(emitted.shape, -np.inf)
    for t in reversed(range(len(emitted))):
        last = (frames == t + 1)[:, None]
        going = _left(emitted[t + 1] + weights[t + 1], paths.skips) if t + 1 < len(emitted) else weights[t]
        weights[t] = np.where(last, paths.end, going - _largest(going))
    return weights


def _total(weights: np.ndarray) -> np.ndarray:
    """The log of a sum of weights along the last axis."""
    result: np.ndarray = np.logaddexp.reduce(weights, axis=-1)
    return result


def occupancies(weights: np.ndarray, symbols: np.ndarray, classes: int) -> np.ndarray:
    """The share of all paths that emit each symbol at each frame, [N, T, C], from the states' log weights [T, N, K]."""
    frames, samples, _ = weights.shape
    shares = np.exp(weights - weights.max(axis=-1, keepdims=True, initial=-np.inf))
    shares /= shares.sum(axis=-1, keepdims=True)
    cells = (np.arange(samples)[:, None] * classes + symbols).ravel()
    spread = [np.bincount(cells, frame.ravel(), samples * classes) for frame in shares]
    return np.reshape(spread, (frames, samples, classes)).transpose(1, 0, 2)


def emissions(surprisals: np.ndarray, symbols: np.ndarray) -> np.ndarray:
    """The log probability of each state's symbol at each frame, [T, N, K], from the surprisals [N, T, C]."""
    return -np.take_along_axis(surprisals, symbols[:, None, :], axis=-1).transpose(1, 0, 2)


def ctc_terms(logits: np.ndarray, frames: np.ndarray, paths: Lattice) -> Terms:
    """Minus the log probability of the paths, and its slopes: probability minus occupancy in every frame."""
    with np.errstate(all="ignore"):
        surprisals, probabilities, _ = softmax_parts(logits)
        emitted = emissions(surprisals, paths.symbols)
        value, ahead = forward(emitted, frames, paths)
        shares = occupancies(ahead + backward(emitted, frames, paths), paths.symbols, logits.shape[-1])
        running = (np.arange(logits.shape[1]) < frames[:, None])[..., None]
        # the slopes of a frame sum to 0, which spares the leading symbol the difference of two numbers close to 1
        slope = probabilities - shares
        leads = np.arange(logits.shape[-1]) == logits.argmax(axis=-1)[..., None]
        slope = np.where(leads, -np.where(leads, 0.0, slope).sum(axis=-1, keepdims=True), slope)
        # along the paths, each frame adds a logarithm, which is that of a sum that starts at 1
        along = np.where(running & (shares != 0), shares * (1 + surprisals), 0.0)
        magnitude = np.fmax(along.sum(axis=(1, 2)), np.abs(value))
        steepness = probabilities + shares * (1 + np.where(np.isfinite(magnitude), magnitude, 0.0)[:, None, None])
    return Terms(
        value,
        {"logits": np.where(running, slope, 0.0)},
        magnitude=magnitude,
        slope_magnitudes={"logits": np.where(running, steepness, 0.0)},
    )


@loss(
    over="samples",
    also={"blank": (1,), "zero_infinity": (True,)},
    reductions=("none", "mean", "sum", "count_mean"),
)
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
    terms = ctc_terms(logits, input_lengths, lattice(labels, label_lengths, int(blank)))
    zeroed = (terms.value == np.inf) & zero_infinity
    wide = zeroed[:, None, None]
    return Terms(
        np.where(zeroed, 0.0, terms.value),
        {"logits": np.where(wide, 0.0, terms.slopes["logits"])},
        magnitude=np.where(zeroed, 0.0, terms.magnitude),
        slope_magnitudes={"logits": np.where(wide, 0.0, terms.slope_magnitudes["logits"])},
        masked=zeroed,
        denominators={"mean": Denominator(len(logits) * np.maximum(1.0, label_lengths))},
    )


@ctc.definition
def _(logits, labels, input_lengths, label_lengths, *, blank, zero_infinity):  # type: ignore[no-untyped-def]
    labels = labels[:label_lengths]
    symbols = [blank]
    for label in labels:
        symbols += [label, blank]
    repeats = sum(label == following for label, following in itertools.pairwise(labels))
    if input_lengths < len(labels) + repeats:
        return 0 if zero_infinity else math.inf
    forward = [1]  # before the first frame; then for each state, the probability of all ways to have come to it
    for frame in logits[:input_lengths]:
        partition = total(exp(x) for x in frame)
        entered = [total(forward[max(0, k - 1) : k + 1]) for k in range(min(len(symbols), len(forward) + 2))]
        for k in range(2, len(entered)):
            if symbols[k] != blank and symbols[k] != symbols[k - 2]:
                entered[k] = entered[k] + forward[k - 2]
        forward = [exp(frame[symbols[k]]) / partition * weight for k, weight in enumerate(entered)]
    return -log(total(forward[-2:]))


@ctc.draw
def _(
    generator: np.random.Generator, shape: tuple[int, ...], *, blank: float, zero_infinity: bool
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
        if n == 2:  # noqa: PLR2004 - the third
            label_lengths[n] = 0
        elif n and generator.random() < SHORTENED:
            label_lengths[n] = generator.integers(min(1, label_lengths[n]), label_lengths[n] + 1)
        labels[n, : label_lengths[n]] = drawn[: label_lengths[n]]
        needed = _frames_needed(labels[n : n + 1], label_lengths[n : n + 1])[0]
        if zero_infinity and n % 4 == 1:
            input_lengths[n] = min(frames, max(1, needed - 1))
        elif n and generator.random() < SHORTENED:
            input_lengths[n] = generator.integers(min(frames, max(1, needed)), frames + 1)
    return {"labels": labels, "input_lengths": input_lengths, "label_lengths": label_lengths}


def _frames_needed(labels: np.ndarray, label_lengths: np.ndarray) -> np.ndarray:
    """The fewest frames that hold the labels: one for each, and a blank between equal neighbours."""
    inner = np.arange(1, labels.shape[1]) < label_lengths[:, None]
    needed: np.ndarray = label_lengths + (inner & (labels[:, 1:] == labels[:, :-1])).sum(axis=1)
    return needed


@ctc.kinks
def _(arrays: Arrays, *, blank: float, zero_infinity: bool) -> Iterator[Arrays]:
    labels, label_lengths, logits = arrays["labels"], arrays["label_lengths"], arrays["logits"]
    needed = _frames_needed(labels, label_lengths)
    yield {"input_lengths": np.minimum(logits.shape[1], np.maximum(1, needed - 1))}  # no alignment fits
    saturated = np.zeros_like(logits)  # the only alignment that fits is certain
    for n, length in enumerate(label_lengths):
        path: list[int] = []
        for label in labels[n, :length].tolist():
            path += [int(blank), label] if path and path[-1] == label else [label]
        path += [int(blank)] * (logits.shape[1] - len(path))
        saturated[n, np.arange(logits.shape[1]), path[: logits.shape[1]]] = CERTAIN
    yield {"logits": saturated, "input_lengths": np.minimum(logits.shape[1], np.maximum(1, needed))}
