"""How a file of a user's own says which function of it computes a loss in which framework.

Both sides import this: the parent to know whom to ask, the worker to enter the functions into its framework's table.
The functions import their framework inside, so that the parent, which imports none, can read the file.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lossbench.framework import FLOATS, Adapter, Framework
from lossbench.loading import PREFIX, load_module
from lossbench.records import Known

FILES = "LOSSBENCH_LOSSES"  # files and modules of losses that the user brings, as JSON


@dataclass(frozen=True, slots=True)
class Brought:
    """One function of a user's file: for which framework it computes which loss, and what it can take."""

    framework: str
    loss: str
    via: str
    adapter: Adapter
    options: Mapping[str, Any]


_brought: dict[tuple[str, str, str], Brought] = {}


def implements(
    framework: str,
    loss: Any,
    *,
    via: str = "",
    reductions: Sequence[str] | Mapping[str, str | None] = ("none", "mean", "sum"),
    dtypes: Sequence[str] = FLOATS,
    integers: Sequence[str] = ("int64",),
    devices: Sequence[str] = ("cpu", "cuda"),
    known: Sequence[Known] = (),
) -> Callable[[Adapter], Adapter]:
    """Decorator: this function computes `loss` in `framework`.

    Its positional arguments are the arrays it takes, by the loss's own names; its keyword-only ones are the
    parameters it offers, and `reduction` if it takes one. It imports its framework inside.

    Args:
        framework: torch, paddle, tensorflow, jax, or one that a package brings.
        loss: the loss, or its name; one of the catalogue's, or of the file's own.
        via: the name it stands under in tables; the file's and the function's own unless given.
        reductions: the canonical names it can take, or a mapping of them to the framework's own words.
        dtypes: the formats it can take.
        integers: the formats in which it takes class indices, labels and lengths.
        devices: those it runs on.
        known: deviations that are understood.
    """

    def enter(adapter: Adapter) -> Adapter:
        name = str(getattr(loss, "name", loss))
        module = getattr(adapter, "__module__", "").removeprefix(PREFIX)
        one = Brought(
            framework,
            name,
            via or f"{module}.{getattr(adapter, '__name__', 'call')}",
            adapter,
            {
                "reductions": reductions,
                "dtypes": dtypes,
                "integers": integers,
                "devices": devices,
                "known": known,
            },
        )
        _brought[framework, name, one.via] = one
        return adapter

    return enter


def enter(framework: Framework) -> None:
    """Enter what has been brought for this framework into its table."""
    for one in _brought.values():
        if one.framework == framework.name and f"{one.loss}:{one.via}" not in framework.table:
            framework.implements(one.loss, via=one.via, **one.options)(one.adapter)


def load_brought(framework: Framework) -> None:
    """In the worker: load the files and modules of losses that the environment names, and enter what they compute.

    Raises:
        UserFileError: one cannot be loaded.
    """
    for entry in json.loads(os.environ.get(FILES, "[]")):
        if entry["optional"] and importlib.util.find_spec(entry["module"].split(".")[0]) is None:
            continue  # a package of the parent's that this interpreter does not have
        load_module(entry["path"] or entry["module"])
    enter(framework)


def brought() -> tuple[Brought, ...]:
    """All functions that have been brought so far."""
    return tuple(_brought.values())
