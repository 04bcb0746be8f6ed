"""Times held against a counterpart's: who it is, what the noise model lets one say, and what of it fails."""

from dataclasses import replace

import pytest

from lossbench.judging.baseline import SLOWER, UNTIMED
from lossbench.judging.intervals import Relation
from lossbench.judging.paces import Pace, findings, paces, told
from lossbench.judging.standings import BACKWARD, COPY, EMPTY_CALL, FORWARD
from lossbench.timings import Timing

VIA, CASE = "torch.nn.HuberLoss", "huber/mean/float32/256x1000/normal/0"
OLD = "torch under old/python"
NOISE = (1.0, 1.02, 0.99, 1.01, 0.98, 1.0)  # by process

ROW = Timing(
    case=CASE, stands_for="", loss="huber", framework="torch", version="2.0", interpreter="", via=VIA, device="cpu",
    device_name="cpu", mode="eager", dtype="float32", reduction="mean", shape="256x1000", direction=FORWARD, process=1,
    threads=1, sets=1, loops=2, samples=(1.0,), first_call=0.1, p25=1.0, minimum=1.0, median=1.0, spread=0.0,
    elements=256_000, elements_per_second=1.0, least_bytes=1, gigabytes_per_second=1.0, operations=1, memory=1,
    least_memory=1, answer="agrees", processor="", python="3.12", load=0.0, steal=None, frequency=None, card="",
    malloc_mmap_threshold="", malloc_trim_threshold="", note="", target="torch",
)  # fmt: skip


def rows(
    target: str, factor: float, noise: tuple[float, ...] = NOISE, direction: str = FORWARD, **others: object
) -> list[Timing]:
    """One row for each process."""
    found = [
        replace(ROW, target=target, direction=direction, process=number, p25=1e-3 * factor * each)
        for number, each in enumerate(noise, 1)
    ]
    return [replace(row, **others) for row in found]  # type: ignore[arg-type]


def held(
    *timings: list[Timing], bases: set[tuple[str, str]] | None = None, guests: set[str] | None = None
) -> list[Pace]:
    return paces([row for some in timings for row in some], bases or {(OLD, VIA)}, guests or set())


def again(pace: Pace) -> str:
    return f"lossbench speed {pace.loss}"


@pytest.mark.parametrize("direction", [FORWARD, BACKWARD])
def test_fifteen_percent_fail_with_the_name_of_the_culprit(direction: str) -> None:
    both = held(rows("torch", 1.15, direction=direction), rows(OLD, 1.0, direction=direction))
    assert [pace.relation for pace in both] == [Relation.SLOWER]
    found = findings(both, 0.1, again)
    assert [(one.kind, one.key) for one in found] == [(SLOWER, f"{CASE} {direction} by {VIA} of torch")]
    assert "1.15 times as long as on torch under old/python (1.1" in found[0].reason
    assert "up to 10 % more is let pass" in found[0].reason
    assert (found[0].accepted, found[0].found, found[0].again) == ("1 ms", "1.15 ms", "lossbench speed huber")


@pytest.mark.parametrize(
    ("factor", "noise", "relation"),
    [
        (1.0, NOISE, Relation.SAME),
        (1.08, NOISE, Relation.SLOWER),  # surely, and within the limit
        (0.5, NOISE, Relation.FASTER),
        (1.15, (1.0, 1.4, 0.8, 1.3, 0.7, 1.2), Relation.AMBIGUOUS),
        (3.0, (1.0, 1.0), Relation.AMBIGUOUS),  # two processes have no interval
        (3.0, (1.0, 4.0) * 3, Relation.AMBIGUOUS),  # identical code came out four times as slow
    ],
)
def test_what_is_same_faster_a_little_slower_or_ambiguous_never_fails(
    factor: float, noise: tuple[float, ...], relation: Relation
) -> None:
    both = held(rows("torch", factor, noise), rows(OLD, 1.0, noise))
    assert [pace.relation for pace in both] == [relation]
    assert findings(both, 0.1, again) == []


def test_the_limit_is_what_was_asked_for() -> None:
    both = held(rows("torch", 1.08), rows(OLD, 1.0))
    assert [one.kind for one in findings(both, 0.05, again)] == [SLOWER]
    assert "nothing slower is let pass" in findings(both, 0.0, again)[0].reason


def test_each_is_held_against_the_same_public_name_and_never_against_a_faster_neighbour() -> None:
    fast = "torch.nn.functional.huber_loss"
    both = held(
        rows("torch", 1.0),
        rows("torch", 0.2, via="torch.new"),
        rows(OLD, 1.0),
        rows(OLD, 0.1, via=fast),
        bases={(OLD, VIA), (OLD, fast)},
    )
    assert [(pace.via, pace.base, pace.relation) for pace in both] == [(VIA, VIA, Relation.SAME)]


def test_another_framework_and_a_users_own_are_held_against_the_fastest_right_one() -> None:
    slow, wrong = "paddle.nn.Slow", "paddle.nn.Wrong"
    theirs = {"framework": "paddle", "via": "paddle.nn.Fast"}
    them = [
        rows("paddle", 1.0, **theirs),
        rows("paddle", 2.0, **theirs | {"via": slow}),
        rows("paddle", 0.1, **theirs | {"via": wrong, "answer": "differs: 9 eps"}),
    ]
    bases = {("paddle", name) for name in (theirs["via"], slow, wrong)}
    both = held(rows("torch", 1.2), *them, bases=bases)
    assert [(pace.base, pace.against, pace.relation) for pace in both] == [
        ("paddle.nn.Fast", "paddle", Relation.SLOWER)
    ]
    assert "1.20 times as long as paddle.nn.Fast on paddle" in told(both[0])
    mine = rows("torch", 1.2, via="mine.py:huber")
    assert held(mine, rows("torch", 1.0), bases={("torch", VIA)}) == []
    both = held(mine, rows("torch", 1.0), bases={("torch", VIA)}, guests={"mine.py:huber"})
    assert [(pace.via, pace.base) for pace in both] == [("mine.py:huber", VIA)]


def test_a_wrong_base_is_nothing_to_be_held_against() -> None:
    assert held(rows("torch", 2.0), rows(OLD, 1.0, answer="differs: 9 eps")) == []


def test_what_cannot_be_timed_any_more_is_a_finding_and_said_once() -> None:
    raised = [replace(ROW, p25=None, samples=(), note="raised: ValueError: no")]
    both = held(raised, rows(OLD, 1.0), rows(OLD, 3.0, direction=BACKWARD))
    found = findings(both, 0.1, again)
    assert [(one.kind, one.case) for one in found] == [(UNTIMED, CASE)]
    assert "raised: ValueError: no" in found[0].reason
    lost = rows("torch", 1.0, direction=BACKWARD, note="no-gradient: prediction", p25=None)
    found = findings(held(rows("torch", 1.0), lost, rows(OLD, 1.0), rows(OLD, 3.0, direction=BACKWARD)), 0.1, again)
    assert [(one.kind, one.key) for one in found] == [(UNTIMED, f"{CASE} {BACKWARD} by {VIA} of torch")]
    assert "no-gradient: prediction" in found[0].reason


def test_what_neither_or_only_one_side_has_is_nobodys_counterpart() -> None:
    none = [replace(ROW, direction=BACKWARD, p25=None, note="raised: no-gradient: the definition has none")]
    assert held(none, [replace(row, target=OLD) for row in none]) == []
    assert held(rows("torch", 1.0)) == []
    assert held(rows("torch", 1.0), rows(OLD, 1.0, case=CASE.replace("256", "128"))) == []
    harness = [*rows("torch", 9.0, loss=COPY, case="", via=""), *rows("torch", 9.0, loss=EMPTY_CALL, case="", via="")]
    assert held(harness, [replace(row, target=OLD, p25=1e-3) for row in harness], bases={(OLD, "")}) == []


def test_one_in_a_large_suite_does_not_come_out_slower_by_chance() -> None:
    """Of many pairs some are slower by chance, so each of them needs more of a proof than it would alone."""
    overlapping = (1.30, 1.05, 1.25, 1.20, 1.35, 1.28)
    one = held(rows("torch", 1.0, overlapping), rows(OLD, 1.0, (1.0, 1.02, 1.01, 1.03, 1.1, 1.0)))
    assert one[0].relation is Relation.SLOWER
    suite = [
        some
        for number in range(200)
        for some in (rows("torch", 1.0, overlapping, loss=f"l{number}", case=CASE.replace("huber", f"l{number}")),
                     rows(OLD, 1.0, (1.0, 1.02, 1.01, 1.03, 1.1, 1.0), case=CASE.replace("huber", f"l{number}")))
    ]  # fmt: skip
    assert {pace.relation for pace in held(*suite)} == {Relation.AMBIGUOUS}
