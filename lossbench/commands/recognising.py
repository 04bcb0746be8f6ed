"""Which framework a user's file is written for, read off its imports; nothing of it is run."""

from __future__ import annotations

import ast
import importlib.machinery
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from lossbench.cases.names import suggestion
from lossbench.errors import UsageError

ROOTS = {
    "torch": "torch",
    "paddle": "paddle",
    "tensorflow": "tensorflow",
    "keras": "tensorflow",
    "jax": "jax",
    "optax": "jax",
    "flax": "jax",
}
DEEPEST = 3  # how far imports between the user's own files are followed


def frameworks_of(path: Path) -> list[str]:
    """The frameworks that a file imports, itself or by way of files beside it; the most direct first.

    Raises:
        UsageError: it cannot be read as Python.
    """
    found: dict[str, None] = {}
    seen: set[Path] = set()
    level = [path]
    for _ in range(DEEPEST):
        further: list[Path] = []
        for each in level:
            seen.add(each)
            for module, dots in _imports(parsed(each)):
                root = module.split(".")[0]
                if root in ROOTS and not dots:
                    found[ROOTS[root]] = None
                elif (beside := _beside(each, module, dots)) and beside not in seen:
                    further.append(beside)
        if found:
            break
        level = further
    return list(found)


def parsed(path: Path) -> ast.Module:
    """The file as a tree.

    Raises:
        UsageError: it cannot be read as Python.
    """
    try:
        return ast.parse(path.read_bytes(), filename=str(path))
    except SyntaxError as error:
        raise UsageError(
            f"--impl: {path.name}, line {error.lineno}: {error.msg}: {(error.text or '').strip()}"
        ) from None
    except (OSError, ValueError) as error:
        raise UsageError(f"--impl: cannot read {path}: {getattr(error, 'strerror', None) or error}") from None


def file_of(module: str) -> Path | None:
    """The file of a dotted module as Python would find it from here, without importing anything; None if nowhere."""
    places: list[str] | None = [os.getcwd(), *sys.path]
    spec = None
    for part in module.split("."):
        if places is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(part, places)
        if spec is None:
            return None
        places = list(spec.submodule_search_locations) if spec.submodule_search_locations is not None else None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


def check_name(tree: ast.Module, name: str, place: str) -> None:
    """See that a file binds a name at its top, where that can be seen.

    Raises:
        UsageError: it binds others.
    """
    names: list[str] = []
    callables: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            return
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names += [(alias.asname or alias.name).split(".")[0] for alias in node.names]
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.append(node.name)
            callables += [node.name] if node in tree.body else []
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append(node.id)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("globals", "setattr", "exec"):
            return
    first = name.split(".", maxsplit=1)[0]
    if first not in names:
        raise UsageError(f"--impl: {place} has no {first!r}; {suggestion(first, callables)}")


def _imports(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """The modules imported anywhere in a file, and with how many dots."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node.level
            if node.level and not node.module:
                yield from ((alias.name, node.level) for alias in node.names)


def _beside(path: Path, module: str, dots: int) -> Path | None:
    """The user's own file that an import in `path` means."""
    folder = path.parent
    for _ in range(max(dots - 1, 0)):
        folder = folder.parent
    whole = folder.joinpath(*module.split(".")) if module else folder
    return next((p for p in (whole.with_suffix(".py"), whole / "__init__.py") if module and p.is_file()), None)
