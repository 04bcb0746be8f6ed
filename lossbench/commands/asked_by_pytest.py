"""A suite's cases one by one, for `pytest --lossbench-suite`: measured some at a time, as somebody asks.

A row of a baseline is folded over seeds and shapes, a test is one case. So a case can be worse than its row, but its
being better says nothing; that a deviation vanished is for `lossbench gate` to find.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from lossbench.cases.shards import read_shard
from lossbench.cases.suite import Selection, load
from lossbench.cases.unfolding import unfold
from lossbench.commands.targets import choose, installed_only
from lossbench.crew import Crew
from lossbench.errors import UsageError
from lossbench.judging import baseline, baseline_file
from lossbench.judging.accepted import Accepted, fold, recipe_of
from lossbench.judging.comparison import Comparison, open_answers
from lossbench.losses import catalogue
from lossbench.output.account import headline, repeat
from lossbench.records import Finding, Status, Target, Verdict
from lossbench.wire import Absence

AT_A_TIME = 40  # cases: enough that fast frameworks need not wait for slow ones
BAD = (Status.DIFFERS, Status.CRASHES, Status.HANGS, Status.REFUSES, Status.ACCEPTS)
NOBODY = (Status.ABSENT, Status.SKIPPED)


@dataclass(frozen=True, slots=True)
class Told:
    """What there is to say of a case: what is wrong, or why nothing was measured."""

    wrong: Sequence[str] = ()
    nothing: str = ""


class Asked:
    """The cases of a suite, and the workers once somebody asks."""

    def __init__(self, suite: str, framework: str, baseline: str, shard: str) -> None:
        """Read what there is to read.

        Raises:
            UsageError: something cannot be meant, or the suite has no cases.
        """
        self.suite = load(suite)
        self.by_name = framework.replace(",", " ").split()
        self.targets = choose(self.by_name, "cpu")
        cases = unfold(self.suite, catalogue(), Selection(shard=read_shard(shard)))
        self.cases = {str(case): case for case in cases}
        if not cases:
            raise UsageError(f"the suite {suite} has no case" + (f" in shard {shard}" if shard else ""))
        self.rows: dict[tuple[str, ...], list[Accepted]] = {}
        self.held = bool(baseline)
        for row in baseline_file.read(Path(baseline)) if baseline else ():
            self.rows.setdefault(row.recipe, []).append(row)
        self.waiting = list(self.cases)
        self.verdicts: dict[str, list[Verdict]] = {}
        self.missing: dict[Target, str] = {}
        self.comparison: Comparison | None = None
        self.open = ExitStack()

    @property
    def names(self) -> list[str]:
        """The cases, in the suite's order."""
        return list(self.cases)

    def order(self, names: Sequence[str]) -> None:
        """Which cases will be asked for, and in which order."""
        self.waiting = list(names)

    def close(self) -> None:
        """End the workers."""
        self.open.close()

    def told(self, name: str) -> Told:
        """What there is to say of a case.

        Raises:
            EnvironmentLacks: a framework that was asked for by name is not there, or none is.
        """
        if name not in self.verdicts:
            self._measure(name)
        verdicts = self.verdicts.pop(name)
        measured = [verdict for verdict in verdicts if verdict.status not in NOBODY]
        findings = self._findings(name, measured)
        wrong = [line for finding in findings for line in _lines(finding)]
        if wrong or measured:
            return Told(wrong)
        reasons = list(dict.fromkeys(verdict.note for verdict in verdicts if verdict.note))
        return Told(nothing="; ".join(reasons[:3]) or "nobody who is there implements it")

    def _measure(self, name: str) -> None:
        comparison = self.comparison or self._start()
        start = self.waiting.index(name) if name in self.waiting else 0
        names = dict.fromkeys([name, *self.waiting[start : start + AT_A_TIME]])
        self.waiting = [one for one in self.waiting if one not in names]
        self.verdicts |= {one: [] for one in names}
        comparison.run([self.cases[one] for one in names])
        comparison.deferred.clear()

    def _start(self) -> Comparison:
        crew = self.open.enter_context(Crew(self.targets))
        answers = self.open.enter_context(open_answers())
        words = crew.greet()
        present = installed_only(words, asked_by_name=bool(self.by_name))
        self.missing = {target: word.message for target, word in words.items() if isinstance(word, Absence)}
        self.comparison = Comparison(crew, present, answers, self._take, self.suite.limits)
        return self.comparison

    def _take(self, verdict: Verdict) -> None:
        self.verdicts[verdict.case].append(verdict)

    def _findings(self, name: str, measured: Sequence[Verdict]) -> list[Finding]:
        found = fold(measured)
        if not self.held:
            return [
                baseline.about(one.row, one.row.status, "", verdict.note or verdict.worst, verdict.case, "")
                for one in found.values()
                if (verdict := one.shows()).status in BAD
            ]
        asked = {target.framework for target in self.targets}
        rows = [
            row for row in self.rows.get(recipe_of(name), ()) if row.device == "cpu" and row.framework in asked
        ]  # fmt: skip
        gone = (baseline.GONE, "it gave no verdict on this case")
        findings = baseline.compare(rows, found, self.missing, lambda row: gone, date.today())
        kinds = (baseline.WORSE, baseline.EXPIRED, baseline.GONE, baseline.MISSING)
        return [finding for finding in findings if finding.kind in kinds]


def _lines(finding: Finding) -> list[str]:
    lines = [f"{finding.kind}: {headline(finding)}", finding.reason, repeat(finding)]
    return [line if number == 0 else f"    {line}" for number, line in enumerate(lines) if line]
