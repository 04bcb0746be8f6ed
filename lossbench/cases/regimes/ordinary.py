"""Ordinary inputs, inputs of every size, and inputs that are all alike."""

from __future__ import annotations

import math

import numpy as np

from lossbench.cases.draft import Draft, log_softmax, of_unit_length, portable, portable_rows
from lossbench.cases.regimes.registry import NUMBERS, ROWS, SEASONABLE, regime
from lossbench.cases.regimes.rows import onehot_rows, scale_boxes
from lossbench.domains import Kind


@regime(repeat=True)
def normal(draft: Draft) -> None:
    """Ordinary inputs: normal scores, probabilities inside (0, 1), mostly hard labels."""


@regime(*SEASONABLE)
def log_uniform(draft: Draft) -> None:
    """Magnitudes spread evenly over many powers of ten of the tested format, both signs."""
    low = math.log10(draft.format.smallest_normal) / 3
    high = math.log10(draft.format.largest) / 5
    scale_boxes(draft, lambda size: np.rint(draft.generator.uniform(low, high, size) / math.log10(2)))
    for name, domain in draft.floats(*NUMBERS):
        size = draft.arrays[name].shape
        sign = draft.generator.choice([-1.0, 1.0], size)
        if domain.kind is Kind.PROBABILITY:
            small = 10.0 ** draft.generator.uniform(low, 0, size)
            small = portable(small, draft.generator)
            values = np.where(sign > 0, small, 1 - small)
        elif domain.kind is Kind.COSINE:
            small = portable(10.0 ** draft.generator.uniform(low, 0, size), draft.generator)
            values = sign * np.where(draft.generator.random(size) < 0.5, small, 1 - small)
        elif domain.kind in ROWS:
            values = log_softmax(sign * 10.0 ** draft.generator.uniform(-2, 2, size))
            logs = domain.kind is Kind.LOG_PROBABILITIES
            draft.arrays[name] = portable(values, draft.generator) if logs else portable_rows(np.exp(values))
            continue
        elif domain.kind is Kind.UNIT:  # within range of each other, so that no length is lost to a single entry
            values = portable(sign * 10.0 ** draft.generator.uniform(low / 3, 0, size), draft.generator)
            draft.arrays[name] = of_unit_length(values)
            continue
        else:
            values = portable(sign * 10.0 ** draft.generator.uniform(low, high, size), draft.generator)
        draft.season(name, np.abs(values) if domain.kind is Kind.POSITIVE else values)


@regime()
def zeros(draft: Draft) -> None:
    """All zeros: fresh weights, empty masks, uniform rows."""
    _constant(draft, 0.0)


@regime()
def ones(draft: Draft) -> None:
    """All ones."""
    _constant(draft, 1.0)


@regime(rows=0)
def empty(draft: Draft) -> None:
    """A batch of nothing."""


@regime(rows=1)
def one_row(draft: Draft) -> None:
    """A batch of one."""


def _constant(draft: Draft, value: float) -> None:
    for name, domain in draft.floats():
        array = draft.arrays[name]
        if domain.kind in ROWS:
            classes = array.shape[-1]
            rows = np.full(array.shape, 1 / classes) if value == 0 else onehot_rows(draft, array.shape)
            with np.errstate(divide="ignore"):
                logs = np.maximum(np.log(rows), -100.0)
            draft.arrays[name] = rows if domain.kind is Kind.PROBABILITIES else logs
        elif domain.kind is Kind.SIGN:
            draft.arrays[name] = np.full(array.shape, 1.0 if value == 0 else -1.0)
        elif domain.kind is Kind.UNIT:
            draft.arrays[name] = onehot_rows(draft, array.shape) if value else of_unit_length(np.ones(array.shape))
        elif domain.kind in (Kind.WEIGHT, Kind.MASK):
            draft.arrays[name] = np.ones(array.shape)
        else:
            draft.arrays[name] = np.full(array.shape, value)
