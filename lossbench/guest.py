"""A guest: a user's own function or class, as the parent describes it to a worker, which alone ever runs it.

The description holds names, roles and a few ordinary inputs to try it on, and nothing of what it should answer.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from lossbench.records import Option


@dataclass(frozen=True, slots=True)
class Guest:
    """What a worker needs to know in order to load somebody's loss and to call it as one of ours."""

    place: str  # the path of a .py file, or a dotted module
    name: str  # of what is in it
    via: str  # what it is called in tables
    loss: str
    required: tuple[str, ...]  # arrays of the loss
    optional: tuple[str, ...]
    targets: tuple[str, ...]  # those of its arrays that are labels, as opposed to a model's output
    classed: tuple[str, ...]  # those whose last axis is the classes
    whole: tuple[str, ...]  # those that do not grow with the batch
    parameters: tuple[tuple[str, Option], ...]  # and their defaults
    reductions: tuple[str, ...]
    terms: tuple[int, ...]  # the shape of the unreduced loss of the inputs to try
    trial: tuple[tuple[str, str, tuple[int, ...], tuple[float, ...]], ...]  # name, format, shape, numbers
    map: tuple[tuple[str, str], ...] = ()  # as given: ours=theirs, or theirs=value
    order: str = ""  # as given, see `arrangement`
    output: str = ""  # the entry of what it returns
    layout: str = ""  # "last" or "second": where it has the classes; empty: as its framework has them

    def text(self) -> str:
        """The description as one line."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> Guest:
        """Read back what `text` wrote."""
        told: dict[str, Any] = json.loads(text)
        return cls(**{field.name: _frozen(told[field.name]) for field in fields(cls)})


def _frozen(value: Any) -> Any:
    return tuple(_frozen(each) for each in value) if isinstance(value, list) else value
