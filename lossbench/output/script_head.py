"""What scripts and bug reports say of themselves: about whom they are, what was seen, with what, by which ruler."""

from __future__ import annotations

import textwrap

from lossbench.judging import paths, relating
from lossbench.judging.witness import Subject

WIDTH = 110
RULERS = {
    "certified": "those of the definition in ball arithmetic, proven to the last digit shown",
    "mixed": "those of the definition in ball arithmetic where that can be, else of a float64 closed form",
    "float64": "those of a float64 closed form",
}


def head(subject: Subject) -> str:
    """The comment that a script begins with."""
    verdict = subject.verdict
    seen = [f"Seen with {where(subject)}{f'; {said}' if (said := ruler(subject)) else ''}."]
    lines = [
        f"{verdict.via}: {verdict.status}.",
        *([verdict.worst] if verdict.worst else []),
        *([verdict.note] if verdict.note else []),
        *([subject.corrupts] if subject.corrupts not in verdict.note else []),
        *seen,
        f"lossbench case: {subject.case}",
        *([f"made smaller from: {subject.made_from}"] if subject.made_from else []),
    ]
    return "".join(f"# {line}\n" for text in lines for line in wrapped(text))


def where(subject: Subject) -> str:
    """The framework and its version, the package, and how the call was run."""
    target, verdict = subject.target, subject.verdict
    package = f", {verdict.package}" if verdict.package else ""
    mode = "" if target.mode in ("", target.usual_mode) else f", {target.mode}"
    device = "" if target.device == "cpu" else f" on {target.device}"
    return f"{target.framework} {verdict.version}{package}{mode}{device}"


def ruler(subject: Subject) -> str:
    """What the wanted numbers are; empty where none are wanted."""
    if subject.held is not None:
        alone = "" if subject.held.alone else "the wanted numbers follow from the first answer by a relation: "
        return f"{alone}{subject.held.says.rstrip('.')}"
    if subject.verdict.reference == paths.RULER:
        return "the two ways to run it are held against each other"
    if subject.invalid or subject.verdict.reference in ("", relating.RULER):
        return ""
    return f"the wanted numbers are {RULERS[subject.verdict.reference]}"


def wrapped(text: str) -> list[str]:
    """A sentence in lines of a comment, names of cases in one piece."""
    return textwrap.wrap(" ".join(text.split()), WIDTH, break_long_words=False, break_on_hyphens=False)
