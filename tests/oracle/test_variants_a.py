"""Deviating formulas of losses over elements: the loss itself where they claim no deviation, else as measured."""

from __future__ import annotations

import numpy as np
import pytest

from lossbench.domains import Kind
from lossbench.loss import Loss
from lossbench.losses import catalogue
from lossbench.records import Option

LIMIT, EPS = 8.0, 2.0**-52
Parameters = dict[str, Option]

# Each variant, the loss it deviates from, and parameters that make the two agree on ordinary inputs.
VARIANTS: dict[str, tuple[str, dict[str, Option]]] = {
    "binary_cross_entropy_clamped_at_100": ("binary_cross_entropy", {}),
    "binary_cross_entropy_clipped": ("binary_cross_entropy", {}),
    "binary_cross_entropy_with_logits_lowered_at_zero": ("binary_cross_entropy_with_logits", {}),
    "binary_cross_entropy_with_logits_straight_at_zero": ("binary_cross_entropy_with_logits", {}),
    "kl_div_undefined_at_zero": ("kl_div", {}),
    "kl_div_probability_clipped": ("kl_div_probability", {}),
    "binary_focal_by_subtraction": ("binary_focal", {}),
    "binary_focal_probability_clipped": ("binary_focal_probability", {}),
}


def defaults(loss: Loss) -> Parameters:
    return loss.settings()


def ordinary(loss: Loss) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(3)
    drawn = {}
    for name, argument in loss.arguments.items():
        draw = (
            generator.normal(size=(6, 5))
            if argument.domain.kind is Kind.LOGIT
            else generator.uniform(0.01, 0.99, (6, 5))
        )
        drawn[name] = np.log(draw) if argument.domain.kind is Kind.LOG_PROBABILITIES else draw
    if "pos_weight" in drawn:
        drawn["pos_weight"] = drawn["pos_weight"][0]
    return drawn


def error(got: np.ndarray, want: np.ndarray, magnitude: np.ndarray | float) -> float:
    """The worst error in eps of the scale."""
    return float((np.abs(got - want) / (EPS * np.maximum(np.abs(want), magnitude))).max())


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_deviate_only_where_they_say(name: str) -> None:
    """On ordinary inputs a variant is the loss itself."""
    variant, (original, parameters) = catalogue()[name], VARIANTS[name]
    loss = catalogue()[original]
    assert variant.variant
    assert variant.textbook is None
    got = variant(ordinary(loss), defaults(variant) | parameters)
    want = loss(ordinary(loss), defaults(loss))
    assert error(got.value, want.value, np.abs(want.value) if want.magnitude is None else want.magnitude) <= LIMIT
    for argument, slope in want.slopes.items():
        assert error(got.slopes[argument], slope, want.slope_magnitudes.get(argument, np.abs(slope))) <= LIMIT


@pytest.mark.parametrize(
    ("name", "arguments", "parameters", "value", "slopes"),
    [
        ("binary_cross_entropy_clamped_at_100", (0.0, 1.0), {}, 100.0, (-1e12, np.inf)),
        ("binary_cross_entropy_clamped_at_100", (1.0, 0.5), {}, 50.0, (5e11, -np.inf)),
        ("binary_cross_entropy_clipped", (0.0, 1.0), {}, 16.11809565095832, (0.0, 16.118095550958316)),
        ("binary_cross_entropy_clipped", (1.0, 1.0), {"high": 1.0}, np.nan, (np.nan, -np.inf)),
        ("binary_cross_entropy_with_logits_lowered_at_zero", (0.0, 0.0), {}, 0.6931471805599453, (-0.5, 0.0)),
        ("binary_cross_entropy_with_logits_straight_at_zero", (0.0, 1.0), {}, 0.6931471805599453, (0.0, 0.0)),
        ("kl_div_undefined_at_zero", (-1.0, 0.0), {}, 0.0, (0.0, np.nan)),
        ("kl_div_probability_clipped", (0.0, 0.5), {}, 7.7124742351991875, (0.0, 16.424948470398377)),
        (
            "binary_focal_lowered_at_zero",
            (0.0, 0.0),
            {"alpha": 0.25},
            0.12996509635498973,
            (0.036215096354989734, None),
        ),
        (
            "binary_focal_lowered_at_zero",
            (1.0, 0.5),
            {"alpha": 0.25},
            0.10165771093977785,
            (0.028882322328750612, -0.28956880051197764),
        ),
        ("binary_focal_by_subtraction", (37.0, 1.0), {"gamma": 0.5}, 0.0, (np.nan, np.nan)),
        (
            "binary_focal_probability_clipped",
            (1.0, 0.0),
            {"alpha": 0.25},
            12.088571738613506,
            (24.177143477227013, -44.32476296658285),
        ),
        ("binary_focal_probability_clipped", (0.0, 0.0), {"gamma": 0.5}, 0.0, (np.nan, np.nan)),
    ],
)
def test_variants_give_what_was_measured(
    name: str,
    arguments: tuple[float, ...],
    parameters: Parameters,
    value: float,
    slopes: tuple[float | None, ...],
) -> None:
    """The numbers that the frameworks named in the docstrings returned, in float64."""
    variant = catalogue()[name]
    arrays = {argument: np.array([x]) for argument, x in zip(variant.arguments, arguments, strict=False)}
    terms = variant(arrays, defaults(variant) | parameters)
    np.testing.assert_allclose(terms.value[0], value, rtol=4 * EPS)
    for slope, want in zip(terms.slopes.values(), slopes, strict=True):
        if want is not None:
            np.testing.assert_allclose(slope[0], want, rtol=8 * EPS)


def test_dice_over_the_batch_is_dice_of_one_long_sample() -> None:
    """The variant's one number is what the loss says of the batch laid end to end."""
    generator = np.random.default_rng(5)
    arrays = {"prediction": generator.random((3, 4)), "target": generator.integers(0, 2, (3, 4)).astype(float)}
    parameters: Parameters = {"smooth": 0.0, "epsilon": 1e-7}
    whole = catalogue()["soft_dice_over_batch"](arrays, parameters)
    laid = catalogue()["soft_dice"]({n: a.reshape(1, -1) for n, a in arrays.items()}, parameters)
    assert error(whole.value, laid.value[0], 1.0) <= LIMIT
    assert error(whole.slopes["prediction"].ravel(), laid.slopes["prediction"][0], 1.0) <= LIMIT
