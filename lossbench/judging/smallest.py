"""The smallest part of captured tensors that still shows what an implementation does wrong with the whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from lossbench.cases.captured import Captured, Part, cut, part_axes, part_word, shape_of
from lossbench.loss import Loss
from lossbench.records import Case, Status, Verdict

SHOWS = (Status.DIFFERS, Status.IMPRECISE, Status.DEVIATES, Status.REFUSES, Status.CRASHES, Status.HANGS)
INDEX = re.compile(r"\[([\d,]+)\]: got")
MOST = 200  # questions put for one implementation
FEW = 16  # numbers of an argument that are printed in full
Ask = Callable[[Case], Verdict | None]


@dataclass(frozen=True, slots=True)
class Smallest:
    """A part of the captured tensors, its own verdict, and the numbers in it."""

    verdict: Verdict
    part: Part
    arrays: dict[str, np.ndarray]

    @property
    def said(self) -> str:
        """Where it is and what it holds."""
        where = ", ".join(f"{p.start}" if p.stop == p.start + 1 else f"{p.start} to {p.stop - 1}" for p in self.part)
        held = "; ".join(f"{name} = {_numbers(array)}" for name, array in self.arrays.items())
        return f"[{where}]: {held}" if where else held


def smallest(captured: Captured, loss: Loss, case: Case, found: Verdict, ask: Ask) -> Smallest:
    """Cut until no smaller part has the same verdict, beginning with the term where the worst error is."""
    arrays = captured.given_to(loss)
    whole = shape_of(loss, arrays)
    axes = part_axes(loss, whole)
    best: Part = tuple(slice(0, n) for n in whole[:axes])
    kept, questions = found, 0

    def shows(part: Part) -> Verdict | None:
        nonlocal questions
        questions += 1
        word = part_word(captured.regime, part)
        captured.announce(word)
        shape = tuple(p.stop - p.start for p in part) + whole[len(part) :]
        told = ask(replace(case, regime=word, shape=shape))
        return told if told is not None and told.status is found.status else None

    place = _place(found.worst, axes)
    if place is not None and (told := shows(tuple(slice(i, i + 1) for i in place))):
        best, kept = tuple(slice(i, i + 1) for i in place), told
    while questions < MOST:
        for part in _smaller(best):
            if told := shows(part):
                best, kept = part, told
                break
        else:
            break
    inside = () if all(p == slice(0, n) for p, n in zip(best, whole, strict=False)) else best
    return Smallest(kept, inside, cut(loss, arrays, whole, best))


def _place(worst: str, axes: int) -> tuple[int, ...] | None:
    """The term where the worst error is, as far as the verdict says it."""
    match = INDEX.search(worst)
    index = tuple(int(n) for n in match.group(1).split(",")) if match else ()
    return index[:axes] if len(index) >= axes else None


def _smaller(part: Part) -> Iterator[Part]:
    """Parts of half the length along each axis, the first and the second half."""
    for axis, piece in enumerate(part):
        length = piece.stop - piece.start
        if length > 1:
            middle = piece.start + length // 2
            for half in (slice(piece.start, middle), slice(middle, piece.stop)):
                yield (*part[:axis], half, *part[axis + 1 :])


def _numbers(array: np.ndarray) -> str:
    if array.size <= FEW:
        return repr(array.tolist())
    finite = array[np.isfinite(array)]
    span = f" from {finite.min():.9g} to {finite.max():.9g}" if finite.size else ""
    gone = array.size - finite.size
    return f"{array.size} numbers{span}" + (f", {gone} of them not finite" if gone else "")
