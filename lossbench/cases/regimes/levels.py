"""Regimes with a level, written ``scale=640``: the same ordinary draw under a stress that can be turned up."""

from __future__ import annotations

import numpy as np

from lossbench.cases.draft import Draft
from lossbench.cases.regimes.registry import LINES, SCORES, stress
from lossbench.cases.regimes.rows import harden_labels, leaders_of
from lossbench.domains import Kind


@stress(*LINES, *SCORES)
def scale(draft: Draft, level: float) -> None:
    """Ordinary real arguments and scores, all of them times the level."""
    for name, _ in draft.floats(*LINES, *SCORES):
        draft.arrays[name] = draft.arrays[name] * level


@stress(*LINES, Kind.LOGITS)
def shift(draft: Draft, level: float) -> None:
    """Ordinary real arguments and rows of logits, the level added to all of them."""
    for name, _ in draft.floats(*LINES, Kind.LOGITS):
        if not draft.loss.is_shared(name):
            draft.arrays[name] = draft.arrays[name] + level


@stress(*SCORES)
def gap(draft: Draft, level: float) -> None:
    """Scores that are certain by the level, right and wrong in turn; hard labels."""
    harden_labels(draft)
    for name, domain in draft.floats(*SCORES):
        array = draft.arrays[name]
        if domain.kind is Kind.LOGITS:
            draft.arrays[name] = array + level * leaders_of(draft, array.shape)
        else:
            draft.arrays[name] = np.sign(array) * level
