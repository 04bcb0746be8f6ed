"""The engine of `speed` and its statistics, on a crew that plays from a script."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from lossbench.cases.suite import Selection, load, unfold
from lossbench.commands import speed
from lossbench.judging import timing
from lossbench.judging.standings import (
    BACKWARD,
    EMPTY_CALL,
    FORWARD,
    percentile,
    spread_across,
    spread_within,
    standings,
)
from lossbench.judging.timing import Settings, Timekeeping, plan
from lossbench.losses import catalogue
from lossbench.records import Case, Ended, Greeting, Implementation, Measurement, Target, Trial
from lossbench.results import read
from lossbench.timings import Timing
from lossbench.wire import WireArray

FAST, SLOW = Target("fast"), Target("slow")
CASE = Case("squared_error", (), (), "mean", "float32", (4, 8), "normal", 0)
HONEST = "fakes.honest.squared_error"


def implementation(via: str, loss: str = "squared_error") -> Implementation:
    names = ("prediction", "target")
    return Implementation(loss, via, names, names, (), ("none", "mean"), ("float32",))


def greeting(name: str, *implementations: Implementation) -> Greeting:
    return Greeting(name, "1.0", "3.11", "python", ("cpu",), "cpu", 1, False, 0.0, implementations)


class Stage:
    """Where scripted crews play: what each was asked, by which process of which target, in which order."""

    def __init__(self, seconds: dict[str, float] | None = None) -> None:
        self.seconds = seconds or {}
        self.asked: list[tuple[int, str, str, bool]] = []
        self.trials: list[tuple[Trial, tuple[WireArray, ...]]] = []
        self.processes = self.running = 0

    def crew(self, target: Target) -> "ScriptedCrew":
        return ScriptedCrew(self, target)


class ScriptedCrew:
    """A crew whose forward calls take 1 s in every process unless told otherwise, with gradients 3 s."""

    def __init__(self, stage: Stage, target: Target) -> None:
        self.stage, self.target = stage, target

    def __enter__(self) -> Self:
        assert self.stage.running == 0, "two workers run side by side"
        self.stage.running += 1
        self.stage.processes += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stage.running -= 1

    def time(self, target: Target, trial: Trial, arrays: Sequence[WireArray]) -> Measurement:
        assert target == self.target
        via = trial.implementation.partition(":")[2]
        self.stage.asked.append((self.stage.processes, str(target), via, trial.backward))
        self.stage.trials.append((trial, tuple(arrays)))
        if via == "raises":
            return Measurement(trial.identity, Ended.RAISED, message="ValueError: no")
        if via == "interrupted":
            raise KeyboardInterrupt
        note = "no-gradient: prediction" if via == "flat" and trial.backward else ""
        base = self.stage.seconds.get(via, 1.0) * (3.0 if trial.backward else 1.0)
        samples = tuple(base * factor for factor in (1.0, 1.5, 2.0, 2.5, 3.0))
        return Measurement(trial.identity, Ended.ANSWERED, samples, 2, 9.0, note)


def played(
    stage: Stage, greetings: dict[Target, Greeting], processes: int = 2, case: Case = CASE
) -> tuple[list[Timing], list[int]]:
    emitted: list[Timing] = []
    progress: list[int] = []
    keeping = Timekeeping(stage.crew, greetings, catalogue(), Settings(processes, 0.25, 1), emitted.append)
    keeping.run(plan(greetings, [case], catalogue()), progress.append)
    return emitted, progress


# statistics


def test_percentiles_lie_on_straight_lines_between_ranked_samples() -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], 0.25) == 1.75
    assert percentile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.5
    assert percentile([5.0, 1.0, 2.0, 3.0, 4.0], 0.25) == 2.0
    assert (percentile([7.0], 0.25), percentile([1.0, 2.0], 0.0), percentile([1.0, 2.0], 1.0)) == (7.0, 1.0, 2.0)
    with pytest.raises(ValueError, match="no samples"):
        percentile([], 0.25)


def test_spreads_are_exact_and_unknown_where_there_is_one_figure() -> None:
    assert spread_within([1.0, 2.0, 3.0, 4.0, 5.0]) == 1.0  # (4 - 2) / 2
    assert spread_within([1.0]) is None
    assert spread_across([4.0, 5.0, 3.0]) == 0.5  # (5 - 3) / 4
    assert spread_across([4.0]) is spread_across([]) is None


def timing_of(via: str, process: int, direction: str, p25: float | None, **others: object) -> Timing:
    row = Timing(
        case=str(CASE), loss=CASE.loss, framework="fast", version="1", via=via, device="cpu", device_name="cpu",
        mode="eager", dtype="float32", reduction="mean", shape="4x8", direction=direction, process=process, threads=1,
        loops=1, samples=(), first_call=None, p25=p25, minimum=None, median=None, spread=None,
        elements_per_second=None if p25 is None else 32 / p25, gigabytes_per_second=None, processor="", python="",
        load=None, malloc_mmap_threshold="", malloc_trim_threshold="",
    )  # fmt: skip
    return replace(row, **others)  # type: ignore[arg-type]


def test_a_standing_is_the_median_over_processes_and_its_ratio_is_to_the_fastest() -> None:
    rows = [timing_of("slow", n, BACKWARD, p25) for n, p25 in enumerate((8.0, 6.0, 7.0), 1)]
    rows += [timing_of("quick", n, BACKWARD, p25) for n, p25 in enumerate((4.0, 5.0, 3.0), 1)]
    rows += [timing_of("quick", n, FORWARD, p25) for n, p25 in enumerate((2.0, 2.0, 2.5), 1)]
    rows += [timing_of("near", n, BACKWARD, 5.0) for n in (1, 2, 3)]
    quick, near, slow = standings(rows)
    assert (quick.via, quick.forward, quick.backward, quick.spread, quick.ratio) == ("quick", 2.0, 4.0, 0.5, 1.0)
    assert quick.elements_per_second == 8.0  # 32 elements in 4 s, with the gradient
    assert (near.via, near.ratio, near.certain) == ("near", 1.25, False)  # within the fastest one's spread of 50 %
    assert (slow.via, slow.ratio, slow.certain) == ("slow", 1.75, True)


def test_one_process_makes_no_ratio_certain() -> None:
    fastest, other = standings([timing_of("a", 1, BACKWARD, 1.0), timing_of("b", 1, BACKWARD, 100.0)])
    assert fastest.certain
    assert (other.spread, other.certain) == (None, False)


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


# the engine


def test_rounds_start_one_fresh_process_at_a_time_and_turn_about() -> None:
    stage = Stage()
    greetings = {FAST: greeting("fast", implementation("a")), SLOW: greeting("slow", implementation("b"))}
    emitted, progress = played(stage, greetings, processes=2)
    assert stage.asked == [
        (1, "fast", "", False), (1, "fast", "a", False), (1, "fast", "a", True),
        (2, "slow", "", False), (2, "slow", "b", False), (2, "slow", "b", True),
        (3, "slow", "b", False), (3, "slow", "b", True), (3, "slow", "", False),
        (4, "fast", "a", False), (4, "fast", "a", True), (4, "fast", "", False),
    ]  # fmt: skip
    assert progress == list(range(1, 13))
    assert plan(greetings, [CASE], catalogue()).trials * 2 == 12
    assert [t.process for t in emitted] == [1] * 6 + [2] * 6


def test_a_trial_asks_for_the_gradient_a_trainer_needs_and_carries_the_inputs() -> None:
    stage = Stage()
    played(stage, {FAST: greeting("fast", implementation("a"))}, processes=1)
    trial, arrays = stage.trials[-1]
    assert (trial.implementation, trial.backward, trial.reduction) == ("squared_error:a", True, "mean")
    assert (trial.arrays, trial.differentiable) == (("prediction", "target"), ("prediction",))
    assert [(array.dtype, array.data.shape) for array in arrays] == [("float32", (4, 8))] * 2
    assert (trial.seconds, stage.trials[0][1]) == (0.25, ())
    assert stage.trials[1][1][0] is arrays[0]  # built once


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("squared_error", ("prediction",)),
        ("cross_entropy", ("logits",)),
        ("soft_cross_entropy", ("logits",)),
        ("kl_div_log_target", ("log_prediction",)),
    ],
)
def test_targets_need_no_gradient(name: str, needed: tuple[str, ...]) -> None:
    loss = catalogue()[name]
    assert timing.learned(loss, loss.arguments) == needed


def test_every_loss_has_something_to_learn() -> None:
    for loss in catalogue().values():
        assert timing.learned(loss, loss.arguments), loss.name


def test_bytes_count_inputs_and_output_once_and_each_gradient_once_more() -> None:
    rows = Case("cross_entropy", (), (), "none", "float32", (4, 8), "normal", 0)
    counted = timing.load(rows, catalogue()["cross_entropy"])
    logits, labels, output = 4 * 8 * 4, 4 * 8, 4 * 4
    assert counted.forward_bytes == logits + labels + output
    assert counted.backward_bytes == counted.forward_bytes + logits
    assert timing.load(replace(rows, reduction="mean"), catalogue()["cross_entropy"]).forward_bytes == 128 + 32 + 4
    assert timing.load(replace(rows, dtype="bfloat16"), catalogue()["cross_entropy"]).forward_bytes == 64 + 32 + 8


def test_rows_keep_raw_samples_beside_what_is_derived_from_them() -> None:
    emitted, _ = played(Stage(), {FAST: greeting("fast", implementation("a"))}, processes=1)
    empty, forward, backward = emitted
    assert forward.samples == (1.0, 1.5, 2.0, 2.5, 3.0)
    assert (forward.p25, forward.minimum, forward.median) == (1.5, 1.0, 2.0)
    assert forward.spread == pytest.approx(2 / 3)  # (2.5 - 1.5) / 1.5
    assert (forward.loops, forward.first_call, forward.threads, forward.direction) == (2, 9.0, 1, FORWARD)
    assert forward.elements_per_second == 32 / 1.5
    assert forward.gigabytes_per_second == (128 + 128 + 4) / 1.5 / 1e9
    assert backward.gigabytes_per_second == (128 + 128 + 4 + 128) / 4.5 / 1e9
    assert (empty.loss, empty.case, empty.p25, empty.elements_per_second) == (EMPTY_CALL, "", 1.5, None)
    assert backward.malloc_mmap_threshold == backward.malloc_trim_threshold == str(1 << 30)


def test_what_raises_is_noted_and_not_asked_again() -> None:
    stage = Stage()
    greetings = {FAST: greeting("fast", implementation("raises"), implementation("a"))}
    emitted, progress = played(stage, greetings, processes=3)
    assert [asked for asked in stage.asked if asked[2] == "raises"] == [(1, "fast", "raises", False)]
    noted = [t for t in emitted if t.via == "raises"]
    assert {(t.note, t.p25, t.loops, t.samples) for t in noted} == {("raised: ValueError: no", None, None, ())}
    assert len([t for t in emitted if t.via == "a" and t.p25]) == 6
    assert progress[-1] == 15


def test_a_backward_pass_without_gradient_keeps_its_samples_and_has_no_figures() -> None:
    emitted, _ = played(Stage(), {FAST: greeting("fast", implementation("flat"))}, processes=1)
    assert emitted[1].p25 == 1.5
    flat = emitted[2]
    assert (flat.note, flat.p25, flat.elements_per_second) == ("no-gradient: prediction", None, None)
    assert len(flat.samples) == 5


def test_what_cannot_take_a_case_is_left_out_and_counted() -> None:
    greetings = {FAST: greeting("fast", implementation("a"), implementation("b", "huber")), SLOW: greeting("slow")}
    found = plan(greetings, [CASE], catalogue())
    assert (list(found.jobs), found.trials, found.implementations) == ([FAST], 3, 1)
    half = plan(greetings, [replace(CASE, dtype="float16")], catalogue())
    assert (half.jobs, dict(half.left_out)) == ({}, {"has no float16": 1})


def test_inputs_are_let_go_where_they_grow_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "HELD_BYTES", 300)
    greetings = {FAST: greeting("fast", implementation("a"))}
    keeping = Timekeeping(Stage().crew, greetings, catalogue(), Settings(1, 0.0, 1), lambda row: None)
    keeping.run(plan(greetings, [CASE, replace(CASE, seed=1)], catalogue()))
    assert list(keeping.loads) == [replace(CASE, seed=1)]


# the command


def test_the_suite_times_every_loss_that_has_a_mean() -> None:
    cases = unfold(load("speed"), catalogue(), Selection())
    assert {case.regime for case in cases} == {"normal"}
    wanted = {loss.name for loss in catalogue().values() if not loss.variant and "mean" in loss.reductions}
    assert {case.loss for case in cases} == wanted


def test_an_interrupted_run_keeps_and_shows_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = Stage()
    greetings = {FAST: greeting("fast", implementation("a"), implementation("interrupted"))}
    monkeypatch.setattr(speed, "_present", lambda targets, request, run: greetings)
    monkeypatch.setattr(speed, "Crew", lambda targets, threads: stage.crew(targets[0]))
    with pytest.raises(KeyboardInterrupt):
        speed.main(
            speed.Request(
                losses=("squared_error",),
                frameworks=("fakes",),
                shapes=("4x8",),
                processes=2,
                seconds=0.0,
                csv=tmp_path / "speed.csv",
            )
        )
    assert [t.direction for t in read(tmp_path / "speed.csv", Timing)] == [FORWARD, FORWARD, BACKWARD]
    assert "3 timings" in capsys.readouterr().out
    assert stage.running == 0
