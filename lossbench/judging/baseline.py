"""How today's verdicts are held against those accepted.

Some judgements need a reason. `agrees` and `imprecise` differ in ulps alone, which hinge on last bits, and `agrees`
and `rejects` are both right: a change among them is noted and nothing more. Between refusing and answering wrongly
neither is the lesser evil: a change from one to the other is worse either way, so that somebody looks. What crashed
when it was accepted may do anything now, and what is declared to corrupt memory may crash, since a corrupted heap does
not show every time; for the same reason a crash's row stays as it is until somebody deletes it. A declared deviation
that is no longer seen fails, though the answers are right: the declaration now excuses whatever comes next. And an
implementation that its framework no longer has is not "not measured": it was asked for, and it is gone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date

from lossbench.judging.accepted import LEVELS, Accepted, Found, Key, described, number
from lossbench.records import CORRUPTS, Finding, Status, Target, Verdict

FACTOR, SLACK = 4.0, 8.0  # a figure may grow to four times the accepted one, or by 8 eps
DECLARED = (Status.BY_CONTRACT, Status.DEVIATES)
ANSWERED = (Status.AGREES, Status.IMPRECISE, Status.BY_CONTRACT, Status.DEVIATES, Status.DIFFERS, Status.ACCEPTS)

WORSE, VANISHED, EXPIRED, GONE, SLOWER = "worse", "vanished", "expired", "gone", "slower"
MISSING, UNMEASURED, UNTIMED = "missing", "unmeasured", "untimed"
BETTER, CHANGED, NEW = "better", "changed", "new"
REGRESSIONS = (WORSE, VANISHED, EXPIRED, GONE, SLOWER)  # each of them fails the gate
KINDS = (*REGRESSIONS, MISSING, UNMEASURED, UNTIMED, BETTER, CHANGED, NEW)  # the order in which they stand


def limit(accepted: float) -> float:
    """Up to which error by scale a figure counts as what was accepted."""
    return max(FACTOR * accepted, accepted + SLACK)


def compare(
    accepted: Sequence[Accepted],
    found: Mapping[Key, Found],
    missing: Mapping[Target, str],
    why_gone: Callable[[Accepted], tuple[str, str]],
    today: date = date.min,
) -> list[Finding]:
    """What changed since the rows were accepted, worst kinds first, each sorted by key.

    Args:
        accepted: the rows that this run should have measured.
        found: what it measured.
        missing: targets that are not there, and why.
        why_gone: says of a row that nobody answered for whether it is gone or unmeasured, and why.
        today: the day from which rows that expired before it no longer hold.
    """
    findings = []
    for row in accepted:
        if row.key in found:
            finding = weigh(row, found[row.key], today)
            findings += [finding] if finding else []
        elif row.target not in missing:
            kind, reason = why_gone(row)
            findings.append(about(row, kind, described(row), "", "", reason))
    for target, reason in missing.items():
        rows = [row for row in accepted if row.target == target]
        if rows:
            keys = f"{len(rows)} keys" if len(rows) > 1 else "1 key"
            where = ("", target.framework, "", target.device, target.mode)
            findings.append(Finding(MISSING, str(target), keys, "", "", reason, *where))
    held = {row.key for row in accepted}
    findings += [
        about(one.row, NEW, "", described(one.row), one.shows().case, _seen(one.shows()))
        for key, one in found.items()
        if key not in held
    ]
    return in_order(findings)


def by_other_draws(accepted: Sequence[Accepted], found: Mapping[Key, Found]) -> list[Finding]:
    """What inputs show that nobody accepted: told, but no regression, as the same version may always have done it."""
    findings = (weigh(row, found[row.key]) for row in accepted if row.key in found)
    return [
        replace(one, kind=CHANGED, reason=f"by other seeds than those accepted: {one.reason}")
        for one in findings
        if one is not None and one.kind in (WORSE, VANISHED)
    ]


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """The worst kinds first, each sorted by key."""
    return sorted(findings, key=lambda finding: (KINDS.index(finding.kind), finding.key))


def about(row: Accepted, kind: str, accepted: str, found: str, case: str, reason: str) -> Finding:
    """A finding of a row's key."""
    who = (row.loss, row.framework, row.via, row.device, row.mode)
    return Finding(kind, str(row), accepted, found, case, reason, *who)


def weigh(accepted: Accepted, found: Found, today: date = date.min) -> Finding | None:
    """One key, then and now: a finding, or None where nothing changed that anybody should hear of."""
    reasons: dict[str, list[tuple[str, Verdict]]] = {kind: [] for kind in (WORSE, VANISHED, EXPIRED, BETTER, CHANGED)}
    then, now = accepted.status, found.row.status
    if then is not now:
        shown = found.shows()
        kind, why = _change(then, now, foreseen=CORRUPTS in shown.note.split("; "))
        reasons[kind].append((f"{then} → {now}{why}", shown))
    if Status.CRASHES not in (then, now) and Status.HANGS not in (then, now):
        for name in ("value_error", "gradient_error"):
            figure = _figure(name, getattr(accepted, name), getattr(found.row, name), answered=now in ANSWERED)
            if figure:
                reasons[figure[0]].append((figure[1], found.shows(name)))
    if accepted.expired(today):
        why = f": {accepted.reason}" if accepted.reason else ""
        reasons[EXPIRED].append((f"accepted until {accepted.expires}{why}", found.shows()))
    for kind, given in reasons.items():
        if given:
            said, shown = "; ".join(text for text, _ in given), given[0][1]
            seen = _seen(shown) if kind in (WORSE, EXPIRED) else ""
            reason = f"{said} ({seen})" if seen else said
            return about(accepted, kind, described(accepted), described(found.row), shown.case, reason)
    return None


def _change(then: Status, now: Status, foreseen: bool) -> tuple[str, str]:
    """The kind of a change of status, and what there is to say of it."""
    if foreseen:
        return CHANGED, ": it is declared to corrupt memory, and may die of it or not"
    if then is Status.CRASHES:
        return CHANGED, ": it crashed when accepted and may again; if it is mended, delete its row and accept anew"
    if LEVELS[then] == LEVELS[now] == 0:
        return CHANGED, ": right either way" if Status.REJECTS in (then, now) else ": the same by scale, ulps only"
    if then in DECLARED and LEVELS[now] == 0:
        return VANISHED, ": the declared deviation is no longer seen; take the declaration out, then accept"
    if LEVELS[now] < LEVELS[then]:
        return BETTER, ""
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
