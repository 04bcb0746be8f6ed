"""What a hunt found, for reading: for each implementation its worst cases, with the inputs where they are few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.markup import escape
from rich.table import Table

from lossbench.cases.stored import Literal
from lossbench.decimals import literal as spelled
from lossbench.floats import FORMATS
from lossbench.output.tables import STYLES, figure
from lossbench.records import Verdict

RESPECTS = {
    "value_error": "value by scale",
    "value_ulps": "value in ulps",
    "gradient_error": "gradient by scale",
    "gradient_ulps": "gradient in ulps",
}
FEW = 12  # numbers that are printed


@dataclass(frozen=True, slots=True)
class Found:
    """A case that a hunt found: its inputs, the verdict on it, and in which respect it is the worst."""

    literal: Literal
    verdict: Verdict
    objective: str
    reach: str
    grave: int


def hunt_table(found: Sequence[Found]) -> Table:
    """One block for each implementation, its gravest case first."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("verdict", no_wrap=True)
    for name in ("value\neps", "grad\neps", "value\nulps", "grad\nulps"):
        table.add_column(name, justify="right", min_width=5)
    table.add_column("worst in which respect, and the case that shows it", overflow="fold", ratio=1)
    groups: dict[tuple[str, str, str, str], list[Found]] = {}
    for one in found:
        v = one.verdict
        groups.setdefault((v.loss, v.dtype, v.framework, v.via), []).append(one)
    for (loss, dtype, framework, via), mine in sorted(groups.items()):
        table.add_row(*[""] * 5, f"[bold]{escape(loss)} {dtype} {framework} {escape(via)}[/]")
        for one in sorted(mine, key=lambda f: -f.grave):
            verdict = one.verdict
            style = STYLES.get(verdict.status, "red")
            numbers = (verdict.value_error, verdict.gradient_error, verdict.value_ulps, verdict.gradient_ulps)
            lines = [f"{RESPECTS[one.objective]}, {one.reach} inputs", verdict.case, verdict.worst]
            lines += [verdict.note, short(one.literal)]
            text = "\n  ".join(escape(line) for line in lines if line)
            table.add_row(f"[{style}]{verdict.status}[/]", *(figure(number) for number in numbers), text)
    return table


def short(one: Literal) -> str:
    """The inputs, as far as they are few."""
    form = FORMATS[one.dtype]
    parts = []
    for name, array in one.arrays.items():
        if array.size > FEW:
            parts.append(f"{name} of shape {array.shape}")
        else:
            parts.append(f"{name} = {array.tolist() if array.dtype.kind == 'i' else spelled(np.asarray(array), form)}")
    return ", ".join(parts)
