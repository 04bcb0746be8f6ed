"""The times that the gate held against another target's, for reading: what differs or may, the slowest first."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Group
from rich.text import Text

from lossbench.judging.intervals import Relation
from lossbench.judging.paces import Pace
from lossbench.output.findings_table import INDENT, LEFT
from lossbench.output.timing_table import STYLES, microseconds


def paces_table(paces: Sequence[Pace], limit: float) -> Group:
    """Three lines for each that is faster or slower, or ambiguous and off by more than the limit.

    Print it with `soft_wrap`, so that names stay whole.
    """
    sure = (Relation.FASTER, Relation.SLOWER)
    shown = [p for p in paces if p.relation in sure or (p.relation is Relation.AMBIGUOUS and _is_far(p, limit))]
    return Group(*(line for pace in sorted(shown, key=lambda pace: -(pace.ratio or 0.0)) for line in _lines(pace)))


def _is_far(pace: Pace, limit: float) -> bool:
    return abs(math.log(pace.ratio or 1.0)) > math.log1p(limit)


def _lines(pace: Pace) -> list[Text]:
    ratio = f"{pace.ratio or 0:.2f}"
    if pace.low is not None and pace.high is not None:
        ratio += f" [{pace.low:.2f} {pace.high:.2f}]"
    floor = "" if pace.floor is None else f"A/A {100 * pace.floor:.1f} %"
    times = f"{microseconds(pace.base_seconds)} → {microseconds(pace.seconds)} µs"
    style = STYLES[pace.relation] if pace.relation else ""
    first = Text(f"{pace.relation or '':<{LEFT}}", style=style) + Text(f"{ratio:<18} {floor:<12} {times}", style="")
    return [first, Text(f"{INDENT}{pace.via} {pace.direction}"), Text(INDENT + pace.case, style="dim")]
