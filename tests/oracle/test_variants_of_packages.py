"""The formulas that packages follow instead of the textbook: where they are the textbook's, and their slopes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from lossbench.losses import catalogue
from lossbench.losses.boxes import ciou
from lossbench.losses.circle import circle
from lossbench.losses.cross_entropy import cross_entropy
from lossbench.losses.focal import binary_focal
from lossbench.losses.tversky import tversky_terms

Arrays = dict[str, np.ndarray]
FOCAL = ("binary_focal_side_by_side", "binary_focal_of_turned_logit", "binary_focal_of_entropy")
GENERATOR = np.random.default_rng(7)
LOGIT = 2 * GENERATOR.normal(size=(5, 4))
SHARE = GENERATOR.uniform(0.05, 0.95, size=(5, 4))
MASK = GENERATOR.uniform(0.05, 0.95, size=(5, 4))
HARD = (MASK > 0.5).astype(float)
CORNERS = np.sort(GENERATOR.normal(size=(2, 6, 2, 2)), axis=-2).reshape(2, 6, 4)
ROWS = GENERATOR.normal(size=(6, 4))
LABELS = np.array([0, 0, 1, 1, 1, 2])


def terms(name: str, arrays: Mapping[str, np.ndarray], **parameters: Any) -> Any:
    return catalogue()[name].function(**arrays, **parameters)


def slopes_by_differences(name: str, arrays: Arrays, argument: str, **parameters: Any) -> np.ndarray:
    found, step = np.zeros(arrays[argument].shape), 1e-6
    for place in np.ndindex(found.shape):
        sides = []
        for sign in (1, -1):
            moved = arrays[argument].copy()
            moved[place] += sign * step
            sides.append(np.sum(terms(name, {**arrays, argument: moved}, **parameters).value))
        found[place] = (sides[0] - sides[1]) / (2 * step)
    return found


@pytest.mark.parametrize("options", [{}, {"alpha": 0.25, "gamma": 0.5}, {"alpha": 0.25, "gamma": 3.0}], ids=str)
@pytest.mark.parametrize("name", FOCAL)
def test_a_focal_loss_is_the_textbooks_for_a_yes_and_a_no(name: str, options: dict[str, float]) -> None:
    arrays = {"logit": LOGIT, "target": HARD}
    mine, textbook = terms(name, arrays, **options), binary_focal.function(**arrays, **options)
    np.testing.assert_allclose(mine.value, textbook.value, rtol=1e-12)
    np.testing.assert_allclose(mine.slopes["logit"], textbook.slopes["logit"], rtol=1e-12)
    between = terms(name, {"logit": LOGIT, "target": MASK}, **options).value
    assert not np.allclose(between, binary_focal.function(LOGIT, MASK, **options).value, rtol=1e-3)


@pytest.mark.parametrize(
    ("name", "arrays", "options"),
    [
        *((name, {"logit": LOGIT, "target": MASK}, {"alpha": 0.25, "gamma": g}) for name in FOCAL for g in (0.5, 3.0)),
        ("binary_focal_of_turned_logit_averaged", {"logit": LOGIT, "target": MASK}, {}),
        ("tversky_by_minimum", {"prediction": SHARE, "target": MASK}, {"alpha": 0.25, "beta": 0.75, "smooth": 1.0}),
        ("soft_dice_by_minimum", {"prediction": SHARE, "target": MASK}, {}),
    ],
    ids=str,
)
def test_slopes_are_those_of_the_value(name: str, arrays: Arrays, options: dict[str, float]) -> None:
    for argument, slope in terms(name, arrays, **options).slopes.items():
        by_differences = slopes_by_differences(name, arrays, argument, **options)
        np.testing.assert_allclose(slope, by_differences, rtol=1e-6, atol=1e-8)


def test_masks_of_yes_and_no_have_the_textbooks_overlap() -> None:
    mine = terms("tversky_by_minimum", {"prediction": SHARE, "target": HARD}, alpha=0.25, beta=0.75, smooth=0.5)
    textbook = tversky_terms(SHARE, HARD, (0.25, 0.75, 0.5, 0.0), (0, 1))
    np.testing.assert_allclose(mine.value, textbook.value, rtol=1e-12)
    np.testing.assert_allclose(mine.slopes["prediction"], textbook.slopes["prediction"], rtol=1e-12)


def test_a_batch_without_a_positive_label_costs_nothing() -> None:
    mine = terms("soft_dice_by_minimum", {"prediction": SHARE, "target": 0 * MASK})
    assert mine.value == 0
    assert not mine.slopes["prediction"].any()


def test_circle_with_constant_weights_pulls_across_the_rows_alone() -> None:
    unit = ROWS / np.linalg.norm(ROWS, axis=-1, keepdims=True)
    arrays = {"embeddings": unit, "labels": LABELS}
    mine = terms("circle_with_constant_weights", arrays, gamma=8.0, margin=0.25)
    textbook = circle.function(**arrays, gamma=8.0, margin=0.25)
    np.testing.assert_allclose(mine.value, textbook.value, rtol=1e-12)
    along = (mine.slopes["embeddings"] * unit).sum(axis=-1)
    np.testing.assert_allclose(along, 0, atol=1e-10)
    assert not np.allclose(mine.slopes["embeddings"], textbook.slopes["embeddings"], rtol=1e-2)


def test_the_two_epsilons_of_the_complete_loss_of_boxes_are_the_textbooks_where_they_are_one() -> None:
    arrays = dict(zip(("prediction", "target"), CORNERS, strict=True))
    mine = terms("ciou_with_epsilon_in_the_weight", arrays, epsilon=0.125, weight_epsilon=0.125)
    textbook = ciou.function(**arrays, epsilon=0.125)
    np.testing.assert_array_equal(mine.value, textbook.value)
    other = terms("ciou_with_epsilon_in_the_weight", arrays, epsilon=1e-7, weight_epsilon=0.125)
    assert (other.value < ciou.function(**arrays, epsilon=1e-7).value).any()


def test_a_mean_over_all_rows_counts_the_ignored_ones() -> None:
    target = np.array([0, 1, 1, 3, 2])
    mine = terms("cross_entropy_averaged_over_all_rows", {"logits": LOGIT, "target": target}, ignore_index=1)
    textbook = cross_entropy.function(LOGIT, target, ignore_index=1)
    np.testing.assert_array_equal(mine.value, textbook.value)
    assert (mine.denominators["mean"].value, textbook.denominators["mean"].value) == (5, 3)
