"""What is printed of a run of `speed`: tables, what was left out, and under which conditions it was measured."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lossbench.commands import compare
from lossbench.judging.conditions import load_average, processor, slowed
from lossbench.judging.holdups import least_idle, undisturbed
from lossbench.judging.scaling import scalings
from lossbench.judging.standings import Standing, standings
from lossbench.output import tables
from lossbench.output.scaling_table import scaling_table
from lossbench.output.target_times import timing_differences
from lossbench.output.timing_table import timing_tables
from lossbench.timings import Timing

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from lossbench.commands.speed import Request, Run


def report(run: Run, request: Request, path: Path) -> None:
    """Print the table, what was left out, and under which conditions it was measured."""
    found = standings(run.timings, run.against.base)
    growing = scalings(found)

    def parts(out: Console) -> Iterator[RenderableType]:
        yield from timing_tables(found, out.width)
        yield ""
        yield from (scaling_table(growing), "") if growing else ()

    out = tables.put(request.form, Standing, found, parts)
    for text in timing_differences(found, [str(target) for target in run.greetings]):
        out.print(text, markup=False)
    if run.unfinished:
        out.print(run.unfinished, markup=False)
    if run.judged:
        compare.say_of_captured(out, run.judged)
    for line in _not_timed(run):
        out.print(line, markup=False)
    if run.against.base and not any(standing.base for standing in found):
        out.print(f"nothing that was timed is {request.against!r}, so no ratio could be given", markup=False)
    out.print(closing_line(run, request), markup=False)
    others = max(run.load_before or 0.0, (load_average() or 0.0) - 1)  # one process of the load is our own
    if others > (os.cpu_count() or 1) / 2:
        out.print(f"other work kept this machine busy (load {others:.1f}): these times are longer than they could be")
    reasons = [reason for timing in run.timings for reason in slowed(timing.card)]
    if reasons:
        words = " and ".join(dict.fromkeys(reasons))
        out.print(f"the card held back its clocks for {words} in {len(reasons)} timings: expect other times elsewhere")
    for problem in run.problems:
        out.print(f"problem: {problem}", markup=False)
    out.print(f"rows in {path}", markup=False)
    if request.plot:
        from lossbench.output import plots

        for picture in plots.draw(found, request.plot):
            out.print(f"picture in {picture}", markup=False)


def _not_timed(run: Run) -> Iterator[str]:
    yield from (f"skipped {target}: {reason}" for target, reason in run.skipped.items())
    for reason, count in run.plan.left_out.items():
        yield f"left out {count} times: an implementation {reason}"


def held_up(timings: Sequence[Timing]) -> float | None:
    """Which share of all samples other work took; None where no clock of the processor told."""
    told = [timing for timing in timings if timing.busy]
    whole = sum(sum(timing.samples) * (timing.loops or 1) for timing in told)
    kept = sum(
        sum(undisturbed(timing.samples, timing.busy, least_idle([(timing.samples, timing.busy)]))) * (timing.loops or 1)
        for timing in told
    )
    return 1 - kept / whole if whole else None


def closing_line(run: Run, request: Request) -> str:
    """How much was measured on what, and how far it can be trusted."""
    timed = sum(t.p25 is not None for t in run.timings)
    versions = ", ".join(dict.fromkeys(f"{g.framework} {g.version}" for g in run.greetings.values()))
    devices = ", ".join(dict.fromkeys(g.device_name for g in run.greetings.values()))
    device = "" if request.device == "cpu" else f"; device {devices}"
    loads = [f"{value:.1f}" for value in (run.load_before, load_average()) if value is not None]
    processes = max((t.process for t in run.timings), default=0)
    stolen = [t.steal for t in run.timings if t.steal is not None]
    steal = f", {100 * sum(stolen) / len(stolen):.1f} % stolen by the host" if stolen else ""
    if (held := held_up(run.timings)) is not None:
        steal += f", {100 * held:.0f} % of the time held up by other work and left out"
    return (
        f"{timed} timings of {run.plan.implementations} implementations in up to {processes} "
        f"process{'es' if processes > 1 else ''} each, in {run.wall:.0f} s; {versions}; "
        f"{request.threads} thread{'s' if request.threads > 1 else ''}; "
        f"{processor() or 'processor unknown'}{device}; load average {' to '.join(loads) or 'unknown'}{steal}; "
        "ratios beside the interval that holds them (99.5 %) and beside what identical code showed (A/A): a "
        "difference that is no larger means nothing"
    )
