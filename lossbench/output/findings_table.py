"""What the gate found, for reading: like findings of one implementation stand together, with one of them shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from textwrap import shorten

from rich.console import Group
from rich.text import Text

from lossbench.records import Finding

STYLES = {"worse": "red", "missing": "red", "gone": "red", "better": "green", "changed": "yellow", "new": "cyan"}
LONGEST_REASON = 300  # characters
INDENT = " " * 9


def findings_table(findings: Iterable[Finding], repeat: Callable[[Finding], str]) -> Group:
    """A few lines for each group of findings: what changed, where else, a case that shows it, how to see it again.

    Lines are as long as they must be, so that cases and commands can be copied; print it with `soft_wrap`.

    Args:
        findings: in the order in which they should stand.
        repeat: the command line that measures a finding's case again.
    """
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        change = (_status(finding.accepted), _status(finding.found))
        groups.setdefault((finding.kind, implementation(finding), *change), []).append(finding)
    return Group(*(line for group in groups.values() for line in _lines(group, repeat)))


def _lines(group: Sequence[Finding], repeat: Callable[[Finding], str]) -> list[Text]:
    first, *others = group
    change = " → ".join(text for text in (first.accepted, first.found) if text)
    kind = Text(f"{first.kind:<8} ", style=STYLES.get(first.kind, ""))
    lines = [kind + Text(f"{first.key}: {change}", style="")]
    if first.reason:
        lines.append(Text(INDENT + shorten(first.reason, LONGEST_REASON, placeholder=" …")))
    if first.case:
        lines += [Text(INDENT + first.case, style="dim"), Text(INDENT + repeat(first), style="dim")]
    if others:
        recipes = "" if first.kind == "new" else ": " + ", ".join(recipe(finding) for finding in others)
        lines.append(Text(f"{INDENT}and {len(others)} more of the kind{recipes}", style="dim"))
    return lines


def recipe(finding: Finding) -> str:
    """The key without whose answer it is: ``huber/none/float32/kink``."""
    return finding.key.partition(" by ")[0]


def implementation(finding: Finding) -> str:
    """The loss, and whose answer it is."""
    name, _, whose = finding.key.partition(" by ")
    return f"{name.partition('/')[0]} by {whose}"


def _status(described: str) -> str:
    return described.partition(",")[0]
