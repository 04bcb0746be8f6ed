"""In the worker: an adapter whose calls of a framework's functions go through the classes of the same loss instead.

Frameworks offer most losses twice, as a function and as a class whose object is called. What a class is made with and
what its object is called with is read off both signatures, so that the two can be held against each other.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from lossbench.framework import Adapter

OTHERWISE = {"binary_cross_entropy": "BCELoss", "binary_cross_entropy_with_logits": "BCEWithLogitsLoss"}


class Classes:
    """Stands in the place of a module of functions: those that a class computes, too, are taken from there."""

    def __init__(self, functions: ModuleType, classes: ModuleType) -> None:
        """Hold both modules, such as ``torch.nn.functional`` and ``torch.nn``."""
        self._functions = functions
        named = {name.lower(): value for name, value in vars(classes).items() if inspect.isclass(value)}
        self._classes: Mapping[str, type] = named

    def __getattr__(self, name: str) -> Any:
        """A function of that name: the class's, where there is one that can be made with what the function is given."""
        function = getattr(self._functions, name)
        bare = OTHERWISE.get(name, name).replace("_", "").lower()
        made = self._classes.get(bare) or self._classes.get(f"{bare}loss")
        return function if made is None else functools.partial(_called, function, made)


def _called(function: Callable[..., Any], made: type, *given: Any, **named: Any) -> Any:
    """What an object of the class answers; the function itself where no object takes what is given."""
    initial = inspect.signature(made.__init__).parameters  # type: ignore[misc]
    called = list(inspect.signature(made.forward).parameters)[1:]  # type: ignore[attr-defined]
    settings = {name: value for name, value in named.items() if name in initial}
    rest = {name: value for name, value in named.items() if name not in initial}
    needed = [n for n, p in list(initial.items())[1:] if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    if len(given) > len(called) or any(n not in called for n in rest) or any(n not in settings for n in needed):
        return function(*given, **named)
    return made(**settings)(*given, **rest)


def through_classes(adapter: Adapter, functions: ModuleType, classes: ModuleType) -> Adapter:
    """The adapter, with every module of functions that its file holds replaced while it runs."""
    names = inspect.unwrap(adapter).__globals__
    held = [name for name, value in names.items() if value is functions]
    stand_in = Classes(functions, classes)

    @functools.wraps(adapter)
    def call(*arrays: Any, **parameters: Any) -> Any:
        names.update(dict.fromkeys(held, stand_in))
        try:
            return adapter(*arrays, **parameters)
        finally:
            names.update(dict.fromkeys(held, functions))

    return call
