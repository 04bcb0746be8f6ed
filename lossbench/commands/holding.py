"""What a run has to show for the baseline: which rows it should have measured, what came of them, the exit code."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from lossbench.cases.applicability import lacks
from lossbench.cases.names import find_losses
from lossbench.cases.shards import Shard
from lossbench.cases.suite import parse_case
from lossbench.commands.compare import Run
from lossbench.errors import UsageError
from lossbench.judging import baseline
from lossbench.judging.accepted import Accepted, Found, Key, Recipe, fold, recipe_of
from lossbench.judging.baseline import (
    BETTER,
    CHANGED,
    GONE,
    KINDS,
    MISSING,
    NEW,
    REGRESSIONS,
    UNMEASURED,
    UNTIMED,
    WORSE,
)
from lossbench.losses import catalogue
from lossbench.records import Finding, Greeting, Status, Target

WORDS = {0: "fine", 1: "regressed", 2: "usage", 3: "environment missing", 4: "nothing measured"}


@dataclass(frozen=True, slots=True)
class Holding:
    """The accepted rows, and what a run has to show for them."""

    rows: list[Accepted]  # all of the baseline's
    covered: list[Accepted]  # those the command line asked for
    found: dict[Key, Found]
    findings: list[Finding]
    problems: list[str] = field(default_factory=list)

    def count(self, *kinds: str) -> int:
        """How many findings there are of these kinds."""
        return sum(finding.kind in kinds for finding in self.findings)

    @property
    def held(self) -> int:
        """How many accepted rows were measured again."""
        return sum(row.key in self.found for row in self.covered)

    @property
    def missing(self) -> list[str]:
        """The frameworks that are not there though the baseline holds them."""
        return [finding.key for finding in self.findings if finding.kind == MISSING]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which rows of the baseline a command line asks for; empty means all."""

    device: str
    losses: tuple[str, ...] = ()
    frameworks: frozenset[str] = frozenset()
    recipes: frozenset[Recipe] | None = None  # only those that the suite asks for
    shard: Shard | None = None

    @property
    def whole(self) -> bool:
        """Whether nothing narrows it down."""
        return not (self.losses or self.frameworks or self.shard) and self.recipes is None

    def covers(self, row: Accepted, losses: Collection[str]) -> bool:
        """Whether the row is asked for; one of a loss that does not exist is nobody's, and so everybody's."""
        if row.device != self.device or (self.frameworks and row.framework not in self.frameworks):
            return False
        if row.loss not in catalogue():
            return True
        if losses and row.loss not in losses:
            return False
        if self.recipes is not None and row.recipe not in self.recipes:
            return False
        return self.shard is None or self.shard.has(row.recipe)


WhyGone = Callable[[Accepted], tuple[str, str]]


def hold(
    scope: Scope,
    rows: list[Accepted],
    targets: Sequence[Target],
    run: Run,
    why_gone: WhyGone,
    today: date,
    more: Iterable[Finding] = (),
    drawn: Collection[str] | None = None,
) -> Holding:
    """Hold the run's verdicts against the rows that the command line asked for.

    Args:
        scope: which rows those are.
        rows: all of the baseline's.
        targets: those that were to be measured.
        run: what was measured.
        why_gone: says of a row that nobody answered for what is the matter.
        today: for rows that expire.
        more: findings that do not come of verdicts, such as those of times.
        drawn: the cases that hold the rows; what others show is told and does not fail. None: all of them.
    """
    offered = [i for greeting in run.greetings.values() for i in greeting.implementations]
    losses = find_losses(scope.losses, catalogue(), offered) if scope.losses else frozenset()
    covered = [row for row in rows if scope.covers(row, losses)]
    reasons = {v.framework: v.note for v in run.verdicts if v.status is Status.SKIPPED}
    there = run.greetings.keys()
    missing = {t: reasons.get(t.framework, "it is not there") for t in targets if t not in there and not t.guest}
    found = fold(verdict for verdict in run.verdicts if drawn is None or verdict.case in drawn)
    findings = [*baseline.compare(covered, found, missing, why_gone, today), *more]
    if drawn is not None:
        others = fold(verdict for verdict in run.verdicts if verdict.case not in drawn)
        told = {finding.key for finding in findings}
        findings += [one for one in baseline.by_other_draws(covered, others) if one.key not in told]
    return Holding(rows, covered, found, baseline.in_order(findings), list(run.problems))


def answering(run: Run, target: Target) -> list[Greeting]:
    """What was greeted there: under any interpreter and name, and users' own functions beside the framework's."""
    return [word for t, word in run.greetings.items() if replace(t, interpreter="", name="", guest="") == target]


def why_gone_from(run: Run, suite: str) -> WhyGone:
    """Says why nobody answered for an accepted row, though its framework may well be there."""

    def why(row: Accepted) -> tuple[str, str]:
        greetings = answering(run, row.target)
        if not greetings:
            return UNMEASURED, f"{row.target} was not asked; --framework names what is"
        if row.loss not in catalogue():
            return UNMEASURED, _no_such_loss(row)
        greeting = greetings[0]
        who = f"{greeting.framework} {greeting.version}"
        same = [i for each in greetings for i in each.implementations if (i.loss, i.via) == (row.loss, row.via)]
        away = [i for each in greetings for i in each.missing if (i.loss, i.via) == (row.loss, row.via)]
        if away and away[0].package:
            return UNMEASURED, f"it {away[0].lacks}"
        if not same:
            return GONE, f"{who} has no such implementation any more"
        parts = [row.loss, row.options, row.reduction, row.dtype, "1", row.regime, "0"]
        try:
            case = parse_case("/".join(part for part in parts if part), catalogue())
            lacking = lacks(same[0], case, catalogue()[row.loss], row.target.device)
        except UsageError as error:
            return UNMEASURED, f"no case can ask for it any more: {error}"
        return (GONE, f"{who}: {row.via} {lacking}") if lacking else (
            UNMEASURED, f"the suite {suite} does not ask for it; --part holds only what it asks for")  # fmt: skip

    return why


def why_gone_on_record(run: Run, name: str) -> WhyGone:
    """The same where only rows are there: what others were asked, and this one did not answer, is gone."""
    asked = {recipe_of(verdict.case) for verdict in run.verdicts if verdict.case}

    def why(row: Accepted) -> tuple[str, str]:
        if row.loss not in catalogue():
            return UNMEASURED, _no_such_loss(row)
        if row.recipe in asked and answering(run, row.target):
            return GONE, f"{name} has the case, and no answer of {row.via}"
        return UNMEASURED, f"{name} has no such case; a shard may be missing"

    return why


def _no_such_loss(row: Accepted) -> str:
    return f"the catalogue has no loss {row.loss}; if it was renamed or taken out, `gate --accept` drops the row"


def exit_code(holding: Holding, strict_better: bool) -> int:
    """0 fine, 1 regressed, 3 a framework is missing, 4 the baseline was held only in part or not at all."""
    if holding.count(*REGRESSIONS) or (strict_better and holding.count(BETTER)):
        return 1
    if holding.count(MISSING):
        return 3
    return 4 if holding.count(UNMEASURED, UNTIMED) or holding.problems or not holding.held else 0


def meaning(holding: Holding, code: int) -> str:
    """The exit code in a word, and what is behind it."""
    return f"{word(holding, code)}: {_behind(holding, code)}"


def word(holding: Holding, code: int) -> str:
    """The exit code in a word or two."""
    if code == 4 and holding.found:
        return "not written" if holding.problems else "measured only in part"
    return WORDS[code]


def _behind(holding: Holding, code: int) -> str:
    if code == 1:
        found = ", ".join(f"{holding.count(kind)} {kind}" for kind in REGRESSIONS if holding.count(kind))
        return found or "something is better, and --strict-better was asked for: accept it"
    if code == 3:
        return f"the baseline holds {', '.join(holding.missing)}, not there"
    if code == 4 and holding.problems:
        return holding.problems[0]
    if code == 4 and not holding.held:
        return "nothing of what was measured is in the baseline" if holding.found else "nothing was measured"
    if code == 4:
        keys, times = holding.count(UNMEASURED), holding.count(UNTIMED)
        lacking = [f"{keys} accepted key{'s were' if keys > 1 else ' was'} not measured again"] if keys else []
        lacking += [f"{times} time{'s' if times > 1 else ''} could not be measured"] if times else []
        return ", ".join(lacking)
    return "nothing is worse"


def counts(holding: Holding) -> str:
    """How many findings there are of each kind; the rarer kinds only where there are any."""
    usual = (WORSE, BETTER, NEW, GONE)
    rare = [kind for kind in (*(k for k in KINDS if k not in (*usual, CHANGED)), CHANGED) if holding.count(kind)]
    return ", ".join(f"{holding.count(kind)} {kind}" for kind in (*usual, *rare))
