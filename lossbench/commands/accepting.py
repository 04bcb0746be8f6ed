"""`gate --accept`: make what was found the baseline, and say what changed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from lossbench.commands.compare import Run
from lossbench.commands.holding import Holding
from lossbench.errors import ResultsNotWritten, UsageError
from lossbench.judging import baseline_file
from lossbench.judging.accepted import Accepted
from lossbench.judging.baseline_file import Stamp
from lossbench.judging.machine import processor_kind
from lossbench.losses import catalogue


def check_terms(accept: bool, reason: str, expires: str) -> None:
    """See that a reason and an expiry stand where something is accepted, and that the latter is a day.

    Raises:
        UsageError: they do not, or it is not.
    """
    if (reason or expires) and not accept:
        raise UsageError(f"{'--reason' if reason else '--expires'} is written beside what is accepted; add --accept")
    if expires:
        try:
            date.fromisoformat(expires)
        except ValueError:
            raise UsageError(f"--expires {expires!r} should be a day, such as 2027-01-31") from None


def stamp_for(run: Run, reason: str, expires: str) -> Stamp:
    """What is written beside the figures: where they were measured, why they are accepted, and until when."""
    names = {target: greeting.device_name for target, greeting in run.greetings.items()}

    def machine(row: Accepted) -> str:
        return processor_kind() if row.device == "cpu" else names.get(row.target, "")

    return Stamp(machine, " ".join(reason.split()), expires)


def accept(path: Path, holding: Holding, stamp: Stamp, whole: bool) -> tuple[int, str]:
    """Write the new baseline, unless not all of it is there; what was not asked for stays.

    Args:
        path: the baseline's.
        holding: what was found.
        stamp: what to write beside it.
        whole: whether the command line asked for the whole baseline; else even rows that nobody can ask for stay.

    Returns:
        The exit code, and what changed, in words.
    """
    if holding.problems or not holding.found:
        return 4, ""
    covered = [
        row.key
        for row in holding.covered
        if str(row.target) not in holding.missing and (whole or row.loss in catalogue())
    ]
    rows = baseline_file.merge(holding.rows, holding.found, holding.findings, covered, stamp)
    try:
        baseline_file.write(path, rows)
    except ResultsNotWritten as error:
        holding.problems.append(str(error))
        return 4, ""
    return (3 if holding.missing else 0), str(baseline_file.difference(holding.rows, rows))


def closing_of_acceptance(path: Path, holding: Holding, code: int, said: str) -> str:
    """How it ended, in one line."""
    if code == 4:
        return "not accepted: " + (holding.problems[0] if holding.problems else "nothing was measured")
    done = f"accepted in {path}: {said}; the diff is the review"
    if not holding.missing:
        return done
    without = ", ".join(holding.missing)
    return f"environment missing: {done}, but {without} {'are' if len(holding.missing) > 1 else 'is'} not there, so "\
        "those rows stay as they were"  # fmt: skip
