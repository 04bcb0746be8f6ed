"""Proofs: precision that grows until everything asked for stands, corners, and what cannot be proven."""

import gc
import math

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import strategies as st

from lossbench.functions import (
    absolute,
    arccos,
    exactly,
    exp,
    log,
    maximum,
    minimum,
    power,
    sqrt,
    total,
    where,
    xlogy,
)
from lossbench.reference import balls
from lossbench.reference.balls import Ball, Comparison, Undefined
from lossbench.reference.certify import certify

LOGITS = st.lists(st.floats(-30, 30, width=32), min_size=2, max_size=5)


def of(definition, *points, **parameters):
    """The definition certified at the points, all differentiable."""
    points = [np.array(x, np.float64) if isinstance(x, list) else x for x in points]
    return certify(definition, points, [True] * len(points), parameters)


def gradient(certified):
    """The slopes of all leaves in a row, as floats."""
    return [float(x) for high, _ in certified.gradients for x in high.ravel()]


def corner_set(certified):
    """The corners as a set of tuples of floats; None where the gradient is unique."""
    return None if certified.corners is None else {tuple(map(float, row)) for row in certified.corners}


def cross_entropy(logits, label):
    exponentials = [exp(x) for x in logits]
    return -log(exponentials[label] / total(exponentials))


def huber(prediction, target, *, delta):
    r = absolute(prediction - target)
    return where(r <= delta, lambda: r**2 / 2, lambda: delta * (r - delta / 2))


def relu(x):
    return maximum(0, x)


# ---- values and gradients ----------------------------------------------------------------------------------------


def test_a_tie_behind_a_tie_is_found():
    # The first run sends the slope to y, and none to the magnitude of x.
    assert corner_set(of(lambda x, y: maximum(y, absolute(x)), 0.0, 0.0)) == {(0, 1), (1, 0), (-1, 0)}


def test_a_corner_that_is_infinite_is_left_out():
    # To the right of 0 the slope of the root is infinite; what remains is unique.
    certified = of(lambda x: where(x <= 0, 3 * x, lambda: sqrt(x)), 0.0)
    assert (gradient(certified), certified.corners) == ([3], None)


def test_a_corner_is_proven_as_the_rest_is():
    certified = of(lambda x: where(x <= 0, x, lambda: x * (1 + exactly(2.0**-150) - 1)), 0.0)
    assert corner_set(certified) == {(1,), (2.0**-150,)}
    assert certified.precision == 2 * balls.FIRST_PRECISION
    assert certified.proven


def test_where_there_is_no_slope_at_any_precision_the_value_is_proven_and_the_gradient_nan():
    certified = of(lambda x: sqrt(x * x), 0.0)
    assert (certified.value_high, certified.proven) == (0, True)
    assert math.isnan(gradient(certified)[0])


# ---- what precision can and cannot decide ------------------------------------------------------------------------


def test_close_numbers_are_told_apart_by_more_precision():
    # exp(x/2)² (1 + 2**-900) against exp(x): equal to 900 bits, then different.
    certified = of(lambda x: maximum(exp(x / 2) ** 2 * (1 + exactly(2.0) ** -900), 2 * exp(x) - exp(x)), 1.5)
    assert certified.precision == 1024
    assert certified.corners is None
    assert of(lambda x: where(log(exp(x)) < x + 2.0**-500, 1, 2), 0.3).precision == 512


def test_numbers_that_are_equal_in_truth_tie_at_the_last_precision():
    certified = of(lambda x: maximum(log(exp(x)), 3 * x - 0.5), 0.25)
    assert certified.precision == balls.LAST_PRECISION
    assert corner_set(certified) == {(1,), (3,)}
    assert certified.value_high == 0.25
    assert certified.proven
    certified = of(lambda x: absolute(log(exp(x)) - x) + x, 0.25)
    assert certified.value_high == 0.25
    assert certified.proven


def test_a_guessed_branch_with_another_value_is_not_proven():
    certified = of(lambda x: where(log(exp(x)) <= x, x, x + 1), 0.25)
    assert not certified.proven


def test_what_no_precision_resolves_is_not_proven():
    certified = of(lambda p: log(1 - exp(p) / (1 + exp(p))), 1e4)
    assert not certified.proven
    assert math.isnan(certified.value_high)
    unbounded = of(lambda x: exp(exp(x)), 1e5)
    assert not unbounded.proven
    assert math.isnan(unbounded.value_high)


@pytest.mark.parametrize("definition", [lambda x, wide: maximum(x - 1, wide), lambda x, wide: minimum(x + 1, wide)])
def test_a_tie_with_a_badly_known_number_is_not_proven(definition):
    # exp(1e4) has 14427 bits before the point, so that of x in their difference nothing is left.
    assert not of(lambda x: definition(x, exp(exactly(1e4)) + x - exp(exactly(1e4))), 0.5).proven


def test_a_tiny_difference_counts_as_zero_once_its_radius_is_tiny():
    certified = of(lambda x: log(exp(x)) - x, 0.3)
    assert (certified.value_high, certified.proven) == (0, True)
    assert gradient(certified) == [0]


# ---- infinite and undefined --------------------------------------------------------------------------------------


def test_log_of_zero_is_infinite():
    certified = of(lambda x: -log(x), 0.0)
    assert (certified.value_high, gradient(certified), certified.proven) == (math.inf, [-math.inf], True)
    assert certify(lambda x: x - log(0.0), [1.0], [True], {}).value_high == math.inf


def test_zero_times_log_zero_is_zero():
    assert certify(xlogy, [0.0, 0.0], [False, True], {}).value_high == 0
    certified = of(xlogy, 0.0, 0.0)
    assert (certified.value_high, gradient(certified)) == (0, [-math.inf, 0])
    assert gradient(of(xlogy, 0.0, 0.5)) == [pytest.approx(-math.log(2)), 0]
    assert of(xlogy, 0.0, -1.0).value_high == 0
    assert of(lambda x: xlogy(0.0, x), 0.0).value_high == 0
    assert of(lambda x: xlogy(x, x), 0.0).value_high == 0


def test_infinite_slopes():
    assert gradient(of(sqrt, 0.0)) == [math.inf]
    assert gradient(of(lambda x: power(x, 0.5), 0.0)) == [math.inf]
    assert gradient(of(arccos, 1.0)) == [-math.inf]
    certified = of(lambda x: power(x, -1.5), 0.0)
    assert (certified.value_high, gradient(certified)) == (math.inf, [-math.inf])


@pytest.mark.parametrize(
    ("definition", "point", "message"),
    [
        (log, -1.0, "log of .* negative"),
        (sqrt, -1.0, "sqrt of .* negative"),
        (lambda x: 1 / x, 0.0, "divided by exactly zero"),
        (lambda x: x / 0, 1.0, "divided by exactly zero"),
        (lambda x: x**0.5, -1.0, "negative base"),
        (arccos, 1.5, "outside"),
        (lambda x: log(x) - log(x), 0.0, "NaN"),
        (lambda x: x, math.nan, "NaN"),
    ],
)
def test_undefined_says_why(definition, point, message):
    with pytest.raises(Undefined, match=message):
        of(definition, point)


def test_branching_without_where_is_refused():
    with pytest.raises(TypeError, match=r"where\(condition"):
        of(lambda x: 1 if x > 0 else 2, 1.0)
    with pytest.raises(TypeError, match=r"where\(condition"):
        of(lambda x: max(x, 0), 1.0)
    with pytest.raises(TypeError, match="neither true nor false"):
        of(lambda x: x or 1, 1.0)
    # Parameters are constants, and may steer.
    assert certify(lambda x, *, p: x if p == 2 else -x, [3.0], [True], {"p": 2.0}).value_high == 3


# ---- the surroundings --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", [1.0, -1.0])
def test_surroundings_are_left_as_found(point):
    before = ctx.prec
    try:
        ctx.prec = 77
        try:
            of(log, point)
        except Undefined:
            assert point < 0
        assert ctx.prec == 77
        assert exactly(1.0) is not None
        assert isinstance(exactly(1.0), float)
        assert gc.isenabled()
    finally:
        ctx.prec = before


def test_numpy_scalars_leave_arithmetic_to_balls():
    two = np.float64(2)
    assert isinstance(two * Ball(arb(3)), Ball)
    assert isinstance(two < Ball(arb(3)), Comparison)
    assert certify(lambda x: two * x + two, [np.float32(3)], [True], {}).value_high == 8


def test_more_bits_take_more_precision():
    assert certify(exp, [1.0], [True], {}, bits=100).precision == 128
    assert certify(exp, [1.0], [True], {}, bits=200).precision == 256
