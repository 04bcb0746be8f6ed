"""What samples would have lasted without others in the way, on samples made by hand."""

import pytest

from lossbench.judging.holdups import least_idle, undisturbed


def test_what_others_did_meanwhile_is_left_out() -> None:
    walls, busy = (1.0, 3.0, 1.5), (1.0, 1.0, 1.25)
    assert least_idle([(walls, busy)]) == 0.0
    assert undisturbed(walls, busy, 0.0) == busy


def test_what_a_call_always_waits_for_stays_its_own() -> None:
    walls, busy = (1.25, 3.0), (1.0, 1.0)
    assert least_idle([(walls, busy)]) == 0.25
    assert undisturbed(walls, busy, 0.25) == (1.25, 1.25)
    assert least_idle([(walls, busy), ((1.125,), (1.0,))]) == 0.125  # another process saw it wait for less
    assert least_idle([(walls, busy)], 0.125) == 0.125
    assert least_idle([((9.0,), (1.0,))], None) == 8.0


def test_a_sample_never_grows_and_nobody_waits_for_less_than_nothing() -> None:
    assert least_idle([((1.0,), (1.25,))]) == 0.0  # the processor's clock is read around the other one
    assert undisturbed((1.0,), (1.25,), 0.0) == (1.0,)
    assert undisturbed((1.0,), (0.5,), 9.0) == (1.0,)


def test_where_nothing_tells_samples_stay_as_they_are() -> None:
    assert least_idle([]) == least_idle([((1.0, 2.0), ())]) == 0.0
    assert undisturbed((1.0, 2.0), (), 0.5) == (1.0, 2.0)
    with pytest.raises(ValueError, match="zip"):
        undisturbed((1.0, 2.0), (1.0,), 0.0)
