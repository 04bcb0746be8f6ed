"""A user's own Python file or module, imported: the one way in for every file that a user gives.

Workers load a guest's file and the one that `check` is about, and nobody else runs those; files of losses are the
user's own definitions, which the parent and the workers load alike.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from lossbench.complaints import UserFileError, said

PREFIX = "lossbench_user_"  # of a module's name, so that a user's statistics.py is not taken for Python's own


def load_module(place: str) -> ModuleType:
    """The module in a file (``losses.py``), or of a dotted name; a second time it is the same.

    A file in a package is imported as part of it, for its relative imports. The folder stands first on the search path
    while the file is imported, as Python has it for a script, and last from then on.

    Raises:
        UserFileError: it is not there, or raises while it is imported; the message has the user's own line.
    """
    path = Path(place).resolve()
    try:
        if not place.endswith(".py"):
            with _searching(os.getcwd()):
                return importlib.import_module(place)
        if not path.is_file():
            raise UserFileError(f"there is no file {place!r}")
        root = package_root(path)
        if root != path.parent:
            with _searching(str(root)):
                return importlib.import_module(".".join(path.relative_to(root).with_suffix("").parts))
        return _from_file(path)
    except (UserFileError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise UserFileError(f"{place} cannot be imported: {said(error, own_places(place))}") from error


def load(place: str, name: str) -> Any:
    """What a name stands for in a file or module; dots lead further in.

    Raises:
        UserFileError: the module cannot be loaded, or there is nothing of that name that can be called.
    """
    module = load_module(place)
    found: Any = functools.reduce(functools.partial(_member, place), name.split("."), module)
    if not callable(found):
        raise UserFileError(f"{place}:{name} is {type(found).__name__} {found!r:.80}, which cannot be called")
    return found


def package_root(path: Path) -> Path:
    """The folder from which a file is imported: above the outermost package that it is part of, or its own."""
    root = path.parent
    while (root / "__init__.py").is_file():
        root = root.parent
    return root


def own_places(place: str, found: Any = None) -> tuple[str, ...]:
    """The paths that are the user's own: the file, and the folder that it stands in."""
    path = str(Path(place).resolve()) if place.endswith(".py") else ""
    if not path and found is not None:
        try:
            path = inspect.getsourcefile(inspect.unwrap(found)) or ""
        except TypeError:  # an object
            path = inspect.getsourcefile(type(found)) or ""
    if not path and (module := sys.modules.get(place)):
        path = getattr(module, "__file__", "") or ""
    folder = str(Path(path).parent) + os.sep if path else os.getcwd() + os.sep
    return tuple(dict.fromkeys(p for p in (place, path, folder) if p))


def _from_file(path: Path) -> ModuleType:
    name, number = PREFIX + path.stem, 1
    while name in sys.modules:
        if getattr(sys.modules[name], "__file__", "") == str(path):
            return sys.modules[name]
        number += 1
        name = f"{PREFIX}{path.stem}_{number}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None  # which every file of this ending has
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with _searching(str(path.parent)):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextmanager
def _searching(folder: str) -> Iterator[None]:
    """With a folder first on the module search path, which then stays there as the last."""
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
        if folder not in sys.path:
            sys.path.append(folder)


def _member(place: str, owner: Any, name: str) -> Any:
    if not hasattr(owner, name):
        own = [n for n, v in vars(owner).items() if callable(v) and not n.startswith("_")]
        mine = [n for n in own if getattr(vars(owner)[n], "__module__", "") == getattr(owner, "__name__", "")]
        raise UserFileError(f"{place} has no {name!r}; it has {', '.join(mine or own) or 'nothing that can be called'}")
    return getattr(owner, name)
