"""Reads native.toml: which losses there are, what each framework itself offers of them, and what is shipped instead."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from lossbench.chart import resolve
from lossbench.losses import catalogue

FRAMEWORKS = ("torch", "paddle", "tensorflow", "jax")
WHOLE = tomllib.loads(Path(__file__).with_name("native.toml").read_text(encoding="utf-8"))
ABSENT = {name: (entry["reason"], entry["confirmed"]) for name, entry in WHOLE["absent"].items()}


@dataclass(frozen=True)
class Native:
    """A loss: the names it has here, its callables by framework, and the frameworks that are shipped a recipe."""

    name: str
    losses: frozenset[str]
    callables: dict[str, list[str]]
    recipes: list[str]


def natives() -> list[Native]:
    """All losses of the file."""
    forms = {loss.name: loss.form_of for loss in catalogue().values() if not loss.variant}
    return [
        Native(
            name,
            frozenset((*resolve(name, forms), *entry.get("also", ()))),
            {framework: entry[framework] for framework in FRAMEWORKS if framework in entry},
            entry.get("recipes", []),
        )
        for name, entry in WHOLE["losses"].items()
    ]


def callables(via: str) -> set[str]:
    """The dotted names in a `via`, without remarks."""
    return {re.split(r"\(| of ", part)[0].strip() for part in via.split(" + ")}


def uncompared(framework: str, compared: set[tuple[str, str, bool]]) -> list[str]:
    """What of a framework's callables and recipes no verdict was about.

    `compared` holds the loss and the via of each verdict, and whether it is about a recipe.
    """
    missing: list[str] = []
    for native in natives():
        mine = [(callables(via), recipe) for loss, via, recipe in compared if loss in native.losses]
        found = set().union(*(names for names, recipe in mine if not recipe))
        wanted = [name for name in native.callables.get(framework, []) if name not in ABSENT]
        missing += [f"{native.name}: {name}" for name in wanted if name not in found]
        if framework in native.recipes and not any(recipe for _, recipe in mine):
            missing.append(f"{native.name}: a recipe")
    return missing
