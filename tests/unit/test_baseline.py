"""Accepted rows: how verdicts fold into them, their file, and every kind of change held against them."""

import math
import random
from dataclasses import replace
from datetime import date

import pytest
from accepted_made import BASE, TORCH, VIA, accepted, finding, verdict

from lossbench.judging.accepted import Accepted, fold, rounded_up
from lossbench.judging.baseline import GONE, compare, limit, weigh
from lossbench.records import Finding, Status, Target

# folding


def test_a_key_folds_seeds_into_the_worst_status_and_the_worst_of_each_figure() -> None:
    verdicts = [
        verdict(0, value_error=3.0, gradient_error=0.1),
        verdict(1, status=Status.DIFFERS, value_error=0.5, gradient_error=99.0),
        verdict(2, status=Status.DEVIATES, value_error=0.7, gradient_error=None),
    ]
    ((key, found),) = fold(verdicts).items()
    assert key == ("huber", "torch", VIA, "cpu", "eager", "float32", "none", "", "kink")
    assert (found.row.status, found.row.value_error, found.row.gradient_error) == (Status.DIFFERS, 3.0, 99.0)
    assert found.shows().case.endswith("/1")
    assert found.shows("value_error").case.endswith("/0")


def test_the_order_of_verdicts_does_not_matter() -> None:
    verdicts = [verdict(seed, value_error=float(seed % 3)) for seed in range(6)]
    shuffled = verdicts[:]
    random.Random(1).shuffle(shuffled)
    assert fold(shuffled) == fold(verdicts)


@pytest.mark.parametrize(
    "other",
    [
        {"loss": "pseudo_huber"}, {"framework": "paddle"}, {"via": "torch.nn.SmoothL1Loss"}, {"device": "cuda"},
        {"mode": "compiled"}, {"dtype": "float64"}, {"reduction": "mean"}, {"regime": "tie"},
    ],
)  # fmt: skip
def test_whatever_the_key_holds_keeps_verdicts_apart(other: dict[str, object]) -> None:
    assert len(fold([verdict(), verdict(**other)])) == 2


def test_options_are_part_of_the_key_and_read_as_in_the_case() -> None:
    weighted = replace(BASE, case="huber/delta=0.125/none/float32/6x5/kink/0")
    rows = [found.row for found in fold([BASE, weighted]).values()]
    assert sorted(row.options for row in rows) == ["", "delta=0.125"]
    assert {str(row) for row in rows} == {
        f"huber/none/float32/kink by {VIA} of torch",
        f"huber/delta=0.125/none/float32/kink by {VIA} of torch",
    }


def test_what_was_asked_of_nobody_has_no_key() -> None:
    assert fold([verdict(status=Status.ABSENT, compared=0), verdict(status=Status.SKIPPED, compared=0)]) == {}


def test_an_error_that_is_no_number_counts_as_infinite() -> None:
    (found,) = fold([verdict(value_error=math.nan)]).values()
    assert found.row.value_error == math.inf


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        (None, None), (0.0, 0.0), (math.inf, math.inf), (1.0, 1.0), (1.2, 1.2), (1.3, 1.3), (1.21, 1.3), (99.1, 100.0),
        (0.0123, 0.013), (12345.0, 13000.0), (4.01e15, 4.1e15), (5e-324, 5e-324), (1.7e308, 1.7e308),
    ],
)  # fmt: skip
def test_figures_are_rounded_up_to_two_digits(figure: float | None, expected: float | None) -> None:
    assert rounded_up(figure) == expected


def test_rounding_never_makes_a_figure_smaller_and_is_done_once() -> None:
    generator = random.Random(7)
    for _ in range(2000):
        figure = 10 ** generator.uniform(-300, 300)
        up = rounded_up(figure)
        assert up is not None
        assert figure <= up <= figure * 1.1000001
        assert rounded_up(up) == up


# every kind of change


OK: dict[str, object] = {}
NOTHING = {"value_error": None, "gradient_error": None, "compared": 0}
REFUSED = {"status": Status.REFUSES, **NOTHING, "note": "RuntimeError: no kernel"}
CRASHED = {"status": Status.CRASHES, **NOTHING, "note": "killed by SIGSEGV"}
HUNG = {"status": Status.HANGS, **NOTHING, "note": "no answer within 20 s"}
WRONG = {"status": Status.DIFFERS, "value_error": 1e6}
INFINITE = {"status": Status.DIFFERS, "value_error": math.inf, "gradient_error": math.inf}
DECLARED = {"status": Status.DEVIATES, "value_error": 5e4, "note": "clips at -100"}
BY_CONTRACT = {**DECLARED, "status": Status.BY_CONTRACT}
REJECTED = {"status": Status.REJECTS, **NOTHING}
IMPRECISE = {"status": Status.IMPRECISE}


@pytest.mark.parametrize(
    ("then", "now", "words"),
    [
        (OK, {"value_error": 9.4}, "value error 9.4 eps, accepted 1.3, limit 9.3"),
        (OK, {"gradient_error": 8.6}, "gradient error 8.6 eps, accepted 0.5, limit 8.5"),
        ({"value_error": 20.0}, {"value_error": 81.0}, "value error 81 eps, accepted 20, limit 80"),
        (OK, INFINITE, "NaN or infinity"),
        (WRONG, {**WRONG, "value_error": math.inf}, "NaN or infinity"),
        (DECLARED, {**DECLARED, "gradient_error": 1e4}, "gradient error 1e+04 eps"),
        (OK, WRONG, "agrees → differs"),
        (OK, REFUSED, "agrees → refuses (RuntimeError: no kernel)"),
        (OK, CRASHED, "agrees → crashes (killed by SIGSEGV)"),
        (OK, HUNG, "agrees → hangs (no answer within 20 s)"),
        (OK, DECLARED, "agrees → deviates: a declared deviation that was not seen when accepted"),
        (IMPRECISE, DECLARED, "imprecise → deviates"),
        (IMPRECISE, WRONG, "imprecise → differs"),
        (DECLARED, {**DECLARED, "status": Status.DIFFERS}, "deviates → differs"),
        (DECLARED, REFUSED, "deviates → refuses"),
        (REJECTED, WRONG, "rejects → differs"),
        (WRONG, REFUSED, "differs → refuses"),
        (REFUSED, WRONG, "refuses → differs"),
        (WRONG, CRASHED, "differs → crashes"),
        (REFUSED, HUNG, "refuses → hangs"),
        (HUNG, CRASHED, "hangs → crashes"),
        (BY_CONTRACT, DECLARED, "by-contract → deviates"),
        (OK, BY_CONTRACT, "a declared deviation that was not seen"),
        (OK, {"gradient_error": None}, "no gradient error could be measured, accepted 0.5 eps"),
        (INFINITE, {**INFINITE, "gradient_error": None}, "no gradient error could be measured"),
        (INFINITE, {**DECLARED, "gradient_error": None}, "no gradient error could be measured"),
    ],
)  # fmt: skip
def test_regressions_are_worse_and_say_in_what(then: dict[str, object], now: dict[str, object], words: str) -> None:
    found = finding(then, now)
    assert found is not None
    assert found.kind == "worse"
    assert words in found.reason
    assert found.case == "huber/none/float32/6x5/kink/0"
    assert found.key == f"huber/none/float32/kink by {VIA} of torch"


@pytest.mark.parametrize(
    ("then", "now", "words"),
    [
        (WRONG, OK, "differs → agrees"),
        (INFINITE, {**INFINITE, "gradient_error": 70.0}, "gradient error 70 eps, accepted inf"),
        (DECLARED, BY_CONTRACT, "deviates → by-contract"),
        (WRONG, DECLARED, "differs → deviates"),
        (REFUSED, OK, "refuses → agrees"),
        (HUNG, WRONG, "hangs → differs"),
        ({"value_error": 60.0}, OK, "value error 1.25 eps, accepted 60"),
        (WRONG, {**WRONG, "value_error": 1e3}, "value error 1e+03 eps, accepted 1e+06"),
    ],
)  # fmt: skip
def test_better_results_say_in_what(then: dict[str, object], now: dict[str, object], words: str) -> None:
    found = finding(then, now)
    assert found is not None
    assert (found.kind, words in found.reason) == ("better", True), found.reason


@pytest.mark.parametrize(
    ("then", "now"),
    [
        (OK, IMPRECISE), (IMPRECISE, OK), (OK, REJECTED), (REJECTED, OK),
        (CRASHED, WRONG), (CRASHED, OK), (CRASHED, REFUSED), (CRASHED, INFINITE), (CRASHED, HUNG),
        ({"gradient_error": None}, OK),
    ],
)  # fmt: skip
def test_some_changes_are_noted_and_nothing_more(then: dict[str, object], now: dict[str, object]) -> None:
    found = finding(then, now)
    assert found is not None
    assert found.kind == "changed"


@pytest.mark.parametrize(
    ("then", "now"),
    [
        (OK, OK),
        (OK, {"value_error": 1.2500001}),
        (OK, {"value_error": 9.3, "gradient_error": 8.5}),
        ({"value_error": 20.0}, {"value_error": 80.0}),
        ({"value_error": 0.0}, {"value_error": 8.0}),
        (OK, {"value_ulps": 900.0, "gradient_ulps": math.inf}),
        (OK, {"version": "2.14.0"}),
        (OK, {"worst": "value[3]: got 1, want 2", "note": "another note", "reference": "float64", "compared": 30}),
        (INFINITE, INFINITE), (CRASHED, CRASHED), (HUNG, HUNG), (REFUSED, REFUSED), (REJECTED, REJECTED),
        (DECLARED, {**DECLARED, "note": "said otherwise"}),
        ({"value_error": None, "gradient_error": None}, {"value_error": None, "gradient_error": None}),
        (CRASHED, {**CRASHED, "value_error": 1e9}),
        ({"shape": "6x5"}, {"shape": "64x10"}),
    ],
)  # fmt: skip
def test_harmless_changes_are_not_worth_a_word(then: dict[str, object], now: dict[str, object]) -> None:
    assert finding(then, now) is None


def test_the_limit_is_four_times_or_eight_eps_more() -> None:
    assert [limit(figure) for figure in (0.0, 1.0, 8 / 3, 10.0, math.inf)] == [8.0, 9.0, 32 / 3, 40.0, math.inf]


@pytest.mark.parametrize("then", [OK, IMPRECISE, DECLARED, HUNG])
def test_a_crash_that_a_declaration_foresees_may_come_or_not(then: dict[str, object]) -> None:
    found = finding(then, {**CRASHED, "note": "writes behind its array; corrupts-memory; killed by SIGSEGV"})
    assert found is not None
    assert found.kind == "changed"
    assert "it is declared to corrupt memory, and may die of it or not" in found.reason


@pytest.mark.parametrize("then", [DECLARED, BY_CONTRACT])
@pytest.mark.parametrize("now", [OK, IMPRECISE])
def test_a_declared_deviation_that_vanished_is_told_apart(then: dict[str, object], now: dict[str, object]) -> None:
    found = finding(then, now)
    assert found is not None
    assert found.kind == "vanished"
    assert "the declared deviation is no longer seen; take the declaration out" in found.reason


@pytest.mark.parametrize(
    ("expires", "today", "kind"),
    [("2026-05-31", "2026-05-31", None), ("2026-05-31", "2026-06-01", "expired"), ("", "9999-12-31", None)],
)
def test_what_was_accepted_until_a_day_is_not_accepted_after_it(expires: str, today: str, kind: str | None) -> None:
    (found,) = fold([verdict(**WRONG, note="drops a row")]).values()
    row = replace(accepted(**WRONG), expires=expires, reason="a fix is on its way")
    told = weigh(row, found, date.fromisoformat(today))
    assert (told.kind if told else None) == kind
    assert told is None or told.reason == "accepted until 2026-05-31: a fix is on its way (drops a row)"


# what is new, gone and missing


def unknown(row: Accepted) -> tuple[str, str]:
    return GONE, "nobody knows"


def test_what_nobody_answers_for_is_gone_and_what_nobody_accepted_is_new() -> None:
    found = fold([verdict(via="torch.nn.functional.huber_loss")])
    findings = compare([accepted()], found, {}, unknown)
    assert [(f.kind, f.accepted, f.found, f.case) for f in findings] == [
        ("gone", "agrees, value 1.3, gradient 0.5", "", ""),
        ("new", "", "agrees, value 1.25, gradient 0.5", "huber/none/float32/6x5/kink/0"),
    ]
    assert findings[0].reason == "nobody knows"


def test_a_missing_framework_is_told_once_and_only_where_the_baseline_holds_it() -> None:
    rows = [accepted(), accepted(regime="tie"), accepted(framework="paddle")]
    found = fold([verdict(framework="paddle")])
    missing = {TORCH: "No module named 'torch'", Target("tensorflow"): "No module named 'tensorflow'"}
    assert compare(rows, found, missing, unknown) == [
        Finding("missing", "torch", "2 keys", "", "", "No module named 'torch'", framework="torch")
    ]


def test_findings_stand_worst_kind_first_whatever_the_order_of_rows() -> None:
    rows = [accepted(regime=regime) for regime in ("kink", "tie", "zeros", "ones")]
    now = [
        verdict(regime="zeros", status=Status.DIFFERS), verdict(regime="ones", value_error=math.inf),
        verdict(regime="kink", status=Status.IMPRECISE), verdict(regime="normal"),
    ]  # fmt: skip
    found = fold(now)
    findings = compare(rows, found, {}, unknown)
    assert [(f.kind, f.key.split("/")[3].split()[0]) for f in findings] == [
        ("worse", "ones"), ("worse", "zeros"), ("gone", "tie"), ("changed", "kink"), ("new", "normal"),
    ]  # fmt: skip
    assert compare(rows[::-1], dict(reversed(found.items())), {}, unknown) == findings
