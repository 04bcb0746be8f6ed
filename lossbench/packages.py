"""In the worker: packages of losses written on top of a framework, imported when one of their losses is asked for.

An adapter's file says what it would call whether the package is installed or not, so that what is missing can be told
by name. Importing a package may take seconds and may fail (torchvision's for another torch does), so it waits for the
first call, and a package that fails is as good as one that is not there.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import replace
from types import ModuleType
from typing import Any

from lossbench.records import Implementation

TO_INSTALL = ", which is not installed; to install it: "
BESIDE = ("keras", "optax")  # public names of losses begin with these, too
TRY = "LOSSBENCH_TRY_PACKAGES"  # set by those who want to know whether the packages that are there can be imported


class PackageLacking(Exception):
    """A package is not installed, or cannot be imported; the message says which and what to type."""


class Deferred(ModuleType):
    """Stands in an adapter's file for a package's module until the package is loaded."""


class Package:
    """What pip installs under one name, for a framework's adapters."""

    def __init__(self, name: str, module: str, measured: str, *, version: str = "", beside: str = "") -> None:
        """Describe a package; nothing is imported.

        Args:
            name: what pip calls it.
            module: the module that must be found for it to count as installed.
            measured: the version that its declared deviations were measured with.
            version: what to ask pip for instead of exactly that one; "any" where it goes with the framework's.
            beside: further requirements of the line that installs it, such as the framework as it is.
        """
        self.name, self.measured = name, measured
        self.requirement = name if version == "any" else f"{name}{version or f'=={measured}'}"
        self._beside, self._module = beside, module
        self._spaces: list[dict[str, Any]] = []  # of the files that have adapters for it
        self._loaded, self._broken = False, ""

    def module(self, name: str) -> Any:
        """What an adapter's file calls the package's module `name` by; the module itself once it is loaded."""
        return Deferred(name)

    def used_in(self, space: dict[str, Any]) -> None:
        """Remember the names of a file that has adapters for it."""
        if not any(space is known for known in self._spaces):
            self._spaces.append(space)

    @property
    def version(self) -> str:
        """The version that is installed; empty where none is."""
        try:
            found = importlib.util.find_spec(self._module)
            return importlib.metadata.version(self.name) if found else ""
        except (ImportError, ValueError):
            return ""

    @property
    def install(self) -> str:
        """What to type to have it in this interpreter, with the framework left as it is."""
        parts = [part for part in (self.requirement, self._beside) if part]
        return f"{sys.executable} -m pip install {' '.join(parts)}"

    def lacks(self) -> str:
        """What keeps it from being used, as far as is known without importing it; empty where nothing does."""
        if self._broken:
            return self._broken
        return "" if self.version else f"needs {self.name}{TO_INSTALL}{self.install}"

    def load(self) -> None:
        """Import what the adapters call; once that is done it costs nothing.

        Raises:
            PackageLacking: it is not there, or its import fails.
        """
        if self._loaded:
            return
        if lacking := self.lacks():
            raise PackageLacking(lacking)
        try:
            for space in self._spaces:
                for name, entry in list(space.items()):
                    if isinstance(entry, Deferred):
                        space[name] = importlib.import_module(entry.__name__)
        except (Exception, SystemExit) as error:
            said = f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
            self._broken = (
                f"needs {self.name}, and {self.version} is installed and cannot be imported: {said}; perhaps it is "
                f"not built for this {self._beside or 'framework'}: take it from where that came from, or try "
                f"{sys.executable} -m pip install --force-reinstall --no-deps {self.requirement}"
            )
            raise PackageLacking(self._broken) from error
        self._loaded = True


def sorted_out(
    implementations: Iterable[Implementation], packages: dict[str, Package], tried: bool, framework: str = ""
) -> tuple[list[Implementation], list[Implementation]]:
    """Those that are there, with the versions of their packages, and those that are not, with the reason.

    Args:
        implementations: all that have adapters.
        packages: by name.
        tried: whether to import the packages, so that one that fails counts as missing, too.
        framework: its name and version, for what that version does not have.
    """
    lacking, versions = dict[str, str](), dict[str, str]()
    for name, package in packages.items():
        if tried:
            with suppress(PackageLacking):
                package.load()
        lacking[name], versions[name] = package.lacks(), package.version
    roots = {framework.partition(" ")[0], *BESIDE}
    there, missing = [], []
    for one in implementations:
        if why := lacking.get(one.package, ""):
            missing.append(replace(one, lacks=why))
        elif not (one.package or one.recipe) and (name := unknown(one.via, roots)):
            missing.append(replace(one, lacks=f"needs {name}, which {framework} does not have"))
        elif one.package:
            there.append(replace(one, package=f"{one.package} {versions[one.package]}"))
        else:
            there.append(one)
    return there, missing


def unknown(via: str, roots: Collection[str]) -> str:
    """The part of a public name that a framework, imported as one of `roots`, does not have; empty: it has them all."""
    for part in via.split(" + "):
        name = part.partition("(")[0].partition(" of ")[0].strip()
        root, *rest = name.split(".")
        if root not in roots or root not in sys.modules or not all(word.isidentifier() for word in rest):
            continue  # a name of somebody's own, or a short one for a module
        owner: Any = sys.modules[root]
        for word in rest:
            owner = getattr(owner, word, None)
        if owner is None:
            return name
    return ""
