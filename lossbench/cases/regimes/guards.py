"""Where guards hold that are meant for a division by zero, and what stands for minus infinity."""

from __future__ import annotations

import math

import numpy as np

from lossbench.cases.draft import Draft
from lossbench.cases.regimes.registry import regime
from lossbench.domains import Kind
from lossbench.loss import Over

SHORTEST = 12  # powers of ten below 1: the guards that people put under a root or a fraction lie from 1e-6 to 1e-12
MASKS = (-1e4, -1e9, -1e15)  # what people write for minus infinity


@regime(Kind.REAL, over=(Over.ROWS, Over.SAMPLES, Over.BATCH))
def short(draft: Draft) -> None:
    """Half of the vectors so short that guards hold which keep a division from 0: lengths from 1e-2 to 1e-12."""
    shortest = min(SHORTEST, int(-math.log10(draft.format.smallest_normal)))
    powers = np.array([1.0, *(float(f"1e-{k}") for k in range(2, shortest + 1))])
    for name, _ in draft.floats(Kind.REAL):
        array = draft.arrays[name]
        if array.ndim and not draft.loss.is_shared(name):
            rows = array.shape[:-1]
            chosen = draft.some(rows)
            which = np.where(chosen, draft.generator.integers(1, len(powers), rows), 0)
            draft.arrays[name] = array * powers[which][..., None]


@regime(Kind.LOGITS)
def masked_classes(draft: Draft) -> None:
    """Scores of -1e4, -1e9 or -1e15 for classes that are masked out as people do it, the target's among them."""
    values = [value for value in MASKS if -value < draft.format.largest / 4]
    for name, _ in draft.floats(Kind.LOGITS):
        array = draft.arrays[name]
        draft.arrays[name] = np.where(draft.some(array.shape, 0.25), draft.generator.choice(values, array.shape), array)
