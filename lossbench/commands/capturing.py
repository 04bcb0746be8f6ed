"""The option `--inputs`: tensors that a user captured, put to every implementation instead of a suite's cases."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from lossbench.cases.captured import PREFIX, Captured, open_captured
from lossbench.cases.suite import parse_case
from lossbench.crew import Crew
from lossbench.errors import UsageError
from lossbench.judging.comparison import Comparison
from lossbench.judging.smallest import SHOWS, Smallest, smallest
from lossbench.losses import catalogue
from lossbench.output.again import on_target, repro_of
from lossbench.output.tables import badness
from lossbench.records import Case, Greeting, Option, Status, Target, Verdict, option_value
from lossbench.reference.answers import Answers


def given(path: Path, settings: Sequence[str], names: Iterable[str] = ()) -> tuple[Captured, dict[str, Option]]:
    """The captured tensors, and the loss's parameters as set beside them; parts that cases speak of are made known.

    Raises:
        UsageError: the file or a setting cannot be read, or a case is not of this file.
    """
    captured = open_captured(path)
    for name in names:
        words = [word for word in name.split("/") if word.startswith(PREFIX)]
        for word in words:
            if word.partition("@")[0] != captured.regime:
                raise UsageError(f"{name!r} is about another file than {path}, which is {captured.regime}")
            captured.announce(word)
    parameters: dict[str, Option] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name or not value:
            raise UsageError(f"--set {setting!r} should read like gamma=2.0")
        parameters[name] = option_value(value)
    return captured, parameters


def cases_of(
    captured: Captured, losses: Iterable[str], parameters: Mapping[str, Option], dtypes: Sequence[str]
) -> list[Case]:
    """The cases that the tensors make for these losses: for those that can take them, if there are several.

    Raises:
        UsageError: no loss was named, or none can take them.
    """
    names = sorted(losses)
    if not names:
        raise UsageError("--inputs says what a loss is to be given, not which: name it, as in lossbench compare huber")
    found: list[Case] = []
    reasons: list[str] = []
    for name in names:
        try:
            found += captured.cases(catalogue()[name], parameters, dtypes)
        except UsageError as error:
            reasons.append(str(error))
    if not found:
        raise UsageError(reasons[0])
    for reason in reasons:
        print(f"left out: {reason}", file=sys.stderr)
    return found


def smallest_parts(
    captured: Captured,
    verdicts: Sequence[Verdict],
    crew: Crew,
    greetings: Mapping[Target, Greeting],
    answers: Answers,
    limits: Mapping[str, float],
) -> list[Smallest]:
    """For each implementation that is wrong about the tensors, the smallest part of them that shows it."""
    worst: dict[tuple[str, str, str], Verdict] = {}
    # unreduced verdicts say where the worst number is
    for verdict in sorted(verdicts, key=lambda v: v.reduction != "none"):
        key = (verdict.target, verdict.via, verdict.loss)
        if verdict.status in SHOWS and (key not in worst or badness(verdict)[0] > badness(worst[key])[0]):
            worst[key] = verdict
    found = []
    for verdict in worst.values():
        target = _asked(verdict, greetings)

        def ask(case: Case, target: Target = target, verdict: Verdict = verdict) -> Verdict | None:
            told: list[Verdict] = []
            one = Comparison(
                crew, {target: greetings[target]}, answers, told.append, limits, lambda i: i.via == verdict.via
            )
            one.run([case])
            return next((each for each in told if each.via == verdict.via), None)

        case = parse_case(verdict.case, catalogue())
        found.append(smallest(captured, catalogue()[verdict.loss], case, verdict, ask))
    return found


def _asked(verdict: Verdict, greetings: Mapping[Target, Greeting]) -> Target:
    """The target that gave a verdict: of those of its name, a user's own function has one to itself."""
    return next(
        target
        for target, greeting in greetings.items()
        if str(target) == verdict.target
        and (target.framework, target.device, target.mode) == (verdict.framework, verdict.device, verdict.mode)
        and any((i.loss, i.via) == (verdict.loss, verdict.via) for i in greeting.implementations)
    )


def say(
    out: Console,
    captured: Captured,
    verdicts: Sequence[Verdict],
    parts: Sequence[Smallest],
    own: Collection[str] = (),
    words: Sequence[str] = (),
) -> None:
    """Who is right about the tensors, and for those who are not the smallest part that shows it.

    `own` are the names of a user's own implementations, and `words` the options that say which function they are.
    """
    wrong = {(part.verdict.target, part.verdict.via) for part in parts}
    right: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.compared and (verdict.target, verdict.via) not in wrong:
            right.setdefault((verdict.target, verdict.via), []).append(verdict)
    for mine in right.values():
        worst = max(mine, key=badness)
        where = "".join(f" {word}" for word in on_target(worst))
        out.print(f"right: {worst.via}{where}{_far(worst)}", markup=False)
    for part in parts:
        verdict = part.verdict
        out.print(f"{verdict.status}: {verdict.via}, smallest part {part.said}", markup=False)
        declared = verdict.status in (Status.DEVIATES, Status.BY_CONTRACT)
        out.print(
            f"    {(verdict.note if declared else verdict.worst) or verdict.note}{_far(verdict)}",
            markup=False,
        )
        again = repro_of(verdict, words if verdict.via in own else (), captured.path)
        out.print(f"    as a script: {again}", markup=False, soft_wrap=True)


def _far(verdict: Verdict) -> str:
    """By how much it is off, by scale."""
    figures = [("value", verdict.value_error), ("gradient", verdict.gradient_error)]
    far = ", ".join(f"{name} {error:.2g} eps" for name, error in figures if error is not None)
    return f" ({far} off)" if far else ""
