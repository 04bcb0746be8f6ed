"""Spreads of errors: counted, written, pooled, and percentiles from them."""

import math

import numpy as np
import pytest

from lossbench.spreads import counted, edge, percentile, pooled, written


def test_every_error_is_counted_in_the_step_that_holds_it():
    ulps = np.array([0.0, 0.5, 1.0, 1.0001, 3.7, 1e40, math.inf, math.nan, 0.0])
    spread = counted(ulps)
    assert spread.total() == ulps.size
    assert (spread["="], spread["inf"], spread["-4"], spread["0"]) == (2, 2, 1, 1)
    for error in ulps[(ulps > 0) & np.isfinite(ulps)]:
        (step,) = counted(np.array([error]))
        assert edge(step) / 2**0.25 < error * (1 + 1e-9) <= edge(step) * (1 + 2e-9)


def test_powers_of_two_lie_on_the_edge_of_their_own_step():
    for exponent in range(-30, 31):
        assert edge(*counted(np.array([2.0**exponent]))) == 2.0**exponent


def test_what_is_written_is_sorted_and_comes_back():
    spread = counted(np.array([0.0, 4.0, 0.25, math.inf, 4.0]))
    assert written(spread) == ("=:1", "-8:1", "8:2", "inf:1")
    assert pooled([written(spread), written(spread)]) == spread + spread
    assert pooled([]) == {}


@pytest.mark.parametrize("cell", [("x:1",), ("3",), ("3:many",)])
def test_another_text_is_refused(cell):
    with pytest.raises(ValueError, match=r".+"):
        pooled([cell])


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99, 1.0])
def test_percentiles_are_at_most_a_step_too_high(share):
    ulps = np.random.default_rng(0).lognormal(0, 3, 2000)
    true = float(np.sort(ulps)[math.ceil(share * ulps.size) - 1])
    found = percentile(counted(ulps), share)
    assert true * (1 - 1e-9) <= found <= true * 2**0.25 * (1 + 1e-9)


def test_of_nothing_there_is_no_percentile():
    assert percentile(counted(np.zeros(0)), 0.5) is None
    assert percentile(counted(np.zeros(3)), 0.99) == 0.0
    assert percentile(counted(np.array([0, math.inf])), 0.99) == math.inf
