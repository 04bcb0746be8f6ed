"""What the gate found, for reading: like findings of one implementation stand together, with one of them shown."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import shorten, wrap

from rich.console import Group
from rich.text import Text

from lossbench.output.account import groups, headline, recipe, repeat
from lossbench.records import Finding

STYLES = {"better": "green", "changed": "yellow", "new": "cyan"}  # all others are red
LONGEST_REASON = 300  # characters
LEFT = 11  # columns before the text
INDENT = " " * LEFT


def findings_table(findings: Sequence[Finding], width: int = 120) -> Group:
    """A few lines for each group of findings: what changed, where else, a case that shows it, how to see it again.

    Prose is folded to the width. Cases and commands stand in lines of their own as long as they must be, so that they
    can be copied; print it with `soft_wrap`.
    """
    return Group(*(line for group in groups(findings) for line in _lines(group, width)))


def _lines(group: Sequence[Finding], width: int) -> list[Text]:
    first, *others = group
    lines = [Text(line) for line in _folded(headline(first), width)]
    kind = Text(f"{first.kind:<{LEFT}}", style=STYLES.get(first.kind, "red"))
    lines[0] = kind + Text(lines[0].plain[LEFT:], style="")
    if first.reason:
        lines += [Text(line) for line in _folded(shorten(first.reason, LONGEST_REASON, placeholder=" …"), width)]
    if first.case:
        lines += [Text(INDENT + first.case, style="dim"), Text(INDENT + repeat(first), style="dim")]
    if others:
        recipes = "" if first.kind == "new" else ": " + ", ".join(recipe(finding) for finding in others)
        lines += [Text(line, style="dim") for line in _folded(f"and {len(others)} more of the kind{recipes}", width)]
    return lines


def _folded(text: str, width: int) -> list[str]:
    """The text in lines of the width, each indented; words longer than a line are broken."""
    lines = wrap(text, max(width, 40) - LEFT, break_on_hyphens=False)
    return [INDENT + line for line in lines] or [INDENT]
