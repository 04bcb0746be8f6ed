"""The command `selftest`: lying fakes try to fool the judge, and honest ones in odd clothes try to be let through.

A lie is caught by a case on which its implementation differs (or crashes, hangs or refuses) while the honest one of
the same loss is let through. The few lies that take only digits away are also caught where the answer is imprecise
and the honest one is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lossbench.cases.suite import Selection, load
from lossbench.cases.unfolding import unfold
from lossbench.commands.targets import installed_only
from lossbench.crew import Crew
from lossbench.errors import ResultsNotWritten
from lossbench.judging.comparison import Comparison, open_answers
from lossbench.losses import catalogue
from lossbench.output import tables
from lossbench.output.forms import checked_form
from lossbench.output.info_tables import plain_table
from lossbench.records import Implementation, Status, Target, Verdict
from lossbench.results import LATEST, Writer

HONEST, ODD, LIES = "fakes.honest.", "fakes.odd.", "fakes.lies."
OF_PRECISION = ("fakes.lies.half_accumulation", "fakes.lies.small_components_lost")
LET_THROUGH = (Status.AGREES, Status.IMPRECISE, Status.REJECTS, Status.BY_CONTRACT)
CONVICTED = (Status.DIFFERS, Status.ACCEPTS, Status.CRASHES, Status.HANGS, Status.REFUSES)


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked for."""

    suite: str = "selftest"
    csv: Path | None = None
    form: str = "table"  # one of `FORMS`


@dataclass(frozen=True, slots=True)
class Told:
    """A fake as programs read it."""

    fake: str
    lies: bool
    passed: bool  # caught, or let through
    against: int  # verdicts that speak against it
    verdicts: int
    claim: str
    case: str  # the first that tells
    status: str


@dataclass(frozen=True, slots=True)
class Trial:
    """One fake: what it claims, the verdicts on it, and those of them that give it away or wrong it."""

    via: str
    claim: str  # its own sentence
    verdicts: tuple[Verdict, ...]
    against: tuple[Verdict, ...]  # of a lie: those that catch it; of an honest one: those that blame it

    @property
    def lies(self) -> bool:
        """Whether it is wrong on purpose."""
        return self.via.startswith(LIES)

    @property
    def passed(self) -> bool:
        """Whether the judge did right by it: a lie has to be caught, an honest one to be measured and let through."""
        return bool(self.against) if self.lies else bool(self.verdicts) and not self.against


@dataclass(slots=True)
class Run:
    """The verdicts so far, and what kept them from being written."""

    verdicts: list[Verdict] = field(default_factory=list)
    offered: tuple[Implementation, ...] = ()
    problems: list[str] = field(default_factory=list)


def main(request: Request) -> int:
    """Put the suite to the fakes, print who was caught, and return the exit code."""
    path = request.csv or LATEST / "selftest.csv"
    checked_form(request.form)
    run = Run()
    perform(request.suite, path, run)
    trials = tried(run.offered, run.verdicts)
    if not any(trial.verdicts for trial in trials):
        tables.console(stderr=True).print(
            f"the suite {request.suite} has no case for the fakes; `lossbench selftest` alone runs one that has",
            markup=False,
        )
        return 4
    report(trials, run.problems, path, request.form)
    if run.problems:
        return 4
    return 0 if all(trial.passed for trial in trials) else 1


def perform(suite_name: str, path: Path, run: Run) -> None:
    """Judge every fake but those in trouble on the suite, filling `run` and the file at `path`."""
    suite = load(suite_name)
    writer = Writer(path, Verdict)

    def emit(verdict: Verdict) -> None:
        run.verdicts.append(verdict)
        if not run.problems:
            try:
                writer.write(verdict)
            except ResultsNotWritten as error:
                run.problems.append(str(error))

    try:
        with Crew([Target("fakes")]) as crew, open_answers() as answers:
            greetings = installed_only(crew.greet(), asked_by_name=True)
            everything = [i for greeting in greetings.values() for i in greeting.implementations]
            run.offered = tuple(i for i in everything if i.via.startswith((HONEST, ODD, LIES)))
            cases = unfold(suite, catalogue(), Selection(frozenset(i.loss for i in run.offered)))
            comparison = Comparison(crew, greetings, answers, emit, suite.limits, lambda i: i in run.offered)
            with tables.progress(len(cases), "trying the fakes") as progress:
                comparison.run(cases, progress)
    finally:
        writer.close()


def tried(offered: Iterable[Implementation], verdicts: Sequence[Verdict]) -> list[Trial]:
    """One trial for each fake, lies first."""
    measured = [v for v in verdicts if v.status not in (Status.ABSENT, Status.SKIPPED)]
    honest = {v.case: v.status for v in measured if v.via.startswith(HONEST)}
    trials = []
    for implementation in offered:
        own = tuple(v for v in measured if v.via == implementation.via)
        against = tuple(v for v in own if _speaks_against(v, honest))
        trials.append(Trial(implementation.via, claim(implementation), own, against))
    return sorted(trials, key=lambda trial: (not trial.lies, trial.via))


def _speaks_against(verdict: Verdict, honest: Mapping[str, Status]) -> bool:
    if not verdict.via.startswith(LIES):
        return verdict.status not in LET_THROUGH
    if verdict.via in OF_PRECISION and verdict.status is Status.IMPRECISE:
        return honest.get(verdict.case) is Status.AGREES
    return verdict.status in CONVICTED and honest.get(verdict.case) in LET_THROUGH


def claim(implementation: Implementation) -> str:
    """What the fake says of itself: the first sentence of its docstring."""
    quoted = implementation.call.split('"""')
    return " ".join(quoted[1].split()) if len(quoted) > 1 else ""


def report(trials: Sequence[Trial], problems: Sequence[str], path: Path, form: str = "table") -> None:
    """Print the table, the kill score, and the names of the misses."""
    table = plain_table("", "fake", "by", "what it does, and the case that tells")
    for trial in trials:
        table.add_row(*row(trial))
    out = tables.put(form, Told, [told(trial) for trial in trials], lambda out: (table, ""))
    for problem in problems:
        out.print(f"problem: {problem}", markup=False)
    out.print(f"rows in {path}", markup=False)
    for trial in trials:
        if not trial.passed:
            out.print(f"{'NOT caught' if trial.lies else 'NOT let through'}: {trial.via}", markup=False)
    out.print(score(trials), markup=False)


def row(trial: Trial) -> tuple[str, str, str, str]:
    """A line of the table: what happened, to whom, how often, and the first case that shows it."""
    if trial.lies:
        word = "[green]caught[/]" if trial.passed else "[red]NOT caught[/]"
    else:
        word = "[green]let through[/]" if trial.passed else "[red]NOT let through[/]"
    told = [trial.claim]
    if trial.against:
        first = trial.against[0]
        told.append(f"[dim]  {first.status}: {first.case}[/]")
    return word, trial.via.removeprefix("fakes."), f"{len(trial.against)} of {len(trial.verdicts)}", "\n".join(told)


def told(trial: Trial) -> Told:
    """The same for programs."""
    case, status = (trial.against[0].case, str(trial.against[0].status)) if trial.against else ("", "")
    return Told(trial.via, trial.lies, trial.passed, len(trial.against), len(trial.verdicts), trial.claim, case, status)


def score(trials: Sequence[Trial]) -> str:
    """The closing line: ``selftest: 27 of 27 lies caught, 7 of 7 honest oddities let through``."""
    lies = [trial.passed for trial in trials if trial.lies]
    odd = [trial.passed for trial in trials if trial.via.startswith(ODD)]
    plain = [trial for trial in trials if trial.via.startswith(HONEST) and not trial.passed]
    blamed = f", {len(plain)} plainly honest blamed" if plain else ""
    caught = f"selftest: {sum(lies)} of {len(lies)} lies caught"
    return f"{caught}, {sum(odd)} of {len(odd)} honest oddities let through{blamed}"
