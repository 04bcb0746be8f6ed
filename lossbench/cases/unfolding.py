"""From a suite to its cases: the product of each block, for the losses it concerns."""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from lossbench.cases.names import suggestion
from lossbench.cases.regimes import REGIMES
from lossbench.cases.regimes.reach import beyond
from lossbench.cases.relations import about
from lossbench.cases.suite import MOST_AXES, Block, Selection, Suite
from lossbench.errors import UsageError
from lossbench.floats import FORMATS
from lossbench.loss import Loss, Over, Parameter
from lossbench.records import INTEGERS, Case, Option
from lossbench.reductions import BY_WEIGHTS

VANISHES = FORMATS["float16"].smallest_subnormal / 2  # what half precision rounds to 0


def unfold(suite: Suite, losses: Mapping[str, Loss], selection: Selection) -> list[Case]:
    """The cases of a suite, each once, in the order of the catalogue.

    Raises:
        UsageError: the suite names a loss that does not exist, or gives one a shape that it cannot have.
    """
    _known(suite, losses)
    _sized(suite, losses)
    found: dict[Case, None] = {}
    for loss in losses.values():
        if loss.variant or (selection.losses and loss.name not in selection.losses):
            continue
        for block in suite.blocks:
            if not block.losses or loss.name in block.losses or loss.form_of in block.losses:
                found.update(dict.fromkeys(_cases(block, loss, selection)))
    return [case for case in found if selection.shard is None or selection.shard.has_case(case)]


def _known(suite: Suite, losses: Mapping[str, Loss]) -> None:
    names = {name for loss in losses.values() for name in (loss.name, loss.form_of)}
    for key, allowed in (("losses", names), ("shapes", {*names, *Over})):
        for word in (word for block in suite.blocks for word in getattr(block, key)):
            if word not in allowed:
                hint = suggestion(word, sorted(allowed))
                raise UsageError(f"the suite {suite.name}: {key} has {word!r}, which is no loss; {hint}")


def _sized(suite: Suite, losses: Mapping[str, Loss]) -> None:
    given = [(kind, shape) for block in suite.blocks for kind, shapes in block.shapes.items() for shape in shapes]
    for kind, shape in dict.fromkeys(given):
        concerned = [loss for loss in losses.values() if kind in (loss.name, loss.over) and not loss.variant]
        if concerned and not any(fits(shape, loss) for loss in concerned):
            least, most = axes(concerned[0])
            size = "x".join(map(str, shape))
            rule = f"{least} axes" if least == most else f"at least {least} axes"
            raise UsageError(f"the suite {suite.name}: {kind} has the shape {size!r}; it takes {rule}")


def axes(loss: Loss) -> tuple[int, int]:
    """How many axes a case of the loss has, at least and at most."""
    if loss.axes:
        return len(loss.axes), len(loss.axes)
    return (1 if loss.over is Over.ELEMENTS else 2), MOST_AXES


def fits(shape: tuple[int, ...], loss: Loss) -> bool:
    """Whether a case of the loss can have this shape."""
    least, most = axes(loss)
    return least <= len(shape) <= most


def _cases(block: Block, loss: Loss, selection: Selection) -> Iterator[Case]:
    for regime in block.regimes:
        if (selection.regimes and regime not in selection.regimes) or not REGIMES[regime].applies(loss):
            continue
        literal = REGIMES[regime].literal
        if literal is None:
            yield from (_related if block.relations else _drawn)(block, loss, regime, selection)
        elif not selection.dtypes or literal.dtype in selection.dtypes:
            yield literal.case  # it stands for itself: format, shape and options are its own


def _shapes_of(block: Block, loss: Loss) -> list[tuple[int, ...]]:
    """The shapes that a block gives to a loss, or those that the loss is usually asked in."""
    declared = loss.large if block.large else loss.small
    own = block.shapes.get(loss.name) or ((declared,) if declared else block.shapes.get(loss.over, ()))
    return [shape for shape in own if fits(shape, loss)] or [declared or ((256, 1000) if block.large else (6, 5))]


def _formats(block: Block, selection: Selection, whose: str) -> list[str]:
    """The formats of a block that are left: of one that rotates, the one whose turn it is."""
    turn = _turn(block.dtypes, whose)
    wanted = selection.dtypes or block.dtypes
    return [dtype for dtype in block.dtypes if dtype in wanted and (dtype == turn or not block.rotate)]


def _related(block: Block, loss: Loss, regime: str, selection: Selection) -> Iterator[Case]:
    """The cases of a block that is about relations between answers."""
    draws = list(itertools.product(_shapes_of(block, loss), selection.drawn(block.seeds)))
    for named in about(loss, block.relations):
        for dtype in _formats(block, selection, f"{loss.name} {regime} {named.how[0]}"):
            for shape, seed in draws:
                yield replace(named, dtype=dtype, shape=shape, regime=regime, seed=seed)


def _drawn(block: Block, loss: Loss, regime: str, selection: Selection) -> Iterator[Case]:
    """The product of formats, options, reductions, shapes and seeds."""
    integer = any(argument.domain.integer for argument in loss.arguments.values())
    hows = [word for word in block.how if integer or word not in INTEGERS]
    rows = REGIMES[regime].rows
    shapes = [shape if rows is None else (rows, *shape[1:]) for shape in _shapes_of(block, loss)]
    options = _outside(loss) if REGIMES[regime].outside else _options(block.options, loss)
    for position, (given, parameters) in enumerate(options):
        reductions = _reductions(block.reductions, loss, given)
        for dtype in _formats(block, selection, f"{loss.name} {position}"):
            if not all(_is_held(value, dtype) for _, value in parameters):
                continue
            for reduction, shape, seed in itertools.product(reductions, shapes, selection.drawn(block.seeds)):
                case = Case(loss.name, given, parameters, reduction, dtype, shape, regime, seed)
                forms = (replace(case, how=(word,)) for word in hows if _holds(word, parameters))
                yield from forms if block.how else (case,)


def _holds(word: str, parameters: tuple[tuple[str, Option], ...]) -> bool:
    """Whether the integers of a case exist in this format: an ignored index may be negative."""
    ignored = dict(parameters).get("ignore_index")
    return not (word.startswith("uint") and isinstance(ignored, int | float) and ignored < 0)


def _options(kind: str, loss: Loss) -> Iterator[tuple[tuple[str, ...], tuple[tuple[str, Option], ...]]]:
    optional = tuple(a.name for a in loss.arguments.values() if a.optional)
    beside = tuple(name for name in optional if name not in loss.alone)
    if kind == "default":
        yield (), ()
    elif kind == "together":
        if len(beside) > 1 or (beside and loss.also):
            yield beside, tuple(sorted((name, values[0]) for name, values in loss.also.items()))
    elif kind == "product":
        choices = [_settings(loss.parameters[name], values) for name, values in loss.also.items()]
        arrays = [some for count in range(len(beside) + 1) for some in itertools.combinations(beside, count)]
        arrays += [(name,) for name in loss.alone]
        for settings in itertools.product(*choices):
            changed = loss.departures(dict(settings))
            yield from ((given, changed) for given in arrays)
    elif kind in ("extreme", "vanishing"):
        for name, parameter in loss.parameters.items():
            values = [value for value in _extremes(parameter) if kind == "extreme" or 0 < abs(value) < VANISHES]
            yield from (((), ((name, value),)) for value in values)
    else:
        yield from (((name,), ()) for name in optional)
        yield from (((), ((name, value),)) for name, values in loss.also.items() for value in values)


def _outside(loss: Loss) -> Iterator[tuple[tuple[str, ...], tuple[tuple[str, Option], ...]]]:
    """Each parameter beyond its range, by itself."""
    for name, parameter in loss.parameters.items():
        whole = isinstance(parameter.default, int) and not isinstance(parameter.default, bool)
        yield from (((), ((name, int(value) if whole else value),)) for value in beyond(parameter))


def _is_held(value: Option, dtype: str) -> bool:
    """Whether a format reaches as far as this value of a parameter; what overflows says nothing of a loss."""
    return not isinstance(value, float) or math.isinf(value) or abs(value) <= FORMATS[dtype].largest


def _turn(dtypes: Sequence[str], whose: str) -> str:
    """One of the formats, as chance has it, but the same on any machine."""
    return dtypes[zlib.crc32(whose.encode()) % len(dtypes)]


def _settings(parameter: Parameter, values: Sequence[Option]) -> list[tuple[str, Option]]:
    """A parameter at its default, and at each of these values."""
    return [(parameter.name, value) for value in (parameter.default, *values)]


def _extremes(parameter: Parameter) -> Iterator[float]:
    """Values at the ends of what a number parameter may be, and some that float32 cannot hold."""
    span = parameter.range
    if span is None or not (parameter.default is None or isinstance(parameter.default, float)):
        return
    for value in (0.0, 1e-30, 1e-8, 0.1, 1.0, 2.5, 1e8, 1e30, -0.1, -1e8, span.low, span.high):
        inside = span.low <= value <= span.high and not (span.low_open and value == span.low)
        if inside and math.isfinite(value) and value != parameter.default:
            yield value


def _reductions(wanted: Sequence[str], loss: Loss, given: tuple[str, ...]) -> list[str]:
    weight = "sample_weight" if "sample_weight" in loss.arguments else "weight"
    offered = [r for r in loss.reductions if weight in given or r not in BY_WEIGHTS]
    names: list[str] = []
    for word in wanted:
        if word == "all":
            names += offered
        elif word == "plain":
            names.append("none" if "none" in offered else offered[0])
        elif word in offered:
            names.append(word)
    return list(dict.fromkeys(names))
