"""The command `gate`: exit codes and words for planted runs, and real workers of the fakes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lossbench.commands import compare, gate
from lossbench.judging import baseline_file as baseline
from lossbench.records import Greeting, Implementation, Status, Target, Verdict

HUBER, MSE, SQUARED = "torch.nn.HuberLoss", "paddle.nn.MSELoss", "squared_error"
NOTHING = {"value_error": None, "gradient_error": None, "compared": 0}
TORCH, PADDLE = Target("torch"), Target("paddle")

Perform = Callable[[compare.Request, Path, compare.Run], None]


def verdict(
    loss: str, framework: str, via: str, regime: str = "normal", seed: int = 0, dtype: str = "float32"
) -> Verdict:
    return Verdict(
        f"{loss}/none/{dtype}/6x5/{regime}/{seed}", loss, framework, "1.0", via, "cpu", "eager", dtype, "none", "6x5",
        regime, Status.AGREES, 60, 1.25, 0.5, 2.0, 1.0, "certified",
    )  # fmt: skip


RUN = [
    verdict("huber", "torch", HUBER, regime, seed) for regime in ("normal", "kink") for seed in (0, 1)
] + [verdict(SQUARED, "paddle", MSE, "normal", seed) for seed in (0, 1)]  # fmt: skip


def greeting(framework: str, *implementations: tuple[str, str], dtypes: tuple[str, ...] = ("float32",)) -> Greeting:
    names = ("prediction", "target")
    table = tuple(
        Implementation(loss, via, names, names, ("delta",), ("none", "mean"), dtypes) for loss, via in implementations
    )
    return Greeting(framework, "1.0", "3.11", "python", ("cpu",), "cpu", 1, False, 0.0, table)


GREETINGS = {TORCH: greeting("torch", ("huber", HUBER)), PADDLE: greeting("paddle", (SQUARED, MSE))}


class Planted:
    """A project with a baseline, in which runs give what they are told to give."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.path, self.rows = folder / "accepted" / "cpu.csv", folder / "gate.csv"
        self.monkeypatch, self.capsys = monkeypatch, capsys
        self.asked: list[compare.Request] = []

    def plant(
        self,
        verdicts: Sequence[Verdict],
        greetings: dict[Target, Greeting],
        problem: str = "",
        error: type[BaseException] | None = None,
    ) -> None:
        def perform(request: compare.Request, path: Path, run: compare.Run) -> None:
            self.asked.append(request)
            run.greetings = dict(greetings)
            run.verdicts += verdicts
            run.problems += [problem] if problem else []
            if error:
                raise error

        self.monkeypatch.setattr(compare, "perform", perform)

    def run(
        self,
        verdicts: Sequence[Verdict],
        greetings: dict[Target, Greeting] | None = None,
        *,
        problem: str = "",
        error: type[BaseException] | None = None,
        **options: object,
    ) -> tuple[int, str]:
        self.plant(verdicts, GREETINGS if greetings is None else greetings, problem, error)
        request = gate.Request(baseline=self.path, csv=self.rows)
        try:
            code = gate.main(replace(request, **options))  # type: ignore[arg-type]
        except KeyboardInterrupt:
            code = 130
        return code, self.capsys.readouterr().out


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Planted:
    monkeypatch.setenv("COLUMNS", "400")  # no line is folded
    project = Planted(tmp_path, monkeypatch, capsys)
    code, shown = project.run(RUN, accept=True)
    assert code == 0
    assert "gate: 0 worse, 0 better, 3 new, 0 gone -> exit 0 (accepted in " in shown
    return project


def change(which: int, **others: object) -> list[Verdict]:
    return [replace(v, **others) if n == which else v for n, v in enumerate(RUN)]  # type: ignore[arg-type]


REGRESSIONS: dict[str, tuple[dict[str, object], str]] = {
    "value": ({"value_error": 40.0}, "value error 40 eps, accepted 1.3, limit 9.3"),
    "gradient": ({"gradient_error": 40.0}, "gradient error 40 eps, accepted 0.5, limit 8.5"),
    "NaN": ({"status": Status.DIFFERS, "value_error": math.inf, "worst": "value[3]: got nan, want 1"}, "got nan"),
    "crash": (
        {"status": Status.CRASHES, **NOTHING, "note": "killed by SIGSEGV"},
        "agrees → crashes (killed by SIGSEGV",
    ),
    "hang": ({"status": Status.HANGS, **NOTHING, "note": "no answer within 20 s"}, "agrees → hangs (no answer within"),
    "refuse": ({"status": Status.REFUSES, **NOTHING, "note": "TypeError"}, "agrees → refuses (TypeError"),
    "new deviation": ({"status": Status.DEVIATES, "value_error": 1e5}, "a declared deviation that was not seen"),
    "no gradient": ({"status": Status.DIFFERS, "note": "no-gradient"}, "agrees → differs (no-gradient"),
}


@pytest.mark.parametrize("kind", REGRESSIONS)
def test_a_planted_regression_fails_with_the_case_and_the_command(kind: str, planted: Planted) -> None:
    others, words = REGRESSIONS[kind]
    code, shown = planted.run(change(3, **others))
    assert code == 1
    assert words in shown
    assert f"worse      huber/none/float32/kink by {HUBER} of torch: agrees, value 1.3, gradient 0.5 → " in shown
    assert "huber/none/float32/6x5/kink/1\n" in shown
    assert f"lossbench compare --case huber/none/float32/6x5/kink/1 --framework torch --impl {HUBER}\n" in shown
    assert shown.splitlines()[-1] == "gate: 1 worse, 0 better, 0 new, 0 gone -> exit 1 (regressed: 1 worse)"


HARMLESS: dict[str, tuple[list[Verdict], str]] = {
    "nothing at all": (RUN, ""),
    "order of rows and seeds": (RUN[::-1], ""),
    "last bits": ([replace(v, value_error=1.2500001, gradient_error=0.4999) for v in RUN], ""),
    "up to the limit": ([replace(v, value_error=9.2, gradient_error=8.4) for v in RUN], ""),
    "another version": ([replace(v, version="2.0") for v in RUN], ""),
    "ulps": ([replace(v, value_ulps=1e9, gradient_ulps=1e9) for v in RUN], ""),
    "ulps that hinge": ([replace(v, status=Status.IMPRECISE) for v in RUN], "changed    huber/none/float32/kink"),
    "other shape": ([replace(v, case=v.case.replace("6x5", "9x9"), shape="9x9") for v in RUN], ""),
    "one more seed": ([*RUN, verdict("huber", "torch", HUBER, "kink", 7)], ""),
    "one seed": (RUN[::2], ""),
    "new implementation": ([*RUN, verdict("huber", "torch", "torch.new")], "1 new, 0 gone -> exit 0"),
    "new and wrong": ([*RUN, replace(RUN[0], via="torch.new", status=Status.DIFFERS)], "1 new, 0 gone -> exit 0"),
    "new regime": ([*RUN, verdict("huber", "torch", HUBER, "tie")], "new        huber/none/float32/tie by"),
    "better figure": (RUN[:2] + [replace(v, value_error=0.0, gradient_error=0.0) for v in RUN[2:]], ""),
    "absent": ([*RUN, replace(RUN[0], dtype="float16", status=Status.ABSENT, compared=0)], "0 new"),
    "skipped": ([*RUN, replace(RUN[0], case="", framework="jax", status=Status.SKIPPED, compared=0)], "skipped jax"),
}


@pytest.mark.parametrize("kind", HARMLESS)
@pytest.mark.parametrize("strict", [False, True])
def test_a_harmless_change_passes_even_strictly(kind: str, strict: bool, planted: Planted) -> None:
    verdicts, words = HARMLESS[kind]
    code, shown = planted.run(verdicts, strict_better=strict)
    assert code == 0, shown
    assert words in shown
    assert "gate: 0 worse, 0 better, " in shown.splitlines()[-1]


@pytest.mark.parametrize(
    ("then", "words"),
    [
        ({"status": Status.DIFFERS, "value_error": 1e6}, "differs → agrees"),
        ({"value_error": 50.0}, "value error 1.25 eps, accepted 50"),
    ],
)
def test_better_results_fail_only_where_that_was_asked(then: dict[str, object], words: str, planted: Planted) -> None:
    planted.run(change(3, **then), accept=True)
    code, shown = planted.run(RUN)
    assert (code, words in shown) == (0, True)
    assert "gate: 0 worse, 1 better, 0 new, 0 gone -> exit 0 (fine: nothing is worse)" in shown
    code, shown = planted.run(RUN, strict_better=True)
    assert code == 1
    assert "--strict-better was asked for" in shown


def test_infinite_errors_may_stay_infinite(planted: Planted) -> None:
    infinite = change(2, status=Status.DIFFERS, value_error=math.inf, gradient_error=math.inf)
    planted.run(infinite, accept=True)
    assert planted.run(infinite)[0] == 0


def test_what_crashed_may_answer_and_then_crash_again(planted: Planted) -> None:
    crashed = change(3, status=Status.CRASHES, **NOTHING)
    planted.run(crashed, accept=True)
    for status in (Status.DIFFERS, Status.AGREES, Status.IMPRECISE):
        code, shown = planted.run(change(3, status=status, value_error=1e9), strict_better=True)
        assert code == 0
        assert "it crashed when accepted and may again" in shown
    planted.run(RUN, accept=True)
    assert planted.run(crashed)[0] == 0


@pytest.mark.parametrize(
    ("greeting_", "words"),
    [
        (greeting("torch", ("huber", "torch.other")), "torch 1.0 has no such implementation any more"),
        (greeting("torch", ("huber", HUBER), dtypes=("float64",)), f"torch 1.0: {HUBER} has no float32"),
    ],
)
def test_a_gone_implementation_is_a_regression_and_says_why(greeting_: Greeting, words: str, planted: Planted) -> None:
    code, shown = planted.run(RUN[4:], {**GREETINGS, TORCH: greeting_})
    assert (code, words in shown) == (1, True)
    assert "and 1 more of the kind: huber/none/float32/normal" in shown
    assert "0 new, 2 gone -> exit 1 (regressed: 2 gone)" in shown


def test_what_the_suite_left_out_is_not_gone_but_unmeasured(planted: Planted) -> None:
    code, shown = planted.run(RUN[4:])
    assert (code, "the suite gate does not ask for it; --part holds only what it asks for" in shown) == (4, True)
    assert "2 unmeasured -> exit 4 (measured only in part: 2 accepted keys were not measured again)" in shown


def test_a_declared_deviation_that_vanished_fails(planted: Planted) -> None:
    planted.run(change(3, status=Status.DEVIATES, value_error=1e6), accept=True)
    code, shown = planted.run(RUN)
    assert (code, "vanished   huber/none/float32/kink by" in shown) == (1, True)
    assert "-> exit 1 (regressed: 1 vanished)" in shown


def test_what_the_catalogue_or_the_command_line_left_out_is_gone_too(planted: Planted) -> None:
    row = baseline.read(planted.path)[0]
    baseline.write(planted.path, [row, replace(row, loss="huge"), replace(row, framework="fakes"),
                                  replace(row, options="no_such=1")])  # fmt: skip
    code, shown = planted.run(RUN)
    assert code == 4
    for words in ("the catalogue has no loss huge", "fakes was not asked", "has no 'no_such'"):
        assert words in shown


def test_a_missing_framework_ends_with_3_and_its_name(planted: Planted) -> None:
    skipped = replace(RUN[0], case="", status=Status.SKIPPED, compared=0, note="No module named 'torch'")
    code, shown = planted.run([*RUN[4:], skipped], {PADDLE: GREETINGS[PADDLE]})
    assert code == 3
    assert "missing    torch: 2 keys\n           No module named 'torch'" in shown
    assert "0 gone, 1 missing -> exit 3 (environment missing: the baseline holds torch, not there)" in shown


def test_a_missing_framework_hides_no_regression_elsewhere(planted: Planted) -> None:
    worse = [replace(v, status=Status.DIFFERS) for v in RUN[4:]]
    code, shown = planted.run(worse, {PADDLE: GREETINGS[PADDLE]})
    assert (code, "missing    torch" in shown) == (1, True)


def test_a_missing_framework_that_nobody_asks_for_is_no_matter(planted: Planted) -> None:
    code, shown = planted.run(RUN[4:], {PADDLE: GREETINGS[PADDLE]}, frameworks=("paddlepaddle",))
    assert (code, "1 of 1 accepted keys held" in shown) == (0, True)
    code, _ = planted.run(RUN[4:], {PADDLE: GREETINGS[PADDLE]}, losses=("MSELoss",))
    assert code == 0


def test_a_framework_that_the_baseline_never_held_may_be_missing(planted: Planted) -> None:
    assert Target("tensorflow") not in GREETINGS
    assert planted.run(RUN)[0] == 0


@pytest.mark.parametrize("accept", [False, True])
@pytest.mark.parametrize("verdicts", [RUN[:3], RUN, [*RUN[:3], replace(RUN[3], status=Status.DIFFERS)]])
def test_an_interrupted_run_shows_what_it_has_and_never_passes(
    verdicts: list[Verdict], accept: bool, planted: Planted
) -> None:
    before = planted.path.read_text()
    code, shown = planted.run(verdicts, error=KeyboardInterrupt, accept=accept)
    assert code == 130
    assert "gate: unfinished, " in shown
    assert "gone -> exit" not in shown
    assert ("agrees → differs" in shown) == (verdicts[-1].status is Status.DIFFERS)
    assert planted.path.read_text() == before


@pytest.mark.parametrize("accept", [False, True])
def test_results_that_cannot_be_written_end_with_4(accept: bool, planted: Planted) -> None:
    before = planted.path.read_text()
    code, shown = planted.run(RUN, problem="cannot write gate.csv: No space left on device", accept=accept)
    assert code == 4
    assert "exit 4 (" in shown
    assert "No space left on device" in shown.splitlines()[-1]
    assert planted.path.read_text() == before


@pytest.mark.parametrize("accept", [False, True])
def test_nothing_measured_ends_with_4(accept: bool, planted: Planted) -> None:
    before = planted.path.read_text()
    code, shown = planted.run([], accept=accept)
    assert (code, planted.path.read_text()) == (4, before)
    assert "nothing was measured" in shown


def test_new_results_alone_are_held_against_nothing(planted: Planted) -> None:
    other = [verdict("huber", "fakes", "fakes.honest.huber")]
    code, shown = planted.run(other, {Target("fakes"): greeting("fakes")}, frameworks=("fakes",))
    words = "1 new, 0 gone -> exit 4 (measured only in part: nothing of what was measured is in the baseline)"
    assert (code, words in shown) == (4, True)


# accepting


def test_accepting_a_part_keeps_the_other_rows(planted: Planted) -> None:
    worse = [replace(v, status=Status.DIFFERS) for v in RUN]
    for options, greetings, some, expected, words in (
        ({"losses": ("mse",)}, GREETINGS, worse[4:], 0, "0 added, 1 changed, 0 dropped, 2 as they were"),
        ({"frameworks": ("paddle",)}, {PADDLE: GREETINGS[PADDLE]}, worse[4:], 0, "1 changed"),
        ({}, {PADDLE: GREETINGS[PADDLE]}, worse[4:], 3, "but torch is not there, so those rows stay as they were"),
    ):
        planted.path.unlink()
        planted.run(RUN, accept=True)
        code, shown = planted.run(some, greetings, accept=True, **options)
        assert (code, "worse      squared_error/none/float32/normal" in shown) == (expected, True)
        assert words in shown.splitlines()[-1]
        assert "gate: 1 worse" in shown
        rows = {(row.framework, row.regime): row.status for row in baseline.read(planted.path)}
        assert rows == {
            ("torch", "normal"): Status.AGREES, ("torch", "kink"): Status.AGREES, ("paddle", "normal"): Status.DIFFERS,
        }  # fmt: skip


def test_accepting_drops_what_is_gone_and_keeps_other_devices(planted: Planted) -> None:
    elsewhere = replace(baseline.read(planted.path)[0], device="cuda")
    baseline.write(planted.path, [*baseline.read(planted.path), elsewhere])
    code, shown = planted.run(RUN[:2] + RUN[4:], accept=True)
    assert (code, "0 gone, 1 unmeasured -> exit 0" in shown) == (0, True)
    rows = baseline.read(planted.path)
    assert len(rows) == 3
    assert elsewhere in rows
    assert [row for row in rows if row.regime == "kink"] == [elsewhere]


def test_accepting_what_is_accepted_changes_no_byte(planted: Planted) -> None:
    before = planted.path.read_bytes()
    planted.run([replace(v, version="9.9", value_error=1.3) for v in RUN[::-1]], accept=True)
    assert planted.path.read_bytes() == before


def test_a_baseline_that_cannot_be_written_ends_with_4(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    before = planted.path.read_text()
    code, shown = planted.run(change(0, status=Status.DIFFERS), accept=True)
    assert (code, planted.path.read_text()) == (4, before)
    assert "not accepted: cannot write the baseline" in shown


# around the run


def test_what_was_asked_reaches_the_run(planted: Planted) -> None:
    planted.run(RUN, losses=("huber",), suite="smoke", frameworks=("torch",), seeds=("7",))
    assert planted.asked[-1] == compare.Request(("huber",), "smoke", ("torch",), seeds=("7",), beside=True)


def test_a_reader_who_has_gone_does_not_change_the_exit_code(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*anything: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(gate, "report", broken)
    assert planted.run(change(0, status=Status.DIFFERS))[0] == 1
