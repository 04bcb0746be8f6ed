"""What a user's function or object takes when it is called, as far as Python can tell."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

CALLS = ("forward", "call", "__call__")  # by which a class is called, in the order of preference
FOREIGN = frozenset({"torch", "paddle", "keras", "tensorflow", "jax", "builtins", "flax"})


def method_of(kind: type) -> Callable[..., Any]:
    """What an object of a class does when it is called: the user's own method where a framework's stands before it."""
    for name in CALLS:
        if name in {n for base in kind.__mro__ for n in vars(base) if base.__module__.split(".")[0] not in FOREIGN}:
            return functools.partial(getattr(kind, name), None)
    name = next((name for name in CALLS if hasattr(kind, name)), "__call__")  # one of the framework's own classes
    return functools.partial(getattr(kind, name), None)


def signature_of(call: Any) -> list[inspect.Parameter]:
    """The parameters of a function, or of what an object does when it is called; empty where Python cannot tell."""
    inner = call if hasattr(call, "__name__") or isinstance(call, functools.partial) else method_of(type(call))
    try:
        return list(inspect.signature(inner).parameters.values())
    except (TypeError, ValueError):
        return []
