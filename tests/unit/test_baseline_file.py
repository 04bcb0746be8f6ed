"""The file of accepted rows: what is read, refused, replaced, merged and counted."""

import math
import os
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from accepted_made import accepted, verdict

from lossbench.errors import ResultsNotWritten, UsageError
from lossbench.judging.accepted import Accepted, Key, described, fold
from lossbench.judging.baseline import GONE, compare
from lossbench.judging.baseline_file import Stamp, difference, merge, read, write
from lossbench.records import Status, Verdict

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


def unknown(row: Accepted) -> tuple[str, str]:
    return GONE, "nobody knows"


# the file


ROWS = [
    accepted(),
    accepted(regime="tie", status=Status.CRASHES, **NOTHING),
    accepted(regime="ones", status=Status.DIFFERS, value_error=math.inf),
    accepted(via='odd.name(a="1, 2")', note="n"),
]


def test_rows_survive_the_file_sorted_and_without_leftovers(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "cpu.csv"
    write(path, ROWS)
    assert read(path) == sorted(ROWS, key=lambda row: row.key)
    text = path.read_text()
    assert text.splitlines()[0] == (
        "loss,framework,via,device,mode,dtype,reduction,options,regime,status,value_error,gradient_error,version,"
        "machine,reason,expires"
    )
    write(path, ROWS[::-1])
    assert path.read_text() == text
    assert [p.name for p in path.parent.iterdir()] == ["cpu.csv"]


def test_a_baseline_that_cannot_be_replaced_stands_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cpu.csv"
    write(path, ROWS)
    before = path.read_text()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResultsNotWritten, match="No space left"):
        write(path, ROWS[:1])
    assert path.read_text() == before
    assert [p.name for p in tmp_path.iterdir()] == ["cpu.csv"]


def test_a_baseline_behind_a_link_is_replaced_where_it_lies(tmp_path: Path) -> None:
    path, link = tmp_path / "cpu.csv", tmp_path / "link.csv"
    path.write_text("")
    path.chmod(0o640)
    link.symlink_to(path)
    write(link, ROWS)
    assert link.is_symlink()
    assert read(path) == read(link)
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",agrees,", ",agreed,", "line 2.*agreed"),
        (",agrees,", ",skipped,", "line 2.*skipped"),
        (",1.3,", ",nan,", "line 2.*nan eps"),
        (",1.3,", ",-1.0,", "line 2.*-1.0 eps"),
        (",1.3,", ",inf,", "line 2.*agrees with an error of inf.*accept it anew"),
        (",2.13.0,,,", ",2.13.0,,,soon", "line 2.*expires is 'soon'.*2027-01-31"),
        (",1.3,", ",a lot,", "line 2.*a lot"),
        (",0.5,2.13.0,,,", "", "line 2"),
        ("loss,framework", "loss,firm", "framework"),
        ("huber,", "<<<<<<< HEAD\nhuber,", "line 2"),
    ],
)
def test_a_damaged_baseline_is_refused_with_its_line(old: str, new: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "cpu.csv"
    write(path, ROWS[:1])
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(UsageError, match=message):
        read(path)


def test_a_row_held_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cpu.csv"
    write(path, [ROWS[0], replace(ROWS[0], value_error=2.0)])
    with pytest.raises(UsageError, match="two rows for huber/none/float32/kink by torch"):
        read(path)


def test_no_baseline_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="with --accept"):
        read(tmp_path / "none.csv")


# accepting


def merged(rows: list[Accepted], verdicts: list[Verdict], covered: list[Key] | None = None) -> dict[str, str]:
    found = fold(verdicts)
    keys = [row.key for row in rows] if covered is None else covered
    findings = compare([row for row in rows if row.key in keys], found, {}, unknown)
    return {row.regime: f"{described(row)} {row.version}" for row in merge(rows, found, findings, keys)}


def test_accepting_replaces_what_changed_and_leaves_what_did_not() -> None:
    rows = [accepted(regime=regime) for regime in ("kink", "tie", "zeros", "ones")]
    now = [
        verdict(regime="kink", value_error=1.34, version="2.14.0"),
        verdict(regime="tie", status=Status.DIFFERS, value_error=1234.5, version="2.14.0"),
        verdict(regime="normal", value_error=0.321, version="2.14.0"),
    ]
    assert merged(rows, now, [row.key for row in rows if row.regime != "ones"]) == {
        "kink": "agrees, value 1.3, gradient 0.5 2.13.0",  # within the limit: as it was
        "tie": "differs, value 1.3e+03, gradient 0.5 2.14.0",
        "normal": "agrees, value 0.33, gradient 0.5 2.14.0",
        "ones": "agrees, value 1.3, gradient 0.5 2.13.0",  # not asked for: as it was
    }


def test_what_crashed_stays_accepted_as_crashing() -> None:
    assert merged([accepted(**CRASHED)], [verdict()]) == {"kink": "crashes 2.13.0"}


def test_accepting_twice_changes_nothing() -> None:
    found = fold([verdict(seed, value_error=1.23456 * seed) for seed in range(3)])
    rows = merge([], found, compare([], found, {}, unknown), [])
    again = compare(rows, found, {}, unknown)
    assert again == []
    assert merge(rows, found, again, [row.key for row in rows]) == rows


def test_reasons_stay_with_the_status_they_were_given_for_and_expiries_until_they_pass() -> None:
    rows = [
        replace(accepted(regime=regime, **WRONG), reason="known upstream", expires="2026-05-31", machine="old")
        for regime in ("kink", "tie", "zeros")
    ]
    now = [
        verdict(regime="kink", **WRONG),  # as it was
        verdict(regime="tie", status=Status.DIFFERS, value_error=1e9),
        verdict(regime="zeros"),
    ]
    found = fold(now)
    findings = compare(rows, found, {}, unknown)
    stamp = Stamp(lambda row: "new")
    after = {row.regime: row for row in merge(rows, found, findings, [row.key for row in rows], stamp)}
    assert {regime: (row.reason, row.expires, row.machine) for regime, row in after.items()} == {
        "kink": ("known upstream", "2026-05-31", "old"),
        "tie": ("known upstream", "2026-05-31", "new"),
        "zeros": ("", "", "new"),
    }
    findings = compare(rows, found, {}, unknown, date(2026, 6, 1))
    stamp = Stamp(lambda row: "new", "once more", "2026-12-31")
    again = {row.regime: row for row in merge(rows, found, findings, [row.key for row in rows], stamp)}
    assert (again["kink"].reason, again["kink"].expires) == ("once more", "2026-12-31")


def test_the_difference_of_two_baselines_is_counted() -> None:
    rows = [accepted(regime=regime) for regime in ("kink", "tie", "zeros")]
    new = [rows[0], replace(rows[1], value_error=7.0), accepted(regime="ones"), accepted(regime="normal")]
    assert str(difference(rows, new)) == "2 added, 1 changed, 1 dropped, 1 as they were"


def test_a_file_of_before_there_were_reasons_still_reads(tmp_path: Path) -> None:
    path = tmp_path / "cpu.csv"
    write(path, ROWS[:1])
    path.write_text("".join(line.rsplit(",", 3)[0] + "\n" for line in path.read_text().splitlines()))
    assert path.read_text().splitlines()[0].endswith(",version")
    assert read(path) == ROWS[:1]
