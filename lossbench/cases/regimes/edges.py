"""The ends of domains, saturated scores, kinks and ties."""

from __future__ import annotations

import math

import numpy as np

from lossbench.cases.draft import Draft, portable
from lossbench.cases.regimes.registry import LINES, ROWS, SCORES, SEASONABLE, regime
from lossbench.cases.regimes.rows import harden_labels, leaders_of, onehot_rows
from lossbench.domains import Kind


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
    for name, _ in draft.floats(*LINES, *SCORES):
        draft.arrays[name] = np.clip(np.round(draft.arrays[name] * 8) / 8, -4, 4)
    assert draft.loss.kinks_at is not None
    replacements = list(draft.loss.kinks_at(dict(draft.arrays), **draft.parameters))
    chosen = draft.generator.integers(-1, len(replacements), draft.loss.term_shape(draft.shape))
    for number, replaced in enumerate(replacements):
        for name, values in replaced.items():
            if draft.loss.is_shared(name):
                draft.arrays[name] = values
                continue
            array = draft.arrays[name]
            here = (chosen == number).reshape(chosen.shape + (1,) * (array.ndim - chosen.ndim))
            draft.arrays[name] = np.where(here, values, array)


@regime(*LINES, *SCORES, Kind.PROBABILITY)
def tie(draft: Draft) -> None:
    """Equal numbers where a loss compares: identical pairs, repeated maxima, logits of exactly 0."""
    lines = [(name, domain) for name, domain in draft.floats(*LINES) if not draft.loss.is_shared(name)]
    if len(lines) > 1:
        first = draft.arrays[lines[0][0]]
        same = draft.some(draft.loss.term_shape(draft.shape))
        for name, _ in lines[1:]:
            if draft.arrays[name].shape == first.shape:
                here = same.reshape(same.shape + (1,) * (first.ndim - same.ndim))
                draft.arrays[name] = np.where(here, first, draft.arrays[name])
    for name, domain in draft.floats(*SCORES, Kind.PROBABILITY):
        array = draft.arrays[name]
        if domain.kind is Kind.LOGITS:
            draft.season(name, np.broadcast_to(array.max(axis=-1, keepdims=True, initial=0.0), array.shape))
        else:
            draft.season(name, np.full(array.shape, 0.5 if domain.kind is Kind.PROBABILITY else 0.0))
