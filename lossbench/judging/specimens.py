"""Cutting inputs down and spreading them out: fewer terms, fewer columns, one term many times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lossbench.cases.stored import Literal
from lossbench.domains import Axes, Kind
from lossbench.loss import Loss, Over

WHOLE_ROWS = (Kind.LOG_PROBABILITIES, Kind.UNIT, Kind.LABELS, Kind.PATH, Kind.BOX)  # a part of one is none
COUNTED = (Axes.ALL, Axes.TERMS, Axes.BUT_LAST)  # arrays that lie along the axes of the terms


def taken(one: Literal, loss: Loss, axis: int, kept: Sequence[int]) -> Literal | None:
    """The case with these positions of one axis alone; None where the loss does not allow it."""
    shape = (*one.shape[:axis], len(kept), *one.shape[axis + 1 :])
    last = axis == len(one.shape) - 1
    arrays: dict[str, np.ndarray] = {}
    for name, array in one.arrays.items():
        domain = loss.arguments[name].domain
        along = axis < array.ndim and domain.axes not in (Axes.SHARED, Axes.LAST)
        part = np.take(array, kept, axis=axis) if along and array.shape[axis] == one.shape[axis] else array
        if domain.axes is Axes.LAST and last:
            part = np.take(array, kept, axis=0)
        if domain.kind in WHOLE_ROWS and last and loss.over is not Over.ELEMENTS:
            return None
        if domain.kind is Kind.CLASS_INDEX and last and _names_columns(loss, domain.axes):
            where = {old: new for new, old in enumerate(kept)}
            if not all(int(label) in where or not 0 <= int(label) < one.shape[-1] for label in array.flat):
                return None
            part = np.array([where.get(int(label), int(label)) for label in array.flat], np.int64).reshape(array.shape)
        if domain.kind is Kind.PROBABILITIES and last and part.shape != array.shape:
            lost = array.sum(axis=-1) - part.sum(axis=-1)
            leaders = part.argmax(axis=-1)[..., None]
            part = part.copy()
            np.put_along_axis(part, leaders, np.take_along_axis(part, leaders, axis=-1) + lost[..., None], axis=-1)
        if part.shape != loss.argument_shape(name, shape):
            return None
        arrays[name] = part
    mask = one.mask(loss.term_shape(one.shape))
    if axis < mask.ndim:
        mask = np.take(mask, kept, axis=axis)
    return replace(one, shape=shape, arrays=arrays, poisoned=tuple(np.flatnonzero(mask).tolist()))


def _names_columns(loss: Loss, axes: Axes) -> bool:
    return loss.over is not Over.ELEMENTS and axes in (Axes.TERMS, Axes.BUT_LAST)


def term_of(one: Literal, loss: Loss, index: Sequence[int]) -> Literal | None:
    """The case with the term at this index alone; None where terms cannot stand alone."""
    found: Literal | None = one
    for axis, position in enumerate(index):
        if found is None or found.shape[axis] == 1:
            continue
        found = taken(found, loss, axis, [position])
    return found


def spread(one: Literal, loss: Loss, count: int) -> Literal:
    """The case with its first term `count` times along the first axis; itself where that cannot be."""
    terms = loss.term_shape(one.shape)
    if not terms or terms[0] != 1:
        return one
    return taken(one, loss, 0, [0] * count) or one
