"""Forty planted defects and more: the full suite finds every lie, and blames no honest fake."""

from collections.abc import Callable, Iterable

import pytest

from lossbench.cases.inputs import seed_of
from lossbench.cases.suite import Selection, load, parse_case
from lossbench.cases.unfolding import unfold
from lossbench.commands import selftest
from lossbench.commands.selftest import Run, Trial, score, tried
from lossbench.losses import catalogue
from lossbench.records import INTEGERS, LAYOUTS, Case, Status, Verdict

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


LOSSES = catalogue()
Kept = Callable[[Verdict], bool]


def of(*regimes: str) -> Kept:
    return lambda verdict: verdict.regime in regimes


def given(verdict: Verdict) -> Case:
    return parse_case(verdict.case, LOSSES)


def about_the_target(verdict: Verdict) -> bool:
    return "gradient of target" in verdict.worst or "no-gradient" in verdict.note


def by_several_options(verdict: Verdict) -> bool:
    case = given(verdict)
    return len(case.given) + len(case.parameters) > 1


def beyond_the_tested_values(verdict: Verdict) -> bool:
    case = given(verdict)
    return any(value not in LOSSES[case.loss].also.get(name, ()) for name, value in case.parameters)


def in_another_format(verdict: Verdict) -> bool:
    return verdict.dtype != "float32" or any(word in INTEGERS for word in given(verdict).how)


def otherwise_in_memory(verdict: Verdict) -> bool:
    case = given(verdict)
    return any(word in LAYOUTS for word in case.how) or seed_of(case) % 4 == 0  # one in four is strided by chance


def large(verdict: Verdict) -> bool:
    return max(given(verdict).shape, default=0) >= 1000


# The regimes of adversarial inputs: the cases that belong to one, and a lie that nothing else in the suite finds.
ONLY: dict[str, tuple[Kept, str]] = {
    "confident and right": (of("confident", "certain"), "no_gradient_once_learned"),
    "confident and wrong": (of("confident_wrong"), "gives_a_lost_batch_up"),
    "probability edges": (of("boundary", "edges"), "first_normal_is_subnormal"),
    "infinity and NaN under what does not count": (
        of("poison", "shielded", "hidden", "unlabelled", "masked_out"),
        "row_of_nan",
    ),
    "scale": (of("log_uniform", "scaled", "one_scaled", "to_scale"), "millions_in_thousands"),
    "small differences": (of("near", "offset"), "near_is_equal"),
    "half precision": (lambda verdict: verdict.dtype in ("float16", "bfloat16") and large(verdict), "sums_in_half"),
    "kinks": (of("kink", "tie"), "steep_at_the_threshold"),
    "the gradient of every argument": (about_the_target, "detached_target"),
    "soft labels": (of("odd_labels"), "clips_labels"),
    "products of options": (by_several_options, "one_weight_of_two"),
    "numbers of the options": (beyond_the_tested_values, "threshold_in_half"),
    "what must be refused": (
        of("invalid_classes", "invalid_fractions", "invalid_lengths", "invalid_signs"),
        "wraps_labels",
    ),
    "degenerate structure": (
        of("empty", "nothing_counts", "no_labels", "infeasible", "all_negative", "masked_out"),
        "empty_sum",
    ),
    "formats": (in_another_format, "labels_of_64_bits_without_sign"),
    "two paths": (otherwise_in_memory, "strided_gradient"),
    "silent broadcasting": (of("column"), "broadcasts_silently"),
    "large": (large, "above_1024_classes"),
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


def test_each_regime_has_a_lie_of_its_own() -> None:
    assert len(ONLY) == 18
    assert len({lie for _, lie in ONLY.values()}) == 18


@pytest.mark.parametrize("name", ONLY)
def test_without_its_regime_a_lie_survives(trials: list[Trial], name: str) -> None:
    belongs, lie = ONLY[name]
    found = catching(trials, lie)
    assert found
    assert [verdict.case for verdict in found if not belongs(verdict)] == []


def test_a_parameter_beyond_its_range_is_asked_and_its_acceptance_found(trials: list[Trial]) -> None:
    found = catching(trials, "threshold_without_sign")
    assert {verdict.regime for verdict in found} == {"invalid_options"}
    assert {verdict.status for verdict in found} == {Status.ACCEPTS}


def cases(suite: str, regime: str) -> list[Case]:
    return unfold(load(suite), catalogue(), Selection(regimes=(regime,)))


@pytest.mark.parametrize(
    "regime",
    [
        *("all_negative", "to_scale", "no_labels", "hidden", "invalid_fractions", "certain", "edges", "one_scaled"),
        *("infeasible", "invalid_options"),
    ],
)
def test_the_full_suite_has_the_regime(regime: str) -> None:
    assert cases("full", regime)
