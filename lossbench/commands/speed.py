"""The command `speed` around its engine: what was asked for, who is there, rows, table, exit code."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lossbench.cases.names import find_losses, suggestion
from lossbench.cases.suite import Selection, Suite, load, read_shape, unfold
from lossbench.commands.own import NOBODYS, Own, with_their_defaults
from lossbench.commands.targets import checked, choose, installed_only
from lossbench.crew import Crew
from lossbench.errors import EnvironmentLacks, ResultsNotWritten, UsageError
from lossbench.judging.standings import standings
from lossbench.judging.timing import Plan, Settings, Timekeeping, load_average, plan, processor
from lossbench.loss import Loss, Over
from lossbench.losses import catalogue
from lossbench.output import tables
from lossbench.output.timing_table import timing_table
from lossbench.records import Case, Greeting, Target, Timing
from lossbench.reductions import MEANINGS
from lossbench.results import LATEST, Writer
from lossbench.wire import Absence


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked for; empty means what the suite says."""

    losses: tuple[str, ...] = ()
    suite: str = "speed"
    frameworks: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ()
    device: str = "cpu"
    shapes: tuple[str, ...] = ()
    reductions: tuple[str, ...] = ()
    processes: int = 3
    seconds: float = 0.1
    threads: int = 1
    implementation: str = ""
    csv: Path | None = None
    targets: tuple[str, ...] = ()  # as written after --target
    own: Own = NOBODYS  # a user's own implementation


@dataclass(slots=True)
class Run:
    """What a run gave: its timings, how long it took, and what kept results from being written."""

    timings: list[Timing] = field(default_factory=list)
    plan: Plan = field(default_factory=Plan)
    problems: list[str] = field(default_factory=list)
    greetings: dict[Target, Greeting] = field(default_factory=dict)
    skipped: dict[Target, str] = field(default_factory=dict)
    wall: float = 0.0
    load_before: float | None = None


def main(request: Request) -> int:
    """Time what was asked for, print the table, and return the exit code."""
    path = request.csv or LATEST / "speed.csv"
    run = Run(load_before=load_average())
    try:
        perform(request, path, run)
    finally:
        if run.timings:
            report(run, request, path)
    return exit_code(run)


def perform(request: Request, path: Path, run: Run) -> None:
    """Time the suite on every target, filling `run` and the file at `path` as timings arrive."""
    settings, shapes = _settings(request), tuple(parse_shape(text) for text in request.shapes)
    dtypes, _, _ = checked(request.dtypes, (), ())
    suite = adapted(load(request.suite), dtypes, request.reductions)
    targets = choose(request.frameworks, request.device, request.targets, request.own)
    run.greetings = _present(targets, request, run)
    offered = [i for greeting in run.greetings.values() for i in greeting.implementations]
    words = request.losses or request.own.losses
    losses = find_losses(words, catalogue(), offered) if words else frozenset()
    cases = reshaped(unfold(suite, catalogue(), Selection(losses, dtypes, ("normal",))), shapes, catalogue())
    cases = with_their_defaults(cases, offered, catalogue())
    run.plan = plan(run.greetings, cases, catalogue(), lambda i: request.implementation in i.via)
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
    keeping = Timekeeping(
        lambda target: Crew([target], threads=settings.threads), run.greetings, catalogue(), settings, emit
    )
    try:
        with tables.progress(run.plan.trials * settings.processes, "timing") as progress:
            keeping.run(run.plan, progress)
    finally:
        writer.close()
        run.wall = time.perf_counter() - started


def _settings(request: Request) -> Settings:
    for option, value, least in (("--processes", request.processes, 1), ("--threads", request.threads, 1)):
        if value < least:
            raise UsageError(f"{option} {value} is below {least}; leave it out to have the default")
    if not 0 <= request.seconds <= 3600:
        raise UsageError(f"--seconds {request.seconds} should lie between 0 and 3600, such as 0.1")
    return Settings(request.processes, request.seconds, request.threads)


def _present(targets: Sequence[Target], request: Request, run: Run) -> dict[Target, Greeting]:
    """Those that can be timed: all are greeted first, as the names of losses depend on what they offer.

    Raises:
        EnvironmentLacks: one that was asked for by name is not there, or none is, or none has the device.
    """
    with Crew(targets, threads=request.threads) as crew:
        words = crew.greet()
    run.skipped = {target: word.message for target, word in words.items() if isinstance(word, Absence)}
    without = [w.message for w in words.values() if isinstance(w, Absence) and w.missing == request.device]
    if without and (request.frameworks or request.targets or not any(isinstance(w, Greeting) for w in words.values())):
        raise EnvironmentLacks(f"{'; '.join(without)}; `--device cpu` times the processor")
    return installed_only(words, asked_by_name=bool(request.frameworks or request.targets))


def adapted(suite: Suite, dtypes: tuple[str, ...], reductions: tuple[str, ...]) -> Suite:
    """The suite with the formats and reductions of the command line in place of its own.

    Raises:
        UsageError: a reduction that lossbench does not know.
    """
    for reduction in reductions:
        if reduction not in MEANINGS:
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


def report(run: Run, request: Request, path: Path) -> None:
    """Print the table, what was left out, and under which conditions it was measured."""
    out = tables.console()
    out.print(timing_table(standings(run.timings)))
    out.print()
    for target, reason in run.skipped.items():
        out.print(f"skipped {target}: {reason}", markup=False)
    for reason, count in run.plan.left_out.items():
        out.print(f"left out {count} times: an implementation {reason}", markup=False)
    out.print(closing_line(run, request), markup=False)
    others = max(run.load_before or 0.0, (load_average() or 0.0) - 1)  # one process of the load is our own
    if others > (os.cpu_count() or 1) / 2:
        out.print(f"other work kept this machine busy (load {others:.1f}): these times are longer than they could be")
    for problem in run.problems:
        out.print(f"problem: {problem}", markup=False)
    out.print(f"rows in {path}", markup=False)


def closing_line(run: Run, request: Request) -> str:
    """How much was measured on what, and how far it can be trusted."""
    timed = sum(t.p25 is not None for t in run.timings)
    versions = ", ".join(dict.fromkeys(f"{g.framework} {g.version}" for g in run.greetings.values()))
    devices = ", ".join(dict.fromkeys(g.device_name for g in run.greetings.values()))
    device = "" if request.device == "cpu" else f"; device {devices}"
    loads = [f"{value:.1f}" for value in (run.load_before, load_average()) if value is not None]
    return (
        f"{timed} timings of {run.plan.implementations} implementations, {request.processes} processes each, in "
        f"{run.wall:.0f} s; {versions}; {request.threads} thread{'s' if request.threads > 1 else ''}; "
        f"{processor() or 'processor unknown'}{device}; load average {' to '.join(loads) or 'unknown'}; "
        "spread is between processes, and a ratio that differs from 1 by less (≈) means nothing"
    )
