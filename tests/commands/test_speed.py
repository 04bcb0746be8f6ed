"""The command `speed`: exact statistics, rounds on a scripted crew, and real workers of the fakes."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from lossbench.cases.suite import Selection, load, unfold
from lossbench.commands import speed
from lossbench.commands.speed import Request
from lossbench.errors import EnvironmentLacks, UsageError
from lossbench.judging.standings import (
    BACKWARD,
    EMPTY_CALL,
    FORWARD,
    Standing,
    percentile,
)
from lossbench.judging.timing import plan
from lossbench.losses import catalogue
from lossbench.output.timing_table import amount, microseconds, ratio, timing_table
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
        (Request(processes=0), "--processes 0"),
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
    assert [(t.process, t.via, t.direction) for t in rows] == [
        (1, "", FORWARD), (1, HONEST, FORWARD), (1, HONEST, BACKWARD),
        (2, HONEST, FORWARD), (2, HONEST, BACKWARD), (2, "", FORWARD),
    ]  # fmt: skip
    for row in rows:
        assert row.note == ""
        assert row.p25 == percentile(row.samples, 0.25) > 0
        assert row.first_call is not None
        assert row.loops is not None
    shown = capsys.readouterr().out
    for word in (EMPTY_CALL, HONEST, "6 timings", "fakes", "1 thread", "load average", "means nothing", "4x8"):
        assert word in shown


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


# the table


def test_figures_read_to_three_digits() -> None:
    assert [microseconds(t) for t in (None, 2.5e-8, 1.234e-6, 5.678e-5, 0.0123456)] == [
        "", "0.025", "1.23", "56.8", "12,346",
    ]  # fmt: skip
    assert [amount(n) for n in (None, 12.0, 4321.0, 5.6789e6, 1.7345e9)] == ["", "12", "4.32 k", "5.68 M", "1.73 G"]


def test_a_ratio_within_the_spread_is_marked() -> None:
    row = Standing("huber", "torch", "a[b]", "float32", "4x8", "", 1.0, 2.0, 0.1, None, None, "", 1.05, False)
    assert ratio(row) == "≈1.05"
    assert ratio(replace(row, certain=True)) == "1.05"
    assert ratio(replace(row, ratio=None)) == ""
    assert timing_table([row, replace(row, note="[odd]")]).row_count == 2
