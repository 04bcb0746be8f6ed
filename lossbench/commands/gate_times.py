"""`gate --speed`: two targets timed in one run, and what of them is surely slower than its counterpart."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lossbench.cases.suite import load
from lossbench.commands import speed
from lossbench.commands.against import against
from lossbench.commands.targets import choose, installed_only, parse_target
from lossbench.crew import Crew
from lossbench.errors import EnvironmentLacks, UsageError
from lossbench.judging.baseline import UNTIMED
from lossbench.judging.paces import Pace, findings, paces
from lossbench.judging.timing import USUAL_SECONDS
from lossbench.records import Finding, Target
from lossbench.results import LATEST

USUAL_LIMIT = "10%"
USUAL_SUITE = "speed"


@dataclass(frozen=True, slots=True)
class Times:
    """What the command line says of times; empty or None: what is usual."""

    speed: bool = False
    against: str = ""
    suite: str = ""
    limit: str = ""  # percent
    seconds: float | None = None
    processes: int | None = None
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be timed: a request as `speed` takes it, and the targets that others are held against."""

    request: speed.Request
    bases: tuple[Target, ...]
    limit: float  # the share by which a time may be longer
    path: Path  # of the rows


@dataclass(slots=True)
class Held:
    """What came of it."""

    plan: Plan
    paces: list[Pace] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def check_alone(times: Times, accept: bool, shard: str) -> None:
    """See that nothing stands beside --speed that does not go with it.

    Raises:
        UsageError: something does.
    """
    for option, given, why in (
        ("--accept", accept, "nothing of them is accepted"),
        ("--shard", shard, "give them a job of their own"),
    ):
        if times.speed and given:
            raise UsageError(f"--speed holds times against another target in the same run; {why}: leave out {option}")


def planned(times: Times, request: speed.Request) -> Plan | None:
    """What there is to time, once it is known to make sense and the other target to be there; None: nothing.

    Args:
        times: what the command line says of times.
        request: what it says of losses, frameworks, targets, device and a user's own, and where the rows of verdicts
            go.

    Raises:
        UsageError: something cannot be meant.
        EnvironmentLacks: what times are to be held against is not there.
    """
    if not times.speed:
        _check_nothing(times)
        return None
    if not times.against:
        raise UsageError(
            "--speed holds times against another target in the same run; say which, such as "
            "--against torch=OLD/bin/python or --against torch:compiled"
        )
    targets = choose(request.frameworks, request.device, request.targets, request.own)
    bases = against(targets, times.against).bases
    timed = _timed(targets, bases, times.against)
    narrowed = len(timed) < len([target for target in targets if target not in bases])
    named = bool(request.frameworks or request.targets or request.own)
    kept = {target.framework for target in timed}
    words = request.frameworks if named else tuple(sorted(kept)) if narrowed else ()
    path = request.csv
    asked = replace(
        request,
        suite=times.suite or USUAL_SUITE,
        frameworks=tuple(word for word in words if choose((word,), request.device)[0].framework in kept),
        targets=tuple(word for word in request.targets if parse_target(word, request.device) in timed),
        against=times.against,
        seconds=USUAL_SECONDS if times.seconds is None else times.seconds,
        processes=times.processes or 0,
        threads=1 if times.threads is None else times.threads,
    )
    load(asked.suite)
    speed.settings_of(asked)
    limit = read_limit(times.limit)
    with Crew(list(bases), threads=asked.threads) as crew:
        installed_only(crew.greet(), asked_by_name=bool(asked.frameworks or asked.targets or named))
    beside = LATEST / "gate-speed.csv"
    if path and (path.is_file() or not path.exists()):  # and no device, such as /dev/stdout
        beside = path.with_name(f"{path.stem}-speed{path.suffix}")
    return Plan(asked, bases, limit, beside)


def _check_nothing(times: Times) -> None:
    for option, value in (
        ("--against", times.against or None),
        ("--speed-suite", times.suite or None),
        ("--slower", times.limit or None),
        ("--seconds", times.seconds),
        ("--processes", times.processes),
        ("--threads", times.threads),
    ):
        if value is not None:
            raise UsageError(f"{option} is about times; add --speed")


def _timed(targets: Sequence[Target], bases: Sequence[Target], word: str) -> list[Target]:
    """Those that are held against the bases: of the same framework where there are such."""
    if not bases:
        raise UsageError(
            f"--against {word!r} should be a target, FRAMEWORK[:MODE][@DEVICE][=PATH/TO/python], the path of an "
            "interpreter, or a name from [targets] in lossbench.toml"
        )
    others = [target for target in targets if target not in bases]
    if not others:
        raise UsageError(
            f"--against {word!r} is the very target that is to be timed; name another interpreter, mode or framework"
        )
    akin = {base.framework for base in bases}
    return [target for target in others if target.framework in akin] or others


def read_limit(text: str) -> float:
    """The share that ``10%`` or ``10`` means.

    Raises:
        UsageError: it does not read like one.
    """
    try:
        percent = float((text or USUAL_LIMIT).removesuffix("%"))
    except ValueError:
        percent = math.nan
    if not 0 <= percent <= 1000:
        raise UsageError(f"--slower {text!r} should be a number of percent from 0 to 1000, such as {USUAL_LIMIT}")
    return percent / 100


def hold(plan: Plan) -> Held:
    """Time both, and say what is surely slower by more than the limit; what could not be timed is a finding, too."""
    held, run = Held(plan), speed.Run()
    try:
        speed.perform(plan.request, plan.path, run)
    except (UsageError, EnvironmentLacks) as error:
        held.findings.append(_untimed(plan, str(error)))
        return held
    held.problems += run.problems
    held.paces = held_against(run, plan.bases)
    held.findings = findings(held.paces, plan.limit, lambda pace: again(pace, plan.request))
    if not held.paces:
        reason = "no implementation was timed on both; `lossbench speed` with the same options says why"
        held.findings.append(_untimed(plan, reason))
    return held


def held_against(run: speed.Run, bases: Sequence[Target]) -> list[Pace]:
    """Every implementation of the run beside its counterpart in the bases."""
    offers = {
        (str(target), i.via)
        for target in bases
        if target in run.greetings
        for i in run.greetings[target].implementations
    }
    guests = {i.via for target, greeting in run.greetings.items() if target.guest for i in greeting.implementations}
    return paces(run.timings, offers, guests)


def _untimed(plan: Plan, reason: str) -> Finding:
    return Finding(UNTIMED, f"times against {plan.request.against}", "", "", "", reason, device=plan.request.device)


def again(pace: Pace, request: speed.Request) -> str:
    """The command that times one again, beside its counterpart."""
    words = ["lossbench", "speed", pace.loss, "--suite", request.suite]
    for option, values in (("--framework", request.frameworks), ("--target", request.targets)):
        words += [option, ",".join(values)] if values else []
    if request.own:
        words += ["--impl", request.own.impl, "--as", request.own.loss]
    elif pace.base == pace.via:
        words += ["--impl", pace.via]
    device = ["--device", request.device] if request.device != "cpu" else []
    return shlex.join([*words, "--against", request.against, *device])
