"""Forty planted defects and more: the full suite finds every lie, and blames no honest fake."""

from collections.abc import Iterable

import pytest

from lossbench.cases.suite import Selection, load
from lossbench.cases.unfolding import unfold
from lossbench.commands import selftest
from lossbench.commands.selftest import Run, Trial, score, tried
from lossbench.losses import catalogue
from lossbench.records import Case, Status, Verdict

CLASSES = {
    "only above 1024 classes": "above_1024_classes",
    "only above 50 000 classes": "above_50000_classes",
    "only for strided input": "strided_gradient",
    "only for unaligned input": "unaligned_start",
    "only in the last partial vector": "last_partial_vector",
    "only for a batch of one": "batch_of_one",
    "NaN leaking between rows": "nan_in_the_next_row",
    "nondeterministic": "wavers",
    "another dtype": "other_dtype",
    "writes into its input": "writes_into_input",
    "confident and wrong": "clamps_logits",
    "probability edges": "clips_probabilities",
    "scores below zero": "maximum_begins_at_zero",
    "small differences": "expanded_square",
    "counts beyond 65504": "counts_in_half",
    "class indices beyond 2^8": "classes_in_half",
    "kinks": "no_slope_at_the_kink",
    "missing gradients": "no_gradient_for_labels",
    "products of options": "one_weight_of_two",
    "not representable parameters": "threshold_in_half",
    "soft labels": "hardens_labels",
    "labels that do not exist": "wraps_labels",
    "fractional labels": "cuts_off_fractions",
    "silent broadcasting": "broadcasts_silently",
    "integer formats": "labels_of_16_bits",
}


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> list[Trial]:
    """The fakes put to the full suite."""
    run = Run()
    selftest.perform("full", tmp_path_factory.mktemp("full") / "rows.csv", run)
    return tried(run.offered, run.verdicts)


def test_the_full_suite_finds_every_lie(trials: list[Trial]) -> None:
    lies = [trial for trial in trials if trial.lies]
    assert len(lies) >= 100
    assert [trial.via for trial in lies if not trial.passed] == []


def test_the_full_suite_blames_no_honest_fake(trials: list[Trial]) -> None:
    assert [(t.via, t.against[0].case if t.against else "") for t in trials if not t.lies and not t.passed] == []
    assert "blamed" not in score(trials)


def test_each_class_of_defects_has_a_lie(trials: list[Trial]) -> None:
    told = {trial.via.removeprefix("fakes.lies.") for trial in trials if trial.lies}
    assert set(CLASSES.values()) <= told
    assert len(CLASSES) == len(set(CLASSES.values()))


def catching(trials: Iterable[Trial], lie: str) -> list[Verdict]:
    return [v for trial in trials if trial.via == f"fakes.lies.{lie}" for v in trial.against]


def test_lies_of_size_are_found_at_that_size_alone(trials: list[Trial]) -> None:
    widths = {int(v.shape.split("x")[-1]) for v in catching(trials, "above_1024_classes")}
    assert widths
    assert min(widths) > 1024
    assert {int(v.shape.split("x")[0]) for v in catching(trials, "batch_of_one")} == {1}


def test_what_must_be_refused_is_found_by_its_status(trials: list[Trial]) -> None:
    for lie in ("wraps_labels", "cuts_off_fractions", "broadcasts_silently"):
        assert Status.ACCEPTS in {v.status for v in catching(trials, lie)}


def cases(suite: str, regime: str) -> list[Case]:
    return unfold(load(suite), catalogue(), Selection(regimes=(regime,)))


@pytest.mark.parametrize("regime", ["all_negative", "to_scale", "no_labels", "hidden", "invalid_fractions"])
def test_the_full_suite_has_the_regime(regime: str) -> None:
    assert cases("full", regime)
