"""What raw times amount to: figures over processes, ratios, verdicts, and what takes no part."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from lossbench.judging.intervals import Relation
from lossbench.judging.standings import BACKWARD, COPY, FORWARD, standings
from lossbench.judging.traffic import bucket
from lossbench.records import Case
from lossbench.timings import Timing

CASE = Case("squared_error", (), (), "mean", "float32", (4, 8), "normal", 0)


def timing_of(via: str, process: int, direction: str, p25: float | None, **others: object) -> Timing:
    row = Timing(
        case=str(CASE), stands_for="", loss=CASE.loss, framework="fast", version="1", interpreter="", via=via,
        device="cpu", device_name="cpu", mode="eager", dtype="float32", reduction="mean", shape="4x8",
        direction=direction, process=process, threads=1, sets=1, loops=1, samples=(), first_call=9.0, p25=p25,
        minimum=p25, median=None, spread=None, elements=32, elements_per_second=None if p25 is None else 32 / p25,
        least_bytes=400, gigabytes_per_second=None if p25 is None else 400e-9 / p25, operations=96, memory=512,
        least_memory=4, answer="agrees", processor="", python="", load=None, steal=None, frequency=None, card="",
        malloc_mmap_threshold="", malloc_trim_threshold="",
    )  # fmt: skip
    return replace(row, **others)  # type: ignore[arg-type]


def rows_of(via: str, figures: Sequence[float], **others: object) -> list[Timing]:
    return [timing_of(via, number, BACKWARD, p25, **others) for number, p25 in enumerate(figures, 1)]


QUICK = (4.0, 4.1, 4.0, 4.1, 4.0, 4.1)


def test_a_standing_is_the_quietest_quarter_of_processes_and_its_ratio_is_to_the_fastest() -> None:
    rows = rows_of("slow", [2 * each for each in QUICK]) + rows_of("quick", QUICK)
    rows += [timing_of("quick", n, FORWARD, p25) for n, p25 in enumerate((2.0, 2.0, 2.5), 1)]
    quick, slow = standings(rows)
    assert (quick.via, quick.forward, quick.backward, quick.processes) == ("quick", 2.0, 4.0, 6)
    assert quick.spread == 0.25  # of the two directions the worse
    assert (quick.ratio, quick.relation, quick.base) == (1.0, None, True)
    assert quick.elements_per_second == 32 / 4.0
    assert (quick.first_call, quick.memory, quick.least_memory, quick.answer) == (9.0, 512, 4, "agrees")
    assert (slow.via, slow.relation, slow.base) == ("slow", Relation.SLOWER, False)
    assert slow.ratio == pytest.approx(2.0)
    assert slow.low == pytest.approx(2 * 4.0 / 4.1)
    assert slow.floor == pytest.approx(0.025)  # odd processes against even ones


def test_all_can_be_held_against_one_that_is_named() -> None:
    rows = rows_of("quick", QUICK) + rows_of("slow", [2 * each for each in QUICK])
    quick, slow = standings(rows, lambda row: row.via == "slow")
    assert (slow.base, slow.ratio) == (True, 1.0)
    assert (quick.relation, quick.ratio) == (Relation.FASTER, pytest.approx(0.5))
    assert all(row.ratio is None for row in standings(rows, lambda row: row.via == "nobody"))


def test_two_interpreters_are_two_standings() -> None:
    rows = rows_of("a", QUICK) + rows_of("a", [2 * each for each in QUICK], interpreter="/old", version="0")
    new, old = standings(rows, lambda row: row.interpreter == "/old")
    assert (new.relation, old.base, old.version) == (Relation.FASTER, True, "0")


def test_what_is_wrong_is_shown_and_nobody_is_held_against_it() -> None:
    rows = rows_of("liar", [each / 10 for each in QUICK], answer="differs: 1000 eps, value") + rows_of("honest", QUICK)
    liar, honest = standings(rows)
    assert (liar.wrong, liar.base, liar.relation) == (True, False, None)
    assert liar.ratio == pytest.approx(0.1)
    assert (honest.base, honest.ratio) == (True, 1.0)


def test_what_is_too_fast_for_its_bytes_is_impossible() -> None:
    copying = [timing_of("", 1, FORWARD, 1.0, loss=COPY, case="", least_bytes=bucket(400), minimum=1.0)]
    slowest = 400 / (2 * bucket(400))  # half as long as copying so many bytes takes
    for minimum, flagged in ((0.99 * slowest, True), (1.01 * slowest, False)):
        found = standings([*copying, *rows_of("a", QUICK, minimum=minimum)])
        assert [row.impossible for row in found] == [False, flagged]
        assert found[1].roof == pytest.approx(400 / 4.0 / bucket(400), rel=1e-3)
        assert found[1].base is not flagged


def test_an_implementation_in_another_reduction_takes_part_and_it_is_said() -> None:
    other = replace(CASE, reduction="none")
    rows = rows_of("mean", QUICK)
    rows += rows_of("none", QUICK, case=str(other), stands_for=str(CASE), reduction="none")
    first, second = standings(rows)
    assert (first.contest, second.contest) == (str(CASE), str(CASE))
    assert [row.note for row in (first, second)] == ["", "reduction none: it has no mean"]


def test_one_process_allows_no_verdict() -> None:
    fastest, other = standings([timing_of("a", 1, BACKWARD, 1.0), timing_of("b", 1, BACKWARD, 100.0)])
    assert fastest.base
    assert (other.ratio, other.relation, other.spread) == (pytest.approx(100.0), Relation.AMBIGUOUS, None)


def test_a_standing_without_a_backward_time_comes_last_and_has_no_ratio() -> None:
    rows = [
        timing_of("flat", 1, FORWARD, 0.5),
        timing_of("flat", 1, BACKWARD, None, note="no-gradient: prediction"),
        timing_of("honest", 1, FORWARD, 1.0),
        timing_of("honest", 1, BACKWARD, 2.0),
    ]
    honest, flat = standings(rows)
    assert (honest.via, honest.ratio) == ("honest", 1.0)
    assert (flat.forward, flat.backward, flat.ratio, flat.note) == (0.5, None, None, "no-gradient: prediction")


def test_cases_do_not_compete_with_each_other() -> None:
    other = str(replace(CASE, shape=(400, 8)))
    rows = [timing_of("a", 1, BACKWARD, 1.0), timing_of("a", 1, BACKWARD, 100.0, case=other)]
    assert [row.ratio for row in standings(rows)] == [1.0, 1.0]


def test_what_other_work_held_up_is_left_out_by_what_all_processes_tell() -> None:
    walls = ((7.0, 9.0, 8.0), (4.0, 9.0, 12.0))  # the first never ran undisturbed; the second shows what it waits for
    rows = [
        timing_of("quick", n, BACKWARD, 9.0, samples=samples, busy=(3.75, 3.75, 3.75))
        for n, samples in enumerate(walls, 1)
    ]
    (found,) = standings(rows)
    assert found.figures == (4.0, 4.0)
    assert (found.backward, found.rounds, found.elements_per_second) == (4.0, (1, 2), 8.0)
    assert found.gigabytes_per_second == 400 / 4.0 / 1e9


def test_rounds_that_moved_both_sides_alike_are_compared_one_by_one() -> None:
    busy = [4.0 * factor for factor in (1.0, 1.4, 1.2, 1.9, 1.1, 1.3, 1.0, 1.6, 1.5, 1.2, 1.7)]
    slow = rows_of("slow", [1.05 * each for each in busy])
    del slow[3]  # a round that one side alone has is no pair
    quick, found = standings([*rows_of("quick", busy), *slow])
    assert quick.base
    assert (found.relation, found.ratio) == (Relation.SLOWER, pytest.approx(1.05))
