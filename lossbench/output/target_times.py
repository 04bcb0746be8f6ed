"""Two targets of one framework beside each other: who takes longer for the same call, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from lossbench.judging.intervals import Comparison, Relation, compared
from lossbench.judging.standings import Standing

MOST = 12  # that are printed; the file of results has all
APART = (Relation.SLOWER, Relation.FASTER)


def timing_differences(standings: Sequence[Standing], order: Sequence[str]) -> Iterator[str]:
    """For each two targets of a framework in one mode: how many calls came out how, and those that are apart.

    Args:
        standings: all that were timed.
        order: the names of the targets; the others are held against the first of their framework.
    """
    groups: dict[tuple[str, str, str, str], dict[str, Standing]] = {}
    for row in standings:
        if row.case and row.figures:
            groups.setdefault((row.framework, row.mode, row.via, row.case), {})[row.target] = row
    pairs: dict[tuple[str, str], list[tuple[Comparison, Standing]]] = {}
    names: dict[str, str] = {}
    for rows in groups.values():
        base, *others = sorted(rows.values(), key=lambda row: _place(row.target, order))
        for other in others:
            pairs.setdefault((base.target, other.target), []).append((compared(other.figures, base.figures), other))
            names |= {row.target: f"{row.target} ({row.framework} {row.version})" for row in (base, other)}
    for (first, second), found in pairs.items():
        kinds = [comparison.relation for comparison, _ in found]
        counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in Relation if kind in kinds)
        yield f"{names[second]} beside {names[first]}: {len(found)} calls timed in both, {counted}"
        apart = [each for each in found if each[0].relation in APART]
        apart.sort(key=lambda each: abs(math.log(each[0].ratio)), reverse=True)
        for comparison, row in apart[:MOST]:
            span = "" if comparison.low is None else f" [{comparison.low:.2f} {comparison.high:.2f}]"
            yield f"  {row.case} by {row.via}: {comparison.ratio:.2f}{span} times as long, {comparison.relation}"
        if len(apart) > MOST:
            yield f"  and {len(apart) - MOST} more"


def _place(target: str, order: Sequence[str]) -> int:
    return order.index(target) if target in order else len(order)
