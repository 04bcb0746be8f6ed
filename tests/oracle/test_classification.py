"""Losses of classes and of a yes or no: worked by hand, by identities, and as the frameworks returned them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lossbench.loss import Terms
from lossbench.losses import catalogue
from lossbench.records import Option

LOG_2, LOG_3 = math.log(2), math.log(3)
QUARTER = [[0.0, LOG_3]]  # logits of the probabilities 1/4 and 3/4


def terms(name: str, *arrays: object, **parameters: Option) -> Terms:
    loss = catalogue()[name]
    given = dict(zip(loss.arguments, map(np.asarray, arrays), strict=False))
    return loss(given, {n: p.default for n, p in loss.parameters.items()} | parameters)


def near(got: object, want: object) -> None:
    np.testing.assert_allclose(np.asarray(got, float), np.asarray(want, float), rtol=1e-14, atol=1e-300)


def logits_of(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Logits and soft labels of four rows."""
    return 2 * generator.normal(size=(4, 3)), generator.dirichlet([1, 1, 1], 4)


def by_differences(name: str, arrays: list[np.ndarray], which: int, **parameters: Option) -> np.ndarray:
    """The slopes of a loss of rows by one argument, from values at a small distance on either side."""
    step, slopes = 1e-6, np.zeros(arrays[which].shape)
    for index in np.ndindex(*slopes.shape):
        moved = np.zeros(slopes.shape)
        moved[index] = step
        sides = [
            terms(name, *[a + sign * moved if i == which else a for i, a in enumerate(arrays)], **parameters).value
            for sign in (1, -1)
        ]
        slopes[index] = (sides[0] - sides[1])[index[0]] / (2 * step)
    return slopes


def test_log_loss_by_hand() -> None:
    found = terms("log_loss", [0.25, 0.75], [1.0, 0.0], epsilon=0.125)
    near(found.value, [math.log(8 / 3)] * 2)
    near(found.slopes["prediction"], [-8 / 3, 8 / 3])
    near(found.slopes["target"], [math.log(0.875 / 0.375), -math.log(0.875 / 0.375)])


def test_log_loss_of_a_right_prediction_is_negative() -> None:
    """The logarithm of 1 + ε is above 0."""
    found = terms("log_loss", [0.0, 0.0, 1.0], [0.0, 1.0, 1.0])
    near(found.value, [-math.log1p(1e-7), -math.log(1e-7), -math.log1p(1e-7)])
    near(found.slopes["prediction"][:2], [1 / (1 + 1e-7), -1e7])


def test_means_by_weights_divide_by_their_sum_or_by_how_many_are_not_zero() -> None:
    found = terms("binary_cross_entropy_with_logits", [0.0, 0.0, 0.0], [1.0, 0.0, 1.0], [0.0, 2.0, 1.0])
    near(found.value.sum() / np.asarray(found.denominators["weighted_mean"].value), LOG_2)
    near(found.value.sum() / np.asarray(found.denominators["nonzero_mean"].value), 1.5 * LOG_2)


def test_cross_entropy_of_probabilities_by_hand() -> None:
    """Rows that sum to 1/2 and to 1; -log(1/2) and -log(3/4)/2 - log(1/4)/2."""
    found = terms("categorical_cross_entropy_prob", [[0.25, 0.25], [0.25, 0.75]], [[1.0, 0.0], [0.5, 0.5]])
    near(found.value, [LOG_2, 2 * LOG_2 - LOG_3 / 2])
    near(found.slopes["prediction"], [[-2.0, 2.0], [-1.0, 1 / 3]])
    near(found.slopes["target"], [[LOG_2, LOG_2], [2 * LOG_2, 2 * LOG_2 - LOG_3]])


def test_cross_entropy_of_probabilities_does_not_mind_their_sum() -> None:
    generator = np.random.default_rng(1)
    logits, labels = logits_of(generator)
    powers = np.exp(logits)
    found = terms("categorical_cross_entropy_prob", powers, labels)
    np.testing.assert_allclose(found.value, terms("soft_cross_entropy", logits, labels).value, rtol=1e-13)
    # homogeneous of degree 0: by Euler the slopes along the row itself cancel
    np.testing.assert_allclose((powers * found.slopes["prediction"]).sum(axis=-1), 0, atol=1e-13)


def test_cross_entropy_of_probabilities_with_one_class_is_that_of_its_one_hot_row() -> None:
    generator = np.random.default_rng(2)
    prediction, target = generator.dirichlet([1, 1, 1], 5), np.array([0, 1, 2, 1, 0])
    one = terms("sparse_categorical_cross_entropy_prob", prediction, target)
    other = terms("categorical_cross_entropy_prob", prediction, np.eye(3)[target])
    near(one.value, other.value)
    near(one.slopes["prediction"], other.slopes["prediction"])


def test_ignored_rows_of_probabilities_cost_nothing_and_do_not_count() -> None:
    prediction = np.full((3, 2), 0.5)
    found = terms("sparse_categorical_cross_entropy_prob", prediction, [0, -1, 1], [3.0, 0.25], ignore_index=-1)
    near(found.value, [3 * LOG_2, 0, LOG_2 / 4])
    near(np.asarray(found.denominators["mean"].value), 3.25)
    assert not found.slopes["prediction"][1].any()


def test_generalized_cross_entropy_by_hand() -> None:
    found = terms("generalized_cross_entropy", [[0.25, 0.75], [0.0, 1.0], [0.0, 1.0]], [0, 0, 1])
    near(found.value, [1.0, 2.0, 0.0])
    near(found.slopes["prediction"], [[-2.0, 0.0], [-np.inf, 0.0], [0.0, -1.0]])


def test_generalized_cross_entropy_ends_at_the_distance_and_nears_the_logarithm() -> None:
    near(terms("generalized_cross_entropy", [[0.25, 0.75]], [0], exponent=1.0).value, [0.75])
    near(terms("generalized_cross_entropy", [[0.25, 0.75]], [0], exponent=2.0**-60).value, [2 * LOG_2])


def test_generalized_cross_entropy_keeps_the_digits_of_a_small_loss() -> None:
    """Of 1 - q = 2^-40 a plain power keeps three digits."""
    found = terms("generalized_cross_entropy", [[1 - 2.0**-40, 2.0**-40]], [0])
    near(found.value, [2.0**-40 * (1 + 2.0**-42)])  # (1 - sqrt(1 - d)) / (1/2) = d + d²/4 + ...


def test_categorical_focal_by_hand() -> None:
    """Probabilities 1/4 and 3/4, gamma 2: (1/4)² log(4/3), and h = (1/16)(1 + 6 log(4/3))."""
    pull = (1 + 6 * math.log(4 / 3)) / 16
    found = terms("categorical_focal", QUARTER, [[0.0, 1.0]])
    near(found.value, [math.log(4 / 3) / 16])
    near(found.slopes["logits"], [[pull / 4, -pull / 4]])
    near(found.slopes["target"], [[2 * LOG_2 * 9 / 16, math.log(4 / 3) / 16]])
    by_row = terms("categorical_focal_probability", [[0.25, 0.75]], [[0.0, 1.0]])
    near(by_row.value, found.value)
    near(by_row.slopes["prediction"], [[pull, -pull / 3]])


@pytest.mark.parametrize("gamma", [0.5, 2.0, 3.0])
def test_categorical_focal_of_two_classes_is_the_binary_one_of_their_difference(gamma: float) -> None:
    generator = np.random.default_rng(3)
    logits, yes = generator.normal(size=(6, 2)), generator.integers(0, 2, 6).astype(float)
    found = terms("categorical_focal", logits, np.stack([1 - yes, yes], axis=-1), gamma=gamma)
    binary = terms("binary_focal", logits[:, 1] - logits[:, 0], yes, gamma=gamma)
    np.testing.assert_allclose(found.value, binary.value, rtol=1e-13)
    np.testing.assert_allclose(found.slopes["logits"][:, 1], binary.slopes["logit"], rtol=1e-13)


@pytest.mark.parametrize(
    ("name", "parameters", "same"),
    [
        ("categorical_focal", {"gamma": 0.0}, "soft_cross_entropy"),
        ("categorical_focal", {"gamma": 0.0, "label_smoothing": 0.125}, "soft_cross_entropy"),
        ("poly1_cross_entropy", {"epsilon": 0.0}, "soft_cross_entropy"),
        ("categorical_focal_probability", {"gamma": 0.0}, "categorical_cross_entropy_prob"),
    ],
)
def test_without_their_extra_they_are_a_cross_entropy(name: str, parameters: dict[str, Option], same: str) -> None:
    logits, labels = logits_of(np.random.default_rng(4))
    first = logits if same == "soft_cross_entropy" else np.exp(logits)
    shared = {n: v for n, v in parameters.items() if n == "label_smoothing"}
    found, want = terms(name, first, labels, **parameters), terms(same, first, labels, **shared)
    np.testing.assert_allclose(found.value, want.value, rtol=1e-13)
    for argument, slope in want.slopes.items():
        np.testing.assert_allclose(found.slopes[argument], slope, rtol=1e-12, atol=1e-14)


def test_poly1_by_hand() -> None:
    """Probabilities 1/4 and 3/4: log(4/3) + 2/4, of which the slope is -(1/4)(1 + 2 · 3/4)."""
    found = terms("poly1_cross_entropy", QUARTER, [[0.0, 1.0]])
    near(found.value, [math.log(4 / 3) + 0.5])
    near(found.slopes["logits"], [[0.625, -0.625]])
    near(found.slopes["target"], [[2 * LOG_2 + 1.5, math.log(4 / 3) + 0.5]])


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("categorical_focal", {"gamma": 0.5, "alpha": 0.25, "label_smoothing": 0.125}),
        ("categorical_focal_probability", {"gamma": 3.0, "label_smoothing": 0.125}),
        ("categorical_cross_entropy_prob", {"label_smoothing": 0.125}),
        ("poly1_cross_entropy", {"epsilon": -1.0}),
    ],
)
@pytest.mark.parametrize("which", [0, 1])
def test_slopes_are_those_of_the_values(name: str, parameters: dict[str, Option], which: int) -> None:
    logits, labels = logits_of(np.random.default_rng(5))
    labels = labels * 1.5  # a target that does not sum to 1 as well
    arrays = [np.exp(logits) if "prob" in name else logits, labels]
    found = terms(name, *arrays, **parameters)
    slopes = list(found.slopes.values())[which]
    np.testing.assert_allclose(slopes, by_differences(name, arrays, which, **parameters), rtol=1e-7, atol=1e-8)


def test_class_weights_multiply_the_labels() -> None:
    logits, labels = logits_of(np.random.default_rng(6))
    weight = np.array([3.0, 0.0, 0.5])
    found = terms("categorical_focal", logits, labels, weight)
    near(found.value, terms("categorical_focal", logits, labels * weight).value)
    near(found.slopes["target"][:, 1], np.zeros(4))
