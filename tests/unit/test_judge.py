"""The judge, shown to let right answers through and to fail on each kind of wrong one."""

import math
from dataclasses import replace

import numpy as np
import pytest
from submissions import ORDINARY, expectation, gradient, outcome, right, spoiled, twice, value, verdict

from lossbench.cases.suite import Selection, load
from lossbench.cases.unfolding import unfold
from lossbench.floats import FORMATS
from lossbench.judging.judge import Limits, judge
from lossbench.losses import catalogue
from lossbench.records import Ended, Status, Verdict

ROWS = "cross_entropy/none/float32/6x5/normal/0"
TIES = "absolute_error/none/float32/6x5/kink/0"


def set_at(index, number):
    def change(array):
        array[index] = number
        return array

    return change


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "cross_entropy", "soft_dice"])
def test_the_rounded_truth_agrees_on_every_case_of_smoke(loss):
    cases = unfold(load("smoke"), catalogue(), Selection(frozenset([loss])))
    assert len(cases) >= 24
    for case in cases:
        found = verdict(right(str(case)))
        assert found.status is Status.AGREES, (case, found)
        assert found.compared > 0
        assert found.value.scale <= 1
        assert found.gradient.scale <= 1


@pytest.mark.parametrize(
    ("text", "compared"),
    [
        (ORDINARY, 2 * 3 * 30),  # value and two gradients, for two cotangents
        ("squared_error/mean/float32/6x5/normal/0", 2 * (1 + 2 * 30)),
        ("squared_error/mean/float32/0x5/empty/0", 1),
    ],
)
def test_the_numbers_that_were_compared_are_counted(text, compared):
    assert verdict(right(text)).compared == compared


def test_a_verdict_that_agrees_over_nothing_cannot_be_built():
    fields = dict.fromkeys(
        ["case", "loss", "framework", "version", "via", "device", "mode", "dtype", "reduction", "shape", "regime"], ""
    )
    for status in (Status.AGREES, Status.IMPRECISE, Status.DEVIATES):
        with pytest.raises(ValueError, match="zero compared"):
            Verdict(**fields, status=status, compared=0)
        assert Verdict(**fields, status=status, compared=1).compared == 1
    assert Verdict(**fields, status=Status.ABSENT, compared=0).compared == 0


@pytest.mark.parametrize(
    "text", [ORDINARY, ROWS, "huber/mean/float64/6x5/normal/0", "soft_dice/sum/float32/3x12/normal/0"]
)
@pytest.mark.parametrize(
    "change",
    [
        lambda v: v * 2,
        lambda v: -v,
        lambda v: v + 1,
        lambda v: v * (1 + 1e-4),
        lambda v: np.full_like(v, math.nan),
        lambda v: np.full_like(v, math.inf),
        np.zeros_like,
    ],
)
def test_a_wrong_value_differs(text, change):
    found = verdict(spoiled(text, value(change)))
    assert found.status is Status.DIFFERS
    assert found.value.scale > 64
    assert found.gradient.scale <= 1
    assert found.worst.startswith("value")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (ORDINARY, "prediction"),
        (ORDINARY, "target"),
        (ROWS, "logits"),
        ("soft_dice/mean/float32/3x12/normal/0", "target"),
    ],
)
@pytest.mark.parametrize("change", [lambda g: -g, lambda g: 2 * g, lambda g: g[::-1], lambda g: g * math.nan])
def test_a_wrong_gradient_differs(text, name, change):
    found = verdict(spoiled(text, gradient(name, change)))
    assert found.status is Status.DIFFERS
    assert found.value.scale <= 1
    assert found.gradient.scale > 64
    assert found.worst.startswith(f"gradient of {name}")


def test_one_wrong_number_among_many_is_named():
    found = verdict(spoiled("squared_error/none/float32/40x50/normal/0", value(set_at((31, 7), 4.75))))
    assert found.status is Status.DIFFERS
    assert found.worst.startswith("value[31,7]: got 4.75")


def test_small_elements_are_not_hidden_by_huge_ones():
    text = "squared_error/none/float32/6x5/log_uniform/0"
    size = np.abs(right(text).answers[0].value)
    small = size < np.median(size)
    assert size[small].max() < 1e-6 * size.max()
    assert verdict(spoiled(text, value(lambda v: np.where(small, 2 * v, v)))).status is Status.DIFFERS


def test_a_gradient_is_held_to_its_own_row():
    def shrunk(array):
        array[2] *= 1e-6
        return array

    assert verdict(spoiled(ROWS, gradient("logits", shrunk))).status is Status.DIFFERS


def test_components_far_off_in_ulps_alone_are_imprecise():
    def rough(array):  # each wrong by a millionth of the row's largest: within 64 eps of its scale
        return array + 1e-6 * np.abs(array).max(axis=-1, keepdims=True)

    found = verdict(spoiled("cross_entropy/none/float32/6x5/confident/0", gradient("logits", rough)))
    assert found.status is Status.IMPRECISE
    assert found.gradient.scale <= 64
    assert found.gradient.ulps > 1024


def test_a_percentile_far_off_is_imprecise():
    for eps, status in ((20, Status.AGREES), (55, Status.IMPRECISE)):
        found = verdict(spoiled(ORDINARY, value(lambda v, eps=eps: v * (1 + eps * 2.0**-23))))
        assert found.status is status
        assert found.value.scale <= 64
        assert found.value.ulps < 1024


@pytest.mark.parametrize("word", ["wrote-into-input", "nondeterministic"])
def test_what_no_value_shows_differs_with_a_word(word):
    submission = right(ORDINARY)
    found = verdict(replace(submission, outcome=replace(submission.outcome, notes=(word,))))
    assert found.status is Status.DIFFERS
    assert found.notes == [word]


def test_a_missing_gradient_differs():
    def without(answer):
        return replace(answer, gradients={"target": answer.gradients["target"]})

    found = verdict(spoiled(ORDINARY, without))
    assert (found.status, found.notes) == (Status.DIFFERS, ["no-gradient"])


def test_another_format_differs():
    found = verdict(spoiled(ORDINARY, lambda answer: replace(answer, dtypes=frozenset({"float64"}))))
    assert (found.status, found.notes) == (Status.DIFFERS, ["other-dtype"])


@pytest.mark.parametrize("text", [ORDINARY, "squared_error/mean/float32/6x5/normal/0"])
def test_another_shape_differs_even_where_the_numbers_are_right(text):
    found = verdict(spoiled(text, value(lambda v: v.reshape(1, -1))))
    assert (found.status, found.notes) == (Status.DIFFERS, ["other-shape"])
    assert found.value.scale <= 1


def test_a_value_of_another_size_differs():
    found = verdict(spoiled(ORDINARY, value(lambda v: v.mean())))
    assert found.status is Status.DIFFERS
    assert math.isinf(found.value.scale)
    assert "shape (), want (6, 5)" in found.worst


def test_a_gradient_of_another_shape_differs():
    found = verdict(spoiled(ORDINARY, gradient("prediction", np.ravel)))
    assert (found.status, found.notes) == (Status.DIFFERS, ["other-shape"])


def test_an_empty_batch_agrees_by_its_shape_and_differs_by_another():
    text = "squared_error/none/float32/0x5/empty/0"
    found = verdict(right(text))
    assert (found.status, found.compared) == (Status.AGREES, 1)
    assert verdict(spoiled(text, value(lambda v: v.reshape(5, 0)))).status is Status.DIFFERS
    assert verdict(spoiled(text, gradient("target", np.ravel))).status is Status.DIFFERS


def test_a_sum_over_nothing_is_zero():
    text = "squared_error/sum/float32/0x5/empty/0"
    assert verdict(right(text)).status is Status.AGREES
    assert verdict(spoiled(text, value(lambda v: v * math.nan + 1))).status is Status.DIFFERS


@pytest.mark.parametrize("answer", [math.nan, 0.0, 1.0, math.inf])
def test_a_mean_over_nothing_is_a_convention(answer):
    found = verdict(spoiled("squared_error/mean/float32/0x5/empty/0", value(lambda v: np.asarray(answer))))
    assert found.status is Status.AGREES
    assert found.notes == [f"0/0 by definition, returned {answer:g}"]


def test_poison_stays_where_it_is():
    text = "squared_error/none/float32/6x5/poison/0"
    hit = expectation(text).free
    assert 0 < hit.sum() < hit.size
    assert verdict(spoiled(text, value(lambda v: np.where(hit, math.nan, v)))).status is Status.AGREES
    neighbour = tuple(np.argwhere(~hit)[0])
    assert verdict(spoiled(text, value(set_at(neighbour, math.nan)))).status is Status.DIFFERS
    assert verdict(spoiled(text, gradient("target", set_at(neighbour, math.nan)))).status is Status.DIFFERS


def test_a_number_that_comes_of_nan_is_accepted_wrongly():
    text = "squared_error/none/float32/6x5/poison/0"
    nan = expectation(text).nan
    assert nan.any()
    assert verdict(spoiled(text, value(lambda v: np.where(nan, 7.0, v)))).status is Status.ACCEPTS


def test_ignored_rows_are_zero_even_where_their_inputs_are_not_finite():
    text = "cross_entropy/ignore_index=1/none/float32/6x5/poison/0"
    submission = right(text)
    ignored = tuple(np.argwhere(submission.answers[0].value == 0)[0])
    assert verdict(submission).status is Status.AGREES
    for spoil in (value(set_at(ignored, math.nan)), gradient("logits", set_at(ignored, math.nan))):
        assert verdict(spoiled(text, spoil)).status is Status.DIFFERS
    assert verdict(spoiled(text, gradient("logits", set_at(ignored, 0.5)))).status is Status.DIFFERS


@pytest.mark.parametrize("share", [-1.0, -0.5, 0.0, 0.25, 1.0])
def test_any_slope_between_the_sides_of_a_kink_is_right(share):
    def mixed(answer, cotangent):
        at_kink = answer.value == 0
        slopes = {"prediction": share * cotangent, "target": -share * cotangent}
        return replace(answer, gradients={n: np.where(at_kink, slopes[n], g) for n, g in answer.gradients.items()})

    submission = right(TIES)
    assert (submission.answers[0].value == 0).any()
    pairs = zip(submission.answers, submission.cotangents, strict=True)
    assert verdict(replace(submission, answers=[mixed(*pair) for pair in pairs])).status is Status.AGREES


@pytest.mark.parametrize(("by_prediction", "by_target"), [(2, -2), (1, 1), (0.5, 0), (math.nan, math.nan)])
def test_slopes_outside_of_the_hull_of_a_kink_differ(by_prediction, by_target):
    def bent(answer, cotangent):
        at_kink = answer.value == 0
        slopes = {"prediction": by_prediction * cotangent, "target": by_target * cotangent}
        return replace(answer, gradients={n: np.where(at_kink, slopes[n], g) for n, g in answer.gradients.items()})

    submission = right(TIES)
    pairs = zip(submission.answers, submission.cotangents, strict=True)
    assert verdict(replace(submission, answers=[bent(*pair) for pair in pairs])).status is Status.DIFFERS


@pytest.mark.parametrize(
    ("ended", "regime", "status"),
    [
        (Ended.RAISED, "normal", Status.REFUSES),
        (Ended.RAISED, "poison", Status.REJECTS),
        (Ended.DIED, "normal", Status.CRASHES),
        (Ended.DIED, "poison", Status.CRASHES),
        (Ended.HUNG, "normal", Status.HANGS),
    ],
)
def test_no_answer_has_a_status_of_its_own(ended, regime, status):
    submission = outcome(right(f"squared_error/none/float32/6x5/{regime}/0"), ended, "some words")
    found = verdict(submission)
    assert (found.status, found.notes) == (status, ["some words"])


def test_limits_can_only_be_tightened():
    plain = Limits.of("float32", None, {})
    assert Limits.of("float32", None, {"scale": 1e9, "ulps": 1e9, "ulps_p99": 1e9}) == plain
    tight = Limits.of("float32", None, {"scale": 2.0, "ulps": 3.0, "ulps_p99": 1.0})
    assert (tight.scale, tight.ulps, tight.ulps_p99) == (2.0, 3.0, 1.0)
    assert Limits.of("float32", 512.0, {}).scale == 512.0
    assert Limits.of("bfloat16", None, {}).ulps < plain.ulps
    close = spoiled(ORDINARY, value(lambda v: v * (1 + 9 * 2.0**-23)))
    assert judge(close, (), lambda known, form: None, {}).status is Status.AGREES
    assert judge(close, (), lambda known, form: None, {"scale": 4.0}).status is Status.DIFFERS


@pytest.mark.parametrize("name", FORMATS)
def test_a_wrong_factor_shows_in_every_format(name):
    text = f"squared_error/none/{name}/6x5/normal/0"
    assert verdict(right(text)).status is Status.AGREES
    assert verdict(spoiled(text, twice)).status is Status.DIFFERS


def test_a_slope_that_was_flushed_stays_flushed_though_a_cotangent_would_lift_it():
    text = "gan_saturating_generator/none/float64/6x5/gap=708.6/0"
    form = FORMATS["float64"]
    slopes = np.abs(expectation(text).slopes["fake"][0])
    assert 0 < slopes.min() < form.smallest_normal
    lifted = np.abs(right(text).answers[0].gradients["fake"])
    assert ((lifted > form.smallest_normal) & (lifted < 0.1)).any()

    def flushed(array):
        return np.where(np.abs(array) < 4 * form.smallest_normal, 0.0, array)

    assert verdict(spoiled(text, gradient("fake", flushed))).status is not Status.DIFFERS

    def too_much(array):
        return np.where(np.abs(array) < 4 * form.smallest_normal, 16 * form.smallest_normal, array)

    assert verdict(spoiled(text, gradient("fake", too_much))).status is Status.DIFFERS
