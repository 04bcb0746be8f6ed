"""Pictures of errors: against a stress that is turned up, and over the sizes of all inputs a format has."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lossbench.errors import UsageError
from lossbench.judging.exhaustion import VALUE, Key
from lossbench.judging.patterns import LEAST_EXPONENT, Tally
from lossbench.output.plots import MARKS, needed
from lossbench.records import Verdict

FORMATS = ("svg", "png")
PANELS = ("value", "gradient")
LEAST = 0.01  # of what is drawn, in eps: exact answers lie there
BEYOND = 10.0  # times the largest number drawn: where infinite errors lie
MOST_STEPS = 1 << 62  # from which on a distance stands for NaN where a number belongs
Line = dict[str, dict[float, float]]  # by panel: what is drawn over what


def sweep_pictures(rows: Sequence[tuple[float, Verdict]], over: str, dtype: str, folder: Path) -> list[Path]:
    """The worst error by scale at each level, one picture for each loss; gives the files that were written.

    Raises:
        UsageError: the folder cannot be written to.
        EnvironmentLacks: matplotlib is not installed.
    """
    written = []
    for loss in dict.fromkeys(verdict.loss for _, verdict in rows):
        lines: dict[str, Line] = {}
        for level, verdict in rows:
            if verdict.loss == loss:
                line = lines.setdefault(f"{verdict.target or verdict.framework} {verdict.via}", {})
                for panel, error in zip(PANELS, (verdict.value_error, verdict.gradient_error), strict=True):
                    if error is not None:
                        points = line.setdefault(panel, {})
                        points[level] = max(error, points.get(level, 0.0))
        title = f"{loss}, {dtype}"
        written += _drawn(lines, title, over, f"worst error, eps of {dtype}", folder / f"sweep-{loss}-{over}-{dtype}")
    return written


def exhaust_pictures(tallies: Mapping[Key, Tally], dtype: str, folder: Path) -> list[Path]:
    """The worst distance over the binary exponents of the input, one picture for each loss and argument.

    Raises:
        UsageError: the folder cannot be written to.
        EnvironmentLacks: matplotlib is not installed.
    """
    written = []
    for loss, argument in dict.fromkeys((key[1].partition(":")[0], key[2]) for key in tallies):
        lines: dict[str, Line] = {}
        for (target, key, varied, what), tally in tallies.items():
            name, _, via = key.partition(":")
            if (name, varied) == (loss, argument):
                line = lines.setdefault(f"{target} {via}", {})
                points = line.setdefault(PANELS[what != VALUE], {})
                for exponent, steps in tally.by_exponent.items():
                    if exponent > LEAST_EXPONENT:  # zero has none
                        worst = math.inf if steps >= MOST_STEPS else float(steps)
                        points[exponent] = max(worst, points.get(exponent, 0.0))
        title, below = f"{loss}, every {dtype}", f"binary exponent of {argument}"
        written += _drawn(
            lines, title, below, f"worst, steps of {dtype}", folder / f"exhaust-{loss}-{argument}-{dtype}", powers=False
        )
    return written


def _drawn(
    lines: Mapping[str, Line], title: str, below: str, beside: str, stem: Path, powers: bool = True
) -> list[Path]:
    """Two panels beside each other, and a legend beneath; nothing where there are no points."""
    points = [y for line in lines.values() for panel in line.values() for y in panel.values()]
    if not points:
        return []
    pyplot = needed()
    ceiling = BEYOND * max([LEAST, *(y for y in points if math.isfinite(y))])
    height = 4.5 + 0.17 * len(lines)
    figure, panels = pyplot.subplots(1, len(PANELS), figsize=(10, height), sharey=True, layout="constrained")
    figure.suptitle(title)
    for axes, panel in zip(panels, PANELS, strict=True):
        _panel(axes, lines, panel, ceiling)
        axes.set(title=panel, xlabel=below, yscale="log")
        if powers and all(x > 0 for line in lines.values() for x in line.get(panel, {})):
            axes.set_xscale("log", base=2)
        axes.grid(visible=True, alpha=0.3)
    panels[0].set_ylabel(f"{beside} (top: NaN or infinity)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", fontsize="x-small")
    try:
        stem.parent.mkdir(parents=True, exist_ok=True)
        written = [stem.with_name(f"{stem.name}.{form}") for form in FORMATS]
        for path in written:
            figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)
    except OSError as error:
        raise UsageError(
            f"cannot write pictures into {stem.parent}: {error.strerror}; give another folder to --plot"
        ) from error
    finally:
        pyplot.close(figure)
    return written


def _panel(axes: Any, lines: Mapping[str, Line], panel: str, ceiling: float) -> None:
    for number, (label, line) in enumerate(lines.items()):
        points = sorted(line.get(panel, {}).items())
        places = [x for x, _ in points]
        heights = [ceiling if not math.isfinite(y) else max(y, LEAST) for _, y in points]
        axes.plot(places, heights, marker=MARKS[number % len(MARKS)], markersize=3, linewidth=1, label=label)
