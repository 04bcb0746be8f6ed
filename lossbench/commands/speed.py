"""The command `speed` around its engine: what was asked for, who is there, rows, table, exit code."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lossbench.cases.names import find_losses, suggestion
from lossbench.cases.suite import Selection, Suite, load, read_shape
from lossbench.cases.sweep import read_sweep, swept
from lossbench.cases.unfolding import unfold
from lossbench.commands import compare
from lossbench.commands.against import Against, against, in_modes
from lossbench.commands.capturing import cases_of, given
from lossbench.commands.own import NOBODYS, Own, see_alive, with_their_defaults
from lossbench.commands.packaged import asked_of_missing, named, with_missing
from lossbench.commands.targets import checked, choose, installed_only
from lossbench.commands.timed import report
from lossbench.crew import Crew
from lossbench.errors import EnvironmentLacks, ResultsNotWritten, UsageError
from lossbench.judging.checking import Checking
from lossbench.judging.comparison import open_answers
from lossbench.judging.conditions import load_average
from lossbench.judging.timing import USUAL_SECONDS, Settings, Timekeeping, unfinished
from lossbench.judging.trials import Plan, plan, standing_in, with_copies
from lossbench.loss import Loss, Over
from lossbench.losses import catalogue
from lossbench.output import tables
from lossbench.output.forms import checked_form
from lossbench.records import Case, Greeting, Implementation, Target
from lossbench.reductions import MEANINGS
from lossbench.results import LATEST, Writer
from lossbench.timings import Timing
from lossbench.wire import Absence


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked for; empty means what the suite says."""

    losses: tuple[str, ...] = ()
    suite: str = "speed"
    frameworks: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ()
    device: str = "cpu"
    modes: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()
    sweep: str = ""
    reductions: tuple[str, ...] = ()
    processes: int = 0  # 0: as many as it takes
    seconds: float | None = None  # None: what the suite says, or the usual
    threads: int = 1
    implementation: str = ""
    against: str = ""
    plot: Path | None = None
    csv: Path | None = None
    inputs: Path | None = None  # tensors that the user captured, instead of a suite's cases
    settings: tuple[str, ...] = ()  # the loss's parameters beside them, as NAME=VALUE
    targets: tuple[str, ...] = ()  # as written after --target
    own: Own = NOBODYS  # a user's own implementation
    form: str = "table"  # one of `FORMS`


@dataclass(slots=True)
class Run:
    """What a run gave: its timings, how long it took, and what kept results from being written."""

    timings: list[Timing] = field(default_factory=list)
    plan: Plan = field(default_factory=Plan)
    against: Against = field(default_factory=lambda: Against([]))
    problems: list[str] = field(default_factory=list)
    greetings: dict[Target, Greeting] = field(default_factory=dict)
    skipped: dict[Target, str] = field(default_factory=dict)
    wall: float = 0.0
    load_before: float | None = None
    unfinished: str = ""
    judged: compare.Run | None = None  # what all of them make of captured tensors


def main(request: Request) -> int:
    """Time what was asked for, print the table, and return the exit code."""
    path = request.csv or LATEST / "speed.csv"
    checked_form(request.form)
    run = Run(load_before=load_average())
    if request.plot:
        from lossbench.output import plots

        plots.needed()
    try:
        perform(request, path, run)
    finally:
        if run.timings:
            report(run, request, path)
    return exit_code(run)


def perform(request: Request, path: Path, run: Run) -> None:
    """Time the suite on every target, filling `run` and the file at `path` as timings arrive."""
    losses = catalogue()
    dtypes, _, _ = checked(request.dtypes, (), ())
    suite = adapted(load(request.suite), dtypes, request.reductions)
    settings = settings_of(request, None if request.inputs else suite.seconds)
    beside = given(request.inputs, request.settings) if request.inputs else None
    targets = in_modes(choose(request.frameworks, request.device, request.targets, request.own), request.modes)
    run.against = against(targets, request.against)
    run.greetings = _present(run.against.targets, request, run)
    greeted = with_missing(run.greetings, asked_of_missing(request.implementation, run.greetings))
    if beside:
        offered = [i for greeting in run.greetings.values() for i in greeting.implementations]
        words = request.losses or request.own.losses
        wanted = find_losses(words, losses, offered) if words else frozenset()
        cases = cases_of(beside[0], wanted, beside[1], dtypes)
        cases = with_their_defaults(cases, offered, losses)
        cases = [case for case in cases if not request.reductions or case.reduction in request.reductions]
    else:
        cases = _cases(request, run, suite, dtypes)
    run.plan = plan(greeted, cases, losses, lambda implementation: chosen(request, implementation))
    if not run.plan.jobs:
        raise UsageError(_nothing_to_time(request, cases, run.plan))
    writer = Writer(path, Timing)

    def emit(timing: Timing) -> None:
        run.timings.append(timing)
        if not run.problems:
            try:
                writer.write(timing)
            except ResultsNotWritten as error:
                run.problems.append(str(error))

    started = time.perf_counter()
    checking = Checking(losses, open_answers())
    keeping = Timekeeping(
        lambda target: Crew([target], threads=settings.threads), run.greetings, losses, settings, emit, checking
    )
    run.plan = with_copies(run.plan, keeping.load)
    run.unfinished = unfinished(0, settings)
    try:
        with tables.progress(run.plan.trials * settings.most, "timing") as progress:
            keeping.run(run.plan, progress)
        run.unfinished = ""
    finally:
        writer.close()
        checking.answers.save()
        run.wall = time.perf_counter() - started
        run.unfinished = run.unfinished and unfinished(keeping.rounds, settings)
    if beside:
        run.judged = compare.Run()
        asked = compare.Request(
            request.losses, "smoke", request.frameworks, dtypes, device=request.device,
            implementation=request.implementation, inputs=request.inputs, settings=request.settings, quiet=True,
            targets=request.targets, own=request.own,
        )  # fmt: skip
        compare.perform(asked, Path(os.devnull), run.judged)


def _cases(request: Request, run: Run, suite: Suite, dtypes: tuple[str, ...]) -> list[Case]:
    losses, shapes = catalogue(), tuple(parse_shape(text) for text in request.shapes)
    sizes = read_sweep(request.sweep) if request.sweep else ()
    if suite.sweep and not request.sweep and not shapes:
        sizes = read_sweep(suite.sweep, f"the suite {suite.name}: sweep")
    offered = [i for greeting in run.greetings.values() for i in greeting.implementations]
    words = request.losses or request.own.losses
    wanted = find_losses(words, losses, offered) if words else frozenset()
    selection = Selection(wanted, dtypes, ("normal",))
    drawn = unfold(suite, losses, selection)
    if not request.reductions:
        drawn = standing_in(drawn, unfold(adapted(suite, (), ("all",)), losses, selection))
    cases = reshaped(drawn, shapes, losses)
    return swept(with_their_defaults(cases, offered, losses), sizes, losses)


def chosen(request: Request, implementation: Implementation) -> bool:
    """Whether the command line means this implementation, to be timed or to hold others against."""
    meant = named(request.implementation, implementation)
    return meant or bool(request.against and request.against in implementation.via)


def settings_of(request: Request, usual: float | None = None) -> Settings:
    """How long to measure, and in how many processes: what the command line says, else what the suite finds `usual`.

    Raises:
        UsageError: figures that cannot be meant.
    """
    for option, value, least in (("--processes", request.processes, 0), ("--threads", request.threads, 1)):
        if value < least:
            raise UsageError(f"{option} {value} is below {least}; leave it out to have the default")
    seconds = next(each for each in (request.seconds, usual, USUAL_SECONDS) if each is not None)
    if not 0 <= seconds <= 3600:
        raise UsageError(f"--seconds {seconds} should lie between 0 and 3600, such as {USUAL_SECONDS:g}")
    return Settings(seconds, request.processes, request.threads)


def _present(targets: Sequence[Target], request: Request, run: Run) -> dict[Target, Greeting]:
    """Those that can be timed: all are greeted first, as the names of losses depend on what they offer.

    A framework that lacks one of several modes is timed in the others, and it is said.

    Raises:
        EnvironmentLacks: one that was asked for by name is not there, or none is, or none has the device.
    """
    with Crew(targets, threads=request.threads) as crew:
        words = crew.greet()
    see_alive(words)
    run.skipped = {target: word.message for target, word in words.items() if isinstance(word, Absence)}
    without = [w.message for w in words.values() if isinstance(w, Absence) and w.missing == request.device]
    if without and (request.frameworks or request.targets or not any(isinstance(w, Greeting) for w in words.values())):
        raise EnvironmentLacks(f"{'; '.join(without)}; `--device cpu` times the processor")
    there = {target.framework for target, word in words.items() if isinstance(word, Greeting)}
    counted = {
        t: w for t, w in words.items() if isinstance(w, Greeting) or t.name or t.guest or t.framework not in there
    }
    return installed_only(counted, asked_by_name=bool(request.frameworks or request.targets))


def adapted(suite: Suite, dtypes: tuple[str, ...], reductions: tuple[str, ...]) -> Suite:
    """The suite with the formats and reductions of the command line in place of its own.

    Raises:
        UsageError: a reduction that lossbench does not know.
    """
    for reduction in reductions:
        if reduction not in MEANINGS and reductions != ("all",):
            raise UsageError(f"--reduction {reduction!r}; {suggestion(reduction, list(MEANINGS))}")
    blocks = [
        replace(block, dtypes=dtypes or block.dtypes, reductions=reductions or block.reductions)
        for block in suite.blocks
    ]
    return replace(suite, blocks=tuple(blocks))


def parse_shape(text: str) -> tuple[int, ...]:
    """Read a shape such as ``4096x1000``; there must be something in it to time.

    Raises:
        UsageError: it does not read like one, or it is empty.
    """
    parts = text.split("x")
    if not all(part.isascii() and part.isdigit() for part in parts) or math.prod(map(int, parts)) == 0:
        raise UsageError(f"--shape {text!r} should read like 4096x1000, every length at least 1")
    return read_shape(text, "--shape")


def reshaped(cases: Iterable[Case], shapes: Sequence[tuple[int, ...]], losses: Mapping[str, Loss]) -> list[Case]:
    """The cases in the given shapes, each once; none given, as they are.

    A loss whose shape has another number of axes is left out, unless it works on elements and takes any.
    """
    if not shapes:
        return list(cases)
    fitting = {
        replace(case, shape=shape): None
        for case in cases
        for shape in shapes
        if len(shape) == len(case.shape) or losses[case.loss].over is Over.ELEMENTS
    }
    return list(fitting)


def _nothing_to_time(request: Request, cases: Sequence[Case], found: Plan) -> str:
    """Why nothing can be timed, and what to ask instead."""
    if found.left_out:
        reasons = ", ".join(found.left_out)
        return f"no implementation can take what was asked: it {reasons}; leave out --dtype or --reduction"
    if not cases:
        return (
            "no case is left to time: the suite, --dtype, --reduction and --shape exclude all of these losses "
            "(`lossbench speed LOSS` alone times one as the suite says)"
        )
    if request.implementation:
        return f"--impl {request.implementation!r} is part of no public name of these losses; `lossbench list` has them"
    return "none of these frameworks has such a loss; `lossbench list` says who has which"


def exit_code(run: Run) -> int:
    """0 fine, 4 if no implementation was timed or results could not be written."""
    return 4 if run.problems or not any(t.case and t.p25 is not None for t in run.timings) else 0
