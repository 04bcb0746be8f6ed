"""Pictures of standings: times over sizes, and rates beside the roof. The only user of matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lossbench.errors import EnvironmentLacks, UsageError
from lossbench.judging.scaling import scalings
from lossbench.judging.standings import COPY, Standing

FORMATS = ("svg", "png")
MOST_LINES = 20  # told apart by colour and mark; more would be a carpet
MARKS = "osv^D"


def needed() -> Any:
    """matplotlib, drawing into files.

    Raises:
        EnvironmentLacks: it is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        raise EnvironmentLacks(
            "--plot needs matplotlib, which is not installed: pip install 'lossbench[plot]'"
        ) from None
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "lossbench"
    from matplotlib import pyplot

    return pyplot


def draw(standings: Sequence[Standing], folder: Path) -> list[Path]:
    """Draw what there is to be seen into `folder`, each picture as SVG and PNG; gives the files that were written.

    Raises:
        UsageError: the folder cannot be written to.
    """
    pyplot = needed()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for loss in dict.fromkeys(row.loss for row in standings if row.case):
            mine = [row for row in standings if row.loss == loss]
            written += _scaling(pyplot, loss, mine, folder)
        return written + _roofline(pyplot, standings, folder)
    except OSError as error:
        raise UsageError(
            f"cannot write pictures into {folder}: {error.strerror}; give another folder to --plot"
        ) from error


def _scaling(pyplot: Any, loss: str, standings: Sequence[Standing], folder: Path) -> list[Path]:
    """Seconds over elements, both by powers of ten; nothing where there are not several sizes."""
    lines = scalings(standings)
    if not lines:
        return []
    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    for number, line in enumerate(sorted(lines, key=lambda each: each.points[-1][1])[:MOST_LINES]):
        label = f"{line.via or line.framework} {line.dtype}{'' if line.mode == 'eager' else ' ' + line.mode}"
        sizes, seconds = zip(*line.points, strict=True)
        axes.loglog(sizes, seconds, marker=MARKS[number % len(MARKS)], label=label)
    axes.set(title=loss, xlabel="elements", ylabel="seconds for one call, forward and backward")
    axes.legend(fontsize="x-small")
    axes.grid(visible=True, alpha=0.3)
    return _saved(pyplot, figure, folder / f"scaling-{loss}")


def _roofline(pyplot: Any, standings: Sequence[Standing], folder: Path) -> list[Path]:
    """GB/s over the least bytes of a call, beside what copying so many bytes reaches."""
    rated = [row for row in standings if row.gigabytes_per_second and row.least_bytes]
    roof: dict[int, float] = {}
    for row in rated:
        if row.loss == COPY:
            roof[row.least_bytes or 0] = max(roof.get(row.least_bytes or 0, 0.0), row.gigabytes_per_second or 0.0)
    losses = [row for row in rated if row.case]
    if not losses or not roof:
        return []
    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    sizes = sorted(roof)  # each is the roof of all up to the next
    edges = [*sizes, max([sizes[-1], *(row.least_bytes or 0 for row in losses)])]
    rates = [*(roof[size] for size in sizes), roof[sizes[-1]]]
    axes.loglog(edges, rates, color="black", drawstyle="steps-post", label="copying on this machine")
    named: dict[tuple[str, str], list[Standing]] = {}
    for row in losses:
        named.setdefault((row.framework, row.mode), []).append(row)
    for number, ((framework, mode), rows) in enumerate(named.items()):
        label = framework if mode == "eager" else f"{framework} {mode}"
        moved, reached = [r.least_bytes for r in rows], [r.gigabytes_per_second for r in rows]
        axes.scatter(moved, reached, marker=MARKS[number % len(MARKS)], label=label)
    axes.set(title="bytes a loss must move", xlabel="least bytes of a call", ylabel="GB/s")
    axes.legend(fontsize="x-small")
    axes.grid(visible=True, alpha=0.3)
    return _saved(pyplot, figure, folder / "roofline")


def _saved(pyplot: Any, figure: Any, stem: Path) -> list[Path]:
    written = [stem.with_name(f"{stem.name}.{form}") for form in FORMATS]
    for path in written:
        figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)
    return written
