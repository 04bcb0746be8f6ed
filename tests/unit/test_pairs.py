"""Pairs of float64 against exact rational arithmetic."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossbench import pairs

ORDINARY = st.floats(-1e100, 1e100, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-100)


def array(*numbers):
    return np.array(numbers, float)


def exactly(high, low):
    return Fraction(float(high)) + Fraction(float(low))


@given(ORDINARY, ORDINARY)
def test_a_sum_and_its_error_are_exact(a, b):
    high, low = pairs.two_sum(array(a), array(b))
    assert high[0] == a + b
    assert exactly(high[0], low[0]) == Fraction(a) + Fraction(b)


@given(ORDINARY, ORDINARY)
def test_a_product_and_its_error_are_exact(a, b):
    high, low = pairs.two_product(array(a), array(b))
    assert high[0] == a * b
    assert exactly(high[0], low[0]) == Fraction(a) * Fraction(b)


@given(ORDINARY, ORDINARY, ORDINARY.filter(bool))
def test_scaling_keeps_about_a_hundred_bits(x, factor, divisor):
    low = x * 2.0**-54
    high_out, low_out = pairs.scale(array(x), array(low), factor, divisor)
    want = exactly(x, low) * Fraction(factor) / Fraction(divisor)
    assert abs(exactly(high_out[0], low_out[0]) - want) <= abs(want) * Fraction(1, 2**98)


def test_scaling_by_nothing_over_nothing_is_undefined():
    high, low = pairs.scale(array(0.0, 1.0), array(0.0, 0.0), 1.0, 0.0)
    assert math.isnan(high[0])
    assert math.isinf(high[1])
    assert not low.any()


@given(st.lists(ORDINARY, max_size=20))
def test_a_total_is_exact_to_the_pair(numbers):
    high, low = pairs.total(array(*numbers), np.zeros(len(numbers)))
    want = sum(map(Fraction, numbers), Fraction(0))
    assert high == float(want)
    assert low == float(want - Fraction(high))


def test_a_total_counts_the_low_parts_and_survives_cancellation():
    high, low = pairs.total(array(1e16, 1.0, -1e16), array(0.0, 2.0**-60, 0.0))
    assert exactly(high, low) == 1 + Fraction(1, 2**60)


@pytest.mark.parametrize(
    ("numbers", "want"),
    [((1.7e308, 1.7e308), math.inf), ((-1.7e308, -1.7e308), -math.inf), ((math.inf, 1.0), math.inf), ((), 0.0)],
)
def test_totals_beyond_the_range(numbers, want):
    assert pairs.total(array(*numbers), np.zeros(len(numbers))) == (want, 0.0)


def test_totals_that_only_pass_through_the_range_stay_finite():
    assert pairs.total(array(1.7e308, 1.7e308, -1.7e308), np.zeros(3))[0] == 1.7e308


def test_a_total_of_both_infinities_or_a_nan_is_nan():
    for numbers in ((math.inf, -math.inf), (math.nan, 1.0)):
        with np.errstate(invalid="ignore"):
            assert math.isnan(pairs.total(array(*numbers), np.zeros(2))[0])


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (0, 3), (5,)])
def test_totals_of_rows(shape):
    numbers = np.random.default_rng(1).normal(size=shape)
    high, low = pairs.total_last(numbers, np.zeros(shape))
    assert high.shape == low.shape == shape[:-1]
    assert np.allclose(high, numbers.sum(axis=-1), rtol=1e-15, atol=1e-15)


def test_totals_of_rows_without_numbers_are_zero():
    high, _ = pairs.total_last(np.zeros((3, 0)), np.zeros((3, 0)))
    assert high.tolist() == [0.0, 0.0, 0.0]


def test_what_is_too_large_to_split_stands_as_it_is():
    high, low = pairs.two_product(array(1e305, math.nan), array(1e3, 1.0))
    assert high[0] == 1e308
    assert math.isnan(high[1])
    assert np.isfinite(low).all()


def test_sums_along_the_first_axis_keep_what_additions_lose():
    random = np.random.default_rng(8)
    high = random.normal(size=(50, 4, 3)) * 10.0 ** random.integers(-20, 20, size=(50, 4, 3))
    low = high * 2.0**-55
    sums = pairs.total_first(high, low)
    for index in np.ndindex(4, 3):
        exact = sum(Fraction(x) for part in (high, low) for x in part[:, *index].tolist())
        size = sum(abs(Fraction(x)) for x in high[:, *index].tolist())
        assert abs(sum(Fraction(float(part[index])) for part in sums) - exact) <= size * Fraction(2) ** -98


def test_a_sum_along_the_first_axis_of_nothing_is_zero_and_infinity_stays():
    assert pairs.total_first(np.zeros((0, 2)), np.zeros((0, 2)))[0].tolist() == [0, 0]
    odd = np.array([[np.inf, np.nan, np.inf], [1.0, 1.0, -np.inf]])
    assert np.isinf(pairs.total_first(odd, np.zeros((2, 3)))[0]).tolist() == [True, False, False]
    assert np.isnan(pairs.total_first(odd, np.zeros((2, 3)))[0]).tolist() == [False, True, True]
