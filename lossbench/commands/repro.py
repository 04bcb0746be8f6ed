"""The command `repro`: a case and an implementation as a script that stands alone, and as a bug report."""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lossbench.cases.names import find_losses
from lossbench.cases.suite import parse_case
from lossbench.commands.capturing import cases_of, given, smallest_parts
from lossbench.commands.own import NOBODYS, Own, is_meant, with_their_defaults
from lossbench.commands.targets import askable, choose
from lossbench.crew import Crew
from lossbench.errors import ResultsNotWritten, UsageError
from lossbench.judging.comparison import open_answers
from lossbench.judging.condensing import again, condensed
from lossbench.judging.paths import RULER
from lossbench.judging.witness import Subject, Witness
from lossbench.losses import catalogue
from lossbench.output.bug_report import report
from lossbench.output.script import script
from lossbench.output.tables import badness
from lossbench.records import CONTIGUOUS, Case, Implementation, Status, Verdict

DEADLY = (Status.CRASHES, Status.HANGS)  # a user's own that does so is run by nobody but a worker
PATIENCE = 300  # seconds for the script's own run
MOST_IN_AN_ISSUE = 65_536  # characters
LONGEST = 60_000  # characters of a script, which is to fit into an issue with what it prints


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked for."""

    case: str
    frameworks: tuple[str, ...] = ()
    implementation: str = ""
    device: str = "cpu"
    markdown: bool = False
    output: Path | None = None
    run: bool = True
    inputs: Path | None = None  # tensors that the user captured, of which the case speaks
    settings: tuple[str, ...] = ()  # parameters beside them, as NAME=VALUE, where only the loss is named
    targets: tuple[str, ...] = ()  # as written after --target
    own: Own = NOBODYS  # a user's own implementation


def main(request: Request) -> int:
    """Write the script or the report to where it was asked for, and say whether it shows the same."""
    named = "/" in request.case or not request.inputs
    beside = given(request.inputs, request.settings, [request.case] if named else ()) if request.inputs else None
    if request.settings and (named or not beside):
        raise UsageError("--set is for a loss by its name beside --inputs; a case has its parameters in its own name")
    if named:
        parse_case(request.case, catalogue())
    with (
        Crew(choose(request.frameworks, request.device, request.targets, request.own)) as crew,
        open_answers() as answers,
    ):
        greetings = askable(crew.greet(), bool(request.frameworks or request.targets), request.implementation)
        offered = [i for g in greetings.values() for i in g.implementations]
        if beside and not named:
            cases = cases_of(beside[0], find_losses([request.case], catalogue(), offered), beside[1], ())
            cases = with_their_defaults(cases, offered, catalogue()) if request.own else cases
        else:
            cases = [parse_case(request.case, catalogue())]
        witness = Witness(crew, greetings, answers, _chosen(request, cases, offered))
        worst = _worst(witness, cases, request)
        if beside and not named and (parts := smallest_parts(beside[0], [worst], crew, greetings, answers, {})):
            small = parse_case(parts[0].verdict.case, catalogue())
            worst = _worst(witness, [small], request, (worst.via, worst.target))
        subject = plainest(witness, worst)
    return _told(request, subject)


def plainest(witness: Witness, verdict: Verdict) -> Subject:
    """What a script of a verdict is about: inputs as one would write them, and not too many of them, if that shows it.

    One case in four is handed over strided though its name does not say so; where that makes no difference the
    inputs of the script lie as usual.
    """
    subject = witness.subject(verdict)
    case = subject.case
    if not (subject.held or subject.beside or case.how) and subject.calls[0].layout:
        usual = again(witness, subject, replace(case, how=(CONTIGUOUS,)))
        if usual and (usual.verdict.worst, usual.verdict.note) == (verdict.worst, verdict.note):
            subject = usual
        else:
            (verdict,) = (v for v in witness.verdicts([case], verdict.via) if v.target == verdict.target)
            subject = witness.subject(verdict)
    if len(script(subject)) > LONGEST:
        subject = condensed(witness, subject, lambda small: len(script(small)) <= LONGEST)
    return subject


def _told(request: Request, subject: Subject) -> int:
    worst, source = subject.verdict, script(subject)
    deadly = bool(request.own) and worst.status in DEADLY
    printed = "" if deadly or not (request.run or request.markdown) else run(source, subject.target.interpreter)
    shown = f"(not run: it {worst.status})" if deadly else printed
    text = report(subject, source, shown) if request.markdown else source
    if request.output is None:
        sys.stdout.write(text)
    else:
        _write(text, request.output)
    if subject.made_from:
        print(f"{subject.made_from} has too many numbers for a report; this is about {subject.case}", file=sys.stderr)
    elif len(text) > LONGEST:
        print(f"{len(text)} characters, of which an issue on GitHub takes {MOST_IN_AN_ISSUE}", file=sys.stderr)
    if deadly:
        print(f"{worst.via}: {worst.status}, {worst.note}; so the script was not run", file=sys.stderr)
    elif request.run and not request.markdown:
        indented = "".join(f"    {line}\n" for line in printed.splitlines())
        print(f"{worst.via}: {worst.status}; in a process of its own the script prints\n{indented}", file=sys.stderr)
    return 0


def _chosen(
    request: Request, cases: Sequence[Case], offered: Sequence[Implementation]
) -> Callable[[Implementation], bool]:
    """Which implementations are meant; a name in full means nobody else."""
    losses = {case.loss for case in cases}
    exact = [i for i in offered if i.loss in losses and i.via == request.implementation]
    if exact and not request.own:
        return lambda one: one.via == request.implementation
    return functools.partial(is_meant, request.own, request.implementation)


def _worst(witness: Witness, cases: Sequence[Case], request: Request, only: tuple[str, str] = ("", "")) -> Verdict:
    """The worst verdict on these cases; `only` of one implementation and target where they are named.

    Of two ways to run one implementation it is the verdict on both, where they differ.

    Raises:
        UsageError: nobody answered any of them.
    """
    verdicts = witness.verdicts(cases)
    found = [v for v in verdicts if only in (("", ""), (v.via, v.target))]
    if not found:
        reasons = "; ".join(dict.fromkeys(v.note for v in witness.rows)) or "no implementation of that name takes it"
        raise UsageError(f"{request.case}: {reasons}; `lossbench show {cases[0].loss}` has them all")
    apart = [v for v in found if v.reference == RULER and v.status is Status.DIFFERS]
    return max(apart or found, key=badness)


def _write(text: str, path: Path) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ResultsNotWritten(f"cannot write {path}: {error.strerror}") from error


def run(source: str, interpreter: str = "") -> str:
    """What the script prints in a process of its own, which imports nothing of lossbench."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "script.py"
        path.write_text(source, encoding="utf-8")
        try:
            done = subprocess.run(
                [interpreter or sys.executable, "-I", str(path)],
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
                cwd=folder,
            )
        except subprocess.TimeoutExpired:
            return f"(no end within {PATIENCE} s)"
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        return f"{done.stdout}(exit code {done.returncode}: {last})"
    return done.stdout
