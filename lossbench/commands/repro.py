"""The command `repro`: a case and an implementation as a script that stands alone, and as a bug report."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lossbench.cases.relations import RELATIONS
from lossbench.cases.suite import parse_case
from lossbench.commands.capturing import given
from lossbench.commands.own import NOBODYS, Own
from lossbench.commands.targets import choose, installed_only
from lossbench.crew import Crew, Reply
from lossbench.errors import UsageError
from lossbench.floats import FORMATS
from lossbench.judging.comparison import Comparison, Work, answers_in, open_answers
from lossbench.judging.judge import Limits, Submission, compare
from lossbench.judging.relating import related
from lossbench.losses import catalogue
from lossbench.output.script import Subject, report, script
from lossbench.output.tables import badness
from lossbench.records import Case, Implementation, Target, Verdict
from lossbench.reference.expectation import reduced

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
    targets: tuple[str, ...] = ()  # as written after --target
    own: Own = NOBODYS  # a user's own implementation


class Witness(Comparison):
    """A comparison that keeps what a script needs: the inputs and the expectation behind each verdict."""

    def _judge(self, work: Work, reply: Reply, implementation: Implementation) -> None:
        super()._judge(work, reply, implementation)
        self.seen[implementation.via] = (work, reply.target, implementation)
        self.answered[implementation.via] = reply

    def run(self, cases: Sequence[Case], progress: object = None) -> None:
        """Put the cases to every target, and keep what was seen."""
        self.seen: dict[str, tuple[Work, Target, Implementation]] = {}
        self.answered: dict[str, Reply] = {}
        super().run(cases)


def main(request: Request) -> int:
    """Write the script or the report to where it was asked for, and say whether it shows the same."""
    if request.inputs:
        given(request.inputs, (), [request.case])
    case = parse_case(request.case, catalogue())
    if related(case):
        plain = str(replace(case, how=tuple(word for word in case.how if word not in RELATIONS)))
        raise UsageError(
            f"{request.case} is about a relation between two answers, of which there is no script; `lossbench compare "
            f"--case {request.case}` shows it, and {plain} is the first of its two inputs"
        )
    verdicts: list[Verdict] = []
    with (
        Crew(choose(request.frameworks, request.device, request.targets, request.own)) as crew,
        open_answers() as answers,
    ):
        greetings = installed_only(crew.greet(), asked_by_name=bool(request.frameworks or request.targets))
        witness = Witness(
            crew,
            greetings,
            answers,
            verdicts.append,
            {},
            lambda i: i.loss == case.loss and request.implementation in i.via,
        )
        witness.run([case])
        found = [verdict for verdict in verdicts if verdict.via in witness.seen]
        if not found:
            reasons = "; ".join(dict.fromkeys(v.note for v in verdicts)) or "no implementation of that name takes it"
            raise UsageError(f"{request.case}: {reasons}; `lossbench show {case.loss}` has them all")
        worst = max(found, key=badness)
        subject = _subject(witness, worst, *witness.seen[worst.via])
    source = script(subject)
    printed = run(source, subject.target.interpreter) if request.run or request.markdown else ""
    text = report(subject, source, printed) if request.markdown else source
    if request.output is None:
        sys.stdout.write(text)
    else:
        request.output.write_text(text, encoding="utf-8")
    if request.run and not request.markdown:
        indented = "".join(f"    {line}\n" for line in printed.splitlines())
        print(f"{worst.via}: {worst.status}; in a process of its own the script prints\n{indented}", file=sys.stderr)
    return 0


def _subject(witness: Witness, verdict: Verdict, work: Work, target: Target, implementation: Implementation) -> Subject:
    expectation = witness.expectation_of(work)
    reply = witness.answered[implementation.via]
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
