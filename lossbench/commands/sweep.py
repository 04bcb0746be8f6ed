"""The command `sweep`: how errors grow as one stress is turned up, for every implementation of a loss."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from lossbench.cases.names import find_losses, suggestion
from lossbench.cases.regimes import REGIMES
from lossbench.cases.suite import read_shape
from lossbench.cases.unfolding import fits
from lossbench.commands.own import NOBODYS, Own, with_their_defaults
from lossbench.commands.packaged import named
from lossbench.commands.targets import askable, checked, choose
from lossbench.crew import Crew
from lossbench.errors import UsageError
from lossbench.judging.comparison import Comparison, open_answers
from lossbench.loss import Loss, Over
from lossbench.losses import catalogue
from lossbench.output import plots, tables
from lossbench.output.curves import sweep_pictures
from lossbench.output.forms import checked_form
from lossbench.output.sweep_table import sweep_table
from lossbench.records import Case, Verdict
from lossbench.results import LATEST, Writer

DEFAULT_LEVELS = {
    "scale": (1, 4, 16, 64, 256, 640, 4096, 65536),
    "shift": (0, 4, 64, 1024, 16384, 262144),
    "gap": (0, 4, 8, 16, 32, 64, 128, 512, 1024),
    "classes": (2, 5, 17, 64, 257, 1024, 4099, 32768, 131072),
    "length": (1, 7, 64, 1025, 16384, 262144),
}
OVER = {"offset": "shift"}  # further names
NUMBERS = 1 << 18  # in the scores of a case: long rows are fewer, since a batch of them takes minutes and shows no more
SHAPES = {Over.ELEMENTS: (32, 32), Over.ROWS: (64, 10), Over.SAMPLES: (4, 64), Over.BATCH: (8, 8)}


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked for."""

    losses: tuple[str, ...]
    over: str = "scale"
    levels: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ("float32",)
    frameworks: tuple[str, ...] = ()
    implementation: str = ""
    device: str = "cpu"
    shape: str = ""
    seeds: tuple[str, ...] = ("0", "1", "2")
    reduction: str = ""
    csv: Path | None = None
    targets: tuple[str, ...] = ()  # as written after --target
    own: Own = NOBODYS  # a user's own implementation
    plot: Path | None = None  # a folder for pictures
    form: str = "table"  # one of `FORMS`


@dataclass(slots=True)
class Run:
    """What a sweep gave: its verdicts, each beside its level."""

    verdicts: list[Verdict] = field(default_factory=list)
    levels: list[float] = field(default_factory=list)


def main(request: Request) -> int:
    """Turn the stress up step by step, print the table, and return the exit code."""
    path = request.csv or LATEST / "sweep.csv"
    checked_form(request.form)
    if request.plot:
        plots.needed()
    if not (request.losses or request.own):
        raise UsageError(
            "say which losses to sweep, such as `lossbench sweep cross_entropy`; `lossbench list` has them"
        )
    over = OVER.get(request.over, request.over)
    if over not in DEFAULT_LEVELS:
        raise UsageError(f"--over {request.over!r}; {suggestion(request.over, [*DEFAULT_LEVELS, *OVER])}")
    levels = levels_of(request.levels, over)
    dtypes, _, seeds = checked(request.dtypes, (), request.seeds)
    verdicts: list[Verdict] = []
    with (
        Crew(choose(request.frameworks, request.device, request.targets, request.own)) as crew,
        open_answers() as answers,
    ):
        greetings = askable(crew.greet(), bool(request.frameworks or request.targets), request.implementation)
        offered = [i for greeting in greetings.values() for i in greeting.implementations]
        chosen = [catalogue()[name] for name in find_losses(request.losses or request.own.losses, catalogue(), offered)]
        cases: list[Case] = []
        for loss in sorted(chosen, key=lambda loss: loss.name):
            for dtype in dtypes:
                cases += cases_of(loss, over, levels, dtype, seeds, request)
        cases = with_their_defaults(cases, offered, catalogue())
        if not cases:
            raise UsageError(f"--over {request.over}: says nothing to {', '.join(request.losses)}; {_others(chosen)}")
        with closing(Writer(path, Verdict)) as writer:

            def emit(verdict: Verdict) -> None:
                verdicts.append(verdict)
                writer.write(verdict)

            comparison = Comparison(crew, greetings, answers, emit, {}, lambda i: named(request.implementation, i))
            with tables.progress(len(cases), "sweeping") as progress:
                comparison.run(cases, progress)
    level_by_case = {str(case): level_of(case, over) for case in cases}
    compared = [v for v in verdicts if v.compared]
    by_dtype = {dtype: [(level_by_case[v.case], v) for v in compared if v.dtype == dtype] for dtype in dtypes}
    out = tables.put(
        request.form, Verdict, compared, lambda out: (sweep_table(rows, over, d) for d, rows in by_dtype.items())
    )
    pictures: list[Path] = []
    if request.plot:
        for dtype, rows in by_dtype.items():
            pictures += sweep_pictures(rows, over, dtype, request.plot)
    out.print(f"worst errors by scale, in eps of the format; rows in {path}", markup=False)
    if request.plot:
        out.print(f"{len(pictures)} pictures in {request.plot}", markup=False)
    return 0 if any(v.compared for v in verdicts) else 4


def levels_of(words: Sequence[str], over: str) -> list[float]:
    """The levels as given, or the usual ones.

    Raises:
        UsageError: one is no number, or no whole one above 0 where something is counted.
    """
    if not words:
        return [float(level) for level in DEFAULT_LEVELS[over]]
    counted = over in ("classes", "length")
    for word in words:
        if counted and not (word.isascii() and word.isdigit() and int(word) > 0):
            raise UsageError(f"--levels {word!r}: {over} are counted in whole numbers above 0")
        if not REGIMES.knows(f"scale={word}"):
            raise UsageError(f"--levels {word!r} should be numbers with commas between, such as 1,16,640")
    return [float(word) for word in words]


def cases_of(
    loss: Loss, over: str, levels: Sequence[float], dtype: str, seeds: Sequence[int], request: Request
) -> list[Case]:
    """One case for each level and seed; none where the stress has nothing to season in this loss."""
    reduction = request.reduction or ("none" if "none" in loss.reductions else loss.reductions[0])
    if reduction not in loss.reductions:
        raise UsageError(f"--reduction {reduction!r}; {suggestion(reduction, list(loss.reductions))}")
    shape = read_shape(request.shape, "--shape") if request.shape else loss.small or SHAPES[loss.over]
    if not fits(shape, loss):
        raise UsageError(f"--shape {request.shape}: {loss.name} takes {len(loss.axes) or 'another number of'} axes")
    base = Case(loss.name, (), (), reduction, dtype, shape, "normal", 0)
    if over in REGIMES.stresses:
        if not REGIMES[f"{over}=1"].applies(loss):
            return []
        return [replace(base, regime=f"{over}={level:g}", seed=seed) for level in levels for seed in seeds]
    if over == "classes" and loss.over is not Over.ROWS and "symbols" not in loss.axes:
        return []
    sized = {
        "classes": lambda level: (*shape[:-1], int(level)),
        "length": lambda level: _lengthened(loss, shape, level),
    }
    shapes = [sized[over](level) for level in levels]
    if not request.shape:
        shapes = [_affordable(shape) for shape in shapes]
    return [replace(base, shape=shape, seed=seed) for shape in shapes for seed in seeds]


def _affordable(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape, with fewer rows where all of them would be too many numbers."""
    if len(shape) < 2:
        return shape
    return (max(1, min(shape[0], NUMBERS // math.prod(shape[1:]))), *shape[1:])


def _lengthened(loss: Loss, shape: tuple[int, ...], level: float) -> tuple[int, ...]:
    """The shape with the axis that sums run over made so long."""
    if "steps" in loss.axes:
        place = loss.axes.index("steps")
        return (*shape[:place], int(level), *shape[place + 1 :])
    return (int(level),) if loss.over is Over.ELEMENTS else (*shape[:-1], int(level))


def level_of(case: Case, over: str) -> float:
    """The level that a case stands for."""
    if "=" in case.regime:
        return float(case.regime.partition("=")[2])
    loss = catalogue()[case.loss]
    if over == "length" and "steps" in loss.axes:
        return float(case.shape[loss.axes.index("steps")])
    return float(case.shape[-1])


def _others(chosen: Sequence[Loss]) -> str:
    able = [name for name in REGIMES.stresses if any(REGIMES[f"{name}=1"].applies(loss) for loss in chosen)]
    return f"it may be {' or '.join([*able, 'length'])}"
