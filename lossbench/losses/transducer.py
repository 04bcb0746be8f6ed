"""Recurrent neural network transducer: labels emitted between the frames, several to a frame or none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from lossbench.domains import Labels, Length, Logits, NonNegativeNumber
from lossbench.functions import exp, log, total
from lossbench.loss import Terms, loss
from lossbench.losses.limits import product
from lossbench.losses.stable import softmax_parts

Arrays = dict[str, np.ndarray]
SHORTENED = 0.5  # the chance of a sample to have fewer labels, and of one to have fewer frames, than there is room for
CERTAIN = 64.0  # by so much a logit leads where a softmax is to saturate


class Steps(NamedTuple):
    """What may be done at each frame and state, [N, T, U + 1]: log weights, -inf where it may not."""

    blank: np.ndarray  # on to the next frame
    label: np.ndarray  # on to the next label
    valid: np.ndarray  # whether the place belongs to the sample at all


def steps(
    log_weights: np.ndarray, labels: np.ndarray, input_lengths: np.ndarray, label_lengths: np.ndarray, blank: int
) -> Steps:
    """The steps of each sample, from the log weight of each symbol at each place [N, T, U + 1, C]."""
    samples, frames, states, _ = log_weights.shape
    t, u = np.arange(frames)[:, None], np.arange(states)
    valid = (t < input_lengths[:, None, None]) & (u <= label_lengths[:, None, None])
    padded = np.concatenate([labels, np.full((samples, states - labels.shape[1]), blank)], axis=1)
    symbols = np.broadcast_to(padded[:, None, :, None], (samples, frames, states, 1))
    label = np.take_along_axis(log_weights, symbols, axis=-1)[..., 0]
    more = valid & (u < label_lengths[:, None, None])
    return Steps(np.where(valid, log_weights[..., blank], -np.inf), np.where(more, label, -np.inf), valid)


@np.errstate(all="ignore")
def run(taken: Steps, input_lengths: np.ndarray, label_lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, Steps]:
    """The log weight of all paths together, [N], and the shares of the paths that take each step.

    A path starts at frame 0 with no label and ends with a blank at the last frame, all labels emitted.
    """
    samples, frames, states = taken.blank.shape
    ahead = np.full((samples, frames, states), -np.inf)
    for t in range(frames):
        for u in range(states):
            ways = [np.zeros(samples)] if t == u == 0 else []
            if t:
                ways.append(ahead[:, t - 1, u] + taken.blank[:, t - 1, u])
            if u:
                ways.append(ahead[:, t, u - 1] + taken.label[:, t, u - 1])
            ahead[:, t, u] = np.logaddexp.reduce(ways, axis=0)
    after = np.full((samples, frames + 1, states + 1), -np.inf)  # log weight of all ways on, before a step is taken
    for t in reversed(range(frames)):
        for u in reversed(range(states)):
            last = (input_lengths == t + 1) & (label_lengths == u)
            on = np.where(last, 0.0, after[:, t + 1, u])
            after[:, t, u] = np.logaddexp(on + taken.blank[:, t, u], after[:, t, u + 1] + taken.label[:, t, u])
    weight = after[:, 0, 0]
    last = (np.arange(frames)[:, None] == input_lengths[:, None, None] - 1) & (
        np.arange(states) == label_lengths[:, None, None]
    )
    onward = np.where(last, 0.0, after[:, 1:, :-1])
    shift = ahead - weight[:, None, None]
    # a share is at most 1, also where sums of huge logarithms cancel to something else
    blank = np.where(taken.valid, np.exp(np.minimum(shift + taken.blank + onward, 0.0)), 0.0)
    label = np.where(taken.valid, np.exp(np.minimum(shift + taken.label + after[:, :-1, 1:], 0.0)), 0.0)
    return weight, after, Steps(blank, label, taken.valid)


def by_symbol(shares: Steps, labels: np.ndarray, blank: int, classes: int) -> np.ndarray:
    """The share of the paths that emit each symbol at each place, [N, T, U + 1, C]."""
    spread = np.zeros((*shares.blank.shape, classes))
    spread[..., blank] += shares.blank
    for u in range(labels.shape[1]):
        rows = np.arange(len(labels))
        spread[rows, :, u, labels[:, u]] += shares.label[:, :, u]
    return spread


@loss(
    over="samples",
    also={"blank": (1,)},
    aliases=("rnn_transducer",),
    axes=("sequences", "steps", "states", "symbols"),
    small=(3, 5, 4, 4),
    large=(4, 64, 17, 32),
    relations=("unmoved_by_shift", "gradients_sum_to_zero", "not_negative"),
)
@np.errstate(all="ignore")
def rnnt(
    logits: Logits, labels: Labels, input_lengths: Length, label_lengths: Length, *, blank: NonNegativeNumber = 0
) -> Terms:
    """Negative log probability of a sequence of labels, over all its alignments between the frames.

    ``-log(α(T-1, U) p_b(T-1, U))`` with p the softmax of the logits at frame t after u labels, ``α(0, 0) = 1`` and
    ``α(t, u) = α(t-1, u) p_b(t-1, u) + α(t, u-1) p_l(t, u-1)`` where b is the blank and l the next label. logits
    [N, T, U + 1, C], labels [N, U] of which the first `label_lengths` count, both lengths [N]; one term for each
    sample. With o(t, u) the share of the alignments that pass a place, the derivative by a logit is ``o p_c`` minus
    the share that emits c there. Identity: without labels, the sum over the frames of `cross_entropy` against the
    blank.

    Source: A. Graves, "Sequence transduction with recurrent neural networks", 2012.
    """
    return transducer_terms(logits, labels, input_lengths, label_lengths, int(blank))


@np.errstate(all="ignore")
def transducer_terms(
    logits: np.ndarray,
    labels: np.ndarray,
    input_lengths: np.ndarray,
    label_lengths: np.ndarray,
    blank: int,
    emission: float = 1.0,
) -> Terms:
    """The terms, with the slopes of all steps that emit a label multiplied by `emission`."""
    surprisals, probabilities, _ = softmax_parts(logits)
    taken = steps(-surprisals, labels, input_lengths, label_lengths, blank)
    weight, _, shares = run(taken, input_lengths, label_lengths)
    value = 0.0 - weight
    along = (product(shares.blank, 1 - taken.blank) + product(shares.label, 1 - taken.label)).sum(axis=(1, 2))
    magnitude = np.fmax(along, np.abs(value))
    scaled = Steps(shares.blank, shares.label * emission, shares.valid)
    emitted = by_symbol(scaled, labels, blank, logits.shape[-1])
    passed = (scaled.blank + scaled.label)[..., None]
    slope = product(passed, probabilities) - emitted
    # the slopes of a place sum to 0, which spares the leading symbol the difference of two numbers close to 1
    leads = np.arange(logits.shape[-1]) == probabilities.argmax(axis=-1)[..., None]
    slope = np.where(leads, -np.where(leads, 0.0, slope).sum(axis=-1, keepdims=True), slope)
    # a share is the exponential of such sums, and their size is how far it is off
    size = (product(passed, probabilities) + emitted) * (1 + magnitude[:, None, None, None])
    inside = shares.valid[..., None]
    return Terms(
        value,
        {"logits": np.where(inside, slope, 0.0)},
        magnitude=magnitude,
        slope_magnitudes={"logits": np.where(inside, size, 0.0)},
    )


@rnnt.shapes
def _(shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    return {"labels": (shape[2] - 1,)}


@rnnt.definition
def _(logits, labels, input_lengths, label_lengths, *, blank):
    def probability(t, u, symbol):
        return exp(logits[t][u][symbol]) / total(exp(x) for x in logits[t][u])

    reached = {(0, 0): 1}
    for t in range(input_lengths):
        for u in range(label_lengths + 1):
            ways = []
            if t > 0:
                ways.append(reached[t - 1, u] * probability(t - 1, u, blank))
            if u > 0:
                ways.append(reached[t, u - 1] * probability(t, u - 1, labels[u - 1]))
            if ways:
                reached[t, u] = total(ways)
    end = (input_lengths - 1, label_lengths)
    return -log(reached[end] * probability(*end, blank))


@rnnt.draw
def _(generator: np.random.Generator, shape: tuple[int, ...], *, blank: int) -> Arrays:
    samples, frames, states, classes = shape
    symbols = np.array([c for c in range(classes) if c != blank] or [blank], dtype=np.int64)
    labels = generator.choice(symbols, (samples, states - 1))
    input_lengths = np.full(samples, frames, dtype=np.int64)
    label_lengths = np.full(samples, states - 1, dtype=np.int64)
    # the first sample is as long as it can be, the third has no labels, and the others are as chance has it
    for n in range(1, samples):
        if generator.random() < SHORTENED:
            input_lengths[n] = generator.integers(1, frames + 1)
        if n == 2:
            label_lengths[n] = 0
        elif generator.random() < SHORTENED:
            label_lengths[n] = generator.integers(min(1, states - 1), states)
    past = np.arange(states - 1) >= label_lengths[:, None]
    return {
        "labels": np.where(past, blank, labels),
        "input_lengths": input_lengths,
        "label_lengths": label_lengths,
    }


@rnnt.kinks
def _(arrays: Arrays, *, blank: int) -> Iterator[Arrays]:
    saturated = np.zeros_like(arrays["logits"])  # every place is certain: of all labels at the first frame, then blanks
    for n, length in enumerate(arrays["label_lengths"].tolist()):
        saturated[n, :, :, blank] = CERTAIN
        saturated[n, 0, :length, blank] = 0.0
        saturated[n, 0, np.arange(length), arrays["labels"][n, :length]] = CERTAIN
    yield {"logits": saturated}
