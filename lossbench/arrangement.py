"""How a user's function wants its arrays: ``target,prediction``, or ``logit,[_,target]`` where they come in a list.

A name stands for an array of the loss, ``_`` for nothing (None), brackets for a list and braces for a dictionary
(``{maps:logit}``). ``prediction`` and ``target`` stand for whatever the loss calls its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class ArrangementError(ValueError):
    """An order that does not read."""


@dataclass(frozen=True, slots=True)
class Part:
    """One argument: an array by its name, nothing, or a list or dictionary of parts."""

    name: str = ""
    parts: tuple[Part, ...] = ()
    keys: tuple[str, ...] = ()
    kind: str = "array"  # array, nothing, list or dictionary

    def names(self) -> list[str]:
        """The arrays in it."""
        return [self.name] if self.kind == "array" else [name for part in self.parts for name in part.names()]

    def renamed(self, canonical: Callable[[str], str]) -> Part:
        """The same with every array's name replaced."""
        parts = tuple(part.renamed(canonical) for part in self.parts)
        return Part(canonical(self.name) if self.kind == "array" else "", parts, self.keys, self.kind)

    def filled(self, arrays: Mapping[str, Any]) -> Any:
        """The argument, made of these arrays; one that is not among them is None."""
        if self.kind == "array":
            return arrays.get(self.name)
        inside = [part.filled(arrays) for part in self.parts]
        if self.kind == "list":
            return inside
        return dict(zip(self.keys, inside, strict=True)) if self.kind == "dictionary" else None

    def __str__(self) -> str:
        """The part as it is written."""
        if self.kind == "list":
            return f"[{', '.join(map(str, self.parts))}]"
        if self.kind == "dictionary":
            inside = (f"{key}: {part}" for key, part in zip(self.keys, self.parts, strict=True))
            return "{" + ", ".join(inside) + "}"
        return self.name or "_"


def listed(parts: Sequence[Part]) -> Part:
    """A list of parts as one argument."""
    return Part(parts=tuple(parts), kind="list")


def parse(text: str) -> list[Part]:
    """The arguments that an order names, in turn.

    Raises:
        ArrangementError: it does not read like one.
    """
    return [_part(piece.strip(), text) for piece in _split(text, text)]


def _part(piece: str, text: str) -> Part:
    if piece == "_":
        return Part(kind="nothing")
    if piece.startswith("[") and piece.endswith("]"):
        return listed([_part(inner.strip(), text) for inner in _split(piece[1:-1], text)])
    if piece.startswith("{") and piece.endswith("}"):
        pairs = [inner.partition(":") for inner in _split(piece[1:-1], text)]
        if not all(colon for _, colon, _ in pairs):
            raise ArrangementError(f"{text!r}: a dictionary reads like {{maps:prediction}}")
        keys = tuple(key.strip() for key, _, _ in pairs)
        return Part(parts=tuple(_part(value.strip(), text) for _, _, value in pairs), keys=keys, kind="dictionary")
    if not piece.isidentifier():
        raise ArrangementError(f"{text!r}: {piece!r} is no name; write it like target,prediction or logit,[_,target]")
    return Part(piece)


def _split(piece: str, text: str) -> list[str]:
    found, depth = [""], 0
    for letter in piece:
        depth += (letter in "[{") - (letter in "]}")
        if depth < 0:
            break
        if letter == "," and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    if depth:
        raise ArrangementError(f"{text!r}: brackets do not match")
    return found
