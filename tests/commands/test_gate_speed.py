"""`gate --speed` on a clock that plays from a script: two targets in one run, and what of them fails."""

import csv
import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from clocked import Clock
from running import InProcess

from lossbench.commands.gate_times import read_limit
from lossbench.errors import UsageError
from lossbench.results import read
from lossbench.timings import Timing

OLD = f"fakes={sys.executable}"
HUBER, SLOW = "fakes.honest.huber", "fakes.honest.other"
FAKES = ("--framework", "fakes", "--baseline", "cpu.csv")
SPEED = ("huber", *FAKES, "--results", "rows.csv", "--speed", "--against", OLD)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Files by name: the rows of one real run of the fakes, and the baseline that it became."""
    return {}


@pytest.fixture
def clock(folder: Path, lossbench: InProcess, measured: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A folder with rows that are what is accepted, and a clock on which both targets are equally fast."""
    if not measured:
        assert lossbench("gate", "huber", *FAKES, "--accept", "-q", "--csv", "rows.csv").code == 0
        measured.update({name: (folder / name).read_bytes() for name in ("rows.csv", "cpu.csv")})
    for name, content in measured.items():
        (folder / name).write_bytes(content)
    clock = Clock({"fakes": [HUBER, SLOW], OLD: [HUBER, SLOW]})
    clock.install(monkeypatch)
    monkeypatch.setenv("COLUMNS", "400")
    return clock


def last(text: str) -> str:
    return text.splitlines()[-1]


def test_equally_fast_targets_pass(clock: Clock, lossbench: InProcess, folder: Path) -> None:
    done = lossbench("gate", *SPEED)
    assert (done.code, last(done.out).endswith("-> exit 0 (fine: nothing is worse)")) == (0, True), done.out
    assert f"4 times held against {OLD}: 4 SAME; 0 slower by more than 10 %" in done.out
    rows = read(folder / "results" / "latest" / "gate-speed.csv", Timing)
    assert {(row.target, row.via) for row in rows if row.via} == {(t, v) for t in ("fakes", OLD) for v in (HUBER, SLOW)}


@pytest.mark.parametrize(("backward", "direction"), [(False, "forward"), (True, "forward+backward")])
def test_what_takes_fifteen_percent_longer_fails_and_is_named(
    backward: bool, direction: str, clock: Clock, lossbench: InProcess
) -> None:
    clock.seconds["fakes", SLOW, backward] = 1.15 * (3e-3 if backward else 1e-3)
    done = lossbench("gate", *SPEED)
    assert done.code == 1
    assert last(done.out).endswith("-> exit 1 (regressed: 1 slower)")
    key = f"huber/mean/float32/256x1000/normal/0 {direction} by {SLOW} of fakes"
    assert f"slower     {key}: " in done.out
    assert f"1.15 times as long as on {OLD} (1." in done.out
    assert f"lossbench speed huber --suite speed --framework fakes --impl {SLOW} --against {OLD}" in done.out
    assert "SLOWER     1.15 [" in done.out


def test_every_form_tells_of_it(
    clock: Clock, lossbench: InProcess, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.seconds["fakes", SLOW, False] = 1.15e-3
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "step.md"))
    files = ("--junit", "j.xml", "--sarif", "s.json", "--json", "g.json", "--github")
    done = lossbench("gate", *SPEED, *files, "--format", "csv")
    assert done.code == 1
    rows = list(csv.DictReader(done.out.splitlines()))
    assert [(row["kind"], row["fails"], row["via"]) for row in rows] == [("slower", "True", SLOW)]
    assert rows[0]["repeat"].startswith("lossbench speed huber ")
    root = ET.parse("j.xml").getroot()
    assert [one.get("type") for one in root.iter("failure")] == ["slower"]
    timed = [test for test in root.iter("testcase") if "256x1000" in (test.get("name") or "")]
    assert len(timed) == 4
    result = json.loads(Path("s.json").read_text())["runs"][0]["results"][0]
    assert (result["ruleId"], result["level"]) == ("slower", "error")
    data = json.loads(Path("g.json").read_text())
    assert (data["exit"], data["counts"], data["against"], data["slower_limit"]) == (1, {"slower": 1}, OLD, 0.1)
    assert sorted(pace["relation"] for pace in data["times"]) == ["SAME", "SAME", "SAME", "SLOWER"]
    assert any("::error file=cpu.csv" in line and "slower" in line for line in done.err.splitlines())
    summary = (folder / "step.md").read_text()
    assert "| slower |" in summary
    assert "4 times held against" in summary
    assert rows[0]["repeat"] in summary


@pytest.mark.parametrize("options", [("--slower", "20"), ("--slower", "20%")])
def test_the_limit_is_stated_and_taken(options: tuple[str, ...], clock: Clock, lossbench: InProcess) -> None:
    clock.seconds["fakes", SLOW, False] = 1.15e-3
    done = lossbench("gate", *SPEED, *options)
    assert (done.code, "1 SLOWER, 3 SAME" in done.out or "3 SAME, 1 SLOWER" in done.out) == (0, True), done.out
    assert "0 slower by more than 20 %" in done.out


def test_what_is_ambiguous_or_faster_never_fails_even_strictly(clock: Clock, lossbench: InProcess) -> None:
    clock.seconds["fakes", SLOW, False] = 1.3e-3
    clock.seconds["fakes", HUBER, False] = 0.5e-3
    clock.noise = (1.0, 1.9, 0.6, 1.5, 0.7, 1.2)
    done = lossbench("gate", *SPEED, "--strict-better")
    assert (done.code, "AMBIGUOUS" in done.out) == (0, True), done.out


def test_one_process_proves_nothing(clock: Clock, lossbench: InProcess) -> None:
    clock.seconds["fakes", SLOW, False] = 9.0
    done = lossbench("gate", *SPEED, "--processes", "1")
    assert (done.code, "4 AMBIGUOUS" in done.out) == (0, True), done.out


def test_a_part_of_the_times_never_passes(clock: Clock, lossbench: InProcess) -> None:
    clock.raising.add(("fakes", SLOW))
    done = lossbench("gate", *SPEED)
    assert done.code == 4
    assert f"untimed    huber/mean/float32/256x1000/normal/0 forward by {SLOW} of fakes" in done.out
    assert "ValueError: no" in done.out
    assert last(done.out).endswith("-> exit 4 (measured only in part: 1 time could not be measured)")


def test_no_times_at_all_never_pass(clock: Clock, lossbench: InProcess) -> None:
    clock.offers[OLD] = ["fakes.honest.unheard_of"]
    done = lossbench("gate", *SPEED)
    assert (done.code, "no implementation was timed on both" in done.out) == (4, True)
    clock.offers = {"fakes": [], OLD: []}
    done = lossbench("gate", *SPEED)
    assert (done.code, "untimed    times against" in done.out) == (4, True)


def test_a_verdict_that_is_worse_is_told_before_times(clock: Clock, lossbench: InProcess, folder: Path) -> None:
    rows = (folder / "rows.csv").read_text()
    (folder / "rows.csv").write_text(rows.replace(",agrees,", ",differs,", 1))
    clock.raising.add(("fakes", SLOW))
    done = lossbench("gate", *SPEED)
    assert (done.code, "1 worse" in last(done.out), "1 untimed" in last(done.out)) == (1, True, True)


def test_what_times_are_held_against_must_be_there(clock: Clock, lossbench: InProcess) -> None:
    del clock.offers[OLD]
    done = lossbench("gate", *SPEED, "--junit", "j.xml")
    assert (done.code, "gate: -> exit 3 (environment missing)" in done.err) == (3, True)
    assert "environment missing" in Path("j.xml").read_text()


def test_an_interrupted_run_shows_the_verdicts_and_does_not_pass(clock: Clock, lossbench: InProcess) -> None:
    clock.interrupted = True
    done = lossbench("gate", *SPEED)
    assert (done.code, "gate: unfinished, " in done.out) == (130, True)


def test_quiet_says_only_what_fails(clock: Clock, lossbench: InProcess) -> None:
    assert lossbench("gate", *SPEED, "-q").out == ""
    clock.seconds["fakes", SLOW, False] = 1.15e-3
    lines = lossbench("gate", *SPEED, "-q").out.splitlines()
    assert lines[0].startswith("slower ")
    assert not any(line.startswith("SLOWER") for line in lines)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--against", OLD), "--against is about times; add --speed"),
        (("--slower", "5"), "--slower is about times; add --speed"),
        (("--seconds", "0"), "--seconds is about times; add --speed"),
        (("--speed",), "say which, such as --against torch=OLD/bin/python"),
        (("--speed", "--against", "fakes"), "is the very target that is to be timed"),
        (("--speed", "--against", "HuberLoss"), "should be a target"),
        (("--speed", "--against", "fakes=/no/such/python"), "there is no interpreter"),
        (("--speed", "--against", "/no/such/python"), "is no interpreter that can be run"),
        (("--speed", "--against", OLD, "--accept"), "leave out --accept"),
        (("--speed", "--against", OLD, "--shard", "1/2"), "leave out --shard"),
        (("--speed", "--against", OLD, "--slower", "much"), "--slower 'much' should be a number of percent"),
        (("--speed", "--against", OLD, "--slower", "-3"), "from 0 to 1000"),
        (("--speed", "--against", OLD, "--slower", "nan"), "from 0 to 1000"),
        (("--speed", "--against", OLD, "--seconds", "-1"), "should lie between 0 and 3600"),
        (("--speed", "--against", OLD, "--processes", "-1"), "--processes -1 is below 0"),
        (("--speed", "--against", OLD, "--threads", "0"), "--threads 0 is below 1"),
        (("--speed", "--against", OLD, "--speed-suite", "sped"), "did you mean speed"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_before_anything_runs(
    options: tuple[str, ...], words: str, clock: Clock, lossbench: InProcess
) -> None:
    done = lossbench("gate", "huber", *FAKES, *options, "--csv", "never.csv")
    assert (done.code, words in " ".join(done.err.split())) == (2, True), done.err
    assert not Path("never.csv").exists()


def test_limits_as_they_are_written() -> None:
    assert [read_limit(text) for text in ("", "10", "10%", "0", "2.5%")] == [0.1, 0.1, 0.1, 0.0, 0.025]
    with pytest.raises(UsageError):
        read_limit("10 percent")


def test_rows_of_times_lie_beside_those_of_verdicts_and_real_workers_are_timed(
    lossbench: InProcess, folder: Path
) -> None:
    assert lossbench("gate", "huber", *FAKES, "--accept", "-q").code == 0
    suite = folder / "small.toml"
    suite.write_text(
        'losses = ["huber"]\n[[cases]]\nregimes = ["normal"]\ndtypes = ["float32"]\nreductions = ["mean"]\n'
    )
    words = ("--speed-suite", suite, "--seconds", "0", "--processes", "1", "--csv", "now.csv")
    done = lossbench("gate", "huber", *FAKES, "--speed", "--against", OLD, *words)
    assert (done.code, " AMBIGUOUS (more --seconds tell); 0 slower" in done.out) == (0, True), done.out
    assert {row.target for row in read(folder / "now-speed.csv", Timing)} == {"fakes", OLD}
