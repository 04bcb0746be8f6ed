"""What GitHub Actions shows: annotations, which are lines of output, and the job's summary, which is Markdown.

Of one step GitHub shows ten errors and ten warnings, and a summary of a mebibyte at most; so like findings stand
together, the worst first, and the rest is counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lossbench.output.account import Account, groups, headline, recipe, repeat, times_line
from lossbench.output.forms import markdown
from lossbench.records import Finding

MOST_ANNOTATIONS = 9  # of errors; the tenth is the closing line
MOST_GROUPS = 40  # of a kind in the summary
LONGEST = 400  # characters of a reason
SIGNS = {0: "✅", 1: "❌", 2: "⚠️", 3: "⚠️", 4: "⚠️"}


def as_annotations(account: Account) -> list[str]:
    """The lines that GitHub turns into annotations, at the baseline's lines: only what fails."""
    lines = []
    for group in list(groups(account.failing))[:MOST_ANNOTATIONS]:
        first = group[0]
        more = f"\nand {len(group) - 1} more of the kind" if len(group) > 1 else ""
        again = repeat(first)
        body = "\n".join(text for text in (headline(first), _short(first.reason), again) if text) + more
        place = {"file": account.baseline.as_posix(), "line": str(account.lines.get(first.key, 1))}
        lines.append(command("error", body, {**place, "title": f"lossbench: {first.kind}, {_whose(first)}"}))
    if account.code:
        lines.append(command("error", account.closing, {"title": f"lossbench: {account.word}"}))
    return lines


def command(name: str, body: str, properties: dict[str, str]) -> str:
    """One workflow command, with what would end it or its properties escaped."""
    given = ",".join(f"{key}={_escaped(value, properties=True)}" for key, value in properties.items())
    return f"::{name} {given}::{_escaped(body)}"


def _escaped(text: str, properties: bool = False) -> str:
    for sign, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A")):
        text = text.replace(sign, code)
    return text.replace(":", "%3A").replace(",", "%2C") if properties else text


def as_summary(account: Account) -> str:
    """The few rows that matter, and the command that repeats each, as Markdown."""
    sign = SIGNS.get(account.code, "❌")
    lines = [f"## {sign} lossbench gate: {markdown(account.meaning)}", ""]
    figures = [f"exit {account.code}, {account.word}", f"{len(account.held)} of {account.covered} accepted keys held"]
    figures += [account.counts] if account.counts else []
    figures += [times_line(account)] if account.against else []
    figures += [f"{account.seconds:.0f} s"] if account.seconds else []
    lines += [markdown("; ".join(figures)), ""]
    lines += [f"- problem: {markdown(problem)}" for problem in account.problems]
    lines += [*_table(account.failing), *_folded(account)]
    who = ", ".join(f"{framework} {version}" for framework, version in account.versions.items())
    lines += [f"<sub>{markdown('; '.join(text for text in (who, account.machine, account.suite) if text))}</sub>", ""]
    return "\n".join(lines)


def _table(findings: Sequence[Finding]) -> Iterator[str]:
    found = list(groups(findings))
    if not found:
        return
    yield "| | whose | accepted | found | why | cases |"
    yield "|---|---|---|---|---|---|"
    for group in found[:MOST_GROUPS]:
        first = group[0]
        where = f"`{first.case or recipe(first)}`" + (f" and {len(group) - 1} more" if len(group) > 1 else "")
        cells = (first.kind, _whose(first), first.accepted, first.found, _short(first.reason))
        yield f"| {' | '.join(markdown(cell) for cell in cells)} | {where} |"
    if len(found) > MOST_GROUPS:
        yield f"\nand {sum(map(len, found[MOST_GROUPS:]))} more, not shown"
    yield ""
    commands = [text for text in dict.fromkeys(repeat(group[0]) for group in found[:MOST_GROUPS]) if text]
    if commands:
        yield from ("To see each again:", "", "```sh", *commands, "```", "")


def _folded(account: Account) -> Iterator[str]:
    """What does not fail, folded away."""
    rest = [finding for finding in account.findings if not account.fails(finding)]
    if rest:
        yield f"<details><summary>{len(rest)} that do not fail: better, changed or new</summary>\n"
        yield from _table(rest)
        yield "</details>\n"


def _whose(finding: Finding) -> str:
    return f"{finding.loss} by {finding.via}" if finding.via else finding.key


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 2] + " …"
