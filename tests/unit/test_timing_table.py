"""The table of times: figures as they are read, bars, verdicts, and what is said beside them."""

import io
from dataclasses import replace

import pytest
from rich.console import Console
from standing_made import PLAIN, standing

from lossbench.judging.intervals import Relation
from lossbench.judging.standings import COPY, EMPTY_CALL, Standing
from lossbench.output.timing_table import amount, bar, memory, microseconds, rate, ratio, short, timing_tables


def shown(*rows: Standing, width: int = 120) -> str:
    out = Console(file=io.StringIO(), width=width)
    for part in timing_tables(rows, width):
        out.print(part)
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def test_figures_read_to_three_digits() -> None:
    assert [microseconds(t) for t in (None, 2.5e-8, 1.234e-6, 5.678e-5, 0.0123456)] == [
        "", "0.025", "1.23", "56.8", "12,346",
    ]  # fmt: skip
    assert [amount(n) for n in (None, 12.0, 4321.0, 5.6789e6, 1.7345e9)] == ["", "12", "4.32 k", "5.68 M", "1.73 G"]
    assert [short(n) for n in (7, 1234, 45_678, 5.6789e6, 17e9)] == ["7", "1.2k", "46k", "5.7M", "17G"]


def test_bars_are_as_long_as_their_figures() -> None:
    assert [bar(value, 8.0) for value in (None, 8.0, 4.0, 0.001)] == ["", "█████", "██▌", "▏"]
    assert bar(1.0, 0.0) == ""


def test_a_ratio_stands_in_its_interval() -> None:
    row = replace(PLAIN, ratio=1.25, low=1.1, high=1.4)
    assert ratio(row) == r"1.25 \[1.10 1.40]"
    assert ratio(replace(row, ratio=55.5, high=66.6)) == r"55.5 \[1.1 66.6]"
    assert ratio(replace(row, low=None)) == "1.25"
    assert ratio(PLAIN) == ""


def test_rates_and_memory_stand_beside_the_least_and_the_most_there_can_be() -> None:
    assert [rate(replace(PLAIN, roof=roof)) for roof in (None, 0.25, 0.001)] == ["1.5", "1.5 (25)", "1.5 (<1)"]
    assert rate(replace(PLAIN, gigabytes_per_second=None)) == ""
    assert memory(PLAIN) == "2.0M (132)"
    assert memory(replace(PLAIN, memory=131)) == "? (132)"
    assert [memory(replace(PLAIN, memory=None)), memory(replace(PLAIN, least_memory=None))] == ["", "2.0M"]


def test_each_case_has_its_own_table_and_the_harness_shows_its_cost() -> None:
    empty = replace(PLAIN, loss=EMPTY_CALL, case="", contest="", via="", backward=None, forward=1e-7)
    copying = replace(empty, loss=COPY, least_bytes=1 << 16)
    rows = [copying, empty, standing("first", 1e-3), standing("second", 2e-3, contest="other/case")]
    lines = [line.rstrip() for line in shown(*rows).splitlines()]
    assert lines.index("huber/case") < lines.index("other/case")
    assert any(line.startswith("(copy) 65.5 kB") for line in lines)
    assert any(line.startswith("(empty call) torch") and "0.100" in line for line in lines)
    assert shown(*rows).count("verdict") == 1


@pytest.mark.parametrize("width", [120, 200])
def test_verdicts_and_remarks_are_shown_in_full(width: int) -> None:
    told = shown(
        standing("base", 1.0, base=True, ratio=1.0),
        standing("same", 1.0, relation=Relation.SAME, ratio=1.0, floor=0.012),
        standing("odd[0]", 1.0, relation=Relation.AMBIGUOUS, ratio=1.07, low=0.95, high=1.2, note="note[1]"),
        standing("liar", 1.0, answer="differs: 900 eps, gradient", mode="compiled"),
        standing("ghost", 1.0, impossible=True, interpreter="/old/python"),
        width=width,
    )
    for words in ("base", "SAME", "1.2", "AMBIGUOUS", "1.07 [0.95 1.20]", "odd[0]: note[1]", "liar compiled", "WRONG"):
        assert words in told
    for words in ("liar: WRONG: differs: 900 eps, gradient", "IMPOSSIBLE", "ghost: IMPOSSIBLE: faster than its bytes"):
        assert words in told
    assert max(len(line.rstrip()) for line in told.splitlines()) <= width
