"""In the worker: somebody's own function or class, loaded from a file or module and entered as an implementation.

Nothing of the user's runs anywhere else. What cannot be loaded becomes an implementation that raises, so that it ends
as a verdict; what cannot be matched with the loss's arguments is told before anything is asked.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import os
import sys
from pathlib import Path
from typing import Any

from lossbench import tampering
from lossbench.complaints import GuestError, complaint, said
from lossbench.framework import FLOATS, Framework, Tensor
from lossbench.guest import Guest
from lossbench.hosted import Hosted
from lossbench.readings import Trial
from lossbench.records import Implementation
from lossbench.testimony import LOADING, TRYING, Testimony


def enter(framework: Framework, guest: Guest, testimony: Testimony) -> None:
    """Make the guest the framework's only implementation.

    Raises:
        MatchingError: its signature does not say how it is to be called.
    """
    framework.table.clear()
    before = tampering.snapshot(framework.name)
    framework.own = (guest.place,)
    try:
        with testimony.limited(LOADING):
            found = load(guest)
        framework.own = own_places(guest, found)
        hosted = Hosted(framework, guest, found)
    except (GuestError, ImportError, SyntaxError) as error:
        _broken(framework, guest, error)
        return
    framework.remark = functools.partial(tampering.replaced, before)
    with testimony.limited(TRYING):
        trial = Trial(hosted)
        for reading in trial.readings():
            implementation, adapter = trial.entry(reading)
            framework.table[implementation.key] = (implementation, adapter)


def load(guest: Guest) -> Any:
    """What the guest's name stands for, its file imported.

    Raises:
        GuestError: it raised while it was imported, or there is nothing of that name.
    """
    try:
        module = _module(guest.place)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        raise GuestError(f"cannot be imported: {said(error, (guest.place,))}") from error
    found: Any = module
    for part in guest.name.split("."):
        if not hasattr(found, part):
            names = ", ".join(n for n, v in vars(module).items() if callable(v) and not n.startswith("_"))
            raise GuestError(f"{guest.place} has no {guest.name!r}; it has {names or 'nothing that can be called'}")
        found = getattr(found, part)
    if not callable(found):
        raise GuestError(f"{guest.name} is {type(found).__name__}, which cannot be called")
    return found


def _module(place: str) -> Any:
    if not place.endswith(".py"):
        sys.path.insert(0, os.getcwd())
        return importlib.import_module(place)
    path = Path(place)
    if (path.parent / "__init__.py").is_file():  # part of a package: imported as such, for its relative imports
        root = path.parent
        while (root / "__init__.py").is_file():
            root = root.parent
        sys.path.insert(0, str(root))
        return importlib.import_module(".".join(path.relative_to(root).with_suffix("").parts))
    sys.path.insert(0, str(path.parent))  # as Python does for a script
    name = path.stem if path.stem not in sys.modules else f"own_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise GuestError(f"{place} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def own_places(guest: Guest, found: Any) -> tuple[str, ...]:
    """The paths that are the user's own: the file, and the folder that it stands in."""
    try:
        path = guest.place if guest.place.endswith(".py") else (inspect.getsourcefile(inspect.unwrap(found)) or "")
    except TypeError:  # an object
        path = inspect.getsourcefile(type(found)) or ""
    return tuple(dict.fromkeys(p for p in (guest.place, path, str(Path(path).parent) + os.sep) if p))


def _broken(framework: Framework, guest: Guest, error: BaseException) -> None:
    """Enter an implementation that raises what kept the guest from being one."""
    told = complaint(error, framework.own)

    def adapter(*, reduction: str, **given: Any) -> Tensor:
        raise GuestError(told)

    names = tuple(name for name, _ in guest.parameters)
    arrays = (*guest.required, *guest.optional)
    one = Implementation(guest.loss, guest.via, arrays, guest.required, names, guest.reductions, FLOATS, told=told)
    framework.table[one.key] = (one, adapter)
