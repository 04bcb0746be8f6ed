"""The table of scalings: what a call costs whatever its size, and what each element adds."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from lossbench.judging.scaling import Scaling
from lossbench.output.timing_table import amount, microseconds, plain


def scaling_table(scalings: Sequence[Scaling]) -> Table:
    """One row for each implementation that was timed at several sizes."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("growing with the size", overflow="fold", min_width=20)
    table.add_column("dtype")
    for heading in ("sizes", "a call\nµs", "an element\nns", "off by\n%"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in scalings:
        mode = "" if row.mode == "eager" else f" {row.mode}"
        table.add_row(
            plain(f"{row.loss} {row.via or row.framework}{mode}"),
            row.dtype,
            f"{amount(row.points[0][0])}..{amount(row.points[-1][0])}",
            microseconds(row.overhead),
            f"{1e9 * row.per_element:.3g}",
            f"{100 * row.misfit:.0f}",
        )
    return table
