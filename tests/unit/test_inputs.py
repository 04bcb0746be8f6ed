"""The inputs of every case: the same bits whatever ran before, in the tested format, and inside of every domain."""

from dataclasses import replace

import numpy as np
import pytest

from lossbench.cases.inputs import build, resolved, seed_of
from lossbench.cases.regimes import REGIMES
from lossbench.cases.suite import Selection, load, parse_case
from lossbench.cases.unfolding import unfold
from lossbench.floats import FORMATS, round_to
from lossbench.losses import catalogue
from lossbench.records import Case

LOSSES = {name: loss for name, loss in catalogue().items() if not loss.variant}
CASES = unfold(load("smoke"), catalogue(), Selection())


def drawn(text):
    case = parse_case(text, catalogue())
    return build(case, catalogue()[case.loss])


def same(one, other):
    return one.arrays.keys() == other.arrays.keys() and all(
        a.tobytes() == other.arrays[name].tobytes() for name, a in one.arrays.items()
    )


@pytest.mark.parametrize("name", LOSSES)
def test_every_case_of_smoke_is_in_its_format_its_domain_and_its_shape(name):
    loss = LOSSES[name]
    for case in (case for case in CASES if case.loss == name):
        form, inputs = FORMATS[case.dtype], build(case, loss)
        assert set(inputs.arrays) == {a.name for a in loss.arguments.values() if not a.optional} | set(case.given)
        for argument, array in inputs.arrays.items():
            domain = loss.arguments[argument].domain
            assert array.shape == loss.argument_shape(argument, case.shape), (case, argument)
            if domain.integer:
                assert array.dtype == np.int64
                continue
            assert array.dtype == np.float64
            assert round_to(array, form).tobytes() == np.ascontiguousarray(array).tobytes(), (case, argument)
            numbers = array[np.isfinite(array)]
            if case.regime != "poison" and not REGIMES[case.regime].infinite:
                assert np.isfinite(array).all(), (case, argument)
            assert ((numbers >= domain.low) & (numbers <= domain.high)).all(), (case, argument)


@pytest.mark.parametrize("name", LOSSES)
def test_poison_is_marked_where_it_is_and_nowhere_else(name):
    loss = LOSSES[name]
    cases = [case for case in CASES if case.loss == name and case.regime == "poison" and case.dtype == "float64"]
    for case in cases:
        inputs = build(case, loss)
        terms = loss.term_shape(case.shape)
        found = np.zeros(terms, bool)
        for array in inputs.arrays.values():
            if array.shape[: len(terms)] == terms:
                found |= ~np.isfinite(array.reshape(*terms, -1)).all(axis=-1)
        assert inputs.poisoned.shape == terms
        assert np.array_equal(found, inputs.poisoned), case
        assert found.any() or not found.size, case


def test_a_draw_does_not_depend_on_what_ran_before():
    text = "cross_entropy/weight/none/float32/6x5/confident/3"
    first = drawn(text)
    np.random.seed(1)
    drawn("huber/none/float64/6x5/kink/0")
    assert same(first, drawn(text))


def test_reductions_share_a_draw_and_formats_share_it_before_rounding():
    single = drawn("huber/none/float32/6x5/normal/0")
    assert same(single, drawn("huber/mean/float32/6x5/normal/0"))
    double, half = drawn("huber/none/float64/6x5/normal/0"), drawn("huber/none/bfloat16/6x5/normal/0")
    for name, array in double.arrays.items():
        assert np.array_equal(single.arrays[name], round_to(array, FORMATS["float32"]))
        assert np.array_equal(half.arrays[name], round_to(array, FORMATS["bfloat16"]))


@pytest.mark.parametrize(
    "other",
    [
        "huber/none/float64/6x5/normal/1",
        "huber/none/float64/5x6/normal/0",
        "huber/delta=0.125/none/float64/6x5/normal/0",
        "huber/none/float64/6x5/tie/0",
        "squared_error/none/float64/6x5/normal/0",
    ],
)
def test_another_case_is_another_draw(other):
    assert not same(drawn("huber/none/float64/6x5/normal/0"), drawn(other))


def test_the_seed_is_a_hash_that_stays():
    case = Case("huber", (), (), "mean", "float32", (6, 5), "normal", 0)
    assert seed_of(case) == 775769874423056763
    assert seed_of(replace(case, reduction="sum", dtype="float64")) == seed_of(case)


def test_all_parameters_are_resolved():
    case = parse_case("cross_entropy/ignore_index=1/none/float64/6x5/normal/0", catalogue())
    assert resolved(case, catalogue()["cross_entropy"]) == {"ignore_index": 1, "label_smoothing": 0.0}


def test_settings_are_defaults_but_for_what_is_changed_and_departures_the_way_back():
    huber = catalogue()["huber"]
    assert huber.settings() == {"delta": 1.0}
    assert huber.settings([("delta", 0.5), ("beta", 2.0)]) == huber.settings({"delta": 0.5}) == {"delta": 0.5}
    assert huber.departures(huber.settings()) == ()
    assert huber.departures({"delta": 0.5}) == (("delta", 0.5),)


def test_some_labels_are_ignored_where_an_index_to_ignore_is_set():
    ignored = drawn("cross_entropy/ignore_index=1/none/float64/60x5/normal/0").arrays["target"]
    assert 5 < (ignored == 1).sum() < 55
    assert set(np.unique(ignored)) == {0, 1, 2, 3, 4}


def test_regimes_do_what_they_say():
    kink = drawn("absolute_error/none/float32/6x5/kink/0").arrays
    at = kink["prediction"] == kink["target"]
    assert at.any()
    assert not at.all()
    corners = drawn("huber/delta=0.125/none/bfloat16/6x5/kink/0").arrays
    assert set(np.abs(corners["prediction"] - corners["target"]).ravel()) >= {0.0, 0.125}
    ties = drawn("squared_error/none/float32/6x5/tie/0").arrays
    assert (ties["prediction"] == ties["target"]).any()
    top = drawn("cross_entropy/none/float32/60x5/tie/0").arrays["logits"]
    assert ((top == top.max(axis=-1, keepdims=True)).sum(axis=-1) > 1).any()
    assert not drawn("huber/none/float32/6x5/zeros/0").arrays["prediction"].any()
    assert (drawn("huber/none/float32/6x5/ones/0").arrays["prediction"] == 1).all()
    assert drawn("huber/none/float32/0x5/empty/0").arrays["prediction"].shape == (0, 5)
    confident = drawn("binary_cross_entropy_with_logits/none/float32/6x5/confident/0").arrays["logit"]
    assert (np.abs(confident) > 8).all()
    wide = np.abs(drawn("squared_error/none/float32/20x20/log_uniform/0").arrays["prediction"])
    assert wide.max() / wide.min() > 1e6
    extremes = drawn("squared_error/none/float32/20x20/boundary/0").arrays["prediction"]
    assert {FORMATS["float32"].largest, FORMATS["float32"].smallest_subnormal} <= set(extremes.ravel())


def test_a_seasoned_draw_keeps_something_ordinary():
    for regime in ("log_uniform", "boundary", "tie"):
        plain = drawn("squared_error/none/float32/20x20/normal/0").arrays["prediction"]
        inputs = drawn(f"squared_error/none/float32/20x20/{regime}/0").arrays["prediction"]
        ordinary = (np.abs(inputs) > 1e-3) & (np.abs(inputs) < 10)
        assert ordinary.mean() > 0.2, regime
        assert plain.shape == inputs.shape


@pytest.mark.parametrize("regime", REGIMES.values(), ids=list(REGIMES))
def test_every_regime_says_what_it_does_and_applies_to_something(regime):
    assert regime.doc.endswith((".", ":"))
    assert any(regime.applies(loss) for loss in LOSSES.values())
