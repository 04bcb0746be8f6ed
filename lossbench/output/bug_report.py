"""A script as a bug report in Markdown: what was done, what came back, what should have, where."""

from __future__ import annotations

from lossbench.judging.witness import Subject
from lossbench.output.script_head import ruler, where
from lossbench.records import Status

SAYS = {
    Status.CRASHES: "ends its process",
    Status.HANGS: "does not come back",
    Status.REFUSES: "refuses valid input",
    Status.REJECTS: "refuses this input",
    Status.AGREES: "answers what its definition says",
    Status.IMPRECISE: "answers with few good digits",
}


def report(subject: Subject, source: str, printed: str) -> str:
    """The report, with the script and what it prints."""
    verdict = subject.verdict
    says = SAYS.get(verdict.status, "answers something else than its definition says")
    if subject.invalid and verdict.status not in SAYS:
        says = f"answers input that is invalid: {subject.invalid.rstrip('.')}"
    if subject.held is not None and verdict.status not in SAYS:
        says = f"does not keep a relation between its own answers: {subject.held.says.rstrip('.')}"
    if subject.beside is not None and verdict.status not in SAYS:
        says = "answers otherwise in another way to run it"
    said = ruler(subject)
    lines = [
        f"# {verdict.via}: {verdict.worst or verdict.note or verdict.status}",
        "",
        f"`{verdict.via}` on {subject.case.dtype} {subject.target.device} {says}.",
        "",
        f"- {where(subject)}",
        *([f"- worst: {verdict.worst}"] if verdict.worst else []),
        *([f"- {verdict.note}"] if verdict.note else []),
        *([f"- {said}"] if said else []),
        "",
        "```python",
        source.rstrip(),
        "```",
        "",
        "It prints:",
        "",
        "```text",
        printed.rstrip(),
        "```",
    ]
    return "\n".join(lines) + "\n"
