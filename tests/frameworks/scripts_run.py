"""Scripts of verdicts made with one worker and run by themselves, for tests."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lossbench.cases.suite import parse_case
from lossbench.commands.repro import plainest
from lossbench.commands.targets import parse_target
from lossbench.crew import Crew
from lossbench.judging.witness import Subject, Witness
from lossbench.losses import catalogue
from lossbench.output.script import script
from lossbench.records import Greeting
from lossbench.reference.answers import Answers


@dataclass(frozen=True, slots=True)
class Ran:
    """A script, what it is about, and what came of running it with nothing of lossbench at hand."""

    subject: Subject
    source: str
    done: subprocess.CompletedProcess[str]

    @property
    def shown(self) -> dict[str, list[object]]:
        """By title, the two things that stand below it."""
        found: dict[str, list[object]] = {}
        title = ""
        for line in self.done.stdout.splitlines():
            if not line.startswith("  "):
                title = line
                found[title] = []
            elif not line.startswith("  >>>"):
                text = line.split(maxsplit=1)[1].replace("nan", "None").replace("inf", "1e999")
                found[title].append(ast.literal_eval(text))
        return found


Make = Callable[..., Ran]


@contextmanager
def maker(folder: Path, *targets: str) -> Iterator[Make]:
    """What makes and runs scripts: of a case, an implementation, and lines to be run at its end."""
    meant = [parse_target(text, "cpu") for text in targets]
    with Crew(meant) as crew:
        greetings = {target: word for target, word in crew.greet().items() if isinstance(word, Greeting)}
        witness = Witness(crew, greetings, Answers(None))

        def make(case: str, via: str, *more: str, ruler: str = "") -> Ran:
            found = witness.verdicts([parse_case(case, catalogue())], via)
            (verdict,) = (one for one in found if one.target == found[-1].target and ruler in ("", one.reference))
            subject = plainest(witness, verdict)
            source = script(subject)
            path = folder / "script.py"
            path.write_text("\n".join([source, *more]))
            command = [sys.executable, "-I", str(path)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=folder)
            return Ran(subject, source, done)

        yield make
