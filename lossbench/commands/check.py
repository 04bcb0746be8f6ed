"""The command `check`: a user's function against itself, as no reference is needed for."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from lossbench.cases.names import suggestion
from lossbench.cases.suite import read_shape
from lossbench.check_forms import CHECKED, PLAIN, VARIABLE
from lossbench.checking import contract, mistakes, numbers, relations
from lossbench.checking.asking import Asking, settings
from lossbench.checking.findings import Checked, Result, Subject
from lossbench.checking.inputs import find
from lossbench.checking.source import Source, read_source
from lossbench.commands.targets import choose, install
from lossbench.crew import Crew
from lossbench.errors import EnvironmentLacks, ResultsNotWritten, UsageError
from lossbench.output.checked_table import checked_table
from lossbench.output.forms import checked_form
from lossbench.output.tables import console, put
from lossbench.records import Greeting, Option, Target, option_value
from lossbench.results import LATEST, Writer
from lossbench.wire import Absence

CHECKS: tuple[Callable[[Subject], Iterator[Checked]], ...] = (
    contract.formats_and_shapes,
    numbers.finite,
    numbers.gradient,
    contract.precision,
    contract.steadiness,
    contract.poison,
    mistakes.squashed_twice,
    mistakes.averages,
    relations.relations,
    contract.other_forms,
)
DEADLINE = 60.0  # seconds for an answer; a first compilation takes up to half a minute


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked for."""

    spec: str
    framework: str = ""
    inputs: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    output: str = ""
    shape: str = "4x3"
    relations: tuple[str, ...] = ()
    device: str = "cpu"
    compiled: bool = True
    csv: Path | None = None
    form: str = "table"  # one of `FORMS`


@dataclass(slots=True)
class Run:
    """What the checks gave so far."""

    rows: list[Checked] = field(default_factory=list)
    taken: str = ""
    calls: int = 0
    problem: str = ""


def main(request: Request) -> int:
    """Check the function, print the table, and return the exit code."""
    path, run = request.csv or LATEST / "check.csv", Run()
    checked_form(request.form)
    try:
        perform(request, path, run)
    finally:
        if run.rows:
            report(run, path, request.form)
    if run.problem:
        return 4
    return 1 if any(row.result is Result.FOUND for row in run.rows) else 0


def perform(request: Request, path: Path, run: Run) -> None:
    """Put every check to the function, filling `run` and the file at `path` as they end."""
    told = {name: str(kind) for name, kind in _named(request.inputs, "--input", "target=classes").items()}
    options = {name: option_value(text) for name, text in _named(request.options, "--set", "gamma=2.0").items()}
    shape = read_shape(request.shape, "--shape")
    if not shape or 0 in shape or shape[0] < 2:
        raise UsageError(f"--shape {request.shape!r} should have at least two rows, such as 4x3")
    for name in request.relations:
        if name not in relations.RELATIONS:
            has = "; ".join(f"{word}: {text}" for word, text in relations.known().items())
            raise UsageError(f"--relation {name!r}; {suggestion(name, list(relations.RELATIONS))} ({has})")
    source = read_source(request.spec, _framework(request))
    target = choose([source.framework], request.device)[0]
    with Crew([target], deadline=DEADLINE, variables=_settings(request, source, options)) as crew:
        greeting = _greeted(crew, target)
        names = next(i.arrays for i in greeting.implementations if i.key == f"{CHECKED}:{PLAIN}")
        if not names:
            raise UsageError(f"{source.spec} takes no array: every argument of its has a default")
        asking = Asking(crew, target)
        taken, said = find(asking, source, names, told, shape)
        run.taken = f"{source.spec} in {greeting.framework} {greeting.version}; {request.shape}; {taken.said()}"
        subject = Subject(asking, taken, source, greeting.version, request.relations, request.compiled)
        with closing(Writer(path, Checked)) as writer:
            if said.failed:
                run.rows.append(subject.told("runs", Result.FOUND, said.failed, "float32"))
                run.calls = asking.calls
                _write(writer, run.rows[-1], run)
                return
            for check in CHECKS:
                if check is contract.other_forms and request.compiled and source.framework == "torch":
                    print("compiling it, which takes a while; --no-compiled leaves that out", file=sys.stderr)
                for row in check(subject):
                    run.rows.append(row)
                    run.calls = asking.calls
                    _write(writer, row, run)


def _framework(request: Request) -> str:
    return choose([request.framework], request.device)[0].framework if request.framework else ""


def _settings(request: Request, source: Source, options: dict[str, Option]) -> dict[str, str]:
    try:
        return settings(source.spec, options, request.output, request.compiled)
    except (TypeError, ValueError) as error:
        raise UsageError(f"--set: {json.dumps(str(options))} cannot be handed over: {error}") from error


def _write(writer: Writer, row: Checked, run: Run) -> None:
    if run.problem:
        return
    try:
        writer.write(row)
    except ResultsNotWritten as error:
        run.problem = str(error)


def _greeted(crew: Crew, target: Target) -> Greeting:
    word = crew.greet()[target]
    if isinstance(word, Absence):
        if word.missing == VARIABLE:
            raise UsageError(word.message)
        if ended := word.message.partition(" could not start: ")[2]:
            raise UsageError(f"its process ended while it was imported: {ended}")
        hint = install(target, word)
        raise EnvironmentLacks(f"{target}: {word.message}" + (f" (to install: {hint})" if hint else ""))
    return word


def _named(words: Sequence[str], option: str, example: str) -> dict[str, str]:
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise UsageError(f"{option} {word!r} should read like {example}")
        found[name.strip()] = value.strip()
    return found


def report(run: Run, path: Path, form: str = "table") -> None:
    """Print what it takes, the table, and how much was found."""
    out = console(stderr=form != "table")
    out.print(run.taken, markup=False)
    put(form, Checked, run.rows, lambda out: (checked_table(run.rows),))
    counts = {result: sum(row.result is result for row in run.rows) for result in Result}
    told = ", ".join(f"{count} {result}" for result, count in counts.items() if count)
    out.print(f"{run.calls} calls, {len(run.rows)} checks: {told}", markup=False)
    if run.problem:
        print(f"problem: {run.problem}", file=sys.stderr)
    out.print(f"rows in {path}", markup=False)
