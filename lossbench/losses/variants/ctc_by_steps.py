"""Deviating formulas of CTC in which steps have weights of their own, or the probabilities an additive constant."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lossbench.domains import Labels, Length, Logits, NonNegativeNumber, Number, PositiveNumber
from lossbench.loss import Terms, loss
from lossbench.losses.alignments import backward, by_symbol, emissions, forward, lattice, occupancies
from lossbench.losses.sequence import ctc, ctc_terms
from lossbench.losses.stable import softmax_parts
from lossbench.losses.variants.sequence import ctc_with_probabilities_floored


@loss(over="samples", variant=True)
@np.errstate(all="ignore")
def ctc_with_log_epsilon(
    logits: Logits,
    labels: Labels,
    input_lengths: Length,
    label_lengths: Length,
    *,
    blank: NonNegativeNumber = 0,
    log_epsilon: Number = -1e5,
) -> Terms:
    """CTC that takes the logarithm of 0 to be -100000, so that labels which do not fit cost about as much.

    Each path may start in any state at that cost, and go from a label to its repetition without a blank between.

    Source: optax.losses.ctc_loss, its `log_epsilon`.
    """
    surprisals, probabilities, _ = softmax_parts(logits)
    paths = lattice(labels, np.full(len(labels), labels.shape[1]), int(blank))
    emitted = emissions(surprisals, paths.symbols)
    steps = _steps(labels, log_epsilon)
    states = np.arange(2 * labels.shape[1] + 1)
    start = np.full((len(labels), len(states)), log_epsilon)
    start[:, 0] = 0.0
    last = 2 * np.asarray(label_lengths)[:, None]
    end = np.where((states == last) | (states == last - 1), 0.0, -np.inf)
    ahead = np.empty((len(emitted) + 1, len(labels), len(states)))
    ahead[0] = start
    for t, here in enumerate(emitted):
        ahead[t + 1] = np.logaddexp.reduce(ahead[t][:, :, None] + steps, axis=1) + here
    final = np.take_along_axis(ahead, np.asarray(input_lengths)[None, :, None], axis=0)[0]
    weight = np.logaddexp.reduce(final + end, axis=1)
    behind = np.full(emitted.shape, -np.inf)
    for t in reversed(range(len(emitted))):
        if t + 1 < len(emitted):
            onward = (emitted[t + 1] + behind[t + 1])[:, None, :] + steps
            behind[t] = np.logaddexp.reduce(onward, axis=2)
        behind[t] = np.where((np.asarray(input_lengths) == t + 1)[:, None], end, behind[t])
    shares = by_symbol(np.exp(ahead[1:] + behind - weight[:, None]), paths.symbols, logits.shape[-1])
    terms = ctc_terms(0.0 - weight, shares, surprisals, probabilities, input_lengths)
    slope = np.where((np.arange(logits.shape[1]) < input_lengths[:, None])[..., None], probabilities - shares, 0.0)
    return replace(terms, slopes={"logits": slope}, nearness=None)


@loss(over="samples", variant=True)
def ctc_without_slope_where_infinite(
    logits: Logits,
    labels: Labels,
    input_lengths: Length,
    label_lengths: Length,
    *,
    blank: NonNegativeNumber = 0,
    zero_infinity: bool = False,
) -> Terms:
    """CTC whose slope is NaN in every frame of a sample whose labels do not fit, and whose value is infinite there.

    Source: torch.nn.CTCLoss, measured.
    """
    options = {"blank": int(blank), "zero_infinity": zero_infinity}
    terms = ctc.function(logits, labels, input_lengths, label_lengths, **options)
    frames = np.arange(logits.shape[1]) < input_lengths[:, None]
    lost = (np.isinf(terms.value)[:, None] & frames)[..., None]
    return replace(terms, slopes={"logits": np.where(lost, np.nan, terms.slopes["logits"])}, nearness=None)


@loss(over="samples", variant=True)
@np.errstate(all="ignore")
def ctc_with_probabilities_flushed(
    logits: Logits,
    labels: Labels,
    input_lengths: Length,
    label_lengths: Length,
    *,
    blank: NonNegativeNumber = 0,
    smallest_normal: PositiveNumber = 2.0**-126,
) -> Terms:
    """CTC in which a probability below the smallest normal number of float32 is 0.

    Where no path is left the value is infinite, and the slope is p, as if no path passed anywhere.

    Source: tf.nn.ctc_loss with sparse labels, measured.
    """
    surprisals, probabilities, _ = softmax_parts(logits)
    surprisals = np.where(probabilities < smallest_normal, np.inf, surprisals)
    paths = lattice(labels, label_lengths, int(blank))
    emitted = emissions(surprisals, paths.symbols)
    value, ahead = forward(emitted, input_lengths, paths)
    states = np.nan_to_num(occupancies(ahead + backward(emitted, input_lengths, paths)))
    lost = np.isinf(value)[:, None, None]
    shares = np.where(lost, 0.0, by_symbol(states, paths.symbols, logits.shape[-1]))
    terms = ctc_terms(value, shares, surprisals, probabilities, input_lengths)
    running = (np.arange(logits.shape[1]) < input_lengths[:, None])[..., None]
    slope = np.where(lost, np.where(running, probabilities, 0.0), terms.slopes["logits"])
    return replace(terms, slopes={"logits": slope}, nearness=None)


@loss(over="samples", variant=True)
def ctc_slope_over_frames(
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
    """CTC with floored probabilities, its slope divided by the number of the sample's frames and its value not.

    Source: paddle.nn.CTCLoss, `norm_by_times`, on the CPU, measured.
    """
    terms = ctc_with_probabilities_floored.function(
        logits,
        labels,
        input_lengths,
        label_lengths,
        blank=blank,
        zero_infinity=zero_infinity,
        smallest_normal=smallest_normal,
        unit_roundoff=unit_roundoff,
    )
    frames = np.maximum(1, input_lengths)[:, None, None]
    return replace(
        terms,
        slopes={"logits": terms.slopes["logits"] / frames},
        slope_magnitudes={"logits": terms.slope_magnitudes["logits"] / frames},
    )


def _steps(labels: np.ndarray, log_epsilon: float) -> np.ndarray:
    """The log weight of a step from each state to each, [N, K, K]: states are blank, label, blank and so on."""
    samples, longest = labels.shape
    steps = np.full((samples, 2 * longest + 1, 2 * longest + 1), -np.inf)
    states = np.arange(2 * longest + 1)
    steps[:, states, states] = 0.0
    steps[:, states[:-1:2], states[1::2]] = 0.0
    repeats = np.zeros((samples, longest))
    repeats[:, :-1] = labels[:, 1:] == labels[:, :-1]
    steps[:, states[1::2], states[2::2]] = np.logaddexp(log_epsilon * repeats, log_epsilon * (1 - repeats))
    steps[:, states[1:-2:2], states[3::2]] = log_epsilon * repeats[:, :-1]
    return steps


@loss(over="samples", variant=True)
@np.errstate(all="ignore")
def ctc_of_probabilities_plus_epsilon(
    logits: Logits,
    labels: Labels,
    input_lengths: Length,
    label_lengths: Length,
    *,
    blank: NonNegativeNumber = 0,
    epsilon: PositiveNumber = 1e-7,
) -> Terms:
    """CTC of probabilities to each of which an epsilon is added, after which they are normalized again.

    Source: tf.keras.backend.ctc_batch_cost, measured.
    """
    _, probabilities, _ = softmax_parts(logits)
    raised = probabilities + epsilon
    inner = ctc.function(np.log(raised), labels, input_lengths, label_lengths, blank=int(blank))
    ratio = probabilities / raised
    slope, size = (ratio * part for part in (inner.slopes["logits"], inner.slope_magnitudes["logits"]))
    return replace(
        inner,
        slopes={"logits": slope - probabilities * slope.sum(axis=-1, keepdims=True)},
        slope_magnitudes={"logits": size + probabilities * size.sum(axis=-1, keepdims=True)},
        denominators={},
    )
