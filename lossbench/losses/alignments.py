"""All the ways to align labels with frames: the states they run through, and sums over them, in logarithms.

Source: L. R. Rabiner, "A tutorial on hidden Markov models", Proc. IEEE 77 (1989); for the states, A. Graves et al.,
"Connectionist temporal classification", ICML 2006.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


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


def occupancies(weights: np.ndarray) -> np.ndarray:
    """The share of all paths that are in each state at each frame, from the log weights before and after it."""
    shares: np.ndarray = np.exp(weights - weights.max(axis=-1, keepdims=True, initial=-np.inf))
    shares /= shares.sum(axis=-1, keepdims=True)
    return shares


def by_symbol(states: np.ndarray, symbols: np.ndarray, classes: int) -> np.ndarray:
    """What the states hold, [T, N, K], summed over those that emit the same symbol: [N, T, C]."""
    frames, samples, _ = states.shape
    cells = (np.arange(samples)[:, None] * classes + symbols).ravel()
    spread = [np.bincount(cells, frame.ravel(), samples * classes) for frame in states]
    return np.reshape(spread, (frames, samples, classes)).transpose(1, 0, 2)


def emissions(surprisals: np.ndarray, symbols: np.ndarray) -> np.ndarray:
    """The log probability of each state's symbol at each frame, [T, N, K], from the surprisals [N, T, C]."""
    return -np.take_along_axis(surprisals, symbols[:, None, :], axis=-1).transpose(1, 0, 2)
