"""What is said beside the table of verdicts: how a user's own function is called, and where targets differ."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from lossbench.judging.paths import RULER
from lossbench.output.tables import badness, figure
from lossbench.records import Greeting, Status, Target, Verdict

MOST = 12  # kinds of difference that are printed; the file of results has all
WRONG = (Status.DIFFERS, Status.ACCEPTS, Status.REFUSES, Status.HANGS, Status.CRASHES)
NEITHER = (Status.ABSENT, Status.SKIPPED)


def guests_called(greetings: Mapping[Target, Greeting]) -> Iterator[str]:
    """How each of the user's own functions is called, and what was found out about what it returns."""
    told: dict[str, None] = {}
    for target, greeting in greetings.items():
        for one in greeting.implementations if target.guest else ():
            told[f"{one.via} as {one.loss}: {one.told}"] = None
            for name, value in one.defaults:
                told[f"  its own default, {name}={value!r}, was judged as well as the loss's"] = None
    yield from told


def guests_found(verdicts: Sequence[Verdict], vias: Collection[str], again: Callable[[Verdict], str]) -> Iterator[str]:
    """What is wrong with the user's own functions: for each regime the plainest case, and how to see it `again`."""
    groups: dict[tuple[str, str, str], list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.via in vias and verdict.status in WRONG:
            kind = "gradient" if verdict.worst.startswith("gradient") else "value"
            if verdict.status in (Status.REFUSES, Status.CRASHES, Status.HANGS):  # for one reason, whatever the inputs
                groups.setdefault((verdict.via, verdict.note, str(verdict.status)), []).append(verdict)
            else:
                groups.setdefault((verdict.via, verdict.regime, kind), []).append(verdict)
    for (via, _, kind), mine in groups.items():
        regimes = ", ".join(dict.fromkeys(v.regime for v in mine))
        plainest = min(mine, key=lambda v: (v.dtype != "float32", v.reduction != "none", len(v.case)))
        endless = kind == "value" and plainest.gradient_error == math.inf
        slope = "its gradient is NaN or infinite where it should not be" if endless else ""
        worst = "" if plainest.status is Status.ACCEPTS else plainest.worst  # no number is wrong, but that there is one
        said = "; ".join(filter(None, (worst, slope, plainest.note)))
        repeat = f"\n  {again(plainest)}" if plainest.case else ""
        yield f"{via}, {len(mine)} {plainest.status} on {regimes or 'import'}: {said}{repeat}"


def remarks(verdicts: Sequence[Verdict], vias: Collection[str]) -> Iterator[str]:
    """What was noticed of the user's own functions that is no fault of their answers."""
    told: dict[str, int] = {}
    for verdict in verdicts:
        if verdict.via in vias and verdict.note and verdict.status in (Status.AGREES, Status.IMPRECISE):
            told[f"{verdict.via}: {verdict.note}"] = told.get(f"{verdict.via}: {verdict.note}", 0) + 1
    yield from (f"{text} ({times} times)" for text, times in told.items())


def differences(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """The cases on which two targets of one framework answer with different errors or statuses, the worst first.

    Of those that one implementation answers alike, in kind, the worst is shown and the others are counted.
    """
    groups: dict[tuple[str, str, str], dict[str, Verdict]] = {}
    for verdict in verdicts:
        if verdict.status not in NEITHER and verdict.case and verdict.reference != RULER:
            groups.setdefault((verdict.framework, verdict.via, verdict.case), {})[verdict.target] = verdict
    shared = {key: mine for key, mine in groups.items() if len(mine) > 1}
    if not shared:
        return
    apart = {key: mine for key, mine in shared.items() if len({_figures(v) for v in mine.values()}) > 1}
    names = ", ".join(
        dict.fromkeys(f"{v.target} ({v.framework} {v.version})" for g in shared.values() for v in g.values())
    )
    in_kind = sum(len({v.status for v in mine.values()}) > 1 for mine in apart.values())
    yield f"{names}: {len(shared)} cases in common, {len(apart)} with other errors, {in_kind} with another verdict"
    ranked = sorted(apart.items(), key=lambda item: _distance(item[1]), reverse=True)
    alike: dict[tuple[str, ...], list[tuple[str, Mapping[str, Verdict]]]] = {}
    for (_, via, case), mine in ranked:
        alike.setdefault((via, *(f"{name} {v.status}" for name, v in sorted(mine.items()))), []).append((case, mine))
    for (via, *_), found in list(alike.items())[:MOST]:
        case, shown = found[0]
        more = f" (and {len(found) - 1} more such cases)" if len(found) > 1 else ""
        yield f"  {case} by {via}: " + "; ".join(f"{name} {_said(v)}" for name, v in shown.items()) + more
    if len(alike) > MOST:
        yield f"  and {sum(len(found) for found in list(alike.values())[MOST:])} more"
    yield from alone(groups)


def alone(groups: Mapping[tuple[str, str, str], Mapping[str, Verdict]]) -> Iterator[str]:
    """The implementations that some targets of a framework have and others have not."""
    everyone: dict[str, dict[str, None]] = {}
    holders: dict[tuple[str, str], set[str]] = {}
    for (framework, via, _), mine in groups.items():
        everyone.setdefault(framework, {}).update(dict.fromkeys(mine))
        holders.setdefault((framework, via), set()).update(mine)
    missing: dict[tuple[str, str], list[str]] = {}
    for (framework, via), those in holders.items():
        if len(those) < len(everyone[framework]):
            names = ", ".join(target for target in everyone[framework] if target in those)
            missing.setdefault((framework, names), []).append(via)
    for (_, names), vias in missing.items():
        rest = f" and {len(vias) - MOST} more" if len(vias) > MOST else ""
        yield f"  only {names}: {', '.join(vias[:MOST])}{rest}"


def _figures(verdict: Verdict) -> tuple[object, ...]:
    return (
        verdict.status,
        verdict.value_error,
        verdict.gradient_error,
        verdict.value_ulps,
        verdict.gradient_ulps,
        verdict.worst,
    )


def _distance(verdicts: Mapping[str, Verdict]) -> tuple[int, float]:
    """How far apart: first by kind, then by the errors."""
    kinds = [badness(v)[0] for v in verdicts.values()]
    errors = [max(v.value_ulps or 0.0, v.gradient_ulps or 0.0) for v in verdicts.values()]
    return max(kinds) - min(kinds), max(errors) - min(errors) if max(errors) < float("inf") else 0.0


def _said(verdict: Verdict) -> str:
    names = ("value_error", "gradient_error")
    return f"{verdict.status}, {' and '.join(figure(getattr(verdict, name)) or '-' for name in names)} eps"
