"""CTC of log-probabilities: against CTC of the logits behind them, and its slope against differences."""

from __future__ import annotations

import numpy as np
import pytest

from lossbench.losses import catalogue

LOSSES = catalogue()
RANDOM = np.random.default_rng(2)


def given() -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Logits, their log_softmax, and three samples of which the last has no labels."""
    logits = RANDOM.normal(size=(3, 6, 4))
    log_probabilities = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    labels = {
        "labels": np.array([[1, 1], [3, 2], [0, 0]]),
        "input_lengths": np.array([6, 4, 5]),
        "label_lengths": np.array([2, 1, 0]),
    }
    return logits, log_probabilities, labels


def test_behind_a_log_softmax_it_is_ctc() -> None:
    logits, x, labels = given()
    options = {"blank": 0, "zero_infinity": False}
    plain = LOSSES["ctc"]({"logits": logits, **labels}, options)
    made = LOSSES["ctc_log_probabilities"]({"log_probabilities": x, **labels}, options)
    assert made.value == pytest.approx(plain.value, rel=1e-14)
    slope = made.slopes["log_probabilities"]
    back = slope - np.exp(x) * slope.sum(axis=-1, keepdims=True)  # through the log_softmax
    assert back == pytest.approx(plain.slopes["logits"], abs=1e-14)
    projected = LOSSES["ctc_log_probabilities_projected"]({"log_probabilities": x, **labels}, options)
    assert projected.slopes["log_probabilities"] == pytest.approx(plain.slopes["logits"], abs=1e-14)
    softmaxed = LOSSES["ctc_log_probabilities_softmaxed"]
    floored = softmaxed({"log_probabilities": x, **labels}, softmaxed.settings())
    assert floored.slopes["log_probabilities"] == pytest.approx(plain.slopes["logits"], abs=1e-14)


def test_slopes_by_differences_and_nothing_is_normalized() -> None:
    _, x, labels = given()
    loss, options = LOSSES["ctc_log_probabilities"], {"blank": 0, "zero_infinity": False}
    found = loss({"log_probabilities": x, **labels}, options)
    step = 1e-6 * RANDOM.normal(size=x.shape)
    above, below = (loss({"log_probabilities": x + s, **labels}, options).value for s in (step, -step))
    want = (found.slopes["log_probabilities"] * step).sum(axis=(1, 2)) * 2
    assert above - below == pytest.approx(want, rel=1e-6)
    higher = loss({"log_probabilities": x + 1, **labels}, options)
    assert higher.value == pytest.approx(found.value - labels["input_lengths"], rel=1e-14)
