"""From a suite file to cases: TOML in, a list of printable recipes out."""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lossbench.cases.names import suggestion
from lossbench.cases.regimes import REGIMES
from lossbench.cases.regimes.reach import beyond, is_beyond
from lossbench.cases.relations import RELATIONS, kept_by
from lossbench.cases.shards import Shard
from lossbench.cases.stored import meant_by, suites_folder
from lossbench.errors import UsageError
from lossbench.floats import FORMATS
from lossbench.loss import Loss
from lossbench.records import HOW, Case, option_value
from lossbench.reductions import MEANINGS

KEYS = {
    "schema",
    "description",
    "complete",
    "modes",
    "losses",
    "seeds",
    "sizes",
    "shapes",
    "limits",
    "cases",
    "seconds",
    "sweep",
}
SCHEMA = 1
BLOCK_KEYS = {"losses", "regimes", "dtypes", "reductions", "options", "seeds", "shapes", "how", "rotate", "relations"}
SIZES = ("small", "large")
OPTIONS = {
    "default": "none given",
    "each": "one at a time",
    "together": "all optional arrays at once, and each parameter at the first value that is tested",
    "product": "every combination of optional arrays and of the values that are tested",
    "vanishing": "each number so small that half precision holds 0 in its place",
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
    modes: tuple[str, ...] = ()  # in which each framework is asked: MODE, or FRAMEWORK:MODE; empty: its usual one
    seconds: float | None = None  # of measuring for each implementation, where its times are taken
    sweep: str = ""  # numbers of elements that times are taken at, such as 1e3..1e6, instead of its shapes


@dataclass(frozen=True, slots=True)
class Selection:
    """What the command line narrows a suite down to; empty means everything."""

    losses: frozenset[str] = frozenset()
    dtypes: tuple[str, ...] = ()
    regimes: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    shard: Shard | None = None
    beside: bool = False  # the seeds stand beside the suite's own, not in their place

    def drawn(self, own: tuple[int, ...]) -> tuple[int, ...]:
        """The seeds of a block that has these of its own."""
        return tuple(dict.fromkeys((*own, *self.seeds))) if self.beside else self.seeds or own


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
    seconds, sweep = table.get("seconds"), table.get("sweep", "")
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds >= 0):
        raise UsageError(f"{where}: seconds is {seconds!r}; it should be a number such as 0.5")
    if not isinstance(sweep, str):
        raise UsageError(f'{where}: sweep is {sweep!r}; it should be a text such as "1e3..1e6"')
    return Suite(name, tuple(blocks), limits, complete, _listed(table, "modes", str, where), seconds, sweep)


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
        if key == "regimes":
            values = tuple(name for value in values for name in meant_by(value, where))
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
    case = Case(
        loss.name, tuple(given), tuple(sorted(parameters)), reduction, dtype, size, regime, int(seed), tuple(how)
    )
    _fitting(case, loss)
    return case


def _fitting(case: Case, loss: Loss) -> None:
    """Refuse stored inputs that are not those of such a case, and valid parameters where an invalid one is meant."""
    if REGIMES[case.regime].outside:
        wrong = [f"{name}={value}" for name, parameter in loss.parameters.items() for value in beyond(parameter)]
        if not any(is_beyond(loss.parameters[name], value) for name, value in case.parameters):
            hint = f"such as {', '.join(wrong)}" if wrong else f"of which {loss.name} has none that could be"
            raise UsageError(f"'{case}': {case.regime} is about a parameter beyond its range, {hint}")
    literal = REGIMES[case.regime].literal
    if literal is None:
        return
    if (case.loss, case.given, case.shape) != (literal.loss, literal.given, literal.shape):
        whole = literal.case
        raise UsageError(f"'{case}': the stored inputs have another loss, shape or arrays; the case is called {whole}")
    if fault := literal.fault(loss):
        raise UsageError(f"'{case}': the stored inputs do not fit the loss: {fault}")
