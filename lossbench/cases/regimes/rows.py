"""Rows and labels that several regimes season with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lossbench.cases.draft import Draft
from lossbench.domains import Kind


def scale_boxes(draft: Draft, exponents: Callable[[tuple[int, ...]], np.ndarray]) -> None:
    """Multiply all the boxes of some terms by the same power of two, of an exponent drawn for each."""
    boxes = draft.floats(Kind.BOX)
    if boxes:
        terms = draft.loss.term_shape(draft.shape)
        by = np.where(draft.some(terms), exponents(terms), 0).astype(int)[..., None]
        for name, _ in boxes:
            draft.arrays[name] = np.ldexp(draft.arrays[name], by)


def onehot_rows(draft: Draft, shape: tuple[int, ...]) -> np.ndarray:
    """A random one-hot row for each row of `shape`."""
    leaders = draft.generator.integers(0, max(shape[-1], 1), shape[:-1])
    return np.asarray(np.arange(shape[-1]) == leaders[..., None], dtype=float)


def leaders_of(draft: Draft, shape: tuple[int, ...]) -> np.ndarray:
    """A one-hot row for each row: the target's class where there is one and chance says so, else any class."""
    onehot = onehot_rows(draft, shape)
    target = draft.arrays.get("target")
    if target is None or target.shape != shape[:-1] or target.dtype.kind != "i":
        return onehot
    right = draft.generator.random(target.shape) < 0.5
    return np.asarray(np.where(right[..., None], (np.arange(shape[-1]) == target[..., None]).astype(float), onehot))


def harden_labels(draft: Draft) -> None:
    """Round soft labels to 0 and 1."""
    for name, _ in draft.floats(Kind.BINARY):
        draft.arrays[name] = np.round(draft.arrays[name])
