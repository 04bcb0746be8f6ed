"""What a user brings: files of losses, and packages that announce losses or frameworks by entry points.

Such a file is the user's own definition: trusted, and imported here in the parent. It may not import a framework at
module level, as the parent imports none; its functions do that inside.
"""

from __future__ import annotations

import ast
import importlib.abc
import json
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from lossbench import own
from lossbench.complaints import UserFileError
from lossbench.errors import UsageError
from lossbench.loading import load_module
from lossbench.loss import Loss

FRAMEWORK_MODULES = ("torch", "paddle", "tensorflow", "keras", "jax", "optax", "flax", "mxnet", "mindspore")
LOSSES, FRAMEWORKS = "lossbench.losses", "lossbench.frameworks"  # the groups of entry points

_losses: dict[str, Loss] = {}
_entries: dict[str, dict[str, Any]] = {}  # for the workers, by place


class _Refuses(importlib.abc.MetaPathFinder):
    """Stands before all other finders, and finds no framework."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> None:
        """Refuse a framework, and leave everything else to the others."""
        if name.partition(".")[0] in FRAMEWORK_MODULES:
            raise ImportError(f"{name} is a framework")


@contextmanager
def _without_frameworks() -> Iterator[None]:
    refusing = _Refuses()
    sys.meta_path.insert(0, refusing)
    try:
        yield
    finally:
        sys.meta_path.remove(refusing)


def bring_file(path: Path, shipped: Collection[str]) -> list[Loss]:
    """Import a file of losses and enter those it defines; those of the catalogue that it implements stay as they are.

    Args:
        path: the file.
        shipped: the names of the losses that come with lossbench, which no other may have.

    Raises:
        UsageError: there is no such file, it raises, imports a framework at module level, or defines nothing.
    """
    if not path.is_file():
        raise UsageError(
            f"--losses {str(path)!r}: there is no such file; `lossbench new LOSS` writes one to begin with"
        )
    _refuse_imports(path)
    module = _imported(str(path), f"--losses {path}")
    _entries[str(path.resolve())] = {"path": str(path.resolve()), "module": "", "optional": False}
    return _enter(module, str(path), shipped)


def bring_packages(shipped: Collection[str]) -> None:
    """Enter the losses of the packages that announce some by an entry point, once."""
    for point in _points(LOSSES):
        if point.module not in _entries:
            module = _imported(point.module, f"the entry point {LOSSES}: {point.name} = {point.value}")
            _entries[point.module] = {"path": "", "module": point.module, "optional": True}
            _enter(module, point.module, shipped, must_define=False)


def brought_losses() -> dict[str, Loss]:
    """The losses that have been brought so far, by name."""
    return dict(_losses)


def is_brought(path: Path) -> bool:
    """Whether the file has been brought already."""
    return str(path.resolve()) in _entries


def announced() -> bool:
    """Whether a package announces losses."""
    return bool(_points(LOSSES))


def for_workers() -> str:
    """What the workers are told to load, as JSON; empty where there is nothing."""
    return json.dumps(list(_entries.values())) if _entries else ""


def frameworks() -> tuple[str, ...]:
    """The frameworks that packages announce by an entry point: a module that holds an object called `framework`."""
    return tuple(sorted(point.name for point in _points(FRAMEWORKS)))


@cache
def _points(group: str) -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=group))


def _imported(place: str, what: str) -> Any:
    try:
        with _without_frameworks():
            return load_module(place)
    except UserFileError as error:
        if "is a framework" in str(error):
            raise UsageError(f"{what}: {error}; {RULE}") from None
        raise UsageError(f"{what}: {error}") from None


RULE = (
    "the process that works out the right answer imports no framework, so import it inside the functions that call it"
)


def _refuse_imports(path: Path) -> None:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise UsageError(f"--losses {path}: cannot be read: {error}") from error
    except SyntaxError as error:
        raise UsageError(f"--losses {path}, line {error.lineno}: {error.msg}: {(error.text or '').strip()}") from None
    for line, name in _module_level(tree.body):
        if name.split(".")[0] in FRAMEWORK_MODULES:
            raise UsageError(f"--losses {path}, line {line}: imports {name} at module level; {RULE}")


def _module_level(body: Sequence[ast.AST]) -> Iterator[tuple[int, str]]:
    for node in body:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or ""
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield from _module_level(list(ast.iter_child_nodes(node)))


def _enter(module: Any, where: str, shipped: Collection[str], must_define: bool = True) -> list[Loss]:
    entries = [entry for entry in vars(module).values() if isinstance(entry, Loss)]
    mine = [entry for entry in entries if entry.function.__module__ == module.__name__]
    adds = any(one.adapter.__module__ == module.__name__ for one in own.brought())
    if must_define and not mine and not adds:
        raise UsageError(f"{where} defines no loss and implements none; `lossbench new LOSS` writes a file that does")
    for loss in mine:
        taken = loss.name in shipped or (
            loss.name in _losses and _losses[loss.name].function.__module__ != module.__name__
        )
        if taken:
            raise UsageError(f"{where}: there is already a loss called {loss.name!r}; give this one another name")
        if loss.textbook is None:
            raise UsageError(
                f"{where}: {loss.name} has no definition; write one under @{loss.name}.definition, "
                "or @defined(...) above the definition alone"
            )
        _losses[loss.name] = loss
    for one in own.brought():
        if one.adapter.__module__ == module.__name__ and one.loss not in {*shipped, *_losses}:
            raise UsageError(f"{where}: {one.via} implements {one.loss!r}, which is no loss; `lossbench list` has them")
    return mine
