"""What the gate has to say, as every form of its output takes it: findings, figures, exit code and its words."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from lossbench.judging.accepted import Accepted
from lossbench.judging.baseline import MISSING, REGRESSIONS, UNMEASURED, UNTIMED
from lossbench.judging.intervals import Relation
from lossbench.judging.paces import Pace
from lossbench.output.forms import as_object
from lossbench.records import Finding

FAILING = (*REGRESSIONS, MISSING, UNMEASURED, UNTIMED)  # kinds that keep the exit code from being 0


@dataclass(frozen=True, slots=True)
class Account:
    """How a run of the gate ended, for whoever reads it."""

    code: int
    word: str  # what the code means, in a word or two
    meaning: str  # and in a sentence
    counts: str = ""
    findings: Sequence[Finding] = ()
    held: Sequence[Accepted] = ()  # the accepted rows that were measured again
    covered: int = 0
    baseline: Path = Path()
    lines: Mapping[str, int] = field(default_factory=dict)  # the baseline's line of a finding's key
    suite: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)  # of the frameworks that were there
    machine: str = ""
    seconds: float = 0.0
    problems: Sequence[str] = ()
    strict_better: bool = False
    paces: Sequence[Pace] = ()  # times held against another target's
    limit: float = 0.0  # the share by which they may be longer
    against: str = ""  # whose; empty: nothing was to be timed

    def fails(self, finding: Finding) -> bool:
        """Whether a finding is among the reasons for an exit code other than 0."""
        return finding.kind in FAILING or (self.strict_better and finding.kind == "better")

    @property
    def failing(self) -> list[Finding]:
        """The findings that are among the reasons for the exit code."""
        return [finding for finding in self.findings if self.fails(finding)]

    @property
    def closing(self) -> str:
        """The verdict in one line."""
        return f"gate: {self.counts + ' ' if self.counts else ''}-> exit {self.code} ({self.meaning})"


@dataclass(frozen=True, slots=True)
class Line:
    """A finding as programs read it."""

    kind: str
    fails: bool
    key: str
    loss: str
    framework: str
    via: str
    device: str
    mode: str
    accepted: str
    found: str
    case: str
    reason: str
    line: int | None  # of the baseline
    repeat: str  # the command that measures it again


def lines_of(account: Account, findings: Sequence[Finding]) -> list[Line]:
    """The findings as programs read them."""
    names = [field.name for field in fields(Finding) if field.name not in ("again", "named")]  # which stand in `repeat`
    return [
        Line(
            **{name: getattr(one, name) for name in names},
            fails=account.fails(one),
            line=account.lines.get(one.key),
            repeat=repeat(one),
        )
        for one in findings
    ]


def repeat(finding: Finding) -> str:
    """The command line that measures a finding's case again; empty where there is no case."""
    if finding.again or not finding.case:
        return finding.again
    device = ["--device", finding.device] if finding.device != "cpu" else []
    where = [] if finding.named else ["--framework", finding.framework]
    impl = [] if "--impl" in finding.named else ["--impl", finding.via]
    return shlex.join(["lossbench", "compare", "--case", finding.case, *where, *impl, *finding.named, *device])


def groups(findings: Sequence[Finding]) -> Iterator[list[Finding]]:
    """Findings that say the same of one implementation, in the order of their first."""
    found: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        change = (finding.accepted.partition(",")[0], finding.found.partition(",")[0])
        whose = (finding.loss, finding.framework, finding.via, finding.device, finding.mode)
        found.setdefault((finding.kind, *whose, *change), []).append(finding)
    yield from found.values()


def headline(finding: Finding) -> str:
    """Whose answer, and what changed: ``huber/none/float32/kink by ... of torch: agrees → differs``."""
    change = " → ".join(text for text in (finding.accepted, finding.found) if text)
    return f"{finding.key}: {change}" if change else finding.key


def recipe(finding: Finding) -> str:
    """The key without whose answer it is: ``huber/none/float32/kink``."""
    return finding.key.partition(" by ")[0]


def as_data(account: Account) -> dict[str, object]:
    """The account for JSON."""
    return {
        "schema": 1,
        "exit": account.code,
        "word": account.word,
        "meaning": account.meaning,
        "counts": _tally(account.findings),
        "held": len(account.held),
        "covered": account.covered,
        "suite": account.suite,
        "baseline": str(account.baseline),
        "versions": dict(account.versions),
        "machine": account.machine,
        "seconds": round(account.seconds, 3),
        "problems": list(account.problems),
        "against": account.against,
        "slower_limit": account.limit if account.against else None,
        "times": [as_object(pace) for pace in account.paces],
        "findings": [as_object(line) for line in lines_of(account, account.findings)],
    }


def _tally(findings: Sequence[Finding]) -> dict[str, int]:
    kinds = [finding.kind for finding in findings]
    return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}


def times_line(account: Account) -> str:
    """How the times stand, in a line."""
    found = [pace.relation for pace in account.paces]
    each = ", ".join(f"{found.count(relation)} {relation}" for relation in Relation if relation in found)
    untimed = f", {found.count(None)} not timed" if None in found else ""
    hint = " (more --seconds tell)" if Relation.AMBIGUOUS in found else ""
    more = sum(pace.exceeds(account.limit) for pace in account.paces)
    return (
        f"{len(found)} times held against {account.against}: {each or 'none'}{hint}{untimed}; "
        f"{more} slower by more than {100 * account.limit:g} %"
    )
