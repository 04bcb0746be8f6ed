"""The command `selftest`: the fakes on real workers, and how verdicts on them are counted."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lossbench.commands import selftest
from lossbench.commands.selftest import LIES, OF_PRECISION, Request, Run, Trial, claim, score, tried
from lossbench.errors import UsageError
from lossbench.losses import catalogue
from lossbench.records import Implementation, Status, Verdict
from lossbench.results import read

CASE = "squared_error/none/float32/6x5/normal/0"


def fake(via: str, says: str = "") -> Implementation:
    return Implementation("squared_error", via, (), (), (), (), (), call=f'"""{says}"""\nreturn 1')


def verdict(via: str, status: Status, case: str = CASE) -> Verdict:
    words = dict.fromkeys(["framework", "version", "device", "mode", "dtype", "reduction", "shape", "regime"], "")
    return Verdict(case=case, loss="squared_error", via=via, status=status, compared=1, **words)


HONEST, ODD, LIE = (fake(f"fakes.{kind}.one") for kind in ("honest", "odd", "lies"))


def trial(of: Implementation, *verdicts: Verdict) -> Trial:
    (found,) = tried([of], verdicts)
    return found


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """One whole self-test."""
    path, run = tmp_path_factory.mktemp("selftest") / "rows.csv", Run()
    selftest.perform("selftest", path, run)
    return run, path


def test_every_lie_is_caught_and_every_honest_fake_let_through(ran: tuple[Run, Path]) -> None:
    trials = tried(ran[0].offered, ran[0].verdicts)
    assert [trial.via for trial in trials if not trial.passed] == []


def test_there_are_enough_fakes_and_each_says_what_it_does(ran: tuple[Run, Path]) -> None:
    trials = tried(ran[0].offered, ran[0].verdicts)
    assert sum(trial.lies for trial in trials) >= 60
    assert sum(trial.via.startswith(selftest.ODD) for trial in trials) >= 10
    assert all(trial.claim.endswith(".") and trial.verdicts for trial in trials)
    assert set(OF_PRECISION) <= {trial.via for trial in trials}
    assert len({trial.claim for trial in trials}) == len(trials)


def test_each_lie_has_an_honest_counterpart(ran: tuple[Run, Path]) -> None:
    honest = {i.loss for i in ran[0].offered if i.via.startswith(selftest.HONEST)}
    assert {i.loss for i in ran[0].offered} == honest


def test_plainly_honest_fakes_agree_nearly_everywhere(ran: tuple[Run, Path]) -> None:
    unasked = (Status.ABSENT, Status.REJECTS)
    plain = [v for v in ran[0].verdicts if v.via.startswith(selftest.HONEST) and v.status not in unasked]
    assert {v.status for v in plain} <= {Status.AGREES, Status.IMPRECISE}
    # textbook formulas in float32 lose tails; the suite puts about one question in forty to such tails
    assert sum(v.status is Status.IMPRECISE for v in plain) <= len(plain) / 40


def test_the_rows_are_on_disk(ran: tuple[Run, Path]) -> None:
    assert read(ran[1], Verdict) == ran[0].verdicts


def test_a_lie_is_caught_where_the_honest_one_is_let_through() -> None:
    fine, bad = verdict(HONEST.via, Status.AGREES), verdict(LIE.via, Status.DIFFERS)
    assert trial(LIE, fine, bad).passed
    assert trial(LIE, fine, bad).against == (bad,)
    assert not trial(LIE, fine, verdict(LIE.via, Status.AGREES)).passed
    assert not trial(LIE, fine, verdict(LIE.via, Status.IMPRECISE)).passed
    assert not trial(LIE, verdict(HONEST.via, Status.DIFFERS), bad).passed
    assert not trial(LIE, bad).passed
    assert not trial(LIE, replace(fine, case="another"), bad).passed
    assert not trial(LIE).passed


@pytest.mark.parametrize("status", [Status.CRASHES, Status.HANGS, Status.REFUSES])
def test_a_lie_that_breaks_down_is_caught(status: Status) -> None:
    assert trial(LIE, verdict(HONEST.via, Status.AGREES), verdict(LIE.via, status)).passed


def test_a_lie_of_precision_is_caught_where_the_honest_one_is_precise() -> None:
    rough = fake(OF_PRECISION[0])
    found = verdict(rough.via, Status.IMPRECISE)
    assert trial(rough, verdict(HONEST.via, Status.AGREES), found).passed
    assert not trial(rough, verdict(HONEST.via, Status.IMPRECISE), found).passed


@pytest.mark.parametrize(
    ("status", "passed"),
    [
        (Status.AGREES, True),
        (Status.IMPRECISE, True),
        (Status.REJECTS, True),
        (Status.DIFFERS, False),
        (Status.DEVIATES, False),
        (Status.REFUSES, False),
        (Status.CRASHES, False),
        (Status.ABSENT, False),
    ],
)
def test_an_honest_oddity_must_be_measured_and_never_blamed(status: Status, passed: bool) -> None:
    assert trial(ODD, verdict(ODD.via, status)).passed is passed
    if not passed and status is not Status.ABSENT:
        assert not trial(ODD, verdict(ODD.via, Status.AGREES), verdict(ODD.via, status)).passed


def test_the_closing_line() -> None:
    rows = [verdict(HONEST.via, Status.AGREES), verdict(LIE.via, Status.DIFFERS), verdict(ODD.via, Status.AGREES)]
    everyone = [HONEST, ODD, LIE]
    assert score(tried(everyone, rows)) == "selftest: 1 of 1 lies caught, 1 of 1 honest oddities let through"
    rows[0] = replace(rows[0], status=Status.DIFFERS)
    closing = "selftest: 0 of 1 lies caught, 1 of 1 honest oddities let through, 1 plainly honest blamed"
    assert score(tried(everyone, rows)) == closing


def test_a_claim_is_the_sentence_of_the_docstring() -> None:
    assert claim(fake("x", "Adds\n    in half.")) == "Adds in half."
    assert claim(replace(fake("x"), call="return 1")) == ""


def scripted(monkeypatch: pytest.MonkeyPatch, statuses: Sequence[Status], problem: str = "") -> None:
    def perform(suite: str, path: Path, run: Run) -> None:
        run.offered = (HONEST, ODD, LIE)
        run.verdicts = [verdict(i.via, status) for i, status in zip(run.offered, statuses, strict=True)]
        run.problems = [problem] if problem else []

    monkeypatch.setattr(selftest, "perform", perform)


@pytest.mark.parametrize(
    ("statuses", "problem", "code", "says"),
    [
        (("agrees", "agrees", "differs"), "", 0, "1 of 1 lies caught, 1 of 1 honest oddities"),
        (("agrees", "agrees", "agrees"), "", 1, "NOT caught: fakes.lies.one"),
        (("agrees", "differs", "differs"), "", 1, "NOT let through: fakes.odd.one"),
        (("differs", "agrees", "differs"), "", 1, "NOT let through: fakes.honest.one"),
        (("agrees", "agrees", "differs"), "the disk is full", 4, "problem: the disk is full"),
        (("absent", "absent", "absent"), "", 4, "has no case for the fakes"),
    ],
)
def test_exit_codes(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    statuses: tuple[str, ...],
    problem: str,
    code: int,
    says: str,
) -> None:
    scripted(monkeypatch, [Status(word) for word in statuses], problem)
    assert selftest.main(Request()) == code
    printed = capsys.readouterr()
    assert says in printed.out + printed.err


def test_a_suite_that_sees_less_catches_less(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = tmp_path / "weak.toml"
    suite.write_text('losses = ["squared_error"]\n[[cases]]\nregimes = ["zeros"]\ndtypes = ["float32"]\n')
    assert selftest.main(Request(str(suite), tmp_path / "rows.csv")) == 1
    printed = capsys.readouterr().out
    assert "NOT caught: fakes.lies.opposite_sign" in printed
    assert "NOT caught: fakes.lies.no_gradient\n" not in printed


def test_a_suite_without_cases_for_the_fakes_measures_nothing(tmp_path: Path) -> None:
    other = next(loss.name for loss in catalogue().values() if not loss.variant and loss.name not in FAKED)
    suite = tmp_path / "other.toml"
    suite.write_text(f'losses = ["{other}"]\n[[cases]]\nregimes = ["normal"]\n')
    assert selftest.main(Request(str(suite), tmp_path / "rows.csv")) == 4


FAKED = ("squared_error", "absolute_error", "huber", "binary_cross_entropy_with_logits", "cross_entropy", "soft_dice")


def test_an_unknown_suite_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="selftest"):
        selftest.main(Request("selftst", tmp_path / "rows.csv"))


def test_the_command_line(tmp_path: Path) -> None:
    suite = tmp_path / "weak.toml"
    suite.write_text('losses = ["huber"]\n[[cases]]\nregimes = ["normal"]\ndtypes = ["float32"]\n')
    command = [sys.executable, "-c", "from lossbench.cli import main; main()", "selftest", "--suite", str(suite)]
    environment = {**os.environ, "NO_COLOR": "1", "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[-1].startswith("selftest: ")
    assert f"NOT caught: {LIES}empty_sum" in done.stdout
    assert (tmp_path / "results" / "latest" / "selftest.csv").is_file()
