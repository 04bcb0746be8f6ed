"""The catalogue: one function for each loss, one file for each family."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from lossbench import brought
from lossbench.loss import Loss


@cache
def catalogue() -> dict[str, Loss]:
    """Every loss and variant by name, in the order of their files; behind them those that the user has brought.

    Raises:
        ValueError: two files define a loss of the same name.
        UsageError: a package that announces losses cannot be used.
    """
    shipped = _shipped()
    brought.bring_packages(shipped)
    return {**shipped, **brought.brought_losses()}


def bring(path: Path) -> list[Loss]:
    """Take the losses of a user's file into the catalogue.

    Raises:
        UsageError: the file cannot be used.
    """
    found = brought.bring_file(path, _shipped())
    catalogue.cache_clear()
    return found


def _shipped() -> dict[str, Loss]:
    found: dict[str, Loss] = {}
    for module in pkgutil.walk_packages(__path__, f"{__name__}."):
        for entry in vars(importlib.import_module(module.name)).values():
            own = isinstance(entry, Loss) and entry.function.__module__ == module.name
            if own and found.setdefault(entry.name, entry) is not entry:
                raise ValueError(f"the loss {entry.name!r} is defined twice; give one of them another name")
    return found
