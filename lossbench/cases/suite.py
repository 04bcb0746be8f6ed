"""From a suite file to cases: TOML in, a list of printable recipes out."""

from __future__ import annotations

import itertools
import math
import os
import tomllib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lossbench.cases.names import suggestion
from lossbench.cases.regimes import REGIMES
from lossbench.cases.relations import RELATIONS, about, kept_by
from lossbench.errors import UsageError
from lossbench.floats import FORMATS
from lossbench.loss import Loss, Over, Parameter
from lossbench.records import HOW, INTEGERS, Case, Option, option_value
from lossbench.reductions import MEANINGS

PACKAGE = Path(__file__).parent.parent
KEYS = {"schema", "description", "complete", "losses", "seeds", "sizes", "shapes", "limits", "cases"}
SCHEMA = 1
BLOCK_KEYS = {"losses", "regimes", "dtypes", "reductions", "options", "seeds", "shapes", "how", "rotate", "relations"}
SIZES = ("small", "large")
OPTIONS = {
    "default": "none given",
    "each": "one at a time",
    "together": "all optional arrays at once, and each parameter at the first value that is tested",
    "product": "every combination of optional arrays and of the values that are tested",
    "extreme": "each number at the ends of its range, huge, tiny, and where float32 cannot hold it",
}
MOST_AXES, MOST_NUMBERS = 32, 1 << 31  # in a shape: what numpy takes, and what a large machine can hold


@dataclass(frozen=True, slots=True)
class Block:
    """A product of regimes, formats, reductions and options."""

    losses: tuple[str, ...]
    regimes: tuple[str, ...]
    dtypes: tuple[str, ...]
    reductions: tuple[str, ...]  # canonical names, or "all", or "plain": none where the loss has it
    options: str  # one of OPTIONS
    seeds: tuple[int, ...]
    shapes: Mapping[str, tuple[tuple[int, ...], ...]]  # by loss, or by what its terms run over
    rotate: bool = False  # each case in one of the formats, in turn, instead of in all
    how: tuple[str, ...] = ()  # the forms in which arrays are handed over, one at a time; empty: as usual
    relations: tuple[str, ...] = ()  # names, or "all": cases about those that a loss keeps, instead of its reductions
    large: bool = False  # a loss that declares sizes of its own is asked at its large one


@dataclass(frozen=True, slots=True)
class Suite:
    """A named list of blocks, with limits tighter than the judge's own."""

    name: str
    blocks: tuple[Block, ...]
    limits: Mapping[str, float] = field(default_factory=dict)
    complete: bool = False  # whether every declared deviation should show in it


@dataclass(frozen=True, slots=True)
class Selection:
    """What the command line narrows a suite down to; empty means everything."""

    losses: frozenset[str] = frozenset()
    dtypes: tuple[str, ...] = ()
    regimes: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()


def suites_folder() -> Path:
    """The folder of the suites that ship with lossbench: beside the package in a checkout, inside it if installed."""
    inside = PACKAGE / "_suites"
    return inside if inside.is_dir() else PACKAGE.parent / "suites"


def load(name: str) -> Suite:
    """Read a suite by its name (``smoke``) or by the path of its file.

    Raises:
        UsageError: there is no such suite, or its file says something that cannot be meant.
    """
    path = Path(name) if name.endswith(".toml") else suites_folder() / f"{name}.toml"
    if not os.path.isfile(path):  # never raises, whatever the name
        known = sorted(p.stem for p in suites_folder().glob("*.toml"))
        raise UsageError(f"there is no suite {name!r}; {suggestion(name, known)} (or give the path of a .toml file)")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the suite {path}: {error}") from error
    return _suite(path.stem, table, str(path))


def _suite(name: str, table: Mapping[str, Any], where: str) -> Suite:
    _only(table, KEYS, where)
    if table.get("schema", SCHEMA) != SCHEMA:
        raise UsageError(f"{where}: schema is {table['schema']!r}; this lossbench reads schema = {SCHEMA}")
    blocks = [
        _block(block, table, f"{where}, [[cases]] number {n}")
        for n, block in enumerate(_listed(table, "cases", dict, where), 1)
    ]
    if not blocks:
        raise UsageError(f"{where}: there is no [[cases]] block, so it would measure nothing")
    limits = table.get("limits", {})
    _only(limits, {"scale", "ulps", "ulps_p99"}, f"{where}, [limits]")
    for key, limit in limits.items():
        if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not limit > 0:
            raise UsageError(f"{where}, [limits]: {key} is {limit!r}; it should be a positive number")
    complete = table.get("complete", False)
    if not isinstance(complete, bool):
        raise UsageError(f"{where}: complete is {complete!r}; it should be true or false")
    return Suite(name, tuple(blocks), limits, complete)


def _block(block: Mapping[str, Any], table: Mapping[str, Any], where: str) -> Block:
    _only(block, BLOCK_KEYS, where)
    words = {
        "regimes": (list(REGIMES), list(REGIMES)),
        "dtypes": (list(FORMATS), list(FORMATS)),
        "reductions": ([*MEANINGS, "all", "plain"], ["plain"]),
        "how": (list(HOW), []),
        "relations": (["all", *RELATIONS], []),
    }
    chosen: dict[str, tuple[str, ...]] = {}
    for key, (allowed, default) in words.items():
        values = _listed(block, key, str, where, default)
        for value in values:
            if value not in allowed and not (key == "regimes" and REGIMES.knows(value)):
                raise UsageError(f"{where}: {key} has {value!r}; {suggestion(value, allowed)}")
        chosen[key] = tuple(values)
    options = block.get("options", "default")
    if options not in OPTIONS:
        raise UsageError(f"{where}: options is {options!r}; {suggestion(str(options), list(OPTIONS))}")
    rotate = block.get("rotate", False)
    if not isinstance(rotate, bool):
        raise UsageError(f"{where}: rotate is {rotate!r}; it should be true or false")
    sizes = table.get("sizes", SIZES[0])
    if sizes not in SIZES:
        raise UsageError(f"{where}: sizes is {sizes!r}; it may be {' or '.join(SIZES)}")
    return Block(
        large=sizes == "large",
        rotate=rotate,
        losses=_listed(block, "losses", str, where, _listed(table, "losses", str, where)),
        options=options,
        shapes=_shapes(table, where) | _shapes(block, where),
        seeds=_listed(block, "seeds", int, where, _listed(table, "seeds", int, where, (0,))),
        **chosen,
    )


def _listed(table: Mapping[str, Any], key: str, kind: type, where: str, default: Sequence[Any] = ()) -> tuple[Any, ...]:
    values = table.get(key, default)
    if not isinstance(values, (list, tuple)) or not all(
        isinstance(value, kind) and not isinstance(value, bool) for value in values
    ):
        what = {str: 'words, such as ["first", "second"]', int: "whole numbers, such as [0, 1]", dict: "tables"}[kind]
        raise UsageError(f"{where}: {key} is {values!r}; it should be a list of {what}")
    if key in table and not values:
        raise UsageError(f"{where}: {key} is an empty list, so it would measure nothing; leave it out for the default")
    return tuple(values)


def _only(table: Mapping[str, Any], allowed: set[str], where: str) -> None:
    if not isinstance(table, Mapping):
        raise UsageError(f"{where}: {table!r} stands in the place of a table of {', '.join(sorted(allowed))}")
    for key in table:
        if key not in allowed:
            raise UsageError(f"{where}: unknown key {key!r}; {suggestion(key, sorted(allowed))}")


def _shapes(table: Mapping[str, Any], where: str) -> dict[str, tuple[tuple[int, ...], ...]]:
    shapes = table.get("shapes", {})
    if not isinstance(shapes, Mapping):
        raise UsageError(f'{where}: shapes is {shapes!r}; it should be a table, such as elements = ["6x5"]')
    found = {kind: tuple(read_shape(text, where) for text in _listed(shapes, kind, str, where)) for kind in shapes}
    for kind, sizes in found.items():
        if any(0 in size for size in sizes):
            raise UsageError(f"{where}: shapes of {kind} have a length of 0; the regime `empty` has batches of nothing")
    return found


def read_shape(text: str, where: str) -> tuple[int, ...]:
    """Read a shape such as ``64x10`` that stands at `where`.

    Raises:
        UsageError: it does not read like one, or is too large to be meant.
    """
    try:
        shape = tuple(int(part) for part in str(text).split("x"))
    except ValueError:
        raise UsageError(f"{where}: the shape {text!r} should read like 64x10") from None
    if any(n < 0 for n in shape):
        raise UsageError(f"{where}: the shape {text!r} has a negative length")
    if len(shape) > MOST_AXES or math.prod(shape) > MOST_NUMBERS:
        most = f"{MOST_AXES} axes and {MOST_NUMBERS} numbers are the most"
        raise UsageError(f"{where}: the shape {text!r} is too large; {most}")
    return shape


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
    return list(found)


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
    declared = loss.large if block.large else loss.small
    own = block.shapes.get(loss.name) or ((declared,) if declared else block.shapes.get(loss.over, ()))
    shapes = [shape for shape in own if fits(shape, loss)] or [declared or ((256, 1000) if block.large else (6, 5))]
    integer = any(argument.domain.integer for argument in loss.arguments.values())
    hows = [word for word in block.how if integer or word not in INTEGERS]
    for regime in block.regimes:
        if (selection.regimes and regime not in selection.regimes) or not REGIMES[regime].applies(loss):
            continue
        dtypes = [dtype for dtype in block.dtypes if not selection.dtypes or dtype in selection.dtypes]
        if block.relations:
            draws = list(itertools.product(shapes, selection.seeds or block.seeds))
            for named in about(loss, block.relations):
                turn = _turn(block.dtypes, f"{loss.name} {regime} {named.how[0]}")
                for dtype, (size, seed) in itertools.product(dtypes, draws):
                    if dtype == turn or not block.rotate:
                        yield replace(named, dtype=dtype, shape=size, regime=regime, seed=seed)
            continue
        for position, (given, parameters) in enumerate(_options(block.options, loss)):
            turn = _turn(block.dtypes, f"{loss.name} {regime} {position}")
            for dtype in (d for d in dtypes if d == turn or not block.rotate):
                for reduction in _reductions(block.reductions, loss, given):
                    for shape in shapes:
                        rows = REGIMES[regime].rows
                        sized = shape if rows is None else (rows, *shape[1:])
                        for seed in selection.seeds or block.seeds:
                            case = Case(loss.name, given, parameters, reduction, dtype, sized, regime, seed)
                            forms = (replace(case, how=(word,)) for word in hows if _holds(word, parameters))
                            yield from forms if block.how else (case,)


def _holds(word: str, parameters: tuple[tuple[str, Option], ...]) -> bool:
    """Whether the integers of a case exist in this format: an ignored index may be negative."""
    ignored = dict(parameters).get("ignore_index")
    return not (word.startswith("uint") and isinstance(ignored, int | float) and ignored < 0)


def _options(kind: str, loss: Loss) -> Iterator[tuple[tuple[str, ...], tuple[tuple[str, Option], ...]]]:
    optional = tuple(a.name for a in loss.arguments.values() if a.optional)
    if kind == "default":
        yield (), ()
    elif kind == "together":
        if len(optional) > 1 or (optional and loss.also):
            yield optional, tuple(sorted((name, values[0]) for name, values in loss.also.items()))
    elif kind == "product":
        choices = [_settings(loss.parameters[name], values) for name, values in loss.also.items()]
        arrays = [some for count in range(len(optional) + 1) for some in itertools.combinations(optional, count)]
        for settings in itertools.product(*choices):
            changed = tuple(sorted((n, v) for n, v in settings if v != loss.parameters[n].default))
            yield from ((given, changed) for given in arrays)
    elif kind == "extreme":
        for name, parameter in loss.parameters.items():
            yield from (((), ((name, value),)) for value in _extremes(parameter))
    else:
        yield from (((name,), ()) for name in optional)
        yield from (((), ((name, value),)) for name, values in loss.also.items() for value in values)


def _turn(dtypes: Sequence[str], whose: str) -> str:
    """One of the formats, as chance has it, but the same on any machine."""
    return dtypes[zlib.crc32(whose.encode()) % len(dtypes)]


def _settings(parameter: Parameter, values: Sequence[Option]) -> list[tuple[str, Option]]:
    """A parameter at its default, and at each of these values."""
    return [(parameter.name, value) for value in (parameter.default, *values)]


def _extremes(parameter: Parameter) -> Iterator[float]:
    """Values at the ends of what a number parameter may be, and some that float32 cannot hold."""
    span = parameter.range
    if span is None or not isinstance(parameter.default, float):
        return
    for value in (0.0, 1e-30, 1e-8, 0.1, 1.0, 2.5, 1e8, 1e30, -0.1, -1e8, span.low, span.high):
        inside = span.low <= value <= span.high and not (span.low_open and value == span.low)
        if inside and math.isfinite(value) and value != parameter.default:
            yield value


def _reductions(wanted: Sequence[str], loss: Loss, given: tuple[str, ...]) -> list[str]:
    offered = [r for r in loss.reductions if "weight" in given or r not in ("weighted_mean", "nonzero_mean")]
    names: list[str] = []
    for word in wanted:
        if word == "all":
            names += offered
        elif word == "plain":
            names.append("none" if "none" in offered else offered[0])
        elif word in offered:
            names.append(word)
    return list(dict.fromkeys(names))


def parse_case(text: str, losses: Mapping[str, Loss]) -> Case:
    """Read back what a case prints as.

    Raises:
        UsageError: it does not read like a case, or names a loss, option, format or regime that does not exist.
    """
    parts = text.split("/")
    if len(parts) not in (6, 7):
        raise UsageError(f"{text!r} should read like huber/delta=0.1/mean/float32/64x10/kink/2")
    if parts[0] not in losses:
        raise UsageError(f"{text!r}: unknown loss; {suggestion(parts[0], list(losses))}")
    loss = losses[parts[0]]
    given, parameters = [], []
    how = []
    for option in parts[1].split(",") if len(parts) == 7 else []:
        if option.startswith("@"):
            allowed_forms = [f"@{word}" for word in (*HOW, *RELATIONS)]
            if option not in allowed_forms:
                raise UsageError(f"{text!r}: {option!r} is unknown; {suggestion(option, allowed_forms)}")
            if option[1:] in RELATIONS and RELATIONS[option[1:]] not in kept_by(loss):
                kept = ", ".join(f"@{relation.name}" for relation in kept_by(loss))
                raise UsageError(f"{text!r}: {loss.name} keeps no relation {option[1:]}; it keeps {kept}")
            how.append(option[1:])
            continue
        name, equals, value = option.partition("=")
        allowed = loss.parameters if equals else loss.arguments
        if name not in allowed:
            raise UsageError(f"{text!r}: {loss.name} has no {name!r}; {suggestion(name, list(allowed))}")
        if equals:
            parameters.append((name, option_value(value)))
        else:
            given.append(name)
    reduction, dtype, shape, regime, seed = parts[-5:]
    for value, allowed_words in ((reduction, list(MEANINGS)), (dtype, list(FORMATS)), (regime, list(REGIMES))):
        if value not in allowed_words and not (value == regime and REGIMES.knows(value)):
            raise UsageError(f"{text!r}: {value!r} is unknown; {suggestion(value, allowed_words)}")
    if not (seed.isascii() and seed.removeprefix("-").isdigit()):
        raise UsageError(f"{text!r}: the seed {seed!r} should be a whole number")
    size = read_shape(shape, repr(text))
    given_so, set_so = tuple(given), tuple(sorted(parameters))
    return Case(loss.name, given_so, set_so, reduction, dtype, size, regime, int(seed), tuple(how))
