"""Margins between features and the classes' vectors: against margins of cosines, differences, numbers by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from lossbench.loss import Terms
from lossbench.losses import catalogue

LOSSES = catalogue()
RANDOM = np.random.default_rng(5)


def terms(loss: str, arrays: dict[str, Any], **parameters: Any) -> Terms:
    given = {name: np.asarray(array) for name, array in arrays.items()}
    return LOSSES[loss](given, LOSSES[loss].settings(parameters))


def test_by_hand() -> None:
    """h = (3, 4), W = (2, 0) and (0, 5): the cosines are 3/5 and 4/5, whatever the lengths."""
    found = terms(
        "margin_softmax_of_features",
        {"features": [[3.0, 4.0]], "linear_weight": [[2.0, 0.0], [0.0, 5.0]], "target": [0]},
        margin2=0.0,
        margin3=0.1,
        scale=1.0,
    )
    assert found.value[0] == pytest.approx(math.log1p(math.exp(0.8 - 0.5)), rel=1e-15)
    rate = 1 / (1 + math.exp(0.5 - 0.8))  # of the other class
    # by h: rate (v_1 - 0.8 u)/5 - rate (v_0 - 0.6 u)/5 with u = (0.6, 0.8)
    want = [rate * (-0.48 - 0.64) / 5, rate * (0.36 + 0.48) / 5]
    assert found.slopes["features"][0] == pytest.approx(want, rel=1e-14)
    # by W_1: rate (u - 0.8 v_1)/5
    assert found.slopes["linear_weight"][0, 1] == pytest.approx([rate * 0.6 / 5, 0], rel=1e-14, abs=1e-16)


@pytest.mark.parametrize("named", [{}, {"margin2": 0.0, "margin3": 0.125}, {"margin1": 1.25, "extension": "linear"}])
def test_between_vectors_of_length_one_it_is_the_margin_of_their_products(named: dict[str, Any]) -> None:
    features, classes = RANDOM.normal(size=(20, 3)), RANDOM.normal(size=(4, 3))
    rows, columns = (part / np.linalg.norm(part, axis=-1, keepdims=True) for part in (features, classes))
    target = RANDOM.integers(0, 4, 20)
    plain = terms("margin_softmax", {"cosines": rows @ columns.T, "target": target}, scale=8.0, **named)
    for scale in (1.0, 1e-3, 7.0):  # and lengths do not matter
        given = {"features": scale * features, "linear_weight": classes / scale, "target": target}
        made = terms("margin_softmax_of_features", given, scale=8.0, **named)
        assert made.value == pytest.approx(plain.value, rel=1e-12)


@pytest.mark.parametrize("extension", ["none", "linear", "easy"])
@pytest.mark.parametrize("epsilon", [1e-12, 1.0])
def test_slopes_by_differences(extension: str, epsilon: float) -> None:
    arrays = {"features": RANDOM.normal(size=(30, 3)), "linear_weight": RANDOM.normal(size=(4, 3))}
    target = RANDOM.integers(0, 4, 30)
    named = {"scale": 4.0, "extension": extension, "epsilon": epsilon}
    found = terms("margin_softmax_of_features", {**arrays, "target": target}, **named)

    def moved(name: str, index: tuple[int, ...], step: float) -> np.ndarray:
        changed = {**arrays, "target": target, name: arrays[name].copy()}
        changed[name][index] += step
        return np.asarray(terms("margin_softmax_of_features", changed, **named).value)

    for axis in range(3):
        step = 1e-6
        above, below = (moved("features", (slice(None), axis), s) for s in (step, -step))
        assert (above - below) / (2 * step) == pytest.approx(found.slopes["features"][:, axis], rel=1e-5, abs=1e-6)
        for c in range(4):
            above, below = (moved("linear_weight", (c, axis), s) for s in (step, -step))
            want = found.slopes["linear_weight"][:, c, axis]
            assert (above - below) / (2 * step) == pytest.approx(want, rel=1e-5, abs=1e-6)


def test_a_vector_of_zeros_has_a_cosine_of_zero_and_epsilon_for_its_length() -> None:
    given = {"features": [[0.0, 0.0]], "linear_weight": [[1.0, 0.0], [0.0, 2.0]], "target": [0]}
    found = terms("margin_softmax_of_features", given, margin2=0.0, scale=1.0, epsilon=0.25)
    assert found.value[0] == pytest.approx(math.log(2), rel=1e-15)
    assert found.slopes["features"][0] == pytest.approx([-2.0, 2.0], rel=1e-15)  # g v / epsilon
    undefined = terms("margin_softmax_of_features", given, epsilon=0.0)
    assert np.isnan(undefined.value[0])
