"""The command `gate`: today's verdicts against those accepted, what is worse, better, new and gone, and the exit code.

A regression (1) is told before whatever else is the matter, because nothing that is missing explains it away; then
what the environment lacks (3); then what was not measured or could not be written (4).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from lossbench.cases.applicability import lacks
from lossbench.cases.names import find_losses
from lossbench.cases.suite import PACKAGE, parse_case
from lossbench.commands import compare
from lossbench.commands.own import NOBODYS, Own
from lossbench.commands.targets import check_one_each, choose
from lossbench.errors import ResultsNotWritten, UsageError
from lossbench.judging import baseline
from lossbench.judging.accepted import Accepted, Found, Key, fold
from lossbench.judging.baseline import BETTER, CHANGED, GONE, MISSING, NEW, WORSE
from lossbench.losses import catalogue
from lossbench.output import tables
from lossbench.output.findings_table import findings_table
from lossbench.records import Finding, Status, Target
from lossbench.results import LATEST

MEANINGS = {
    0: "nothing is worse",
    1: "something is worse",
    3: "the environment lacks what the baseline holds",
    4: "only part of what the baseline holds was measured",
}


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
    targets: tuple[str, ...] = ()  # as written after --target
    own: Own = NOBODYS  # a user's own implementation


@dataclass(frozen=True, slots=True)
class Holding:
    """The accepted rows, and what a run has to show for them."""

    rows: list[Accepted]  # all of the baseline's
    covered: list[Accepted]  # those the command line asked for
    found: dict[Key, Found]
    findings: list[Finding]
    problems: list[str] = field(default_factory=list)

    def count(self, kind: str) -> int:
        """How many findings there are of a kind."""
        return sum(finding.kind == kind for finding in self.findings)

    @property
    def held(self) -> int:
        """How many accepted rows were measured again."""
        return sum(row.key in self.found for row in self.covered)


def accepted_folder() -> Path:
    """The folder of accepted verdicts: beside the package in a checkout, inside it if installed."""
    inside = PACKAGE / "_accepted"
    return inside if inside.is_dir() else PACKAGE.parent / "results" / "accepted"


def main(request: Request) -> int:
    """Run the suite, hold it against the baseline (or make it the baseline), and return the exit code."""
    targets = choose(request.frameworks, request.device, request.targets, request.own)
    check_one_each(targets)
    path = request.baseline or accepted_folder() / f"{request.device}.csv"
    if path.is_dir():
        raise UsageError(
            f"--baseline {str(path)!r} is a directory; give the path of a file, such as {path / 'cpu.csv'}"
        )
    rows = [] if request.accept and not path.exists() else baseline.read(path)
    run, rows_path = compare.Run(), request.csv or LATEST / "gate.csv"
    asked = compare.Request(
        request.losses, request.suite, request.frameworks, seeds=request.seeds, device=request.device
    )
    asked = replace(asked, targets=request.targets, own=request.own)
    try:
        compare.perform(asked, rows_path, run)
    except BaseException:
        if run.verdicts and run.greetings:
            unfinished(request, hold(request, rows, targets, run))
        raise
    holding = hold(request, rows, targets, run)
    code = accept(path, holding) if request.accept else exit_code(holding, request.strict_better)
    with suppress(BrokenPipeError, SystemExit):  # a reader who has gone does not change what was found
        report(request, holding, run, path, rows_path)
        close(request, holding, path, code)
    return code


def hold(request: Request, rows: list[Accepted], targets: Sequence[Target], run: compare.Run) -> Holding:
    """Hold the run's verdicts against the rows that the command line asked for."""
    offered = [i for greeting in run.greetings.values() for i in greeting.implementations]
    words, narrowed = request.losses or request.own.losses, request.frameworks or request.targets or request.own
    losses = find_losses(words, catalogue(), offered) if words else frozenset()
    frameworks = {target.framework for target in targets} if narrowed else set()
    covered = [
        row
        for row in rows
        if row.device == request.device
        and (not losses or row.loss in losses)
        and (not frameworks or row.framework in frameworks)
    ]
    reasons = {v.framework: v.note for v in run.verdicts if v.status is Status.SKIPPED}
    missing = {
        t: reasons.get(t.framework, "it is not there") for t in targets if t not in run.greetings and not t.guest
    }
    found = fold(run.verdicts)
    findings = baseline.compare(covered, found, missing, lambda row: why_gone(row, run, request.suite))
    return Holding(rows, covered, found, findings, list(run.problems))


def why_gone(row: Accepted, run: compare.Run, suite: str) -> str:
    """Why nobody answered for an accepted row, though its framework may well be there."""
    greetings = [g for t, g in run.greetings.items() if replace(t, interpreter="", name="", guest="") == row.target]
    if not greetings:
        return f"{row.target} was not asked; --framework names what is"
    if row.loss not in catalogue():
        return f"the catalogue has no loss {row.loss} any more"
    greeting = greetings[0]
    who = f"{greeting.framework} {greeting.version}"
    same = [i for each in greetings for i in each.implementations if (i.loss, i.via) == (row.loss, row.via)]
    if not same:
        return f"{who} has no such implementation any more"
    parts = [row.loss, row.options, row.reduction, row.dtype, "1", row.regime, "0"]
    try:
        case = parse_case("/".join(part for part in parts if part), catalogue())
        lacking = lacks(same[0], case, catalogue()[row.loss], row.target.device)
    except UsageError as error:
        return f"no case can ask for it any more: {error}"
    return f"{who}: {row.via} {lacking}" if lacking else f"the suite {suite} does not ask for it"


def exit_code(holding: Holding, strict_better: bool) -> int:
    """0 fine, 1 something is worse, 3 a framework is missing, 4 the baseline was held only in part or not at all."""
    if holding.count(WORSE) or (strict_better and holding.count(BETTER)):
        return 1
    if holding.count(MISSING):
        return 3
    return 4 if holding.count(GONE) or holding.problems or not holding.held else 0


def accept(path: Path, holding: Holding) -> int:
    """Make what was found the baseline, unless it is not all there; what was not asked for stays."""
    if holding.problems or not holding.found:
        return 4
    missing = {finding.key for finding in holding.findings if finding.kind == MISSING}
    covered = [row.key for row in holding.covered if str(row.target) not in missing]
    try:
        baseline.write(path, baseline.merge(holding.rows, holding.found, holding.findings, covered))
    except ResultsNotWritten as error:
        holding.problems.append(str(error))
        return 4
    return 0


def report(request: Request, holding: Holding, run: compare.Run, path: Path, rows_path: Path) -> None:
    """Print what was found, where the time went, and how much was held against what."""
    out = tables.console()
    out.print(findings_table(holding.findings, lambda finding: repeat(finding, request.suite)), soft_wrap=True)
    for verdict in {v.framework: v for v in run.verdicts if v.status is Status.SKIPPED}.values():
        out.print(f"skipped {verdict.framework}: {verdict.note}", markup=False)
    out.print(compare.time_line(run.totals), markup=False)
    for problem in dict.fromkeys([*holding.problems, *run.totals.problems]):
        out.print(f"problem: {problem}", markup=False)
    out.print(f"{run.totals.cases} cases, {run.totals.verdicts} verdicts; rows in {rows_path}", markup=False)
    out.print(f"{holding.held} of {len(holding.covered)} accepted keys held against {path}", markup=False)


def close(request: Request, holding: Holding, path: Path, code: int) -> None:
    """Print the verdict in one line."""
    if request.accept and code == 0:
        meaning = f"accepted in {path}; the diff is the review"
    elif request.accept:
        meaning = "not accepted: " + (holding.problems[0] if holding.problems else "nothing was measured")
    else:
        meaning = _meaning(holding, code)
    tables.console().print(f"gate: {counts(holding)} -> exit {code} ({meaning})", markup=False, soft_wrap=True)


def _meaning(holding: Holding, code: int) -> str:
    if code == 1 and not holding.count(WORSE):
        return "something is better, and --strict-better was asked for: accept it"
    if code == 4 and holding.problems:
        return holding.problems[0]
    if code == 4 and not holding.held:
        return "nothing of what was measured is in the baseline" if holding.found else "nothing was measured"
    missing = ", ".join(finding.key for finding in holding.findings if finding.kind == MISSING)
    return f"{MEANINGS[code]}: {missing}" if code == 3 else MEANINGS[code]


def counts(holding: Holding) -> str:
    """How many findings there are of each kind; the last two kinds only where there are any."""
    rare = [f"{holding.count(kind)} {kind}" for kind in (CHANGED, MISSING) if holding.count(kind)]
    return ", ".join([*(f"{holding.count(kind)} {kind}" for kind in (WORSE, BETTER, NEW, GONE)), *rare])


def unfinished(request: Request, holding: Holding) -> None:
    """Print what an interrupted run has found so far; nothing is accepted, and what is gone nobody knows."""
    known = [finding for finding in holding.findings if finding.kind in (WORSE, BETTER, CHANGED)]
    out = tables.console()
    out.print(findings_table(known, lambda finding: repeat(finding, request.suite)), soft_wrap=True)
    so_far = counts(Holding(holding.rows, holding.covered, holding.found, known))
    out.print(f"gate: unfinished, {holding.held} of {len(holding.covered)} keys held: {so_far}", markup=False)


def repeat(finding: Finding, suite: str) -> str:
    """The command line that measures a finding's case again."""
    loss, *_, dtype, _, regime, seed = finding.case.split("/")
    via, _, target = finding.key.partition(" by ")[2].rpartition(" of ")
    framework, _, device = target.partition(":")[0].partition("@")
    words: Iterable[str] = [
        *("lossbench", "compare", loss, "--suite", suite, "--framework", framework, "--impl", via),
        *("--regime", regime, "--dtype", dtype, "--seed", seed, *(["--device", device] if device else [])),
    ]
    return shlex.join(words)
