"""CTC against the enumeration of all alignments, and what it is drawn from."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from lossbench.losses import catalogue


def all_alignments(probabilities: np.ndarray, labels: list[int], blank: int) -> tuple[float, np.ndarray]:
    """The probability of the labels by trying every sequence of symbols, and the share of each symbol in each frame."""
    frames, classes = probabilities.shape
    likelihood, shares = 0.0, np.zeros(probabilities.shape)
    for path in itertools.product(range(classes), repeat=frames):
        merged = [symbol for symbol, _ in itertools.groupby(path)]
        if [symbol for symbol in merged if symbol != blank] == labels:
            chance = math.prod(probabilities[t, symbol] for t, symbol in enumerate(path))
            likelihood += chance
            for t, symbol in enumerate(path):
                shares[t, symbol] += chance
    return likelihood, shares


@pytest.mark.parametrize("labels", [[], [1], [2, 1], [1, 1], [2, 2, 2], [2, 1, 1, 2], [1, 2, 1, 2]])
@pytest.mark.parametrize("frames", [0, 1, 2, 3, 5, 6])
def test_ctc_is_the_sum_over_all_alignments(labels: list[int], frames: int) -> None:
    """Enumeration agrees, with padding behind the labels and frames behind the input's end; what cannot fit is inf."""
    blank, classes, total_frames = 3, 4, 7
    logits = np.random.default_rng(frames).normal(size=(2, total_frames, classes))
    logits[0, frames:] = math.nan
    padded = np.array([labels + [0] * (5 - len(labels)), [0, 1, 0, 1, 0]])
    arrays = {"logits": logits, "labels": padded, "input_lengths": np.array([frames, total_frames])}
    arrays["label_lengths"] = np.array([len(labels), 5])
    terms = catalogue()["ctc"](arrays, {"blank": blank, "zero_infinity": False})
    zeroed = catalogue()["ctc"](arrays, {"blank": blank, "zero_infinity": True})
    scores = np.exp(logits[0, :frames])
    probabilities = scores / scores.sum(axis=-1, keepdims=True)
    likelihood, shares = all_alignments(probabilities, labels, blank)
    assert not terms.slopes["logits"][0, frames:].any()
    assert np.isfinite(terms.value[1])
    if likelihood == 0:
        assert terms.value[0] == math.inf
        assert zeroed.value[0] == 0
        assert not zeroed.slopes["logits"][0].any()
        assert zeroed.masked is not None
        assert zeroed.masked.tolist() == [True, False]
        assert zeroed.nearness is not None
        assert terms.nearness is not None
        assert (zeroed.nearness[0], terms.nearness[0]) == (math.inf, 0)  # a gradient of 0 is asked for; of any
    else:
        assert terms.value[0] == pytest.approx(-math.log(likelihood), rel=1e-14, abs=1e-15)
        assert terms.slopes["logits"][0, :frames] == pytest.approx(probabilities - shares / likelihood, abs=1e-14)
        assert zeroed.value.tolist() == terms.value.tolist()


@pytest.mark.parametrize("shape", [(8, 12, 5), (1, 3, 4), (5, 1, 3), (3, 7, 1), (0, 6, 4), (9, 30, 3)])
@pytest.mark.parametrize("zero_infinity", [False, True])
def test_ctc_draw_is_feasible_unless_infinity_is_asked_for(shape: tuple[int, ...], zero_infinity: bool) -> None:
    """Labels hold no blank but as padding, lengths fit, and there are the rare kinds of sample a batch can have."""
    loss = catalogue()["ctc"]
    assert loss.drawn_by is not None
    blank = 1 if shape[-1] > 1 else 0
    drawn = loss.drawn_by(np.random.default_rng(3), shape, blank=blank, zero_infinity=zero_infinity)
    labels, lengths = drawn["labels"], drawn["label_lengths"]
    assert labels.shape == loss.argument_shape("labels", shape)
    assert all(array.dtype == np.int64 for array in drawn.values())
    inside = np.arange(labels.shape[1]) < lengths[:, None]
    assert ((labels == blank) == ~inside).all()
    assert (drawn["input_lengths"] <= shape[1]).all()
    logits = np.zeros(shape)
    infinite = np.isinf(loss({"logits": logits, **drawn}, {"blank": blank, "zero_infinity": False}).value)
    assert infinite.any() == (zero_infinity and shape in [(8, 12, 5), (9, 30, 3)])
    if shape[0] > 2 and shape[-1] > 1:
        assert lengths[0] == min(labels.shape[1], shape[1])
        assert lengths[2] == 0


def test_ctc_mean_divides_by_the_number_of_labels() -> None:
    """Each term by its own number of labels, by 1 where there are none, then by the samples."""
    loss = catalogue()["ctc"]
    generator = np.random.default_rng(4)
    assert loss.drawn_by is not None
    arrays = loss.drawn_by(generator, (4, 9, 4), blank=0, zero_infinity=False)
    terms = loss({"logits": generator.normal(size=(4, 9, 4)), **arrays}, {"blank": 0, "zero_infinity": False})
    assert terms.denominators["mean"].value == pytest.approx(4 * np.maximum(1, arrays["label_lengths"]))
