"""The transducer against the enumeration of all alignments, and its variants against differences."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from lossbench.losses import catalogue

RNNT = catalogue()["rnnt"]


def all_alignments(weights: np.ndarray, labels: list[int], frames: int, blank: int) -> tuple[float, np.ndarray]:
    """The weight of all paths by trying each, and the share of each symbol at each place.

    A path says of each of its T + U steps whether it is a blank (on to the next frame) or a label; the last is a blank.
    """
    likelihood, shares = 0.0, np.zeros(weights.shape)
    count = frames - 1 + len(labels)
    for at in itertools.combinations(range(count), len(labels)):
        t, u, chance, passed = 0, 0, 1.0, []
        for step in range(count + 1):
            symbol = labels[u] if step in at else blank
            chance *= weights[t, u, symbol]
            passed.append((t, u, symbol))
            t, u = (t, u + 1) if step in at else (t + 1, u)
        likelihood += chance
        for place in passed:
            shares[place] += chance
    return likelihood, shares / likelihood


def arrays(labels: list[int], frames: int, blank: int, seed: int) -> dict[str, np.ndarray]:
    """Two samples, the first with these labels, both with room to spare that holds NaN."""
    logits = np.random.default_rng(seed).normal(size=(2, 6, 5, 4))
    logits[0, frames:] = math.nan
    logits[0, :, len(labels) + 1 :] = math.nan
    padded = np.array([labels + [blank] * (4 - len(labels)), [1, 2, 1, 2]])
    lengths = {"input_lengths": np.array([frames, 6]), "label_lengths": np.array([len(labels), 4])}
    return {"logits": logits, "labels": padded, **lengths}


@pytest.mark.parametrize("labels", [[], [1], [2, 1], [1, 1], [2, 2, 2], [1, 2, 2, 1]])
@pytest.mark.parametrize("frames", [1, 2, 3, 5, 6])
@pytest.mark.parametrize("blank", [0, 3])
def test_rnnt_is_the_sum_over_all_alignments(labels: list[int], frames: int, blank: int) -> None:
    """Enumeration agrees in value and slopes, with padding in every direction; nothing comes of the padding."""
    given = arrays(labels, frames, blank, seed=frames)
    terms = RNNT(given, {"blank": blank})
    scores = np.exp(given["logits"][0, :frames, : len(labels) + 1])
    probabilities = scores / scores.sum(axis=-1, keepdims=True)
    likelihood, shares = all_alignments(probabilities, labels, frames, blank)
    assert terms.value[0] == pytest.approx(-math.log(likelihood), rel=1e-13)
    want = shares.sum(axis=-1, keepdims=True) * probabilities - shares
    slopes = terms.slopes["logits"][0]
    assert slopes[:frames, : len(labels) + 1] == pytest.approx(want, abs=1e-13)
    assert not slopes[frames:].any()
    assert not slopes[:, len(labels) + 1 :].any()
    assert np.isfinite(terms.value[1])


def test_without_labels_it_is_the_cross_entropy_of_the_blank() -> None:
    given = arrays([], 4, 0, seed=9)
    surprisal = catalogue()["cross_entropy"](
        {"logits": given["logits"][0, :4, 0], "target": np.zeros(4, int)},
        {"ignore_index": -100, "label_smoothing": 0.0},
    )
    assert RNNT(given, {"blank": 0}).value[0] == pytest.approx(surprisal.value.sum(), rel=1e-14)


def test_scores_as_they_are_give_the_recursion_that_paddle_s_documentation_shows() -> None:
    """Its example: two frames, two labels, five symbols, which costs -2.85042444 without a softmax."""
    scores = np.array(
        [
            [[0.1, 0.6, 0.1, 0.1, 0.1], [0.1, 0.1, 0.6, 0.1, 0.1], [0.1, 0.1, 0.2, 0.8, 0.1]],
            [[0.1, 0.6, 0.1, 0.1, 0.1], [0.1, 0.1, 0.2, 0.1, 0.1], [0.7, 0.1, 0.2, 0.1, 0.1]],
        ]
    )
    given = {
        "logits": scores[None],
        "labels": np.array([[1, 2]]),
        "input_lengths": np.array([2]),
        "label_lengths": np.array([2]),
    }
    raw = catalogue()["rnnt_of_scores_as_they_are"](given, {"blank": 0})
    assert raw.value[0] == pytest.approx(-2.85042444, abs=5e-9)
    likelihood, shares = all_alignments(np.exp(scores), [1, 2], 2, 0)
    assert raw.value[0] == pytest.approx(-math.log(likelihood), rel=1e-14)
    assert raw.slopes["logits"][0] == pytest.approx(-shares, abs=1e-14)


def test_fastemit_counts_labels_more_and_blanks_as_before() -> None:
    """By the log probabilities: minus the share of a blank, and (1 + λ) times minus that of a label."""
    given = arrays([2, 1], 3, 0, seed=4)
    plain, fast = RNNT(given, {"blank": 0}), catalogue()["rnnt_fastemit"](given, {"blank": 0, "fastemit": 0.5})
    scores = np.exp(given["logits"][0, :3, :3])
    probabilities = scores / scores.sum(axis=-1, keepdims=True)
    _, shares = all_alignments(probabilities, [2, 1], 3, 0)
    shares[..., 1:] *= 1.5
    want = shares.sum(axis=-1, keepdims=True) * probabilities - shares
    assert fast.value.tolist() == plain.value.tolist()
    assert fast.slopes["logits"][0, :3, :3] == pytest.approx(want, abs=1e-13)


@pytest.mark.parametrize("shape", [(8, 5, 4, 5), (1, 3, 2, 4), (5, 1, 3, 3), (3, 4, 1, 2), (0, 6, 4, 3)])
def test_what_is_drawn_fits(shape: tuple[int, ...]) -> None:
    """Labels hold no blank but as padding, every sample has a frame, and there are the rare kinds of sample."""
    assert RNNT.drawn_by is not None
    drawn = RNNT.drawn_by(np.random.default_rng(3), shape, blank=1)
    assert drawn["labels"].shape == (shape[0], shape[2] - 1)
    inside = np.arange(shape[2] - 1) < drawn["label_lengths"][:, None]
    assert ((drawn["labels"] == 1) == ~inside).all()
    assert ((drawn["input_lengths"] >= 1) & (drawn["input_lengths"] <= shape[1])).all()
    assert np.isfinite(RNNT({"logits": np.zeros(shape), **drawn}, {"blank": 1}).value).all()
    if shape[0] > 2:
        assert drawn["label_lengths"][0] == shape[2] - 1
        assert drawn["label_lengths"][2] == 0


def ctc_given() -> dict[str, np.ndarray]:
    return {
        "logits": np.random.default_rng(5).normal(size=(3, 5, 4)),
        "labels": np.array([[1, 1, 2], [2, 0, 0], [3, 3, 3]]),
        "input_lengths": np.array([5, 4, 3]),
        "label_lengths": np.array([3, 1, 3]),
    }


def test_a_log_of_zero_of_minus_100000_shows_only_where_labels_do_not_fit() -> None:
    """Three equal labels in three frames want two blanks: each costs 100000 if it is left out."""
    given = ctc_given()
    exact = catalogue()["ctc"](given, {"blank": 0, "zero_infinity": False})
    bent = catalogue()["ctc_with_log_epsilon"](given, {"blank": 0, "log_epsilon": -1e5})
    assert exact.value[2] == math.inf
    assert bent.value[:2] == pytest.approx(exact.value[:2], rel=1e-14)
    assert bent.slopes["logits"][:2] == pytest.approx(exact.slopes["logits"][:2], abs=1e-13)
    assert 1e5 < bent.value[2] < 1.001e5


@pytest.mark.parametrize("variant", ["ctc_with_log_epsilon", "ctc_of_probabilities_plus_epsilon"])
def test_slopes_of_the_variants_of_ctc_are_those_of_their_values(variant: str) -> None:
    loss = catalogue()[variant]
    given = ctc_given()
    parameters = {"blank": 0} | ({"epsilon": 0.125} if "plus" in variant else {"log_epsilon": -8.0})
    slopes, step = loss(given, parameters).slopes["logits"], 1e-5
    for index in np.ndindex(slopes.shape):
        if variant == "ctc_of_probabilities_plus_epsilon" and index[0] == 2:
            continue  # does not fit
        ends = []
        for sign in (1, -1):
            logits = given["logits"].copy()
            logits[index] += sign * step
            ends.append(loss({**given, "logits": logits}, parameters).value[index[0]])
        assert slopes[index] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5, abs=1e-8), index


def test_a_slope_over_frames_is_the_loss_s_own_divided() -> None:
    given = ctc_given()
    plain = catalogue()["ctc_with_probabilities_floored"](given, {"blank": 0})
    over = catalogue()["ctc_slope_over_frames"](given, {"blank": 0})
    assert over.value.tolist() == plain.value.tolist()
    frames = np.array([5, 4, 3])[:, None, None]
    assert over.slopes["logits"] * frames == pytest.approx(plain.slopes["logits"], rel=1e-15)


def test_flushed_probabilities_cost_infinity_and_nothing_else() -> None:
    """Measured on tf.nn.ctc_loss: one frame, the label 87.2 below the blank costs 87.2, and 87.4 below infinity."""
    given = {"labels": np.array([[1], [1]]), "input_lengths": np.ones(2, int), "label_lengths": np.ones(2, int)}
    logits = np.zeros((2, 1, 3))
    logits[:, 0, 0] = [87.2, 87.4]
    terms = catalogue()["ctc_with_probabilities_flushed"]({"logits": logits, **given}, {"blank": 0})
    assert terms.value == pytest.approx([87.2, math.inf])
    assert terms.slopes["logits"][:, 0] == pytest.approx(np.array([[1, -1, 0], [1, 0, 0]]), abs=1e-30)
    ordinary = ctc_given() | {"input_lengths": np.array([5, 4, 5])}
    exact = catalogue()["ctc"](ordinary, {"blank": 0, "zero_infinity": False})
    flushed = catalogue()["ctc_with_probabilities_flushed"](ordinary, {"blank": 0})
    assert flushed.value == pytest.approx(exact.value, rel=1e-15)
    assert flushed.slopes["logits"] == pytest.approx(exact.slopes["logits"], abs=1e-15)
