"""Hinges, perceptrons, class margins, sparsemax, Fenchel-Young and angular margins against numbers from elsewhere."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from lossbench.loss import Terms
from lossbench.losses import catalogue

LOSSES = catalogue()
GENERATOR = np.random.default_rng(11)


def terms(loss: str, arrays: dict[str, Any], **parameters: Any) -> Terms:
    """The closed form on these arrays: whole numbers stay whole."""
    defaults = LOSSES[loss].settings()
    return LOSSES[loss]({name: np.asarray(array) for name, array in arrays.items()}, defaults | parameters)


def scores_and_targets(rows: int = 200, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    return GENERATOR.normal(size=(rows, classes)), GENERATOR.integers(0, classes, rows)


@pytest.mark.parametrize(
    ("loss", "values", "slopes"),
    [
        ("hinge", [0.75, 1.25, 0.0, 3.0], [-1, 1, 0, -1]),
        ("squared_hinge", [0.5625, 1.5625, 0.0, 9.0], [-1.5, 2.5, 0, -6]),
        ("perceptron", [0.0, 0.25, 0.0, 2.0], [0, 1, 0, -1]),
        ("sparsemax", [0.140625, 0.390625, 0.0, 2.0], [-0.375, 0.625, 0, -1]),
    ],
)
def test_losses_of_a_side_by_hand(loss: str, values: list[float], slopes: list[float]) -> None:
    found = terms(loss, {"score": [0.25, 0.25, -3.0, -2.0], "sign": [1.0, -1.0, -1.0, 1.0]})
    assert found.value.tolist() == values
    assert found.slopes["score"].tolist() == slopes


def test_weights_multiply_hinges_and_divide_their_means() -> None:
    found = terms("hinge", {"score": [0.25, 0.25], "sign": [1.0, -1.0], "weight": [2.0, 0.0]})
    assert found.value.tolist() == [1.5, 0.0]
    assert found.slopes["score"].tolist() == [-2.0, 0.0]
    assert {name: float(d.value) for name, d in found.denominators.items()} == {"weighted_mean": 2, "nonzero_mean": 1}


def test_soft_margin_is_the_logarithm_of_the_odds_against() -> None:
    found = terms("soft_margin", {"score": [0.0, 2.0, -800.0, 800.0], "sign": [1.0, -1.0, 1.0, 1.0]})
    assert found.value.tolist() == pytest.approx([math.log(2), 2.1269280110429727, 800.0, 0.0], abs=1e-300)
    assert found.slopes["score"].tolist() == pytest.approx([-0.5, 0.8807970779778823, -1.0, 0.0], abs=1e-300)


@pytest.mark.parametrize(
    ("scores", "target", "value"),
    [
        ([0.25, -2.0, -3.0], [1.0, 0.0, 0.0], 0.75),  # against 0, as all others are below
        ([0.25, 0.5, -3.0], [1.0, 0.0, 0.0], 1.25),
        ([2.0, 0.5, -3.0], [1.0, 0.0, 0.0], 0.0),
        ([1.0, 2.0, -4.0], [0.5, 0.25, 0.25], 2.5),  # max(0.5, 1.5, -3) - (0.5 + 0.5 - 1) + 1
    ],
)
def test_categorical_hinge_competes_with_zero(scores: list[float], target: list[float], value: float) -> None:
    assert terms("categorical_hinge", {"scores": [scores], "target": [target]}).value.tolist() == [value]


def test_multiclass_hinge_and_perceptron_over_all_classes() -> None:
    scores, targets = scores_and_targets()
    for loss, margin in (("multiclass_hinge", 1.0), ("multiclass_perceptron", 0.0)):
        found = terms(loss, {"scores": scores, "target": targets})
        for row, t, value, slope in zip(scores, targets, found.value, found.slopes["scores"], strict=True):
            rivals = [x + margin * (j != t) for j, x in enumerate(row)]
            assert value == pytest.approx(max(rivals) - row[t], abs=1e-15)
            assert slope.tolist() == [float(j == np.argmax(rivals)) - float(j == t) for j in range(len(row))]


def test_multi_margin_as_torch_documents_it() -> None:
    """0.25 ((1 - (0.8 - 0.1)) + (1 - (0.8 - 0.2)) + (1 - (0.8 - 0.4)))."""
    assert terms("multi_margin", {"scores": [[0.1, 0.2, 0.4, 0.8]], "target": [3]}).value[0] == pytest.approx(0.325)


@pytest.mark.parametrize(("p", "margin", "weighted"), list(itertools.product([1, 2], [1.0, 0.25, -0.5], [False, True])))
def test_multi_margin_pair_by_pair(p: int, margin: float, weighted: bool) -> None:
    scores, targets = scores_and_targets()
    weight = np.array([0.5, 1.0, 0.0, 3.0])
    arrays = {"scores": scores, "target": targets} | ({"weight": weight} if weighted else {})
    found = terms("multi_margin", arrays, p=p, margin=margin)
    for row, t, value, slope in zip(scores, targets, found.value, found.slopes["scores"], strict=True):
        share = (weight[t] if weighted else 1) / 4
        lacking = [max(0.0, margin - row[t] + x) if j != t else 0.0 for j, x in enumerate(row)]
        assert value == pytest.approx(share * sum(d**p for d in lacking), abs=1e-14)
        by_class = [share * p * d ** (p - 1) if d > 0 else 0.0 for d in lacking]
        by_class[t] = -sum(by_class)
        assert slope.tolist() == pytest.approx(by_class, abs=1e-14)


def test_multilabel_margin_as_torch_documents_it() -> None:
    """Labels 3 and 0: the list ends at the first -1, so that the 1 behind it does not count."""
    found = terms("multilabel_margin", {"scores": [[0.1, 0.2, 0.4, 0.8]], "labels": [[3, 0, -1, 1]]})
    assert found.value[0] == pytest.approx(0.85)


@pytest.mark.parametrize(
    ("labels", "value"),
    [
        ([-1, 2, 0], 0.0),  # no label
        ([0, 1, 2], 0.0),  # nothing else
        ([1, -1, -1], 0.75 / 3),
        ([1, 1, -1], 2 * 0.75 / 3),  # counts twice
    ],
)
def test_multilabel_margin_by_lists(labels: list[int], value: float) -> None:
    found = terms("multilabel_margin", {"scores": [[0.25, 0.5, -2.0]], "labels": [labels]})
    assert found.value[0] == pytest.approx(value)


def test_scores_may_all_be_shifted() -> None:
    """Whatever compares scores alone has slopes that sum to 0."""
    scores, targets = scores_and_targets()
    labels = np.where(np.arange(4) == 2, -1, np.argsort(scores, axis=-1))
    for loss in ("multiclass_hinge", "multiclass_perceptron", "multi_margin", "multiclass_sparsemax"):
        slopes = terms(loss, {"scores": scores, "target": targets}).slopes["scores"]
        assert np.abs(slopes.sum(axis=-1)).max() < 1e-15
    assert (
        np.abs(terms("multilabel_margin", {"scores": scores, "labels": labels}).slopes["scores"].sum(-1)).max() < 1e-15
    )


def projection(row: np.ndarray) -> np.ndarray:
    """The nearest point of the simplex, by bisection on the threshold."""
    low, high = row.min() - 1, row.max()
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.maximum(row - middle, 0).sum() > 1 else (low, middle)
    return np.maximum(row - high, 0)


def test_sparsemax_by_projection() -> None:
    scores, targets = scores_and_targets()
    found = terms("multiclass_sparsemax", {"scores": scores, "target": targets})
    for row, t, value, slope in zip(scores, targets, found.value, found.slopes["scores"], strict=True):
        shares = projection(row)
        assert slope == pytest.approx(shares - (np.arange(4) == t), abs=1e-12)
        assert value == pytest.approx(shares @ (row - row[t]) + (1 - shares @ shares) / 2, abs=1e-12)
        assert value >= 0


def test_sparsemax_of_two_classes_is_the_binary_one() -> None:
    score = np.linspace(-3, 3, 97)
    binary = terms("sparsemax", {"score": score, "sign": np.ones(97)})
    scores = np.stack([np.zeros(97), score], axis=-1)
    both = terms("multiclass_sparsemax", {"scores": scores, "target": np.ones(97, int)})
    assert binary.value == pytest.approx(both.value, abs=1e-15)
    assert binary.slopes["score"] == pytest.approx(both.slopes["scores"][:, 1], abs=1e-15)


def test_sparsemax_leaves_a_class_that_leads_by_one_alone() -> None:
    found = terms("multiclass_sparsemax", {"scores": [[2.0, 1.0, -5.0], [2.0, 1.5, -5.0]], "target": [0, 0]})
    assert found.value.tolist() == [0.0, 0.0625]
    assert found.slopes["scores"].tolist() == [[0.0, 0.0, 0.0], [-0.25, 0.25, 0.0]]


def test_fenchel_young_losses_are_known_under_other_names() -> None:
    scores, targets = scores_and_targets()
    shares = np.round(GENERATOR.dirichlet(np.ones(4), 200) * 1024) / 1024
    shares[:, 0] += 1 - shares.sum(axis=-1)
    entropy = terms("soft_cross_entropy", {"logits": scores, "target": np.abs(shares)})
    found = terms("fenchel_young", {"scores": scores, "target": np.abs(shares)})
    assert found.value == pytest.approx(entropy.value, abs=1e-14)
    assert found.slopes["scores"] == pytest.approx(entropy.slopes["logits"], abs=1e-15)
    assert (found.slopes["target"] == -scores).all()
    onehot = np.eye(4)[targets]
    perceptron = terms("multiclass_perceptron", {"scores": scores, "target": targets})
    found = terms("fenchel_young", {"scores": scores, "target": onehot}, max_fun="max")
    assert found.value == pytest.approx(perceptron.value, abs=1e-15)
    assert (found.slopes["scores"] == perceptron.slopes["scores"]).all()


DOCUMENTED = [[-0.59561850, 0.32797505, 0.80279214, 0.00144975], [-0.16265212, 0.84155098, 0.62008629, 0.79126072]]


def test_margin_softmax_as_paddle_documents_it() -> None:
    """The example of paddle.nn.functional.margin_cross_entropy, run on a graphics card."""
    found = terms("margin_softmax", {"cosines": DOCUMENTED, "target": [1, 0]})
    assert found.value.tolist() == pytest.approx([61.94391901, 93.30853839], abs=1e-6)


def test_margin_softmax_without_margins_is_cross_entropy_of_scaled_cosines() -> None:
    found = terms("margin_softmax", {"cosines": DOCUMENTED, "target": [1, 0]}, margin2=0.0, scale=8.0)
    plain = terms("cross_entropy", {"logits": 8 * np.array(DOCUMENTED), "target": [1, 0]})
    assert found.value == pytest.approx(plain.value, rel=1e-15)
    assert found.slopes["cosines"] == pytest.approx(8 * plain.slopes["logits"], rel=1e-15)


@pytest.mark.parametrize(
    ("extension", "cosine", "own"),
    [
        ("none", 0.6, math.cos(math.acos(0.6) + 0.5) - 0.125),
        ("none", -0.95, math.cos(math.acos(-0.95) + 0.5) - 0.125),  # beyond pi: on its way up again
        ("linear", 0.6, math.cos(math.acos(0.6) + 0.5) - 0.125),
        ("linear", -0.95, -0.95 - 0.5 * math.sin(0.5) - 0.125),
        ("easy", 0.6, math.cos(math.acos(0.6) + 0.5) - 0.125),
        ("easy", -0.1, -0.1),
        ("easy", 0.0, 0.0),
    ],
)
def test_extensions_of_the_angular_margin(extension: str, cosine: float, own: float) -> None:
    arrays = {"cosines": [[0.25, cosine, -0.5]], "target": [1]}
    found = terms("margin_softmax", arrays, margin3=0.125, scale=4.0, extension=extension)
    powers = [math.exp(4 * c) for c in (0.25, own, -0.5)]
    assert found.value[0] == pytest.approx(-math.log(powers[1] / sum(powers)), rel=1e-14)


@pytest.mark.parametrize("extension", ["none", "linear", "easy"])
@pytest.mark.parametrize("margins", [(1.0, 0.5), (1.25, 0.5), (2.0, 0.0)])
def test_slopes_of_the_angular_margin_by_differences(extension: str, margins: tuple[float, float]) -> None:
    cosines, targets = GENERATOR.uniform(-0.9, 0.9, (50, 3)), GENERATOR.integers(0, 3, 50)
    named = {"margin1": margins[0], "margin2": margins[1], "margin3": 0.125, "scale": 4.0, "extension": extension}
    found = terms("margin_softmax", {"cosines": cosines, "target": targets}, **named)
    for axis in range(3):
        step = 1e-6 * (np.arange(3) == axis)
        above, below = (
            terms("margin_softmax", {"cosines": c, "target": targets}, **named).value
            for c in (cosines + step, cosines - step)
        )
        assert (above - below) / 2e-6 == pytest.approx(found.slopes["cosines"][:, axis], abs=1e-7)


def test_a_negative_margin_taken_off_twice() -> None:
    """What Paddle makes of a margin of -1: 0.5 where 0.1667 is right."""
    arrays = {"scores": [[0.0, 1.5, -3.0]], "target": [0]}
    assert terms("multi_margin", arrays, margin=-1.0).value[0] == pytest.approx(0.5 / 3)
    assert terms("multi_margin_less_own_term", arrays, margin=-1.0).value[0] == pytest.approx(0.5, abs=1e-7)
    for margin, p in ((1.0, 1), (0.5, 2)):  # right up to float32 otherwise
        right, made = (
            terms(n, arrays, margin=margin, p=p).value[0] for n in ("multi_margin", "multi_margin_less_own_term")
        )
        assert 0 < abs(right - made) < 1e-8


def test_soft_margin_that_overflows() -> None:
    arrays = {"score": [89.0, 88.0, -89.0], "sign": [-1.0, -1.0, -1.0]}
    found = terms("soft_margin_overflowing", arrays, limit=88.7228)
    assert found.value.tolist() == pytest.approx([math.inf, 88.0, 0.0], abs=1e-30)
    assert np.isnan(found.slopes["score"]).tolist() == [True, False, False]
