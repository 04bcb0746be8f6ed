"""The command `gate`: today's verdicts against those accepted, what is worse, better, new and gone, and the exit code.

A regression (1) is told before whatever else is the matter, because nothing that is missing explains it away; then
what the environment lacks (3); then what was not measured or could not be written (4).
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Container, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from lossbench.cases.shards import Shard, read_shard
from lossbench.cases.stored import PACKAGE
from lossbench.cases.suite import Selection, load
from lossbench.cases.unfolding import unfold
from lossbench.commands import compare, gate_times, speed
from lossbench.commands.accepting import accept, check_terms, closing_of_acceptance, stamp_for
from lossbench.commands.gate_files import Files
from lossbench.commands.gate_times import Times
from lossbench.commands.holding import (
    WORDS,
    Holding,
    Scope,
    counts,
    exit_code,
    hold,
    meaning,
    why_gone_from,
    why_gone_on_record,
    word,
)
from lossbench.commands.own import NOBODYS, Own
from lossbench.commands.recorded import recorded
from lossbench.commands.targets import check_one_each, checked, choose
from lossbench.errors import EnvironmentLacks, ResultsNotWritten, UsageError
from lossbench.judging import baseline_file
from lossbench.judging.accepted import Accepted, recipe_of
from lossbench.judging.baseline import BETTER, CHANGED, REGRESSIONS
from lossbench.judging.machine import processor_kind
from lossbench.losses import catalogue
from lossbench.output import tables
from lossbench.output.account import Account, Line, lines_of, times_line
from lossbench.output.findings_table import findings_table
from lossbench.output.forms import checked_form, written
from lossbench.output.paces_table import paces_table
from lossbench.records import Finding, Status, Target
from lossbench.results import LATEST

CODES = {UsageError: 2, EnvironmentLacks: 3, ResultsNotWritten: 4}


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked for; empty means everything."""

    losses: tuple[str, ...] = ()
    suite: str = "gate"
    frameworks: tuple[str, ...] = ()
    baseline: Path | None = None
    accept: bool = False
    device: str = "cpu"
    seeds: tuple[str, ...] = ()
    csv: Path | None = None
    strict_better: bool = False
    part: bool = False  # hold only what the suite asks for
    shard: str = ""
    results: Path | None = None  # rows to judge instead of measuring
    reason: str = ""  # of what is accepted
    expires: str = ""
    form: str = "table"
    quiet: bool = False
    files: Files = field(default_factory=Files)
    targets: tuple[str, ...] = ()  # as written after --target
    own: Own = NOBODYS  # a user's own implementation
    times: Times = field(default_factory=Times)


def today() -> date:
    """The day from which what expired before it no longer holds."""
    return date.today()


def accepted_folder() -> Path:
    """The folder of accepted verdicts: beside the package in a checkout, inside it if installed."""
    inside = PACKAGE / "_accepted"
    return inside if inside.is_dir() else PACKAGE.parent / "results" / "accepted"


def main(request: Request) -> int:
    """Run the suite, hold it against the baseline (or make it the baseline), and return the exit code."""
    request.files.clear()
    try:
        return gate(request)
    except tuple(CODES) as error:
        code = CODES[type(error)]
        account = Account(code, WORDS[code], f"{WORDS[code]}: {error}", suite=request.suite)
        request.files.write(account)
        with suppress(BrokenPipeError, SystemExit):
            for line in request.files.lines(account):
                print(line, file=sys.stdout if request.form == "table" else sys.stderr)
            print(f"gate: -> exit {code} ({WORDS[code]})", file=sys.stderr)
        raise


def gate(request: Request) -> int:
    """The same, with nothing between the caller and what keeps it from being done."""
    targets, path, shard = checked_request(request)
    rows = [] if request.accept and not path.exists() else baseline_file.read(path)
    if request.accept:
        baseline_file.check_writable(path)
    scope = scope_of(request, targets, shard)
    timed = times_of(request)
    run, rows_path = compare.Run(), request.results or request.csv or LATEST / "gate.csv"
    if request.results is not None:
        run = recorded(request.results, request.device, scope)
    else:
        measure(request, rows_path, run, lambda: judged(request, scope, rows, targets, run), shard)
    holding = judged(request, scope, rows, targets, run)
    held = None
    if timed is not None:
        held = with_times(timed, holding)
        holding = judged(request, scope, rows, targets, run, held.findings)
        holding.problems.extend(held.problems)
    if request.accept:
        code, said = accept(path, holding, stamp_for(run, request.reason, request.expires), whole=scope.whole)
        closing = closing_of_acceptance(path, holding, code, said)
    else:
        code = exit_code(holding, request.strict_better)
        closing = meaning(holding, code)
    account = account_of(request, holding, run, path, rows, code, closing)
    if held is not None:
        account = replace(account, paces=held.paces, limit=held.plan.limit, against=held.plan.request.against)
    if problems := request.files.write(account):
        holding.problems.extend(problems)
        code = code or 4
        account = replace(account, code=code, word=word(holding, code), meaning=meaning(holding, code))
    with suppress(BrokenPipeError, SystemExit):  # a reader who has gone does not change what was found
        report(request, account, holding, run, rows_path)
    return code


def checked_request(request: Request) -> tuple[list[Target], Path, Shard | None]:
    """The targets, the baseline's path and the shard, once everything asked for is known to make sense.

    Raises:
        UsageError: something cannot be meant.
    """
    targets = choose(request.frameworks, request.device, request.targets, request.own)
    check_one_each(targets)
    shard = read_shard(request.shard)
    checked_form(request.form)
    if load(request.suite).modes:
        raise UsageError(
            f"--suite {request.suite} runs each framework in several modes, and the accepted verdicts are about one; "
            f"`lossbench compare --suite {request.suite}` judges them"
        )
    checked((), (), request.seeds)
    check_terms(request.accept, request.reason, request.expires)
    if request.results is not None and (request.seeds or request.csv or request.targets or request.own):
        raise UsageError(
            "--results judges rows that are there, so leave out --seed, --csv, --target and a loss of your own"
        )
    path = request.baseline or accepted_folder() / f"{request.device}.csv"
    if path.is_dir():
        raise UsageError(
            f"--baseline {str(path)!r} is a directory; give the path of a file, such as {path / 'cpu.csv'}"
        )
    return targets, path, shard


def scope_of(request: Request, targets: Sequence[Target], shard: Shard | None) -> Scope:
    """Which rows of the baseline the command line asks for."""
    suite = load(request.suite)
    recipes = None
    if request.part:
        recipes = frozenset(recipe_of(str(case)) for case in unfold(suite, catalogue(), Selection()))
    narrowed = request.frameworks or request.targets or request.own
    frameworks = frozenset(target.framework for target in targets) if narrowed else frozenset[str]()
    return Scope(request.device, request.losses or request.own.losses, frameworks, recipes, shard)


def measure(request: Request, path: Path, run: compare.Run, so_far: object, shard: Shard | None) -> None:
    """Run the suite; what an interrupted run has found is shown before it ends."""
    asked = compare.Request(
        request.losses,
        request.suite,
        request.frameworks,
        seeds=request.seeds,
        beside=bool(request.seeds),
        device=request.device,
        shard=shard,
        quiet=request.quiet,
    )
    asked = replace(asked, targets=request.targets, own=request.own)
    try:
        compare.perform(asked, path, run)
    except BaseException:
        if run.verdicts and run.greetings and callable(so_far):
            unfinished(so_far())
        raise


def times_of(request: Request) -> gate_times.Plan | None:
    """What is to be timed, if anything.

    Raises:
        UsageError: something cannot be meant.
        EnvironmentLacks: what times are to be held against is not there.
    """
    gate_times.check_alone(request.times, request.accept, request.shard)
    asked = speed.Request(
        losses=request.losses or request.own.losses,
        frameworks=request.frameworks,
        device=request.device,
        targets=request.targets,
        own=request.own,
        csv=request.csv,
    )
    return gate_times.planned(request.times, asked)


def with_times(plan: gate_times.Plan, holding: Holding) -> gate_times.Held:
    """Time what there is; an interrupted run shows first what the verdicts have come to."""
    try:
        return gate_times.hold(plan)
    except BaseException:
        unfinished(holding)
        raise


def judged(
    request: Request,
    scope: Scope,
    rows: list[Accepted],
    targets: Sequence[Target],
    run: compare.Run,
    more: Iterable[Finding] = (),
) -> Holding:
    """Hold the run against the baseline. Findings of another kind, such as of times, go in by `more`."""
    name = str(request.results)
    why = why_gone_from(run, request.suite) if request.results is None else why_gone_on_record(run, name)
    drawn = None
    if request.seeds and not request.accept:
        drawn = frozenset(str(case) for case in unfold(load(request.suite), catalogue(), Selection()))
    holding = hold(scope, rows, targets, run, why, today(), more, drawn)
    named = functools.partial(_named, request.own, targets, compare.owned(run))
    return replace(holding, findings=[replace(one, named=named(one)) for one in holding.findings])


def _named(own: Own, targets: Sequence[Target], owned: Container[str], finding: Finding) -> tuple[str, ...]:
    """The options that name what a finding is about, where its framework and public name do not."""
    target = next((t.name for t in targets if t.name and t.framework == finding.framework), "")
    return (*(own.words if finding.via in owned else ()), *(("--target", target) if target else ()))


def account_of(
    request: Request, holding: Holding, run: compare.Run, path: Path, rows: list[Accepted], code: int, closing: str
) -> Account:
    """What there is to say, for every form of output."""
    names = {greeting.device_name for greeting in run.greetings.values() if greeting.device_name}
    return Account(
        code=code,
        word=word(holding, code),
        meaning=closing,
        counts=counts(holding),
        findings=holding.findings,
        held=[row for row in holding.covered if row.key in holding.found],
        covered=len(holding.covered),
        baseline=path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path,
        lines={str(row): line for line, row in enumerate(rows, 2)},
        suite=f"suite {request.suite}" + (f", shard {request.shard}" if request.shard else ""),
        versions={str(target): greeting.version for target, greeting in run.greetings.items()},
        machine=processor_kind() if request.device == "cpu" else ", ".join(sorted(names)),
        seconds=run.totals.wall,
        problems=list(dict.fromkeys([*holding.problems, *run.totals.problems])),
        strict_better=request.strict_better,
    )


def report(request: Request, account: Account, holding: Holding, run: compare.Run, rows_path: Path) -> None:
    """Print what was found, where the time went, and how much was held against what; if quiet, only what fails."""
    aside = request.form != "table"
    out = tables.console(stderr=aside)
    shown = account.failing if request.quiet else list(account.findings)
    if aside:
        print(written(Line, lines_of(account, shown), request.form), end="")
    else:
        out.print(findings_table(shown, out.width), soft_wrap=True)
    for line in request.files.lines(account):
        out.print(line, markup=False, soft_wrap=True)
    if account.against and not request.quiet:
        out.print(paces_table(account.paces, account.limit), soft_wrap=True)
        out.print(times_line(account), markup=False, soft_wrap=True)
    if not request.quiet:
        for verdict in {v.framework: v for v in run.verdicts if v.status is Status.SKIPPED}.values():
            out.print(f"skipped {verdict.framework}: {verdict.note}", markup=False)
        if request.results is None:
            out.print(compare.time_line(run.totals), markup=False)
    for problem in account.problems:
        out.print(f"problem: {problem}", markup=False)
    if not request.quiet:
        out.print(f"{run.totals.cases} cases, {run.totals.verdicts} verdicts; rows in {rows_path}", markup=False)
        out.print(f"{holding.held} of {account.covered} accepted keys held against {account.baseline}", markup=False)
    if account.code or not request.quiet:
        out.print(account.closing, markup=False, soft_wrap=True)


def unfinished(holding: Holding) -> None:
    """Print what an interrupted run has found so far; nothing is accepted, and what is gone nobody knows."""
    known = [
        finding for finding in holding.findings if finding.kind in (*REGRESSIONS, BETTER, CHANGED) and finding.case
    ]
    out = tables.console()
    out.print(findings_table(known, out.width), soft_wrap=True)
    so_far = counts(Holding(holding.rows, holding.covered, holding.found, known))
    out.print(f"gate: unfinished, {holding.held} of {len(holding.covered)} keys held: {so_far}", markup=False)
