"""The command `compare` around its engine: what was asked for, who is there, rows, table, exit code."""

from __future__ import annotations

import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from lossbench.cases.captured import Captured
from lossbench.cases.names import find_losses
from lossbench.cases.shards import Shard
from lossbench.cases.suite import Selection, load, parse_case
from lossbench.cases.unfolding import unfold
from lossbench.commands.against import in_suites_modes
from lossbench.commands.capturing import cases_of, given, say, smallest_parts
from lossbench.commands.own import NOBODYS, Own, ended, with_their_defaults
from lossbench.commands.packaged import asked_of_missing, named, with_missing
from lossbench.commands.targets import checked, choose, installed_only
from lossbench.crew import Crew
from lossbench.errors import ResultsNotWritten, UsageError
from lossbench.judging.comparison import Comparison, open_answers, skipped
from lossbench.judging.smallest import Smallest
from lossbench.judging.totals import Totals
from lossbench.losses import catalogue
from lossbench.output import tables
from lossbench.output.again import repro_of
from lossbench.output.forms import checked_form, written
from lossbench.output.target_differences import differences, guests_called, guests_found, remarks
from lossbench.output.verdict_rows import Tally, tallies
from lossbench.records import Greeting, Implementation, Status, Target, Verdict
from lossbench.results import LATEST, Writer
from lossbench.wire import Absence

BAD = (Status.DIFFERS, Status.CRASHES, Status.HANGS, Status.REFUSES)


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked for; empty means everything."""

    losses: tuple[str, ...] = ()
    suite: str = "smoke"
    frameworks: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ()
    regimes: tuple[str, ...] = ()
    seeds: tuple[str, ...] = ()
    device: str = "cpu"
    implementation: str = ""
    csv: Path | None = None
    strict: bool = False
    cold: bool = False
    cases: tuple[str, ...] = ()  # by their names, instead of those of a suite
    inputs: Path | None = None  # tensors that the user captured, instead of a suite's cases
    settings: tuple[str, ...] = ()  # the loss's parameters beside them, as NAME=VALUE
    shard: Shard | None = None
    form: str = "table"  # one of `FORMS`
    quiet: bool = False  # without a word of how far it is
    beside: bool = False  # the seeds stand beside the suite's own, not in their place
    targets: tuple[str, ...] = ()  # as written after --target
    own: Own = NOBODYS  # a user's own implementation


@dataclass(slots=True)
class Run:
    """What a comparison gave: its verdicts, where its time went, and what kept results from being written."""

    verdicts: list[Verdict] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)
    problems: list[str] = field(default_factory=list)
    greetings: dict[Target, Greeting] = field(default_factory=dict)
    captured: Captured | None = None
    parts: list[Smallest] = field(default_factory=list)  # of the captured tensors, that show what is wrong
    own: Own = NOBODYS  # as the command line has it
    whole: bool = False  # whether every declared deviation should have shown


def main(request: Request) -> int:
    """Run the comparison, print the table, and return the exit code."""
    checked_form(request.form)
    path = request.csv or LATEST / "compare.csv"
    run = Run()
    try:
        perform(request, path, run)
    finally:
        if run.verdicts:
            report(run, path, request.form)
    code = exit_code(run, request.strict)
    if code == 4 and not run.problems:
        print(f"nothing was measured: {why_nothing(request, run)}", file=sys.stderr)
    return code


def perform(request: Request, path: Path, run: Run) -> None:
    """Put the suite to every target, filling `run` and the file at `path` as verdicts arrive.

    Nothing is written before all that was asked for is known to exist: a slip of the pen costs no earlier results.
    """
    run.own = request.own
    suite = load(request.suite)
    dtypes, regimes, seeds = checked(request.dtypes, request.regimes, request.seeds)
    beside = given(request.inputs, request.settings, request.cases) if request.inputs else None
    targets = choose(request.frameworks, request.device, request.targets, request.own)
    targets = in_suites_modes(targets, () if request.cases else suite.modes, f"the suite {suite.name}")
    started, spent, grown = time.perf_counter(), time.process_time(), children()
    try:
        with Crew(targets) as crew, open_answers(request.cold) as answers:
            greetings = crew.greet()
            run.greetings = installed_only(greetings, asked_by_name=bool(request.frameworks or request.targets))
            losses, chosen = narrowed(request, run.greetings)
            told = [parse_case(text, catalogue()) for text in request.cases]
            if beside and not told:
                told = cases_of(beside[0], losses, beside[1], dtypes)
            shard = None if request.own else request.shard
            selection = Selection(losses, dtypes, regimes, seeds, shard, request.beside)
            cases = told or unfold(suite, catalogue(), selection)
            if not request.cases:
                cases = with_their_defaults(cases, chosen, catalogue())
            if request.own and request.shard:
                cases = [case for case in cases if request.shard.has_case(case)]
            run.totals.cases = len(cases)
            run.whole = suite.complete and not (dtypes or regimes or told)
            lost = [ended(t, word) for t, word in greetings.items() if t.guest and isinstance(word, Absence)]
            if not {case.loss for case in cases} & {implementation.loss for implementation in chosen} and not lost:
                return
            with closing(Writer(path, Verdict)) as writer:
                emit = recorder(run, writer)
                for verdict in lost:
                    emit(verdict)
                for target, word in greetings.items():
                    if isinstance(word, Absence) and not target.guest:
                        for verdict in skipped(target, word, sorted({case.loss for case in cases})):
                            emit(verdict)
                greeted = with_missing(run.greetings, chosen)
                comparison = Comparison(crew, greeted, answers, emit, suite.limits, lambda i: i in chosen)
                run.totals = comparison.totals
                try:
                    with tables.progress(len(cases), "comparing", request.quiet) as progress:
                        comparison.run(cases, progress)
                    if beside:
                        run.captured = beside[0]
                        run.parts = smallest_parts(beside[0], run.verdicts, crew, run.greetings, answers, suite.limits)
                finally:
                    run.totals.imports, run.totals.frameworks = crew.import_seconds, crew.framework_seconds
    finally:
        run.totals.wall = time.perf_counter() - started
        run.totals.own = max(0.0, time.process_time() - spent - run.totals.reference)
        run.totals.workers = max(0.0, children() - grown - run.totals.imports - run.totals.frameworks)


def narrowed(request: Request, greetings: Mapping[Target, Greeting]) -> tuple[frozenset[str], list[Implementation]]:
    """The losses asked for (empty: all), and the implementations that are to be judged.

    Raises:
        UsageError: a name stands for no loss, or --impl for no implementation.
        EnvironmentLacks: --impl stands for those of packages alone that are not there.
    """
    offered = [i for greeting in greetings.values() for i in greeting.implementations]
    words = request.losses or request.own.losses
    everybody = [*offered, *(i for greeting in greetings.values() for i in greeting.missing)]
    losses = find_losses(words, catalogue(), everybody) if words else frozenset()
    offered += asked_of_missing(request.implementation, greetings)
    chosen = [i for i in offered if named(request.implementation, i) and (not losses or i.loss in losses)]
    if exact := [i for i in chosen if request.implementation == i.via]:  # a name in full means nobody else
        chosen = exact
    if request.implementation and not chosen:
        whose = " of these losses" if losses else ""
        raise UsageError(
            f"--impl {request.implementation!r} is part of no public name{whose}; `lossbench list` has them"
        )
    return losses, chosen


def recorder(run: Run, writer: Writer) -> Callable[[Verdict], None]:
    """What takes in the verdicts: once the file cannot be written, they are kept for the table alone."""

    def emit(verdict: Verdict) -> None:
        run.verdicts.append(verdict)
        if not run.problems:
            try:
                writer.write(verdict)
            except ResultsNotWritten as error:
                run.problems.append(str(error))

    return emit


def why_nothing(request: Request, run: Run) -> str:
    """What kept everything from being measured, and what to type instead."""
    options = (("--dtype", request.dtypes), ("--regime", request.regimes))
    asked = [f"{option} {','.join(words)}" for option, words in options if words]
    if not run.totals.cases:
        of = f" of {', '.join(request.losses)}" if request.losses else ""
        having = f" with {' and '.join(asked)}; leave one of them out" if asked else "; `--suite smoke` has every loss"
        return f"the suite {request.suite} has no case{of}{having}"
    reasons = dict.fromkeys(v.note for v in run.verdicts if v.status is Status.ABSENT)
    if reasons:
        return f"{'; '.join(list(reasons)[:3])}; leave out {' or '.join(asked) or '--impl'}, or see `lossbench list`"
    who = ", ".join(dict.fromkeys(target.framework for target in run.greetings))
    return f"{who} implements none of these losses; `lossbench list` says who has which"


def children() -> float:
    """CPU seconds of the worker processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def exit_code(run: Run, strict: bool) -> int:
    """0 fine, 1 if strict and something is wrong, 4 if nothing was measured or results could not be written."""
    measured = [v for v in run.verdicts if v.status not in (Status.ABSENT, Status.SKIPPED)]
    if run.problems or not measured:
        return 4
    return 1 if strict and any(v.status in BAD for v in measured) else 0


def report(run: Run, path: Path, form: str = "table") -> None:
    """Print the table, the totals, and where the time went; the latter aside where programs read the former."""
    verdicts, totals, out = run.verdicts, run.totals, tables.console(stderr=form != "table")
    verdicts = sorted(verdicts, key=lambda v: (v.loss, v.framework, v.via, v.target))
    for text in guests_called(run.greetings):
        out.print(text, markup=False)
    if form != "table":
        print(written(Tally, tallies(verdicts), form), end="")
    elif verdicts:
        out.print(tables.verdict_table(verdicts))
        out.print()
    own = owned(run)
    inputs = run.captured.path if run.captured else None
    for text in guests_found(verdicts, own, lambda v: repro_of(v, run.own.words, inputs)):
        for line in text.splitlines():
            out.print(line, markup=False, soft_wrap=line.startswith("  lossbench "))  # to be copied
    for text in (*remarks(verdicts, own), *differences(verdicts)):
        out.print(text, markup=False)
    say_of_captured(out, run)
    gone = sorted({(v.framework, v.note) for v in verdicts if v.status is Status.SKIPPED})
    for framework, reason in gone:
        out.print(f"skipped {framework}: {reason}", markup=False)
    out.print(f"{totals.cases} cases, {totals.verdicts} verdicts: {tables.counts(verdicts) or 'nothing was measured'}")
    out.print(time_line(totals), markup=False)
    if run.whole:
        for text in totals.stale:
            out.print(f"stale: declared, but no case showed it: {text}", markup=False)
    for problem in [*run.problems, *totals.problems]:
        out.print(f"problem: {problem}", markup=False)
    out.print(f"rows in {path}", markup=False)


def owned(run: Run) -> set[str]:
    """The names of a user's own implementations."""
    return {i.via for target, word in run.greetings.items() if target.guest for i in word.implementations}


def say_of_captured(out: Console, run: Run) -> None:
    """Who is right about captured tensors, where there were any, and the smallest parts that show who is not."""
    if run.captured:
        verdicts = sorted(run.verdicts, key=lambda v: (v.loss, v.framework, v.via, v.target))
        say(out, run.captured, verdicts, run.parts, owned(run), run.own.words)


def time_line(totals: Totals) -> str:
    """Where the time went, and how that compares with what no tool could avoid on this machine."""
    cores = os.process_cpu_count() if hasattr(os, "process_cpu_count") else len(os.sched_getaffinity(0))
    unavoidable = (totals.imports + totals.frameworks) / max(cores or 1, 1)
    certified = ""
    if totals.element_microseconds:
        median = statistics.median(totals.element_microseconds)
        certified = f" ({median:.1f} µs per element, slowest case {totals.slowest_reference:.2f} s)"
    return (
        f"{totals.wall:.1f} s; CPU seconds: imports {totals.imports:.1f}, frameworks {totals.frameworks:.1f}, "
        f"reference {totals.reference:.1f}{certified}, own {totals.own:.1f} here and "
        f"{totals.workers:.1f} in the workers; "
        f"unavoidable on {cores} cores: {unavoidable:.1f} s, so {totals.wall / max(unavoidable, 1e-9):.1f}x; "
        f"certified answers: {totals.certified_misses} worked out in {totals.certified_spent:.1f} s, "
        f"{totals.certified_hits} cached ({totals.certified_spared:.1f} s when cold)"
    )
