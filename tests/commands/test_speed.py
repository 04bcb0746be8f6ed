"""The command `speed`: exact statistics, rounds on a scripted crew, and real workers of the fakes."""

import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lossbench.cases.suite import Selection, load
from lossbench.cases.unfolding import unfold
from lossbench.commands import speed
from lossbench.commands.speed import Request
from lossbench.errors import EnvironmentLacks, UsageError
from lossbench.judging.intervals import percentile
from lossbench.judging.standings import BACKWARD, COPY, EMPTY_CALL, FORWARD
from lossbench.judging.trials import plan
from lossbench.losses import catalogue
from lossbench.records import Case, Target
from lossbench.results import ResultsNotWritten, Writer, read
from lossbench.timings import Timing

FAST, SLOW = Target("fast"), Target("slow")
CASE = Case("squared_error", (), (), "mean", "float32", (4, 8), "normal", 0)
HONEST = "fakes.honest.squared_error"


def test_formats_reductions_and_shapes_replace_those_of_the_suite() -> None:
    suite = speed.adapted(load("speed"), ("float64", "bfloat16"), ("sum",))
    cases = unfold(suite, catalogue(), Selection(frozenset({"huber", "cross_entropy"})))
    found = speed.reshaped(cases, [(7,), (5, 3)], catalogue())
    assert {(c.loss, c.dtype, c.reduction, c.shape) for c in found} == {
        ("huber", "float64", "sum", (7,)), ("huber", "bfloat16", "sum", (7,)),
        ("huber", "float64", "sum", (5, 3)), ("huber", "bfloat16", "sum", (5, 3)),
        ("cross_entropy", "float64", "sum", (5, 3)), ("cross_entropy", "bfloat16", "sum", (5, 3)),
    }  # fmt: skip
    assert speed.reshaped(cases, [], catalogue()) == cases


@pytest.mark.parametrize("text", ["", "4x", "0x4", "4*5", "-1", "x", "٤"])
def test_a_shape_of_nothing_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="4096x1000"):
        speed.parse_shape(text)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (Request(processes=-1), "--processes -1"),
        (Request(modes=("compild",)), "did you mean compiled"),
        (Request(sweep="1e3"), "--sweep '1e3'"),
        (Request(frameworks=("fakes",), against="/no/such/python"), "is no interpreter"),
        (Request(threads=0), "--threads 0"),
        (Request(seconds=math.nan), "--seconds nan"),
        (Request(reductions=("meen",)), "did you mean mean"),
        (Request(dtypes=("float23",)), "--dtype 'float23'"),
        (Request(suite="sped"), "did you mean speed"),
        (Request(frameworks=("fakes",), implementation="nothing like it"), "--impl 'nothing like it'"),
        (Request(("ctc",), frameworks=("fakes",)), "none of these frameworks"),
        (Request(("ctc",), frameworks=("fakes",), shapes=("4x5",)), "no case is left"),
        (Request(("hubr",), frameworks=("fakes",)), "did you mean huber"),
    ],
)
def test_what_cannot_be_meant_is_refused(request_: Request, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        speed.main(replace(request_, csv=tmp_path / "speed.csv"))


def test_a_missing_device_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentLacks, match="this build of fakes was made without CUDA"):
        speed.main(Request(frameworks=("fakes",), device="cuda", csv=tmp_path / "speed.csv"))


def quick(tmp_path: Path, **others: object) -> Request:
    base = Request(
        losses=("mse",), frameworks=("fakes",), shapes=("4x8",), processes=2, seconds=0.0, csv=tmp_path / "speed.csv",
        implementation=HONEST,
    )  # fmt: skip
    return replace(base, **others)  # type: ignore[arg-type]


def test_times_of_real_workers_are_written_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert speed.main(quick(tmp_path)) == 0
    rows = read(tmp_path / "speed.csv", Timing)
    assert [(t.process, t.loss if t.via == "" else t.via, t.direction) for t in rows] == [
        (1, COPY, FORWARD), (1, EMPTY_CALL, FORWARD), (1, HONEST, FORWARD), (1, HONEST, BACKWARD),
        (2, HONEST, FORWARD), (2, HONEST, BACKWARD), (2, EMPTY_CALL, FORWARD), (2, COPY, FORWARD),
    ]  # fmt: skip
    for row in rows:
        assert row.note == ""
        assert row.p25 is not None
        assert 0 < row.p25 <= percentile(row.samples, 0.25)  # without what other work held up
        assert len(row.busy) == len(row.samples)
        assert row.first_call is not None
        assert row.loops is not None
        assert row.answer == ("agrees" if row.via else "")
    shown = capsys.readouterr().out
    for word in (EMPTY_CALL, HONEST, "8 timings", "fakes", "1 thread", "load average", "means nothing", "4x8"):
        assert word in shown
    assert "unfinished" not in shown


def test_a_suite_says_how_long_and_at_which_sizes(tmp_path: Path) -> None:
    suite = tmp_path / "curve.toml"
    head = 'schema = 1\nseconds = 0.0\nlosses = ["squared_error"]\n'
    rest = '[[cases]]\nregimes = ["normal"]\ndtypes = ["float32"]\nreductions = ["mean"]\n'
    suite.write_text(f'{head}sweep = "1e2..1e5"\n{rest}')
    request = quick(tmp_path, suite=str(suite), shapes=(), processes=1, seconds=None)
    assert speed.main(request) == 0
    assert {t.elements for t in read(tmp_path / "speed.csv", Timing) if t.via} == {100, 1000, 10_000, 100_000}
    assert speed.main(replace(request, shapes=("3x4",))) == 0  # the command line goes before the suite
    assert {t.elements for t in read(tmp_path / "speed.csv", Timing) if t.via} == {12}
    for key, value, said in (
        ("sweep", '"1e3"', "curve: sweep '1e3'"),
        ("sweep", "3", "sweep is 3"),
        ("seconds", '"long"', "seconds is 'long'"),
        ("seconds", "4000", "--seconds 4000"),
    ):
        suite.write_text(f"schema = 1\n{key} = {value}\n{rest}")
        with pytest.raises(UsageError, match=said):
            speed.main(request)


def test_a_wrong_answer_is_shown_as_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert speed.main(quick(tmp_path, implementation="fakes.lies.one_half", processes=1)) == 0
    rows = [t for t in read(tmp_path / "speed.csv", Timing) if t.via]
    assert {t.answer.partition(":")[0] for t in rows if t.direction == BACKWARD} == {"differs"}
    shown = capsys.readouterr().out
    assert "WRONG" in shown
    assert "got" in shown


def test_all_are_held_against_the_one_that_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert speed.main(quick(tmp_path, against=HONEST, processes=1)) == 0
    assert "base" in capsys.readouterr().out
    assert speed.main(quick(tmp_path, against="nobody", processes=1)) == 0
    assert "nothing that was timed is 'nobody'" in capsys.readouterr().out


def test_two_interpreters_stand_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert speed.main(quick(tmp_path, against=sys.executable, processes=1)) == 0
    rows = [t for t in read(tmp_path / "speed.csv", Timing) if t.via]
    assert {t.interpreter for t in rows} == {"", sys.executable}
    assert "base" in capsys.readouterr().out


def test_a_sweep_says_what_a_call_costs_and_what_an_element_adds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert speed.main(quick(tmp_path, shapes=(), sweep="1e2..1e5", processes=1)) == 0
    assert {t.elements for t in read(tmp_path / "speed.csv", Timing) if t.via} == {100, 1000, 10_000, 100_000}
    assert "growing with the size" in capsys.readouterr().out


def test_implementations_in_trouble_cost_their_own_rows_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    troubled = {HONEST, *(f"fakes.trouble.{word}" for word in ("raises", "exits", "segfaults"))}
    monkeypatch.setattr(
        speed,
        "plan",
        lambda greetings, cases, losses, chosen: plan(greetings, cases, losses, lambda i: i.via in troubled),
    )
    assert speed.main(quick(tmp_path, processes=1)) == 0
    notes = {(t.via, t.direction): t.note for t in read(tmp_path / "speed.csv", Timing)}
    assert notes["fakes.trouble.raises", FORWARD].startswith("raised: ")
    assert notes["fakes.trouble.exits", FORWARD].startswith("died: exited with code")
    assert notes["fakes.trouble.segfaults", FORWARD].startswith("died: killed by SIGSEGV")
    assert notes[HONEST, FORWARD] == notes[HONEST, BACKWARD] == ""
    assert "died: killed by SIGSEGV" in capsys.readouterr().out


def test_nothing_timed_ends_with_4(tmp_path: Path) -> None:
    assert speed.main(quick(tmp_path, implementation="fakes.trouble.raises", processes=1)) == 4


def test_rows_that_cannot_be_written_are_still_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(writer: Writer, record: object) -> None:
        raise ResultsNotWritten("cannot write speed.csv: No space left on device")

    monkeypatch.setattr(Writer, "write", full)
    assert speed.main(quick(tmp_path, processes=1)) == 4
    shown = capsys.readouterr().out
    assert "No space left on device" in shown
    assert HONEST in shown
