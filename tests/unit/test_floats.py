"""The formats, against numpy where numpy has them and against exact rational arithmetic where it has not."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossbench.floats import (
    FORMATS,
    decode,
    encode,
    format_named,
    next_above,
    next_below,
    round_to,
    ulp,
    ulps_between,
)

NUMPY_TYPES = {"float16": np.float16, "float32": np.float32, "float64": np.float64}
NARROW = ["bfloat16", "float16", "float32"]
ANY_FLOAT = st.floats(allow_nan=False) | st.floats(width=32, allow_nan=False) | st.floats(width=16, allow_nan=False)


def all_numbers(name):
    """Every number of a 16-bit format but the NaNs, ascending, -0 left out."""
    format = format_named(name)
    stored = np.arange(65536, dtype=np.uint16).view(format.storage)
    numbers = decode(stored, format)
    return np.unique(numbers[~np.isnan(numbers)])


@pytest.mark.parametrize("name", NUMPY_TYPES)
def test_attributes_are_those_of_numpy(name):
    format, info = FORMATS[name], np.finfo(NUMPY_TYPES[name])
    assert format.eps == info.eps
    assert format.unit_roundoff == info.eps / 2
    assert format.largest == info.max
    assert format.smallest_normal == info.smallest_normal
    assert format.smallest_subnormal == info.smallest_subnormal
    assert format.bits == info.bits
    assert format.storage == info.dtype


def test_bfloat16_is_the_upper_half_of_float32():
    format, wide = FORMATS["bfloat16"], FORMATS["float32"]
    assert (format.eps, format.bits, format.storage) == (2**-7, 16, np.uint16)
    assert format.largest == float.fromhex("0x1.FEp127")
    assert format.smallest_normal == wide.smallest_normal
    assert format.smallest_subnormal == 2.0**-133


def test_unknown_format_names_the_known_ones():
    with pytest.raises(ValueError, match=r"'float8'.*bfloat16, float16, float32, float64"):
        format_named("float8")


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_every_pattern_survives_a_round_trip(name):
    format = FORMATS[name]
    stored = np.arange(65536, dtype=np.uint16).view(format.storage)
    numbers = decode(stored, format)
    back = encode(numbers, format)
    nan = np.isnan(numbers)
    assert nan.sum() == 2 * (2 ** (format.precision - 1) - 1)
    np.testing.assert_array_equal(back.view(np.uint16)[~nan], stored.view(np.uint16)[~nan])  # by bits: -0 stays -0
    assert np.isnan(decode(back[nan], format)).all()


def test_float16_decodes_as_in_numpy():
    stored = np.arange(65536, dtype=np.uint16).view(np.float16)
    np.testing.assert_array_equal(decode(stored, FORMATS["float16"]), stored.astype(np.float64))


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_midpoints_go_to_the_even_neighbour_and_nothing_else_does(name):
    format = FORMATS[name]
    numbers = all_numbers(name)
    numbers = numbers[np.isfinite(numbers)]
    low, high = numbers[:-1], numbers[1:]
    middle = (low + high) / 2
    even_low = encode(low, format).view(np.uint16) % 2 == 0
    np.testing.assert_array_equal(round_to(middle, format), np.where(even_low, low, high))
    # One float64 to either side: a rounding by way of float32 would lose the difference.
    np.testing.assert_array_equal(round_to(np.nextafter(middle, -np.inf), format), low)
    np.testing.assert_array_equal(round_to(np.nextafter(middle, np.inf), format), high)


@pytest.mark.parametrize("name", NARROW)
def test_overflow_starts_at_the_threshold(name):
    format = FORMATS[name]
    threshold = format.overflow_threshold
    below = np.nextafter(threshold, 0)
    np.testing.assert_array_equal(round_to([threshold, -threshold, 1e308], format), [np.inf, -np.inf, np.inf])
    np.testing.assert_array_equal(round_to([below, -below], format), [format.largest, -format.largest])
    assert FORMATS["float64"].overflow_threshold == math.inf


@pytest.mark.parametrize("name", NARROW)
def test_underflow_keeps_subnormals_and_signs(name):
    format = FORMATS[name]
    tiny = format.smallest_subnormal
    got = round_to([tiny, tiny / 2, np.nextafter(tiny / 2, 1), 1.5 * tiny, 2.5 * tiny, -tiny / 4, 5e-324], format)
    np.testing.assert_array_equal(got, [tiny, 0, tiny, 2 * tiny, 2 * tiny, 0, 0])
    assert np.signbit(got[5])
    assert np.isnan(round_to(np.nan, format))


@pytest.mark.parametrize("name", ["float16", "float32"])
@given(value=ANY_FLOAT)
def test_rounds_as_numpy_does(name, value):
    with np.errstate(over="ignore", under="ignore"):
        want = np.float64(value).astype(NUMPY_TYPES[name])
    np.testing.assert_array_equal(round_to(value, FORMATS[name]), np.float64(want))
    assert encode(value, FORMATS[name]).tobytes() == want.tobytes()


@pytest.mark.parametrize("name", ["float16", "float32", "float64"])
@given(value=ANY_FLOAT)
def test_neighbours_are_those_of_numpy(name, value):
    type_ = NUMPY_TYPES[name]
    rounded = round_to(value, FORMATS[name]).astype(type_)
    for step, towards in ((next_above, np.inf), (next_below, -np.inf)):
        with np.errstate(over="ignore", under="ignore"):
            want = np.nextafter(rounded, type_(towards))
        np.testing.assert_array_equal(step(rounded.astype(np.float64), FORMATS[name]), np.float64(want))


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_neighbours_walk_through_every_number(name):
    numbers = all_numbers(name)
    np.testing.assert_array_equal(next_above(numbers[:-1], FORMATS[name]), numbers[1:])
    np.testing.assert_array_equal(next_below(numbers[1:], FORMATS[name]), numbers[:-1])
    between = np.nextafter(numbers[1:-1], np.inf)  # no number of the format, but just above one
    np.testing.assert_array_equal(next_above(between, FORMATS[name]), numbers[2:])
    np.testing.assert_array_equal(next_below(between, FORMATS[name]), numbers[1:-1])


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_ulp_is_the_gap_above_each_magnitude(name):
    numbers = all_numbers(name)
    positive = numbers[(numbers >= 0) & np.isfinite(numbers)]
    np.testing.assert_array_equal(ulp(positive[:-1], FORMATS[name]), np.diff(positive))
    np.testing.assert_array_equal(ulp(-positive[:-1], FORMATS[name]), np.diff(positive))


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_ulp_of_float64_is_that_of_math(value):
    assert ulp(value, FORMATS["float64"]) == math.ulp(value)


def test_ulp_of_what_is_not_finite_is_nan():
    assert np.isnan(ulp([np.inf, -np.inf, np.nan], FORMATS["float32"])).all()


@given(
    got=st.floats(-(2.0**100), 2.0**100, width=32),
    high=st.floats(-(2.0**100), 2.0**100),
    fraction=st.floats(-0.5, 0.5),
    close=st.booleans(),
)
def test_distance_against_exact_rationals(got, high, fraction, close):
    format = FORMATS["float32"]
    if close:
        got = float(round_to(high, format))
    low = fraction * math.ulp(high)
    want = abs(Fraction(got) - Fraction(high) - Fraction(low)) / Fraction(float(ulp(high, format)))
    distance = float(ulps_between(got, high, low, format))
    assert distance == pytest.approx(float(want), rel=1e-15, abs=0)


def test_distance_keeps_the_low_part():
    format = FORMATS["float64"]
    assert ulps_between(1.0, 1.0, 2.0**-54, format) == 0.25
    assert ulps_between(1.0 + 2**-52, 1.0, 2.0**-54, format) == 0.75
    assert ulps_between(5e-324, 0.0, 0.0, format) == 1


@pytest.mark.parametrize(
    ("got", "want", "distance"),
    [
        (np.inf, 1e39, 0),
        (np.inf, np.inf, 0),
        (np.inf, 2.0**127 * (2 - 2.0**-24), 0),  # halfway beyond the largest
        (-np.inf, -1e300, 0),
        (np.inf, 3.4e38, np.inf),  # the largest float32 is 3.403e38
        (np.inf, -1e39, np.inf),
        (-np.inf, np.inf, np.inf),
        (3.4e38, np.inf, np.inf),
        (np.nan, np.nan, 0),
        (np.nan, 1.0, np.inf),
        (1.0, np.nan, np.inf),
        (np.nan, np.inf, np.inf),
        (np.inf, np.nan, np.inf),
    ],
)
def test_distance_of_what_is_not_finite(got, want, distance):
    assert ulps_between(got, want, 0.0, FORMATS["float32"]) == distance


def test_decoding_another_type_is_refused():
    with pytest.raises(TypeError, match=r"bfloat16 is stored as uint16, but the array is float32"):
        decode(np.zeros(3, np.float32), FORMATS["bfloat16"])
