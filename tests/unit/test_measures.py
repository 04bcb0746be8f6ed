"""Errors by scale and in ulps, the patterns of what is not finite, and the hull of the corners of a kink."""

import math

import numpy as np
import pytest

from lossbench.floats import FORMATS, round_to
from lossbench.judging import measures
from lossbench.judging.measures import Hull, Measured, Part, Wanted, describe, errors, measure

SINGLE, DOUBLE, HALF = FORMATS["float32"], FORMATS["float64"], FORMATS["float16"]
EPS = SINGLE.eps
LARGEST, SMALLEST = SINGLE.largest, SINGLE.smallest_normal


def array(*numbers):
    return np.array(numbers, float)


def part(got, want, scale=0.0, free=False, forgiven=None, label="value"):
    want = np.asarray(want, float)
    scale, free = np.asarray(scale, float), np.asarray(free)
    return Part(label, np.asarray(got, float), Wanted((want, np.zeros(want.shape)), scale, free, forgiven))


def measured(got, want, form=SINGLE, slack=64.0, **more):
    return measure([part(got, want, **more)], form, slack)


def one(got, want, form=SINGLE, slack=64.0, scale=0.0, low=0.0):
    by_scale, ulps = errors(array(got), (array(want), array(low)), array(scale), form, slack)
    return float(by_scale[0]), float(ulps[0])


@pytest.mark.parametrize("form", FORMATS.values(), ids=list(FORMATS))
def test_an_error_is_counted_in_eps_of_the_wanted_number(form):
    assert one(1.0, 1.0, form) == (0.0, 0.0)
    assert one(1 + 3 * form.eps, 1.0, form) == (3.0, 3.0)
    assert one(-8 - 24 * form.eps, -8.0, form) == (3.0, 3.0)
    assert one(1.0, -1.0, form)[0] == 2 / form.eps


def test_the_low_part_of_the_wanted_number_counts():
    assert one(1.0, 1.0, DOUBLE, low=2.0**-53) == (0.5, 0.5)


def test_a_larger_scale_forgives_by_scale_but_not_in_ulps():
    by_scale, ulps = one(1e-6, 0.5e-6, scale=1.0)
    assert by_scale == pytest.approx(0.5e-6 / EPS)
    assert ulps > 1e6


def test_a_scale_of_the_whole_tensor_would_hide_what_a_scale_per_slice_shows():
    want, got = array(1e10, 1.0, 2.0, 3.0, 4.0), array(1e10, 1.5, 3.0, 4.5, 6.0)
    assert measured(got, want, scale=np.abs(want).max()).scale < 64
    assert measured(got, want, scale=np.abs(want)).scale > 1e6


@pytest.mark.parametrize(
    ("got", "want", "right"),
    [
        (math.nan, math.nan, True),
        (math.nan, 1.0, False),
        (math.nan, 0.0, False),
        (math.nan, math.inf, False),
        (1.0, math.nan, False),
        (math.inf, math.nan, False),
        (math.inf, math.inf, True),
        (-math.inf, -math.inf, True),
        (-math.inf, math.inf, False),
        (math.inf, 1.0, False),
        (0.0, math.inf, False),
        (1e30, math.inf, False),
        # float32 holds no 1e39: infinity it has to be
        (math.inf, 1e39, True),
        (LARGEST, 1e39, False),
        (LARGEST, 1e300, False),
        (LARGEST, math.inf, False),
        (-math.inf, 1e39, False),
        # at the edge both the largest number and infinity are right
        (math.inf, LARGEST, True),
        (math.inf, LARGEST * (1 - 10 * EPS), True),
        (LARGEST, LARGEST * (1 + 10 * EPS), True),
        (LARGEST * (1 - 10 * EPS), LARGEST * (1 + 10 * EPS), True),
        (math.inf, LARGEST * (1 - 100 * EPS), False),
        (-math.inf, LARGEST, False),
        (LARGEST / 2, LARGEST * (1 + 10 * EPS), False),
    ],
)
def test_patterns_of_what_is_not_finite(got, want, right):
    by_scale, ulps = one(got, want)
    assert (by_scale == 0.0 and ulps == 0.0) if right else by_scale > 64
    assert not math.isnan(by_scale)
    assert not math.isnan(ulps)


def test_an_infinite_float64_expectation_may_be_a_number_that_no_float64_holds():
    assert one(DOUBLE.largest, math.inf, DOUBLE) == (0.0, 0.0)
    assert one(DOUBLE.largest / 2, math.inf, DOUBLE)[0] == math.inf


@pytest.mark.parametrize(("got", "right"), [(1e39, True), (1e39 * (1 + 10 * EPS), True), (1.01e39, False)])
def test_an_answer_in_a_wider_format_may_exceed_the_tested_one(got, right):
    """What comes back in float32 for float16 inputs is held against the number, not against infinity."""
    by_scale, _ = one(got, 1e39)
    assert (by_scale == 0.0) if right else by_scale > 64


@pytest.mark.parametrize(
    ("got", "right"),
    [(0.0, True), (SMALLEST / 3, True), (-SMALLEST, True), (2 * SMALLEST, True), (80 * SMALLEST, False), (1.0, False)],
)
def test_below_the_smallest_normal_number_nothing_is_asked_but_to_stay_there(got, right):
    by_scale, _ = one(got, SMALLEST / 2)
    assert (by_scale == 0.0) if right else by_scale > 64


def test_the_smallest_normal_number_may_not_be_flushed():
    assert one(0.0, SMALLEST)[0] == 1 / EPS


def test_nothing_is_asked_of_free_entries_and_they_are_not_counted():
    found = measured([math.nan, 1.0, 2.0], [1.0, 1.0, 2.0], free=array(1, 0, 0).astype(bool))
    assert (found.scale, found.ulps, found.compared) == (0.0, 0.0, 2)


def test_forgiven_entries_are_counted_but_not_blamed():
    found = measured([5.0, 1.0], [1.0, 1.0], forgiven=np.array([True, False]))
    assert (found.scale, found.compared) == (0.0, 2)


def test_the_worst_number_is_named_whatever_part_it_stands_in():
    first = part([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0, 4.0]])
    second = part([[1.0, 2.0], [3.5, 4.0]], [[1.0, 2.0], [3.0, 4.0]], label="gradient of logits")
    found = measure([first, second], SINGLE, 64.0)
    assert found.worst == "gradient of logits[1,0]: got 3.5, want 3"
    assert found.compared == 8
    assert measure([first], SINGLE, 64.0).worst == ""


def test_a_scalar_is_named_without_an_index():
    assert describe("value", (), 0, 1.0, 2.0) == "value: got 1, want 2"
    assert measured(np.array(3.0), np.array(1.0)).worst == "value: got 3, want 1"


def test_nothing_measured_is_no_error_and_no_number():
    assert measure([], SINGLE, 64.0) == Measured()
    assert measured(np.zeros((0, 3)), np.zeros((0, 3))) == Measured()


def test_chunks_give_what_one_sweep_gives(monkeypatch):
    random = np.random.default_rng(0)
    want = round_to(random.normal(size=(9, 7)), SINGLE)
    got = want * (1 + EPS * random.integers(-30, 30, want.shape))
    got[4, 3] = math.nan
    whole = measured(got, want, scale=np.abs(want))
    monkeypatch.setattr(measures, "CHUNK", 4)
    chunks = measured(got, want, scale=np.abs(want))
    assert chunks == whole
    assert whole.worst.startswith("value[4,3]: got nan")


def test_one_bad_number_in_a_thousand_is_the_worst_but_not_the_percentile():
    want = np.ones(1000)
    got = want.copy()
    got[17] += 5000 * EPS
    found = measured(got, want)
    assert (found.ulps, found.ulps_p99) == (5000.0, 0.0)
    got[100:120] += 100 * EPS
    assert measured(got, want).ulps_p99 == 100.0


def test_included_errors_are_the_worse_of_both():
    found = Measured(3.0, 5.0, 2.0, 10, (3.0, 5.0), "first")
    found.include(Measured(4.0, 1.0, 3.0, 5, (4.0, 1.0), "second"))
    assert found == Measured(4.0, 5.0, 3.0, 15, (4.0, 1.0), "second")
    found.include(Measured(0.0, 0.0, 0.0, 1, (0.0, 0.0), "third"))
    assert (found.worst, found.compared) == ("second", 16)


def hull(corners, got, unit=EPS, limit=64.0):
    corners, got = np.array(corners, float), np.array(got, float)
    return Hull(corners, got, np.full(got.shape, unit), limit).holds()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
def test_two_corners_and_their_mixtures(share):
    assert hull([[1, -1], [-1, 1]], [1 - 2 * share, 2 * share - 1])
    assert hull([[1, -1], [-1, 1]], [1 - 2 * share + 60 * EPS, 2 * share - 1])
    assert not hull([[1, -1], [-1, 1]], [1 - 2 * share + 200 * EPS, 2 * share - 1])


@pytest.mark.parametrize("got", [[1, 1], [2, -2], [0.5, 0.0], [-1.001, 1.001], [math.nan, 0.0], [math.inf, -math.inf]])
def test_outside_of_two_corners(got):
    assert not hull([[1, -1], [-1, 1]], got)


TIE = np.eye(3)


@pytest.mark.parametrize("got", [[1, 0, 0], [0, 0, 1], [0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3], [0.2, 0.3, 0.5]])
def test_mixtures_of_a_three_way_tie(got):
    assert hull(TIE, got)


@pytest.mark.parametrize(
    "got", [[1, 1, 1], [0, 0, 0], [1, 1, 0], [-0.5, 1, 0.5], [0.5, 0.4, 0], [2, -1, 0], [math.nan, 1, 0]]
)
def test_what_is_no_mixture_of_a_three_way_tie(got):
    assert not hull(TIE, got)


def test_a_hull_in_units_of_its_own_for_each_component():
    corners, unit = np.array([[1e6, 0.0], [0.0, 1e-6], [0.0, 0.0]]), np.array([1e6, 1e-6]) * EPS
    assert Hull(corners, array(5e5, 0.4e-6), unit).holds()
    assert not Hull(corners, array(5e5, 0.6e-6), unit).holds()


def test_corners_that_are_not_finite_hold_nothing():
    assert not hull([[math.inf, 0], [math.nan, 1]], [0, 0])
    assert hull([[math.inf, 0], [1, 1]], [1, 1])
    assert hull([[2, 3]], [2, 3])
    assert not hull([[2, 3]], [2, 4])
    assert hull([[1, 1], [1, 1]], [1, 1])


def test_half_precision_has_its_own_eps():
    assert measured([1 + 2.0**-10], [1.0], form=HALF).scale == 1.0


def test_an_answer_beyond_all_corners_is_none_of_their_mixtures_and_no_trouble():
    """In units of a tiny slice a huge answer overflows: wrong, and nothing to warn anybody of."""
    for corners in (np.array([[0.0, 0.0], [1e-300, 0.0]]), np.array([[0.0, 0.0], [1e-300, 0.0], [0.0, 1e-300]])):
        for far in (1e300, 1e-150):
            assert not Hull(corners, array(far, 0.0), np.full(2, 1e-307)).holds()
