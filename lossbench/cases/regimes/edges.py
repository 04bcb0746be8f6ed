"""The ends of domains, saturated scores, kinks and ties."""

from __future__ import annotations

import math

import numpy as np

from lossbench.cases.draft import Draft, portable
from lossbench.cases.regimes.reach import ties
from lossbench.cases.regimes.registry import LINES, ROWS, SCORES, SEASONABLE, regime
from lossbench.cases.regimes.rows import harden_labels, leaders_of, onehot_rows, scale_boxes
from lossbench.domains import Kind
from lossbench.loss import Over


@regime(*SEASONABLE)
def boundary(draft: Draft) -> None:
    """The ends of each domain and the thresholds of the format: 0, 1, 1-u, subnormals, the largest numbers."""
    form = draft.format
    tiny = [form.smallest_subnormal, form.smallest_normal]
    overflow = math.log(form.largest)
    scores = [0.0, -0.0, *tiny, -tiny[1], overflow, -overflow, 1.02 * overflow, -1.02 * overflow]
    choices = {
        Kind.REAL: [0.0, -0.0, 1.0, -1.0, *tiny, -tiny[0], math.sqrt(form.largest) / 4, form.largest, -form.largest],
        Kind.POSITIVE: [0.0, 1.0, *tiny, form.largest],
        Kind.PROBABILITY: [0.0, 1.0, 1 - form.unit_roundoff, 0.5, *tiny, *(10.0**-k for k in (2, 4, 7, 8, 12, 16))],
        Kind.COSINE: [0.0, -0.0, 1.0, -1.0, 1 - form.unit_roundoff, form.eps - 1, 0.5, *tiny, -tiny[1]],
        Kind.LOGIT: scores,
        Kind.LOGITS: scores,
    }
    for name, domain in draft.floats(*choices):
        draft.season(name, draft.generator.choice(choices[domain.kind], draft.arrays[name].shape))
    for name, domain in draft.floats(*ROWS):
        onehot = onehot_rows(draft, draft.arrays[name].shape)
        rows = onehot if domain.kind is Kind.PROBABILITIES else np.where(onehot == 1, 0.0, -overflow)
        chosen = draft.some(onehot.shape[:-1])[..., None]
        draft.arrays[name] = np.where(chosen, rows, draft.arrays[name])
    for name, _ in draft.floats(Kind.UNIT):  # along the axes: the same, orthogonal, or opposite
        shape = draft.arrays[name].shape
        axes = draft.generator.choice([-1.0, 1.0], shape) * onehot_rows(draft, shape)
        draft.arrays[name] = np.where(draft.some(axes.shape[:-1])[..., None], axes, draft.arrays[name])
    bits = math.log2(form.largest), math.log2(form.smallest_normal)
    scales = [math.floor(b) for b in (bits[0] - 5, bits[0] / 2, bits[1] / 2, bits[1])]
    scale_boxes(draft, lambda size: draft.generator.choice(scales, size))
    for name, _ in draft.floats(Kind.BOX):  # some of no width, no height, or neither
        low, high = np.split(draft.arrays[name], 2, axis=-1)
        high = np.where(draft.some(high.shape, 0.25), low, high)
        draft.arrays[name] = np.concatenate([low, high], axis=-1)
    harden_labels(draft)


@regime(*SCORES, Kind.PROBABILITY)
def confident(draft: Draft) -> None:
    """Saturated scores, right and wrong: margins from half of -ln u of the format up to the underflow of exp."""
    certain = -math.log(draft.format.unit_roundoff)
    underflow = -math.log(draft.format.smallest_subnormal)
    for name, domain in draft.floats(*SCORES, Kind.PROBABILITY):
        array = draft.arrays[name]
        last = array.shape[:-1] if domain.kind is Kind.LOGITS else array.shape
        near = draft.generator.uniform(0.5 * certain, 2 * certain, last)
        far = draft.generator.uniform(certain, underflow, last)
        margin = np.where(draft.generator.random(last) < 0.5, near, far)
        if domain.kind is Kind.LOGITS:
            draft.arrays[name] = array + margin[..., None] * leaders_of(draft, array.shape)
        elif domain.kind is Kind.LOGIT:
            draft.arrays[name] = draft.generator.choice([-1.0, 1.0], last) * margin
        else:
            small = portable(np.exp(-margin), draft.generator)
            draft.arrays[name] = np.where(draft.generator.random(last) < 0.5, small, 1 - small)
    harden_labels(draft)


@regime(kinks=True)
def kink(draft: Draft) -> None:
    """Exactly on the points where the derivative jumps, on a grid that every format holds."""
    for name, _ in draft.floats(*LINES, *SCORES, Kind.BOX):
        draft.arrays[name] = np.clip(np.round(draft.arrays[name] * 8) / 8, -4, 4)
    assert draft.loss.kinks_at is not None
    replacements = list(draft.loss.kinks_at(dict(draft.arrays), **draft.parameters))
    least = 0 if draft.loss.over is Over.BATCH else -1  # where there is one term, it is put on a kink
    chosen = np.asarray(draft.generator.integers(least, len(replacements), draft.loss.term_shape(draft.shape)))
    for number, replaced in enumerate(replacements):
        for name, values in replaced.items():
            if draft.loss.is_shared(name):
                draft.arrays[name] = values
                continue
            array = draft.arrays[name]
            here = (chosen == number).reshape(chosen.shape + (1,) * (array.ndim - chosen.ndim))
            draft.arrays[name] = np.where(here, values, array)


@regime(*LINES, *SCORES, Kind.PROBABILITY, Kind.UNIT, Kind.BOX, to=ties)
def tie(draft: Draft) -> None:
    """Equal numbers where a loss compares: identical pairs, repeated maxima, logits of exactly 0."""
    batch = draft.loss.over is Over.BATCH
    lines = [entry for entry in draft.floats(*LINES, Kind.BOX) if not draft.loss.is_shared(entry[0])]
    if len(lines) > 1:
        first = draft.arrays[lines[0][0]]
        same = draft.some(draft.shape[:-1] if batch else draft.loss.term_shape(draft.shape))
        for name, _ in lines[1:]:
            if draft.arrays[name].shape == first.shape:
                here = same.reshape(same.shape + (1,) * (first.ndim - same.ndim))
                draft.arrays[name] = np.where(here, first, draft.arrays[name])
    if batch:  # its rows are compared with each other
        repeated = draft.some(draft.shape[:1]).reshape(-1, *(1,) * (len(draft.shape) - 1))
        for name, _ in draft.floats(*LINES, Kind.UNIT):
            array = draft.arrays[name]
            if array.shape == draft.shape:
                draft.arrays[name] = np.where(repeated, array[:1], array)
    for name, domain in draft.floats(*SCORES, Kind.PROBABILITY):
        array = draft.arrays[name]
        if domain.kind is Kind.LOGITS:
            draft.season(name, np.broadcast_to(array.max(axis=-1, keepdims=True, initial=0.0), array.shape))
        else:
            draft.season(name, np.full(array.shape, 0.5 if domain.kind is Kind.PROBABILITY else 0.0))


@regime(*SCORES, Kind.REAL)
def all_negative(draft: Draft) -> None:
    """Scores and real arguments all below zero, where a maximum that starts at 0 or a padding of 0 would win."""
    for name, _ in draft.floats(*SCORES, Kind.REAL):
        if not draft.loss.is_shared(name):
            draft.arrays[name] = -np.abs(draft.arrays[name])
