"""The engine of `speed` and its statistics, on a crew that plays from a script."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from lossbench.cases.suite import Selection, load
from lossbench.cases.unfolding import unfold
from lossbench.commands import speed
from lossbench.crew import Timed
from lossbench.judging import timing, trials
from lossbench.judging.standings import BACKWARD, COPY, EMPTY_CALL, FORWARD
from lossbench.judging.timing import FEWEST_PROCESSES, Settings, Timekeeping, unfinished
from lossbench.judging.trials import plan, with_copies
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
        self.noise: dict[str, list[float]] = {}  # by implementation: factors, one for each process
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

    def time(self, target: Target, trial: Trial, arrays: Sequence[WireArray]) -> Timed:
        assert target == self.target
        via = trial.implementation.partition(":")[2]
        self.stage.asked.append((self.stage.processes, str(target), via, trial.backward))
        self.stage.trials.append((trial, tuple(arrays)))
        if via == "raises":
            return Timed(Measurement(trial.identity, Ended.RAISED, message="ValueError: no"))
        if via == "interrupted":
            raise KeyboardInterrupt
        note = "no-gradient: prediction" if via == "flat" and trial.backward else ""
        noise = self.stage.noise.get(via, [1.0])
        base = self.stage.seconds.get(via, 1.0) * (3.0 if trial.backward else 1.0)
        base *= noise[(self.stage.processes - 1) % len(noise)]
        samples = tuple(base * factor for factor in (1.0, 1.5, 2.0, 2.5, 3.0))
        spent = trial.seconds
        return Timed(Measurement(trial.identity, Ended.ANSWERED, samples, 2, 9.0, note, spent, memory=512))


def played(
    stage: Stage, greetings: dict[Target, Greeting], processes: int = 2, case: Case = CASE
) -> tuple[list[Timing], list[int]]:
    emitted: list[Timing] = []
    progress: list[int] = []
    keeping = Timekeeping(stage.crew, greetings, catalogue(), Settings(1.0, processes, 1), emitted.append)
    keeping.run(plan(greetings, [case], catalogue()), progress.append)
    return emitted, progress


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
    assert (trial.seconds, stage.trials[0][1]) == (2 / 3, ())  # a second, one process, and forward has had its third
    assert stage.trials[1][0].seconds == 1 / 3
    assert stage.trials[0][0].seconds == timing.ASIDE
    assert stage.trials[1][1][0] is arrays[0]  # built once


def test_rows_keep_raw_samples_beside_what_is_derived_from_them() -> None:
    emitted, _ = played(Stage(), {FAST: greeting("fast", implementation("a"))}, processes=1)
    empty, forward, backward = emitted
    assert forward.samples == (1.0, 1.5, 2.0, 2.5, 3.0)
    assert (forward.p25, forward.minimum, forward.median) == (1.5, 1.0, 2.0)
    assert forward.spread == pytest.approx(2 / 3)  # (2.5 - 1.5) / 1.5
    assert (forward.loops, forward.first_call, forward.threads, forward.direction) == (2, 9.0, 1, FORWARD)
    assert forward.elements_per_second == 32 / 1.5
    assert (forward.least_bytes, backward.least_bytes) == (128 + 128 + 4, 128 + 128 + 4 + 128)
    assert forward.gigabytes_per_second == (128 + 128 + 4) / 1.5 / 1e9
    assert backward.gigabytes_per_second == (128 + 128 + 4 + 128) / 4.5 / 1e9
    assert (forward.least_memory, backward.least_memory, backward.memory) == (4, 4 + 128, 512)
    assert (forward.operations, forward.elements, forward.sets) == (32 * 3, 32, 1)
    assert (empty.loss, empty.case, empty.p25, empty.elements_per_second) == (EMPTY_CALL, "", 1.5, None)
    assert backward.malloc_mmap_threshold == backward.malloc_trim_threshold == str(1 << 30)


def test_on_a_card_calls_take_turns_on_inputs_that_together_outgrow_its_memory_at_hand() -> None:
    large, stage = replace(CASE, shape=(4096, 1024)), Stage()  # 32 MB, and 256 are too many for any card to keep
    card = Target("fast", device="cuda")
    played(stage, {card: greeting("fast", implementation("a"))}, processes=1, case=large)
    assert [trial.sets for trial, _ in stage.trials] == [1, 8, 8]


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


def rounds(stage: Stage, greetings: dict[Target, Greeting], seconds: float) -> list[list[str]]:
    """Who was timed forward in each process."""
    keeping = Timekeeping(stage.crew, greetings, catalogue(), Settings(seconds), lambda row: None)
    keeping.run(plan(greetings, [CASE], catalogue()))
    processes = range(1, stage.processes + 1)
    return [[via for p, _, via, backward in stage.asked if p == process and not backward] for process in processes]


def test_steady_figures_need_no_more_than_the_fewest_processes() -> None:
    stage = Stage()
    found = rounds(stage, {FAST: greeting("fast", implementation("a"))}, 60.0)
    assert [sorted(each) for each in found] == [["", "a"]] * FEWEST_PROCESSES


def test_uncertain_figures_go_on_to_the_most_processes_with_all_their_rivals() -> None:
    stage = Stage()
    stage.noise["wild"] = [1.0, 2.0, 3.0]
    found = rounds(stage, {FAST: greeting("fast", implementation("wild"), implementation("calm"))}, 3.0)
    assert [sorted(each) for each in found] == [["", "calm", "wild"]] * 12  # for three seconds: 12 processes


def test_seconds_that_are_spent_end_the_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    stage.noise["wild"] = [1.0, 2.0, 3.0]
    monkeypatch.setattr(Settings, "visit", 0.5)  # so that 3 s are spent after six processes and two directions
    assert len(rounds(stage, {FAST: greeting("fast", implementation("wild"))}, 3.0)) == 6


def test_so_many_processes_for_so_many_seconds() -> None:
    assert [Settings(seconds).most for seconds in (0.0, 0.1, 3.0, 24.0, 60.0)] == [6, 6, 12, 24, 33]
    assert [Settings(seconds, 4).most for seconds in (0.0, 60.0)] == [4, 4]
    assert Settings(3.0).visit == 3.0 / 12
    assert "after 2 whole rounds of at most 12" in unfinished(2, Settings(3.0))


def test_answers_are_asked_for_once_and_judged() -> None:
    stage, judged = Stage(), []

    def check(case: Case, load: trials.Load, target: Target, job: trials.Job, backward: bool, timed: Timed) -> str:
        judged.append((case, backward, timed.measurement.memory))
        return "agrees"

    greetings = {FAST: greeting("fast", implementation("a"))}
    emitted: list[Timing] = []
    Timekeeping(stage.crew, greetings, catalogue(), Settings(1.0, 3), emitted.append, check).run(
        plan(greetings, [CASE], catalogue())
    )
    assert judged == [(CASE, False, 512), (CASE, True, 512)]
    assert [trial.inspect for trial, _ in stage.trials] == [False, True, True, *[False] * 6]
    assert {row.answer for row in emitted if row.case} == {"agrees"}


def test_copying_is_timed_at_the_sizes_that_cases_are_held_against() -> None:
    stage, emitted = Stage(), list[Timing]()
    greetings = {FAST: greeting("fast", implementation("a"))}
    keeping = Timekeeping(stage.crew, greetings, catalogue(), Settings(1.0, 1), emitted.append)
    keeping.run(with_copies(plan(greetings, [CASE], catalogue()), keeping.load))
    assert [trial.copied for trial, _ in stage.trials] == [1 << 16, 0, 0, 0]
    assert (emitted[0].loss, emitted[0].least_bytes, emitted[1].loss) == (COPY, 1 << 16, EMPTY_CALL)
    assert emitted[0].gigabytes_per_second == (1 << 16) / 1.5 / 1e9


def test_inputs_are_let_go_where_they_grow_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "HELD_BYTES", 300)
    greetings = {FAST: greeting("fast", implementation("a"))}
    keeping = Timekeeping(Stage().crew, greetings, catalogue(), Settings(0.0, 1, 1), lambda row: None)
    keeping.run(plan(greetings, [CASE, replace(CASE, seed=1)], catalogue()))
    assert list(keeping.loads) == [replace(CASE, seed=1)]


def test_reductions_share_the_inputs_however_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "HELD_BYTES", 1)
    keeping = Timekeeping(Stage().crew, {}, catalogue(), Settings(0.0, 1, 1), lambda row: None)
    mean, none = keeping.load(CASE), keeping.load(replace(CASE, reduction="none"))
    assert none.arrays is mean.arrays
    assert (mean.traffic.output, none.traffic.output) == (4, 128)
    assert keeping.load(CASE) is mean


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
    rows = read(tmp_path / "speed.csv", Timing)
    assert [(t.loss, t.direction) for t in rows] == [
        (COPY, FORWARD), (EMPTY_CALL, FORWARD), ("squared_error", FORWARD), ("squared_error", BACKWARD)
    ]  # fmt: skip
    shown = capsys.readouterr().out
    assert "4 timings" in shown
    assert "unfinished: broken off after 0 whole rounds" in shown
    assert stage.running == 0
