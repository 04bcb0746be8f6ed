"""What was accepted: its file, and how today's verdicts are held against it.

Three judgements need a reason. `agrees` and `imprecise` differ in ulps alone, which hinge on last bits, and `agrees`
and `rejects` are both right: a change among them is noted and nothing more. Between refusing and answering wrongly
neither is the lesser evil: a change from one to the other is worse either way, so that somebody looks. What crashed
when it was accepted may do anything now, since a corrupted heap does not show every time; for the same reason its row
stays as it is until somebody deletes it.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lossbench.errors import ResultsNotWritten, UsageError
from lossbench.judging.accepted import LEVELS, Accepted, Found, Key, described, number, rounded_up
from lossbench.records import Finding, Status, Target, Verdict
from lossbench.results import Writer
from lossbench.results import read as read_rows

FACTOR, SLACK = 4.0, 8.0  # a figure may grow to four times the accepted one, or by 8 eps
DECLARED = (Status.BY_CONTRACT, Status.DEVIATES)
ANSWERED = (Status.AGREES, Status.IMPRECISE, Status.BY_CONTRACT, Status.DEVIATES, Status.DIFFERS, Status.ACCEPTS)
WORSE, BETTER, CHANGED, NEW, GONE, MISSING = "worse", "better", "changed", "new", "gone", "missing"


def limit(accepted: float) -> float:
    """Up to which error by scale a figure counts as what was accepted."""
    return max(FACTOR * accepted, accepted + SLACK)


def compare(
    accepted: Sequence[Accepted],
    found: Mapping[Key, Found],
    missing: Mapping[Target, str],
    why_gone: Callable[[Accepted], str],
) -> list[Finding]:
    """What changed since the rows were accepted, worst kinds first, each sorted by key.

    Args:
        accepted: the rows that this run should have measured.
        found: what it measured.
        missing: targets that are not there, and why.
        why_gone: says of a row why nobody answered.
    """
    findings = []
    for row in accepted:
        if row.key in found:
            finding = weigh(row, found[row.key])
            findings += [finding] if finding else []
        elif row.target not in missing:
            findings.append(Finding(GONE, str(row), described(row), "", "", why_gone(row)))
    for target, reason in missing.items():
        rows = [row for row in accepted if row.target == target]
        if rows:
            findings.append(Finding(MISSING, str(target), f"{len(rows)} keys", "", "", reason))
    held = {row.key for row in accepted}
    findings += [
        Finding(NEW, str(one.row), "", described(one.row), one.shows().case, _seen(one.shows()))
        for key, one in found.items()
        if key not in held
    ]
    kinds = (WORSE, MISSING, GONE, BETTER, CHANGED, NEW)
    return sorted(findings, key=lambda finding: (kinds.index(finding.kind), finding.key))


def weigh(accepted: Accepted, found: Found) -> Finding | None:
    """One key, then and now: a finding, or None where nothing changed that anybody should hear of."""
    reasons: dict[str, list[tuple[str, Verdict]]] = {WORSE: [], BETTER: [], CHANGED: []}
    then, now = accepted.status, found.row.status
    if then is not now:
        kind, why = _change(then, now)
        reasons[kind].append((f"{then} → {now}{why}", found.shows()))
    if Status.CRASHES not in (then, now) and Status.HANGS not in (then, now):
        for name in ("value_error", "gradient_error"):
            figure = _figure(name, getattr(accepted, name), getattr(found.row, name), answered=now in ANSWERED)
            if figure:
                reasons[figure[0]].append((figure[1], found.shows(name)))
    for kind, given in reasons.items():
        if given:
            said, shown = "; ".join(text for text, _ in given), given[0][1]
            seen = _seen(shown) if kind == WORSE else ""
            reason = f"{said} ({seen})" if seen else said
            return Finding(kind, str(accepted), described(accepted), described(found.row), shown.case, reason)
    return None


def _change(then: Status, now: Status) -> tuple[str, str]:
    """The kind of a change of status, and what there is to say of it."""
    if then is Status.CRASHES:
        return CHANGED, ": it crashed when accepted and may again; if it is mended, delete its row and accept anew"
    if LEVELS[then] == LEVELS[now] == 0:
        return CHANGED, ": right either way" if Status.REJECTS in (then, now) else ": the same by scale, ulps only"
    if LEVELS[now] < LEVELS[then]:
        return BETTER, ": the declared deviation is no longer seen" if then in DECLARED else ""
    return WORSE, ": a declared deviation that was not seen when accepted" if now in DECLARED else ""


def _figure(name: str, then: float | None, now: float | None, answered: bool) -> tuple[str, str] | None:
    """What one column says: worse, better or changed, in words; None within the limit."""
    word = name.replace("_", " ")
    if now is None:
        gone = then is not None and answered
        return (WORSE, f"no {word} could be measured, accepted {number(then)} eps") if gone else None
    if then is None:
        return (CHANGED, f"{word} {number(now)} eps, none was measured before") if answered else None
    if now > limit(then):
        broken = ": NaN or infinity, or another shape, where numbers belong" if math.isinf(now) else ""
        return WORSE, f"{word} {number(now)} eps, accepted {number(then)}, limit {number(limit(then))}{broken}"
    if then > limit(now):
        return BETTER, f"{word} {number(now)} eps, accepted {number(then)}"
    return None


def _seen(verdict: Verdict) -> str:
    return "" if verdict.status is Status.AGREES else (verdict.note or verdict.worst)


def merge(
    accepted: Sequence[Accepted], found: Mapping[Key, Found], findings: Iterable[Finding], covered: Iterable[Key]
) -> list[Accepted]:
    """The rows of the next baseline: what is `covered` gives way to what was found, the rest stays.

    A row of which there is no finding stays as it was, last bits and version included: the difference between two
    baselines is what there is to review, and figures cannot creep up by small steps. So does one that crashed.
    """
    changed, replaced = {finding.key for finding in findings}, set(covered)
    kept = [
        row
        for row in accepted
        if row.key not in replaced or (row.key in found and (str(row) not in changed or row.status is Status.CRASHES))
    ]
    held = {row.key for row in kept}
    rows = [one.row for key, one in found.items() if key not in held]
    return kept + [
        replace(row, value_error=rounded_up(row.value_error), gradient_error=rounded_up(row.gradient_error))
        for row in rows
    ]


def read(path: Path) -> list[Accepted]:
    """The rows of a baseline.

    Raises:
        UsageError: there is none, or it does not read like one.
    """
    if not path.exists():
        raise UsageError(
            f"there is no baseline {path}; the same command with --accept writes one; first look at what `compare` says"
        )
    rows = read_rows(path, Accepted)
    seen: set[Key] = set()
    for row in rows:
        if row.key in seen:
            raise UsageError(f"{path} holds two rows for {row}; delete one of them")
        seen.add(row.key)
    return rows


def write(path: Path, rows: Iterable[Accepted]) -> None:
    """Replace the baseline at once: whoever reads meanwhile, or a crash, finds the old one or the new one.

    Raises:
        ResultsNotWritten: the folder cannot be written to, or is full; the old baseline stands.
    """
    final = path.resolve()
    draft = final.with_name(f".{final.name}.{os.getpid()}")
    try:
        writer = Writer(draft, Accepted)
        try:
            for row in sorted(rows, key=lambda row: row.key):
                writer.write(row)
            os.fsync(writer.file.fileno())
        finally:
            writer.close()
        if final.exists():
            shutil.copymode(final, draft)
        os.replace(draft, final)
    except (OSError, UsageError, ResultsNotWritten) as error:
        draft.unlink(missing_ok=True)
        raise ResultsNotWritten(f"cannot write the baseline {path}: {error}; it is as it was before") from error
