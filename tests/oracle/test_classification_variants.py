"""What frameworks compute in place of a loss of classes: the numbers they returned in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
from test_classification import terms

from lossbench.losses import catalogue
from lossbench.records import Option

NAN, INF = math.nan, math.inf
SLOPES = "prediction"


@pytest.mark.parametrize(
    ("name", "prediction", "target", "parameters", "value", "slopes"),
    [
        ("categorical_cross_entropy_prob_clipped", [0.0, 1.0], [1.0, 0.0], {}, 16.11809565095832, [0, 0]),
        ("categorical_cross_entropy_prob_clipped", [0.25, 0.25], [1.0, 0.0], {}, math.log(2), [-2, 2]),
        ("categorical_cross_entropy_prob_clipped", [1e-9, 1.0], [1.0, 0.0], {}, 16.11809565095832, [0, 0]),
        (
            "sparse_categorical_cross_entropy_prob_clipped",
            *([0.0, 0.5, 0.5], 0, {}, 16.118095750958314, [0, 0.9999999000000102, 0.9999999000000102]),
        ),
        (
            "sparse_categorical_cross_entropy_prob_clipped",
            *([0.25, 0.25, 0.0], 0, {}, 0.6931473805599252, [-2.00000039999992, 1.9999996000000801, 0]),
        ),
        (
            "categorical_focal_probability_clipped",
            *([0.0, 1.0], [1.0, 0.0], {"alpha": 0.25}, 4.029523106834838, [0, 0]),
        ),
        (
            "categorical_focal_probability_clipped",
            *([0.25, 0.75], [0.0, 1.0], {"alpha": 0.25}, 0.004495032382059077),
            [0.042595194292354456, -0.014198398097451485],
        ),
        ("sparse_categorical_cross_entropy_prob_as_given", [0.25, 0.25, 0.5], 0, {}, math.log(4), [-4, 0, 0]),
        ("sparse_categorical_cross_entropy_prob_as_given", [0.0, 0.5, 0.5], 0, {}, 1e20, [-INF, 0, 0]),
        (
            "categorical_cross_entropy_prob_as_given",
            *([0.25, 0.25, 0.5], [0.25, 0.25, 0.5], {}, 1.0397207708399179, [-1, -1, -1]),
        ),
        ("categorical_cross_entropy_prob_as_given", [0.0, 1.0], [0.0, 1.0], {}, 0.0, [NAN, -1]),
        ("generalized_cross_entropy_undefined_at_zero", [0.0, 0.5, 0.5], 0, {}, 2.0, [-INF, NAN, NAN]),
        ("generalized_cross_entropy_undefined_at_zero", [0.25, 0.25, 0.5], 0, {}, 1.0, [-2, 0, 0]),
    ],
)
def test_rows_of_probabilities_give_what_was_measured(
    name: str, prediction: list[float], target: object, parameters: dict[str, Option], value: float, slopes: list[float]
) -> None:
    found = terms(name, [prediction], [target], **parameters)
    np.testing.assert_allclose(found.value, [value], rtol=1e-14)
    np.testing.assert_allclose(found.slopes[SLOPES], [slopes], rtol=1e-14, atol=1e-300)


def test_the_clip_of_a_focal_loss_from_logits_gives_what_was_measured() -> None:
    """By a gap of 40 the definition's is 10, with slopes of a quarter."""
    logits, target = [[0.0, 40.0], [0.0, math.log(3)]], [[1.0, 0.0], [0.0, 1.0]]
    found = terms("categorical_focal_clipped", logits, target, alpha=0.25)
    np.testing.assert_allclose(found.value, [4.029523106834838, 0.004495032382059077], rtol=1e-14)
    slope = 0.010648798573088614
    np.testing.assert_allclose(found.slopes["logits"], [[0, 0], [slope, -slope]], rtol=1e-14)
    right = terms("categorical_focal", logits, target, alpha=0.25)
    np.testing.assert_allclose(right.value[0], 10, rtol=1e-14)
    np.testing.assert_allclose(right.slopes["logits"][0], [-0.25, 0.25], rtol=1e-14)


@pytest.mark.parametrize(
    ("logit", "target", "got", "want"),
    [
        (0.0, 0.0, -0.3465735902799726, 0.0),
        (0.0, 1.0, 0.34657359027997264, 0.0),
        (1.0, 0.0, -1.9381832522112927, -1.421777411829197),
        (1.0, 1.0, -0.02701337311157861, None),
        (1.0, 0.5, -0.6258221791443996, -0.6258221791443996),
    ],
)
def test_a_one_sided_slope_by_a_hard_label_gives_what_was_measured(
    logit: float, target: float, got: float, want: float | None
) -> None:
    """Beside it, the definition's, which the same framework returned at a label of 1e-9."""
    found = terms("binary_focal_one_sided_at_hard_labels", [logit], [target]).slopes["target"]
    np.testing.assert_allclose(found, [got], rtol=1e-14)
    right = terms("binary_focal", [logit], [target]).slopes["target"]
    if want is not None:
        np.testing.assert_allclose(right, [want], rtol=1e-7, atol=1e-16)


@pytest.mark.parametrize(
    ("target", "digits", "taken"), [(257, 8, 256), (259, 8, 260), (255, 8, 255), (2049, 11, 2048), (2049, 24, 2049)]
)
def test_a_class_is_rounded_as_a_number(target: int, digits: int, taken: int) -> None:
    logits = np.zeros((1, 3000))
    logits[0, taken] = 5.0
    rounded = terms("cross_entropy_of_rounded_class", logits, [target], digits=digits)
    np.testing.assert_allclose(rounded.value, terms("cross_entropy", logits, [taken]).value, rtol=0)
    assert rounded.slopes["logits"].argmin() == taken


@pytest.mark.parametrize(
    ("variant", "loss"),
    [
        ("categorical_cross_entropy_prob_clipped", "categorical_cross_entropy_prob"),
        ("sparse_categorical_cross_entropy_prob_clipped", "sparse_categorical_cross_entropy_prob"),
        ("categorical_focal_clipped", "categorical_focal"),
        ("categorical_focal_probability_clipped", "categorical_focal_probability"),
        ("generalized_cross_entropy_undefined_at_zero", "generalized_cross_entropy"),
        ("cross_entropy_of_rounded_class", "cross_entropy"),
    ],
)
def test_variants_deviate_only_where_they_say(variant: str, loss: str) -> None:
    generator = np.random.default_rng(7)
    rows = generator.dirichlet([2, 2, 2], 6)
    arrays: list[np.ndarray] = [np.log(rows) if "logits" in catalogue()[loss].arguments else rows]
    soft = "target" in catalogue()[loss].differentiable
    arrays.append(generator.dirichlet([1, 1, 1], 6) if soft else generator.integers(0, 3, 6))
    found, want = terms(variant, *arrays), terms(loss, *arrays)
    np.testing.assert_allclose(found.value, want.value, rtol=1e-13)
    for name, slope in want.slopes.items():
        np.testing.assert_allclose(found.slopes[name], slope, rtol=1e-11, atol=1e-12)
