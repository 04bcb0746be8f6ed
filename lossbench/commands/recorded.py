"""Rows that were measured before, or elsewhere: judged by `gate --results`, joined by `lossbench merge`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import astuple
from pathlib import Path

from lossbench.cases.names import find_losses
from lossbench.commands.compare import Run
from lossbench.commands.holding import Scope
from lossbench.errors import UsageError
from lossbench.judging.accepted import recipe_of
from lossbench.losses import catalogue
from lossbench.output import tables
from lossbench.records import Greeting, Status, Target, Verdict
from lossbench.results import Writer, read


def recorded(path: Path, device: str, scope: Scope) -> Run:
    """A run that was measured before, narrowed down to what the command line asks for.

    Raises:
        UsageError: the file is not there, or holds no verdicts.
    """
    losses = find_losses(scope.losses, catalogue(), []) if scope.losses else frozenset()
    run = Run()
    rows = joined([path])
    _one_each(rows, path)
    for verdict in rows:
        target = Target(verdict.framework, device=verdict.device, mode=verdict.mode)
        asked = (
            verdict.device == device
            and (not scope.frameworks or verdict.framework in scope.frameworks)
            and (not losses or verdict.loss in losses)
            and (not verdict.case or scope.shard is None or scope.shard.has(recipe_of(verdict.case)))
        )
        if asked:
            run.verdicts.append(verdict)
            if verdict.status is not Status.SKIPPED:
                run.greetings[target] = Greeting(
                    verdict.framework, verdict.version, "", "", (verdict.device,), "", 0, False, 0.0, ()
                )
    run.totals.verdicts = len(run.verdicts)
    run.totals.cases = len({verdict.case for verdict in run.verdicts if verdict.case})
    return run


def joined(paths: Sequence[Path]) -> list[Verdict]:
    """The rows of several files, each once, in the files' order.

    Raises:
        UsageError: two files say different things of the same case and implementation.
    """
    found: dict[tuple[str, ...], tuple[Verdict, Path]] = {}
    for path in paths:
        for verdict in read(path, Verdict):
            check(verdict, path)
            whose = (*_who(verdict), verdict.case, verdict.loss, verdict.via)
            before = found.setdefault(whose, (verdict, path))
            if _said(before[0]) != _said(verdict):
                where = f"{before[1]} and {path}" if before[1] != path else f"two rows of {path}"
                raise UsageError(
                    f"{where} say different things of {verdict.case or verdict.loss} by "
                    f"{verdict.via or verdict.framework}; merge what one suite was split into, each part once"
                )
    return [verdict for verdict, _ in found.values()]


def _who(verdict: Verdict) -> tuple[str, ...]:
    return (verdict.framework, verdict.device, verdict.mode, verdict.target)


def _one_each(verdicts: Sequence[Verdict], path: Path) -> None:
    """See that no framework was run by two targets, whose rows a baseline could not tell apart."""
    names: dict[tuple[str, str, str], str] = {}
    for verdict in verdicts:
        first = names.setdefault((verdict.framework, verdict.device, verdict.mode), verdict.target)
        if verdict.target != first:
            raise UsageError(
                f"{path} holds verdicts of {first or verdict.framework} and of {verdict.target}, both "
                f"{verdict.framework}; a baseline is held against one of them at a time"
            )


def check(verdict: Verdict, path: Path) -> None:
    """See that a row has a case where it needs one.

    Raises:
        UsageError: it has not.
    """
    if verdict.status is not Status.SKIPPED and len(verdict.case.split("/")) not in (6, 7):
        raise UsageError(
            f"{path}: the case {verdict.case!r} should read like huber/delta=0.1/mean/float32/64x10/kink/2"
        )


def _said(verdict: Verdict) -> tuple[str, ...]:
    return tuple(map(repr, astuple(verdict)))  # by repr, so that nan is nan


def merge(paths: Sequence[Path], output: Path) -> int:
    """Join files of rows into one; 4 if they hold no measured row."""
    if output.exists() and any(path.exists() and path.samefile(output) for path in paths):
        raise UsageError(f"--output {str(output)!r} is one of the files to be merged; give another path")
    rows = joined(paths)
    with closing(Writer(output, Verdict)) as writer:
        for row in rows:
            writer.write(row)
    measured = [row for row in rows if row.status not in (Status.ABSENT, Status.SKIPPED)]
    out = tables.console()
    files = f"{len(paths)} files" if len(paths) > 1 else "1 file"
    said = tables.counts(rows) or "nothing was measured"
    out.print(f"{files}, {len({row.case for row in measured})} cases, {len(rows)} rows: {said}", markup=False)
    out.print(f"rows in {output}; `lossbench gate --results {output}` holds them against the baseline", markup=False)
    return 0 if measured else 4
