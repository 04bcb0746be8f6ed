"""Steps from one number of a format to the next, and what all patterns of an argument are."""

import numpy as np
import pytest

from lossbench.floats import FORMATS, decode, encode, next_above
from lossbench.judging.patterns import Passage, Tally, passages, pattern_count, patterns, steps, takes_patterns, truth
from lossbench.losses import catalogue

LOSSES = catalogue()
NARROW = ("float16", "bfloat16")


@pytest.mark.parametrize("name", NARROW)
def test_all_patterns_are_all_numbers_of_the_format_once(name):
    form = FORMATS[name]
    stored = patterns(form, 0, pattern_count(form))
    assert len(np.unique(stored.view(np.uint16))) == 65536
    numbers = np.unique(decode(stored, form))
    finite = numbers[np.isfinite(numbers)]
    assert finite.max() == form.largest
    assert np.array_equal(next_above(finite[:-1], form), finite[1:])  # no gap


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32"])
def test_steps_count_the_numbers_between(name):
    form = FORMATS[name]
    one = np.array([1.0])
    up = one
    for count in range(4):
        assert steps(encode(up, form), encode(one, form), form)[0].tolist() == [count]
        up = next_above(up, form)
    below, above = encode([-1.0], form), encode([1.0], form)
    assert steps(below, above, form)[0][0] == steps(above, below, form)[0][0] > 10_000
    assert steps(encode([-0.0], form), encode([0.0], form), form)[0].tolist() == [0]
    largest, infinite = encode([form.largest], form), encode([np.inf], form)
    assert steps(largest, infinite, form)[0].tolist() == [1]


def test_nan_where_a_number_belongs_is_wrong_and_flushing_to_zero_is_not():
    form = FORMATS["float16"]
    got, want = encode([np.nan, 1.0, np.nan, 0.0], form), encode([1.0, np.nan, np.nan, 1e-6], form)
    distance, nan = steps(got, want, form)
    assert nan.tolist() == [True, True, False, False]
    assert distance.tolist() == [0, 0, 0, 0]


def tally_of(passage, bend=lambda stored: stored):
    """What is counted of an implementation that returns the right values, bent."""
    form = FORMATS[passage.dtype]
    right = truth(LOSSES[passage.loss], passage, patterns(form, 0, pattern_count(form)))
    tally = Tally()
    tally.include(passage, right.numbers, bend(right.value.copy()), right.value, right.asked)
    return tally


def test_a_single_wrong_pattern_among_all_is_found_with_its_input():
    passage = Passage("squared_error", "prediction", (("target", 0.0),), (), "float16")
    honest = tally_of(passage)
    assert honest.counts == [honest.compared, 0, 0, 0, 0]
    assert honest.compared == 65536 - 2 * 1024  # infinities and NaN are no inputs
    position = 0x3C00  # 1.0

    def off(stored):
        stored[position : position + 1].view(np.uint16)[...] += 3
        return stored

    lied = tally_of(passage, off)
    assert (lied.counts[3], lied.worst, lied.at, lied.want) == (1, 3, 1.0, 1.0)
    assert lied.by_exponent == {1: 3}

    def nan(stored):
        stored[position] = np.nan
        return stored

    lied = tally_of(passage, nan)
    assert (lied.wrong, lied.at) == (1, 1.0)


def test_every_continuous_argument_runs_and_labels_are_held():
    found = list(passages(LOSSES["binary_cross_entropy"], "bfloat16"))
    assert {p.argument for p in found} == {"prediction"}
    assert {dict(p.held)["target"] for p in found} == {0.0, 1.0, 0.75}
    assert {dict(p.parameters).get("label_smoothing") for p in found} == {None, 0.125}
    assert {p.argument for p in passages(LOSSES["huber"], "float16")} == {"prediction", "target"}


def test_only_elementwise_losses_take_patterns():
    assert takes_patterns(LOSSES["huber"])
    assert not takes_patterns(LOSSES["cross_entropy"])
    assert not takes_patterns(LOSSES["soft_dice"])


@pytest.mark.parametrize("name", [n for n, loss in LOSSES.items() if not loss.variant and takes_patterns(loss)])
def test_the_reference_is_finite_or_nan_by_definition_on_all_patterns(name):
    for passage in passages(LOSSES[name], "bfloat16"):
        form = FORMATS["bfloat16"]
        right = truth(LOSSES[name], passage, patterns(form, 0, pattern_count(form)))
        assert right.asked.any()
        assert right.sure.any()
        assert not np.isnan(decode(right.value, form)[right.asked]).any(), str(passage)
