"""Declared deviations: each excuses what it declares, and nothing beside it."""

from dataclasses import replace

import pytest
from submissions import ORDINARY, expectation, outcome, right, spoiled, twice, value, verdict

from lossbench.cases.suite import parse_case
from lossbench.judging.judge import applies
from lossbench.losses import catalogue
from lossbench.records import Ended, Known, Status, Symptom


def test_a_declared_refusal_deviates_and_a_declared_formula_excuses_no_crash():
    raising = Known("takes no floats", raises=True)
    assert verdict(outcome(right(ORDINARY), Ended.RAISED), raising).status is Status.DEVIATES
    assert verdict(outcome(right(ORDINARY), Ended.DIED), raising).status is Status.CRASHES
    assert verdict(outcome(right(ORDINARY), Ended.RAISED), Known("clips", error=9.0)).status is Status.REFUSES


def doubled_expectation():
    wanted = expectation(ORDINARY)
    high, low = wanted.value
    slopes = {name: (2 * s[0], 2 * s[1]) for name, s in wanted.slopes.items()}
    return replace(wanted, value=(2 * high, 2 * low), slopes=slopes)


def test_a_declared_formula_is_held_to_its_own_numbers():
    known = Known("has a factor of two", definition="doubled")
    variants = lambda known, form: doubled_expectation()  # noqa: E731
    found = verdict(spoiled(ORDINARY, twice), known, variants=variants)
    assert (found.status, found.notes) == (Status.DEVIATES, ["has a factor of two"])
    assert found.value.scale > 64  # the error against the true definition stays on record
    for spoil in (lambda a: twice(twice(a)), lambda a: replace(twice(a), value=twice(a).value * 1.001)):
        assert verdict(spoiled(ORDINARY, spoil), known, variants=variants).status is Status.DIFFERS
    assert verdict(spoiled(ORDINARY, twice)).status is Status.DIFFERS
    assert verdict(right(ORDINARY), known, variants=variants).status is Status.AGREES


def test_a_declaration_excuses_only_the_word_and_the_gradient_it_names():
    def without(answer, names=("target",)):
        return replace(answer, gradients={n: g for n, g in answer.gradients.items() if n not in names})

    known = Known("detaches the target", no_gradient=("target",))
    assert verdict(spoiled(ORDINARY, without), known).status is Status.DEVIATES
    assert verdict(spoiled(ORDINARY, lambda a: without(a, ("prediction",))), known).status is Status.DIFFERS
    assert verdict(spoiled(ORDINARY, lambda a: without(twice(a))), known).status is Status.DIFFERS
    wide = Known("answers in float64", notes=(Symptom.OTHER_DTYPE,))
    assert (
        verdict(spoiled(ORDINARY, lambda a: replace(a, dtypes=frozenset({"float64"}))), wide).status is Status.DEVIATES
    )
    assert (
        verdict(spoiled(ORDINARY, lambda a: replace(twice(a), dtypes=frozenset({"float64"}))), wide).status
        is Status.DIFFERS
    )


def test_a_band_of_error_has_an_end():
    known = Known("sums roughly", error=2000.0)
    slightly = value(lambda v: v * (1 + 1000 * 2.0**-23))
    assert verdict(spoiled(ORDINARY, slightly), known).status is Status.DEVIATES
    assert verdict(spoiled(ORDINARY, value(lambda v: v * 1.01)), known).status is Status.DIFFERS


def test_a_declaration_speaks_of_the_cases_it_names():
    case = parse_case("huber/delta=0.125/mean/float32/6x5/kink/0", catalogue())
    assert applies(Known("any"), case)
    assert applies(
        Known("some", dtypes=("float32",), regimes=("kink",), reductions=("mean",), options=("delta",)), case
    )
    for other in ({"dtypes": ("float64",)}, {"regimes": ("tie",)}, {"reductions": ("sum",)}, {"options": ("weight",)}):
        assert not applies(Known("other", **other), case)


@pytest.mark.parametrize("word", ["wrote-into-input", "nondeterministic", "other-dtype", "no-gradient"])
def test_a_band_of_error_excuses_no_bad_manners(word):
    submission = right(ORDINARY)
    rude = replace(submission, outcome=replace(submission.outcome, notes=(word,)))
    assert verdict(rude, Known("sums roughly", error=2000.0)).status is Status.DIFFERS
    known = Known("sums roughly", error=2000.0), Known("and is rude", notes=(word,))
    assert verdict(rude, *known).status is Status.DEVIATES
