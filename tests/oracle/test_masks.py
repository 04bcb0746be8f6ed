"""Tversky losses and the Dice losses of logits and of classes: by hand, by identities, and by differences."""

from math import exp

import numpy as np
import pytest

from lossbench.losses import catalogue

LOSSES = catalogue()
FOUND = np.array([[0.9, 0.8, 0.7, 0.1]])
THERE = np.array([[1.0, 0.0, 0.0, 0.0]])  # overlap 0.9, too much 1.6, missed 0.1


def terms(name, *arrays, **options):
    loss = LOSSES[name]
    parameters = {key: p.default for key, p in loss.parameters.items()} | options
    return loss(dict(zip(loss.arguments, arrays, strict=False)), parameters)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    return np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"alpha": 1.0, "beta": 0.0, "smooth": 0.0}, 1.6 / 2.5),
        ({"alpha": 0.0, "beta": 1.0, "smooth": 0.0}, 0.1 / 1.0),
        ({"alpha": 0.25, "beta": 0.75, "smooth": 0.0}, 0.475 / 1.375),
        ({}, 0.85 / 2.75),
        ({"smooth": 0.0, "epsilon": 0.125}, 0.975 / 1.875),
    ],
)
def test_tversky_by_hand(options, expected):
    """Alpha weighs what is found too much, beta what is missed."""
    assert terms("tversky", FOUND, THERE, **options).value[0] == pytest.approx(expected, rel=1e-14)


def test_tversky_with_two_halves_is_dice_of_twice_the_smoothing():
    generator = np.random.default_rng(0)
    q, y = generator.random((5, 3, 4)), generator.random((5, 3, 4))
    ours = terms("tversky", q, y, smooth=0.5, epsilon=0.25)
    dice = terms("soft_dice", q, y, smooth=1.0, epsilon=0.5)
    assert ours.value == pytest.approx(dice.value, rel=1e-14)
    assert ours.slopes["prediction"] == pytest.approx(dice.slopes["prediction"], rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(("name", "base"), [("tversky_with_logits", "tversky"), ("soft_dice_with_logits", "soft_dice")])
def test_logits_are_the_chain_rule_away_from_probabilities(name, base):
    generator = np.random.default_rng(1)
    x, y = generator.normal(size=(4, 6)), generator.random((4, 6))
    q = sigmoid(x)
    ours, plain = terms(name, x, y, smooth=0.5), terms(base, q, y, smooth=0.5)
    assert ours.value == pytest.approx(plain.value, rel=1e-13)
    assert ours.slopes["logit"] == pytest.approx(plain.slopes["prediction"] * q * (1 - q), rel=1e-11, abs=1e-14)
    assert ours.slopes["target"] == pytest.approx(plain.slopes["target"], rel=1e-12, abs=1e-14)


def test_dice_of_classes_is_the_mean_of_each_class_by_itself():
    generator = np.random.default_rng(2)
    x, y = generator.normal(size=(4, 6, 3)), softmax(generator.normal(size=(4, 6, 3)))
    weight = np.array([0.5, 1.0, 3.0])
    each = [terms("tversky", softmax(x)[..., c], y[..., c], alpha=0.25, beta=0.75).value for c in range(3)]
    options = {"alpha": 0.25, "beta": 0.75}
    assert terms("multiclass_dice", x, y, **options).value == pytest.approx(np.mean(each, axis=0), rel=1e-13)
    weighted = terms("multiclass_dice", x, y, weight, **options)
    assert weighted.value == pytest.approx((weight[:, None] * each).sum(axis=0) / 3, rel=1e-13)
    without = terms("multiclass_dice", x, y, weight, **options, ignore_background=True)
    assert without.value == pytest.approx((each[1] + 3 * each[2]) / 2, rel=1e-13)


def test_generalized_dice_by_hand():
    """One sample of four pixels, scores of 0: p = 1/2 everywhere; one pixel is of class 0, three are of class 1."""
    x = np.zeros((1, 4, 2))
    y = np.array([[[1.0, 0], [0, 1], [0, 1], [0, 1]]])
    rare, common = 1 / (1 + 1e-7), 1 / (9 + 1e-7)
    weights = 2 * rare / (rare + common), 2 * common / (rare + common)
    each = 1 - (0.5 + 1) / ((2 + 1) / 2 + 1), 1 - (1.5 + 1) / ((2 + 3) / 2 + 1)
    found = terms("generalized_dice", x, y)
    assert float(found.denominators["mean"].value) == 2
    assert float(found.value) == pytest.approx(weights[0] * each[0] + weights[1] * each[1], rel=1e-14)
    assert weights[0] == pytest.approx(1.8, abs=1e-6)


@pytest.mark.parametrize("name", ["multiclass_dice", "generalized_dice"])
@pytest.mark.parametrize("ignored", [False, True])
def test_slopes_are_the_limits_of_differences(name, ignored):
    generator = np.random.default_rng(3)
    x, y = generator.normal(size=(2, 3, 3)), softmax(generator.normal(size=(2, 3, 3)))
    found = terms(name, x, y, ignore_background=ignored)
    for index in np.ndindex(*x.shape):
        h = np.zeros(x.shape)
        h[index] = 1e-5
        by_logit, by_target = (
            (
                terms(name, x + a * h, y + b * h, ignore_background=ignored).value
                - terms(name, x - a * h, y - b * h, ignore_background=ignored).value
            ).sum()
            / 2e-5
            for a, b in ((1, 0), (0, 1))
        )
        assert found.slopes["logits"][index] == pytest.approx(by_logit, abs=1e-9)
        assert found.slopes["target"][index] == pytest.approx(by_target, abs=1e-9)


def test_a_confident_mask_keeps_the_digits_of_what_it_lacks():
    value = terms("tversky_with_logits", np.array([[40.0, -40.0]]), np.array([[1.0, 0.0]]), smooth=0.0).value[0]
    assert value == pytest.approx(exp(-40), rel=1e-13)
