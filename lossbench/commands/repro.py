"""The command `repro`: a case and an implementation as a script that stands alone, and as a bug report."""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lossbench.cases.names import find_losses
from lossbench.cases.relations import RELATIONS
from lossbench.cases.suite import parse_case
from lossbench.commands.capturing import cases_of, given, smallest_parts
from lossbench.commands.own import NOBODYS, Own, is_meant, with_their_defaults
from lossbench.commands.targets import askable, choose
from lossbench.crew import Crew, Reply
from lossbench.errors import ResultsNotWritten, UsageError
from lossbench.floats import FORMATS
from lossbench.judging.comparison import Comparison, Work, open_answers
from lossbench.judging.judge import Limits, Submission, compare
from lossbench.judging.relating import related
from lossbench.judging.replies import answers_in
from lossbench.losses import catalogue
from lossbench.output.script import Subject, report, script
from lossbench.output.tables import badness
from lossbench.records import Case, Implementation, Status, Target, Verdict
from lossbench.reference.expectation import reduced

DEADLY = (Status.CRASHES, Status.HANGS)  # a user's own that does so is run by nobody but a worker
PATIENCE = 300  # seconds for the script's own run


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


class Witness(Comparison):
    """A comparison that keeps what a script needs: the inputs and the expectation behind each verdict."""

    def _judge(self, work: Work, reply: Reply, implementation: Implementation) -> None:
        super()._judge(work, reply, implementation)
        place = (implementation.via, str(reply.target))
        self.seen[place] = (work, reply.target, implementation)
        self.answered[place] = reply

    def run(self, cases: Sequence[Case], progress: object = None) -> None:
        """Put the cases to every target, and keep what was seen."""
        self.seen: dict[tuple[str, str], tuple[Work, Target, Implementation]] = {}
        self.answered: dict[tuple[str, str], Reply] = {}
        super().run(cases)


def main(request: Request) -> int:
    """Write the script or the report to where it was asked for, and say whether it shows the same."""
    named = "/" in request.case or not request.inputs
    beside = given(request.inputs, request.settings, [request.case] if named else ()) if request.inputs else None
    if request.settings and (named or not beside):
        raise UsageError("--set is for a loss by its name beside --inputs; a case has its parameters in its own name")
    if named:
        _see_plain(parse_case(request.case, catalogue()), request.case)
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
        verdicts: list[Verdict] = []
        chosen = functools.partial(is_meant, request.own, request.implementation)
        witness = Witness(crew, greetings, answers, verdicts.append, {}, chosen)
        worst = _worst(witness, cases, verdicts, request)
        if beside and not named and (parts := smallest_parts(beside[0], [worst], crew, greetings, answers, {})):
            verdicts.clear()
            small = parse_case(parts[0].verdict.case, catalogue())
            worst = _worst(witness, [small], verdicts, request, (worst.via, worst.target))
        subject = _subject(witness, worst, *witness.seen[worst.via, worst.target])
    source = script(subject)
    deadly = bool(request.own) and worst.status in DEADLY
    printed = "" if deadly or not (request.run or request.markdown) else run(source, subject.target.interpreter)
    shown = f"(not run: it {worst.status})" if deadly else printed
    text = report(subject, source, shown) if request.markdown else source
    if request.output is None:
        sys.stdout.write(text)
    else:
        _write(text, request.output)
    if deadly:
        print(f"{worst.via}: {worst.status}, {worst.note}; so the script was not run", file=sys.stderr)
    elif request.run and not request.markdown:
        indented = "".join(f"    {line}\n" for line in printed.splitlines())
        print(f"{worst.via}: {worst.status}; in a process of its own the script prints\n{indented}", file=sys.stderr)
    return 0


def _see_plain(case: Case, text: str) -> None:
    """Refuse a case of which there is no script."""
    if related(case):
        plain = str(replace(case, how=tuple(word for word in case.how if word not in RELATIONS)))
        raise UsageError(
            f"{text} is about a relation between two answers, of which there is no script; `lossbench compare "
            f"--case {text}` shows it, and {plain} is the first of its two inputs"
        )


def _worst(
    witness: Witness, cases: Sequence[Case], verdicts: list[Verdict], request: Request, only: tuple[str, str] = ("", "")
) -> Verdict:
    """The worst verdict on these cases; `only` of one implementation and target where they are named.

    Raises:
        UsageError: nobody answered any of them.
    """
    witness.run(cases)
    found = [v for v in verdicts if (v.via, v.target) in witness.seen and only in (("", ""), (v.via, v.target))]
    if not found:
        reasons = "; ".join(dict.fromkeys(v.note for v in verdicts)) or "no implementation of that name takes it"
        raise UsageError(f"{request.case}: {reasons}; `lossbench show {cases[0].loss}` has them all")
    return max(found, key=badness)


def _write(text: str, path: Path) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ResultsNotWritten(f"cannot write {path}: {error.strerror}") from error


def _subject(witness: Witness, verdict: Verdict, work: Work, target: Target, implementation: Implementation) -> Subject:
    expectation = witness.expectation_of(work)
    reply = witness.answered[verdict.via, verdict.target]
    cotangent = _telling(witness, work, verdict, reply)
    expected = reduced(expectation, work.case.reduction, None if reply.outcome.against_ones else cotangent)
    if reply.outcome.against_ones:  # the value has a shape of its own, and so must what it is held against
        cotangent = np.ones(answers_in(reply, len(work.cotangents))[0].value.shape)
    return Subject(
        case=work.case,
        loss=work.loss,
        target=target,
        version=verdict.version,
        implementation=implementation,
        parameters=work.parameters,
        arrays=work.inputs.arrays,
        cotangent=cotangent,
        want=expected.value[0],
        slopes={name: pair[0] for name, pair in expected.gradients.items()},
        status=str(verdict.status),
        worst=verdict.worst,
        note=verdict.note,
        reference=verdict.reference,
    )


def _telling(witness: Witness, work: Work, verdict: Verdict, reply: Reply) -> np.ndarray:
    """The cotangent that shows the worst number: ones where they do, as they are easier to read."""
    answers = answers_in(reply, len(work.cotangents))
    form, limits = FORMATS[work.case.dtype], Limits.of(work.case.dtype, work.loss.scale_limit, {})
    pairs = list(zip(work.cotangents, answers, strict=False))
    for cotangent, answer in reversed(pairs):
        alone = Submission(work.case, witness.expectation_of(work), [cotangent], reply.outcome, [answer])
        if compare(alone, form, limits).worst == verdict.worst:
            return np.asarray(cotangent)
    return work.cotangents[0]


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
