"""Losses of one term that depends on everything: cases, draws, expectation and judgement of them."""

from dataclasses import replace

import numpy as np
import pytest
from submissions import expectation, gradient, right, spoiled, twice, value, verdict

from lossbench.cases.draft import Draft
from lossbench.cases.inputs import build, resolved
from lossbench.cases.regimes import REGIMES
from lossbench.cases.suite import Block, Selection, Suite, load, parse_case
from lossbench.cases.unfolding import unfold
from lossbench.domains import Real, RowClassIndex
from lossbench.floats import FORMATS
from lossbench.loss import Loss, Terms, loss
from lossbench.losses import catalogue
from lossbench.records import Known, Status
from lossbench.reference.answers import Answers
from lossbench.reference.expectation import expect, reduced

LOSSES = {name: catalogue()[name] for name in ("npair", "ntxent", "circle")}  # those that compare rows
NPAIR = "npair/mean/float32/6x4/normal/0"
POISONED = "npair/mean/float32/6x4/poison/0"


def drawn(text):
    case = parse_case(text, catalogue())
    return build(case, catalogue()[case.loss]).arrays


@pytest.mark.parametrize("name", LOSSES)
def test_every_case_has_a_name_that_rebuilds_it_and_a_single_term(name):
    cases = unfold(load("smoke"), catalogue(), Selection(frozenset([name])))
    assert {case.regime for case in cases} >= {"normal", "empty", "one_row", "zeros", "ones"}
    for case in cases:
        assert parse_case(str(case), catalogue()) == case
        assert LOSSES[name].term_shape(case.shape) == ()


def test_labels_may_be_handed_over_in_any_format():
    block = Block((), ("normal",), ("float32",), ("mean",), "default", (0,), {}, how=("int32", "uint8"))
    names = [str(case) for case in unfold(Suite("how", (block,)), catalogue(), Selection(frozenset(["ntxent"])))]
    assert names == [f"ntxent/@{word}/mean/float32/6x4/normal/0" for word in ("int32", "uint8")]


@pytest.mark.parametrize("name", LOSSES)
def test_the_rounded_truth_agrees_and_its_double_does_not(name):
    cases = unfold(load("smoke"), catalogue(), Selection(frozenset([name])))
    for case in cases:
        found = verdict(right(str(case)))
        assert found.status is Status.AGREES, (case, found)
        assert max(found.value.scale, found.gradient.scale) <= 1
        if case.regime == "normal":
            assert verdict(spoiled(str(case), twice)).status is Status.DIFFERS, case


@pytest.mark.parametrize("name", LOSSES)
def test_a_small_error_of_the_one_value_differs(name):
    text = f"{name}/mean/float32/6x4/normal/0"
    assert verdict(spoiled(text, value(lambda v: v * (1 + 2.0**-10)))).status is Status.DIFFERS


def test_the_gradient_of_one_row_out_of_place_differs():
    found = verdict(spoiled(NPAIR, gradient("positive", lambda g: g[[1, 0, 2, 3, 4, 5]])))
    assert found.status is Status.DIFFERS
    assert found.worst.startswith("gradient of positive")


def test_a_value_of_one_number_in_brackets_has_another_shape():
    found = verdict(spoiled(NPAIR, value(lambda v: v[None])))
    assert found.status is Status.DIFFERS
    assert "other-shape" in found.notes


@pytest.mark.parametrize("name", LOSSES)
def test_an_empty_batch_is_proven_and_its_mean_undefined(name):
    found = expectation(f"{name}/mean/float32/0x4/empty/0")
    assert found.ruler == "certified"
    assert found.value[0] == 0
    assert reduced(found, "mean", None).undefined


def test_what_has_no_value_by_definition_stays_free_of_judgement():
    found = expectation("ntxent/mean/float64/6x4/zeros/0")  # the cosine of nothing
    assert found.free.all()
    assert "no right answer" in " ".join(verdict(right("ntxent/mean/float64/6x4/zeros/0")).notes)


@pytest.mark.parametrize("name", LOSSES)
def test_a_poisoned_batch_has_no_value_and_a_number_for_it_is_noticed(name):
    text = f"{name}/mean/float32/6x4/poison/0"
    assert expectation(text).nan.all()
    assert verdict(right(text)).status is Status.AGREES
    assert verdict(spoiled(text, value(lambda v: np.asarray(0.0)))).status is Status.ACCEPTS


def test_a_declared_clip_is_recognized_in_a_batch():
    known = Known("clips", definition="npair_clipped_at_64")
    clipped = catalogue()["npair_clipped_at_64"]
    text = next(
        f"npair/mean/float64/6x4/log_uniform/{seed}"
        for seed in range(9)
        if verdict(clip(f"npair/mean/float64/6x4/log_uniform/{seed}", clipped)).status is Status.DIFFERS
    )

    def variants(_known, form):
        return terms_of(text, clipped)

    assert verdict(clip(text, clipped), known, variants=variants).status is Status.DEVIATES
    assert verdict(spoiled(text, twice), known, variants=variants).status is Status.DIFFERS


def terms_of(text, other):
    case = parse_case(text, catalogue())
    inputs, settings = build(case, catalogue()[case.loss]), resolved(case, catalogue()[case.loss])
    return expect(other, settings, inputs, case.shape, Answers(None), FORMATS[case.dtype])


def clip(text, other):
    """What an implementation of the formula `other` answers."""
    submission, wanted = right(text), terms_of(text, other)
    answers = []
    for cotangent, answer in zip(submission.cotangents, submission.answers, strict=True):
        made = reduced(wanted, submission.case.reduction, cotangent)
        gradients = {name: np.add(*pair) for name, pair in made.gradients.items()}
        answers.append(replace(answer, value=np.add(*made.value), gradients=gradients))
    return replace(submission, answers=answers)


@pytest.mark.parametrize("name", LOSSES)
def test_ties_repeat_rows_of_the_batch(name):
    first = next(iter(LOSSES[name].differentiable))
    for seed in range(4):
        rows = drawn(f"{name}/mean/float32/6x4/tie/{seed}")[first]
        assert 1 < len(np.unique(rows, axis=0)) < len(rows) or len(np.unique(rows, axis=0)) == 1
    plain = drawn(f"{name}/mean/float32/6x4/normal/0")[first]
    assert len(np.unique(plain, axis=0)) == 6


def test_ties_make_some_pairs_of_rows_the_same_and_not_all():
    shares = []
    for seed in range(8):
        arrays = drawn(f"npair/mean/float32/6x4/tie/{seed}")
        shares.append((arrays["anchor"] == arrays["positive"]).all(axis=-1).mean())
    assert 0 < np.mean(shares) < 1


@pytest.mark.parametrize("regime", ["normal", "log_uniform", "boundary", "tie", "zeros", "ones", "one_row"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_unit_vectors_have_length_1_in_every_regime(regime, dtype):
    rows = drawn(f"circle/mean/{dtype}/{1 if regime == 'one_row' else 6}x4/{regime}/0")["embeddings"]
    assert np.linalg.norm(rows, axis=-1) == pytest.approx(1, abs=4 * FORMATS[dtype].eps)


def test_log_uniform_spreads_the_entries_of_unit_vectors():
    rows = drawn("circle/mean/float64/6x4/log_uniform/0")["embeddings"]
    assert np.abs(rows).min() < 1e-6


def toy() -> Loss:
    """The largest gap between two rows, which has a kink wherever a gap is 0."""

    @loss(over="batch", reductions=("mean",))
    def widest(rows: Real, labels: RowClassIndex) -> Terms:
        return Terms(np.asarray(0.0), {"rows": np.zeros(rows.shape)})

    @widest.kinks
    def _(arrays):
        yield {"rows": np.zeros_like(arrays["rows"])}
        yield {"rows": np.ones_like(arrays["rows"])}

    return widest


def test_a_loss_of_one_term_is_always_put_on_a_kink():
    found = set()
    for seed in range(20):
        arrays = {"rows": np.full((3, 2), 0.5), "labels": np.zeros(3, int)}
        draft = Draft(toy(), (3, 2), {}, np.random.default_rng(seed), FORMATS["float32"], arrays)
        REGIMES["kink"].season(draft)
        found.add(float(draft.arrays["rows"][0, 0]))
    assert found == {0.0, 1.0}
