"""Deviating formulas of losses over rows and of CTC: the loss itself where nothing deviates, else as measured."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from lossbench.loss import Terms
from lossbench.losses import catalogue

VARIANTS = {
    "cross_entropy_clipped_at_64": "cross_entropy",
    "soft_cross_entropy_clipped_at_64": "soft_cross_entropy",
    "soft_cross_entropy_slope_p_minus_y": "soft_cross_entropy",
    "triplet_margin_root_rounded_to_float32": "triplet_margin",
    "ctc_leaking_1e_307": "ctc",
    "ctc_with_probabilities_floored": "ctc",
}


def evaluate(name: str, arrays: dict[str, Any], **parameters: Any) -> Terms:
    loss = catalogue()[name]
    given = {key: parameters.get(key, parameter.default) for key, parameter in loss.parameters.items()}
    return loss({key: np.asarray(array) for key, array in arrays.items()}, given)


def ordinary(name: str) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(7)
    scores = generator.normal(size=(4, 9, 5))
    if name == "ctc":
        drawn_by = catalogue()[name].drawn_by
        assert drawn_by is not None
        return {"logits": scores, **drawn_by(generator, scores.shape, blank=0, zero_infinity=False)}
    if name == "triplet_margin":
        return dict(zip(("anchor", "positive", "negative"), generator.normal(size=(3, 4, 5)), strict=True))
    hard = generator.integers(0, 5, (4, 9))
    return {"logits": scores, "target": hard if name == "cross_entropy" else generator.dirichlet(np.ones(5), (4, 9))}


@pytest.mark.parametrize("name", VARIANTS)
def test_variant_is_the_loss_where_it_claims_no_deviation(name: str) -> None:
    variant = catalogue()[name]
    assert variant.variant
    arrays = ordinary(VARIANTS[name])
    got, want = evaluate(name, arrays), evaluate(VARIANTS[name], arrays)
    assert got.value == pytest.approx(want.value, rel=1e-13)
    assert set(got.slopes) == set(want.slopes)
    for argument, slope in want.slopes.items():
        if (name, argument) == ("soft_cross_entropy_clipped_at_64", "target"):
            assert not got.slopes[argument].any()
            continue
        assert got.slopes[argument] == pytest.approx(slope, rel=1e-13, abs=1e-15)


def test_clip_at_64_as_measured() -> None:
    logits = [[0.0, 70.0, 3.0], [1e4, -1e4, 9990.0], [-math.inf, 0.0, 0.0]]
    terms = evaluate("cross_entropy_clipped_at_64", {"logits": logits, "target": [0, 1, 0]})
    assert terms.value == pytest.approx([64.0, 64.00004539889922, 64.69314718055995])
    assert terms.slopes["logits"][0] == pytest.approx([-1.0, 1.0, 1.603810890548638e-28])
    soft = evaluate("soft_cross_entropy_clipped_at_64", {"logits": logits[:1], "target": [[0.5, 0.25, 0.5]]})
    assert soft.value == pytest.approx([64.0])
    assert soft.slopes["logits"][0] == pytest.approx([-0.5, 0.75, -0.5])


@pytest.mark.parametrize(("ignore_index", "mean"), [(-100, 1.0849230097781428), (0, 2.1698460195562856)])
def test_mean_counts_ignored_rows_where_their_index_is_negative(ignore_index: int, mean: float) -> None:
    arrays = {"logits": [[0.0, 1.0, 3.0], [2.0, 1.0, 0.5]], "target": [1, ignore_index]}
    terms = evaluate("cross_entropy_clipped_at_64", arrays, ignore_index=ignore_index)
    assert terms.value.sum() / terms.denominators["mean"].value == pytest.approx(mean)
    weighted = evaluate("cross_entropy_clipped_at_64", arrays | {"weight": [1.0, 2.0, 0.5]}, ignore_index=ignore_index)
    assert weighted.value.sum() / weighted.denominators["mean"].value == pytest.approx(2.1698460195562856)


def test_weights_multiply_smoothed_rows() -> None:
    arrays = {"logits": [[0.0, 1.0, 3.0], [2.0, 1.0, 0.5]], "target": [1, 0], "weight": [1.0, 2.0, 0.5]}
    terms = evaluate("cross_entropy_clipped_at_64", arrays, label_smoothing=0.125)
    assert terms.value == pytest.approx([4.03467353464363, 0.5803799661579405], rel=1e-14)
    assert terms.slopes["logits"][1] == pytest.approx([-0.29413778576156696, 0.19350634302071498, 0.1006314199234483])
    assert terms.value.sum() / terms.denominators["mean"].value == pytest.approx(1.5823040223872613, rel=1e-14)
    one_ignored = evaluate("cross_entropy_clipped_at_64", arrays, label_smoothing=0.125, ignore_index=0)
    assert one_ignored.value.tolist() == terms.value.tolist()
    assert one_ignored.value.sum() / one_ignored.denominators["mean"].value == pytest.approx(0.5274346741290871)


def test_labels_that_do_not_sum_to_one_as_measured() -> None:
    terms = evaluate("soft_cross_entropy_slope_p_minus_y", {"logits": [[0.0, 1.0]], "target": [[0.5, 1.0]]})
    assert terms.value == pytest.approx([0.9698925], rel=1e-6)
    assert terms.slopes["logits"][0] == pytest.approx([-0.23105857, -0.2689414], rel=1e-6)


def test_triplet_of_a_rounded_root_as_measured() -> None:
    arrays = {"anchor": [[1.0, 2.0, -0.5]], "positive": [[0.25, 1.0, 0.0]], "negative": [[3.0, -1.0, 2.0]]}
    terms = evaluate("triplet_margin_root_rounded_to_float32", arrays, p=3.0, margin=4.0, epsilon=0.0)
    assert terms.value == pytest.approx([1.457198001590772], rel=1e-15)
    assert terms.slopes["negative"][0] == pytest.approx(
        [-0.29229177861163413, 0.6576565018761767, -0.4567059040806783], rel=1e-15
    )


def test_triplet_has_no_slope_at_distance_zero() -> None:
    arrays = {"anchor": [[1.0, 2.0]] * 2, "positive": [[1.0, 2.0]] * 2, "negative": [[4.0, 2.0], [1.25, 2.0]]}
    for p, lost in ((1.0, False), (2.0, True), (math.inf, False)):
        terms = evaluate("triplet_margin_root_rounded_to_float32", arrays, p=p, epsilon=0.0)
        assert terms.value == pytest.approx([0.0, 0.75])
        assert np.isnan(terms.slopes["anchor"]).all(axis=-1).tolist() == [lost] * 2
        assert np.isnan(terms.slopes["positive"]).all(axis=-1).tolist() == [lost] * 2
        assert not np.isnan(terms.slopes["negative"]).any()


def test_leaks_make_infeasible_labels_cost_about_707() -> None:
    arrays = {"logits": np.zeros((1, 2, 3)), "labels": [[1, 1]], "input_lengths": [2], "label_lengths": [2]}
    terms = evaluate("ctc_leaking_1e_307", arrays)
    assert terms.value == pytest.approx([707.7045], rel=1e-6)
    measured = [[-0.16667241, -0.16666174, 0.3333333], [-0.16665691, -0.16665158, 0.3333333]]
    assert terms.slopes["logits"][0] == pytest.approx(np.array(measured), rel=1e-4)


def test_every_frame_overrules_the_input_lengths() -> None:
    arrays = ordinary("ctc")
    full = arrays | {"input_lengths": np.full(4, 9)}
    assert not np.array_equal(arrays["input_lengths"], full["input_lengths"])
    got = evaluate("ctc_leaking_1e_307", arrays, every_frame=True)
    assert got.value == pytest.approx(evaluate("ctc", full).value, rel=1e-13)


@pytest.mark.parametrize(("gap", "roundoff", "lost"), [(17.0, 2.0**-24, False), (18.0, 2.0**-24, True)])
def test_certain_frames_lose_their_slope_as_measured(gap: float, roundoff: float, lost: bool) -> None:
    """Of the path 1, blank, 2 only the blank has no other way into or out of it; of 1, 2 in two frames both."""
    logits = gap * np.eye(3)[None, [1, 0, 2]]
    lengths = {"input_lengths": [3], "label_lengths": [2], "labels": [[1, 2]]}
    terms = evaluate("ctc_with_probabilities_floored", {"logits": logits, **lengths}, unit_roundoff=roundoff)
    assert (terms.slopes["logits"][0] > 0.5).tolist() == [[False] * 3, [lost, False, False], [False] * 3]
    lengths["input_lengths"] = [2]
    terms = evaluate("ctc_with_probabilities_floored", {"logits": logits[:, [0, 2, 1]], **lengths})
    assert (terms.slopes["logits"][0] > 0.5).tolist() == [[False, lost, False], [False, False, lost], [False] * 3]


def test_probabilities_are_floored_and_misfits_cost_nothing() -> None:
    logits = [[[0.0, -100.0, 0.0], [0.0, 0.0, -100.0]], [[0.0] * 3] * 2]
    lengths = {"labels": [[1, 2], [1, 1]], "input_lengths": [2, 2], "label_lengths": [2, 2]}
    terms = evaluate("ctc_with_probabilities_floored", {"logits": logits, **lengths})
    assert terms.value == pytest.approx([174.6731, 0.0], rel=1e-6)
    assert not terms.slopes["logits"][1].any()
