"""Arguments that all terms share, such as a layer's weights: their gradients are sums over the terms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from submissions import expectation, gradient, right, spoiled, value, verdict

from lossbench.cases.inputs import Inputs, build, resolved
from lossbench.cases.suite import Selection, load, parse_case
from lossbench.cases.unfolding import unfold
from lossbench.domains import Axes
from lossbench.loss import Denominator
from lossbench.losses import catalogue
from lossbench.records import Status
from lossbench.reference.answers import Answers
from lossbench.reference.expectation import Expectation, expect, reduced

SHARING = [
    name
    for name, loss in catalogue().items()
    if not loss.variant and any(loss.is_shared(a) and loss.arguments[a].domain.differentiable for a in loss.arguments)
]
PLAIN = "linear_cross_entropy/linear_bias/none/float32/6x4x5/normal/0"
EPS = 2.0**-23


def with_terms(made: Expectation, **changed: Any) -> Expectation:
    return replace(made, **changed)


def test_there_are_losses_that_share_arguments():
    assert {"linear_cross_entropy", "adaptive_log_softmax", "hierarchical_sigmoid", "nce", "sampled_softmax"} <= set(
        SHARING
    )
    assert not catalogue()["cross_entropy"].is_shared("weight")  # one entry for each class, and no gradient


@pytest.mark.parametrize("name", SHARING)
def test_slopes_by_a_shared_argument_are_jacobians(name: str):
    loss = catalogue()[name]
    case = parse_case(f"{name}/none/float64/{'x'.join(map(str, loss.small))}/normal/0", catalogue())
    terms = loss(build(case, loss).arrays, resolved(case, loss))
    for argument, slope in terms.slopes.items():
        whole = loss.argument_shape(argument, case.shape)
        assert np.shape(slope) == ((loss.small[0], *whole) if loss.is_shared(argument) else whole)
        assert np.shape(terms.slope_magnitudes[argument]) == np.shape(slope)


@pytest.mark.parametrize("name", SHARING)
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_gradients_are_the_slopes_of_values(name: str, reduction: str):
    """Central differences of the cotangent times the output, through every entry of every shared argument."""
    loss = catalogue()[name]
    optional = ",".join(a.name for a in loss.arguments.values() if a.optional)
    text = f"{name}/{optional + '/' if optional else ''}{reduction}/float64/{'x'.join(map(str, loss.small))}/normal/1"
    case = parse_case(text, catalogue())
    inputs, parameters = build(case, loss), resolved(case, loss)
    cotangent = np.array([1.5, -0.5, 2.0, -1.0, 0.25, 3.0]) if reduction == "none" else np.array(-1.5)

    def output(arrays: dict[str, np.ndarray]) -> Any:
        made = expect(replace(loss, textbook=None), parameters, Inputs(arrays, inputs.poisoned), case.shape, NONE)
        return reduced(made, reduction, cotangent)

    made, step = output(inputs.arrays), 1e-5
    shared = [argument for argument in made.gradients if loss.is_shared(argument)]
    assert shared
    for argument in shared:
        high, _ = made.gradients[argument]
        assert high.shape == inputs.arrays[argument].shape
        for index in np.ndindex(high.shape):
            ends = []
            for sign in (1, -1):
                moved = inputs.arrays[argument].copy()
                moved[index] += sign * step
                ends.append(float((output({**inputs.arrays, argument: moved}).value[0] * cotangent).sum()))
            assert high[index] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5, abs=1e-7), argument


NONE = Answers(None)


def test_a_gradient_is_summed_once_and_so_is_its_denominator():
    """By hand: slopes 1 and 3 of two terms, divided by a denominator 4 that the argument has slope 2 on."""
    made = expectation("linear_cross_entropy/mean/float64/2x1x2/normal/0")
    shape = made.slopes["linear_weight"][0].shape
    assert shape == (2, 2, 1)
    slopes = np.array([[[1.0], [10.0]], [[3.0], [30.0]]])
    zero = np.zeros((2, 2, 1))
    own = {"mean": Denominator(4.0, {"linear_weight": np.array([[2.0], [0.0]])})}
    made = with_terms(
        made,
        value=(np.array([5.0, 7.0]), np.zeros(2)),
        magnitude=np.array([5.0, 7.0]),
        slopes={**made.slopes, "linear_weight": (slopes, zero)},
        slope_magnitudes={**made.slope_magnitudes, "linear_weight": 2 * slopes},
        denominators=own,
        across=np.zeros(2, bool),
    )
    plain = reduced(made, "mean", np.array(3.0))
    # (1 + 3)/4 - 12 · 2/4² for the first row, (10 + 30)/4 for the second, times the cotangent
    assert plain.gradients["linear_weight"][0] == pytest.approx(np.array([[3 * (1 - 1.5)], [3 * 10.0]]))
    assert plain.gradient_scales["linear_weight"] == pytest.approx(np.array([[3 * (2 + 1.5)], [3 * 20.0]]))
    assert reduced(made, "sum", None).gradients["linear_weight"][0] == pytest.approx(np.array([[4.0], [40.0]]))
    given = reduced(made, "none", np.array([1.0, -2.0])).gradients["linear_weight"][0]
    assert given == pytest.approx(np.array([[1 - 6.0], [10 - 60.0]]))


def test_each_term_may_have_a_divisor_of_its_own():
    made = with_terms(
        expectation("linear_cross_entropy/mean/float64/2x1x2/normal/0"),
        slopes={"linear_weight": (np.array([[[1.0], [2.0]], [[4.0], [8.0]]]), np.zeros((2, 2, 1)))},
        slope_magnitudes={"linear_weight": np.zeros((2, 2, 1))},
        denominators={"mean": Denominator(np.array([2.0, 4.0]))},
    )
    assert reduced(made, "mean", None).gradients["linear_weight"][0] == pytest.approx(np.array([[1.5], [3.0]]))


def test_what_the_sum_loses_to_rounding_is_kept():
    """Pairs, not floats: 1, tiny and -1 add up to tiny."""
    made = with_terms(
        expectation("linear_cross_entropy/sum/float64/3x1x2/normal/0"),
        slopes={"linear_weight": (np.array([1.0, 2.0**-80, -1.0])[:, None, None] * np.ones((3, 2, 1)), ZERO)},
        slope_magnitudes={"linear_weight": ZERO},
    )
    assert (reduced(made, "sum", None).gradients["linear_weight"][0] == 2.0**-80).all()


ZERO = np.zeros((3, 2, 1))


@pytest.mark.parametrize("name", SHARING)
def test_the_rounded_truth_agrees_on_every_case_of_smoke(name: str):
    cases = unfold(load("smoke"), catalogue(), Selection(frozenset([name])))
    assert {case.regime for case in cases} >= {
        "normal",
        "boundary",
        "log_uniform",
        "zeros",
        "poison",
        "empty",
        "one_row",
    }
    for case in cases:
        found = verdict(right(str(case)))
        assert found.status is Status.AGREES, (case, found)
        assert found.compared > 0


@pytest.mark.parametrize("name", SHARING)
@pytest.mark.parametrize(
    "change",
    [
        lambda g: -g,
        lambda g: 2 * g,
        lambda g: g * np.nan,
        np.zeros_like,
        lambda g: np.roll(g, 1, axis=0),
        lambda g: g / 6,  # a mean for a sum
    ],
)
def test_a_wrong_gradient_of_a_shared_argument_differs(name: str, change: Any):
    loss = catalogue()[name]
    text = f"{name}/none/float32/{'x'.join(map(str, loss.small))}/normal/0"
    for argument in (a for a in loss.differentiable if loss.is_shared(a) and not loss.arguments[a].optional):
        found = verdict(spoiled(text, gradient(argument, change)))
        assert found.status is Status.DIFFERS, argument
        assert found.worst.startswith(f"gradient of {argument}")


def test_one_wrong_entry_in_a_small_row_is_seen():
    """Each row of a matrix has its own scale: a class that hardly counts is held to its own digits."""
    text = "linear_cross_entropy/none/float32/6x4x5/normal/0"
    made = right(text)
    bias_free = np.abs(made.answers[0].gradients["linear_weight"])
    row = int(np.argmin(bias_free.max(axis=1)))

    def off(array: np.ndarray) -> np.ndarray:
        array[row, 1] += 1e-3 * np.abs(array[row]).max()
        return array

    assert verdict(made).status is Status.AGREES
    assert verdict(spoiled(text, gradient("linear_weight", off))).status is Status.DIFFERS


def test_a_gradient_that_forgets_the_cotangent_differs():
    """With ones for a cotangent nobody could tell; that is why there are two."""
    made = right(PLAIN)
    ones = made.answers[1].gradients["linear_weight"]
    answers = [replace(a, gradients={**a.gradients, "linear_weight": ones}) for a in made.answers]
    assert verdict(replace(made, answers=answers)).status is Status.DIFFERS


def test_a_gradient_that_forgets_one_row_differs():
    made = right(PLAIN)
    slopes = made.expectation.slopes["linear_bias"][0]
    answers = [
        replace(a, gradients={**a.gradients, "linear_bias": a.gradients["linear_bias"] - c[3] * slopes[3]})
        for a, c in zip(made.answers, made.cotangents, strict=True)
    ]
    found = verdict(replace(made, answers=answers))
    assert found.status is Status.DIFFERS
    assert found.worst.startswith("gradient of linear_bias")


def test_of_poison_the_shared_gradient_is_free_and_the_neighbours_are_not():
    text = "linear_cross_entropy/linear_bias/none/float32/6x4x5/poison/0"
    made = right(text)
    assert made.expectation.free.any()
    assert not made.expectation.free.all()
    lost = spoiled(text, gradient("linear_weight", lambda g: g * np.nan))
    assert verdict(lost).status is Status.AGREES
    row = int(np.flatnonzero(~made.expectation.free)[0])
    assert verdict(spoiled(text, gradient("features", at(row, np.nan)))).status is Status.DIFFERS
    assert verdict(spoiled(text, value(at(row, np.nan)))).status is Status.DIFFERS


def test_an_ignored_row_that_is_poisoned_must_not_reach_the_weights():
    text = "linear_cross_entropy/ignore_index=1/none/float32/6x4x5/poison/0"
    made = right(text)
    assert not made.expectation.free.any()
    assert np.isfinite(made.answers[0].gradients["linear_weight"]).all()
    assert verdict(made).status is Status.AGREES
    assert verdict(spoiled(text, gradient("linear_weight", lambda g: g * np.nan))).status is Status.DIFFERS


def test_without_rows_the_gradient_is_zero_and_has_the_whole_shape():
    for reduction in ("none", "sum"):
        text = f"linear_cross_entropy/{reduction}/float32/0x4x5/empty/0"
        made = right(text)
        assert made.answers[0].gradients["linear_weight"].shape == (5, 4)
        assert not made.answers[0].gradients["linear_weight"].any()
        assert verdict(made).status is Status.AGREES
        assert verdict(spoiled(text, gradient("linear_weight", lambda g: g + 1))).status is Status.DIFFERS


def test_a_shared_gradient_of_another_shape_differs():
    transposed = spoiled(PLAIN, gradient("linear_weight", np.transpose))
    assert verdict(transposed).status is Status.DIFFERS
    assert "other-shape" in verdict(transposed).notes
    missing = right(PLAIN)
    answers = [replace(a, gradients={"features": a.gradients["features"]}) for a in missing.answers]
    found = verdict(replace(missing, answers=answers))
    assert found.status is Status.DIFFERS
    assert "no-gradient" in found.notes


def at(index: int, number: float) -> Any:
    def change(array: np.ndarray) -> np.ndarray:
        array[index] = number
        return array

    return change


def test_drawing_ties_leaves_shared_arguments_alone():
    """Pairs of equal numbers are drawn for arguments of terms; weights of the same shape are no such pair."""
    loss = catalogue()["linear_cross_entropy"]
    case = parse_case("linear_cross_entropy/none/float64/5x4x5/tie/0", catalogue())
    arrays = build(case, loss).arrays
    assert arrays["features"].shape == arrays["linear_weight"].shape
    assert not (arrays["features"] == arrays["linear_weight"]).any()
    assert loss.arguments["linear_weight"].domain.axes is Axes.SHARED


def test_shared_arrays_are_whole_for_every_term():
    loss = catalogue()["nce"]
    array = np.arange(12.0).reshape(4, 3)
    assert loss.slice_of("weights", array, (2,)) is array
    assert loss.slice_of("features", array, (2,)).tolist() == [6.0, 7.0, 8.0]
