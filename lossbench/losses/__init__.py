"""The catalogue: one function for each loss, one file for each family."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from lossbench import brought
from lossbench.loss import Loss


def catalogue() -> dict[str, Loss]:
    """Every loss and variant by name, in the order of their files; behind them those that the user has brought.

    Raises:
        ValueError: two files define a loss of the same name.
        UsageError: a package that announces losses cannot be used.
    """
    if not _complete:
        _complete.append(True)
        brought.bring_packages(_shipped())
        renewed()
    return _all()


_complete: list[bool] = []  # whether the packages that announce losses have been asked


def bring(path: Path) -> list[Loss]:
    """Take the losses of a user's file into the catalogue.

    Raises:
        UsageError: the file cannot be used.
    """
    found = brought.bring_file(path, _shipped())
    renewed()
    return found


def renewed() -> None:
    """Take in what the user has brought since."""
    _all.cache_clear()


@cache
def _all() -> dict[str, Loss]:
    return {**_shipped(), **brought.brought_losses()}


@cache
def _shipped() -> dict[str, Loss]:
    found: dict[str, Loss] = {}
    for module in pkgutil.walk_packages(__path__, f"{__name__}."):
        for entry in vars(importlib.import_module(module.name)).values():
            own = isinstance(entry, Loss) and entry.function.__module__ == module.name
            if own and found.setdefault(entry.name, entry) is not entry:
                raise ValueError(f"the loss {entry.name!r} is defined twice; give one of them another name")
    return found
