"""Scores and probabilities that are sure of hard labels, and probabilities at the ends of the format."""

from __future__ import annotations

import math

import numpy as np

from lossbench.cases.draft import Draft, portable
from lossbench.cases.regimes.reach import LABELS, has, has_plain_layer
from lossbench.cases.regimes.registry import ROWS, regime
from lossbench.cases.regimes.rows import harden_labels, onehot_rows
from lossbench.domains import Kind
from lossbench.floats import Format

WRONG = 0.25  # the share of rows that are sure of another class than the label's


@regime(to=lambda loss: has_plain_layer(loss) or has(Kind.LOGITS, Kind.COSINE, *ROWS)(loss))
def certain(draft: Draft) -> None:
    """Rows that are sure of their hard labels, one in four of another class: margins around -ln u of the format."""
    certainty = -math.log(draft.format.unit_roundoff)
    _harden_rows(draft)
    if has_plain_layer(draft.loss):  # features along the weights of the class, so long that its score is the margin
        weights = draft.arrays["linear_weight"]
        terms = draft.arrays["features"].shape[:-1]
        along = weights[_leaders(draft, (*terms, len(weights))).argmax(axis=-1)]
        margin = draft.generator.uniform(0.5 * certainty, 2 * certainty, terms)[..., None]
        draft.arrays["features"] = portable(margin * along / (along**2).sum(axis=-1, keepdims=True), draft.generator)
    for name, domain in draft.floats(Kind.LOGITS, Kind.COSINE, *ROWS):
        array = draft.arrays[name]
        if (name in LABELS and domain.kind is Kind.PROBABILITIES) or array.ndim < 2:
            continue
        leads = _leaders(draft, array.shape)
        margin = draft.generator.uniform(0.5 * certainty, 2 * certainty, array.shape[:-1])[..., None]
        doubt = portable(np.exp(-margin), draft.generator)
        if domain.kind is Kind.LOGITS:
            draft.arrays[name] = array + margin * leads
        elif domain.kind is Kind.COSINE:
            draft.arrays[name] = np.where(leads == 1, 1 - doubt, doubt - 1)
        else:  # the doubt goes to one other class, and a doubt of the doubt to the rest
            other = np.roll(leads, 1, axis=-1)
            rows = np.where(leads == 1, 1 - doubt, np.where(other == 1, doubt, doubt * draft.format.eps))
            logs = domain.kind is Kind.LOG_PROBABILITIES
            draft.arrays[name] = np.where(leads == 1, np.log1p(-doubt), np.log(rows)) if logs else rows
            draft.arrays[name] = portable(draft.arrays[name], draft.generator) if logs else draft.arrays[name]


@regime(to=has(Kind.PROBABILITY, *ROWS))
def edges(draft: Draft) -> None:
    """Probabilities at the ends of the format under hard labels: 0, 1, 1-u, subnormals, all powers of ten between."""
    harden_labels(draft)
    _harden_rows(draft)
    ends, powers = _ends(draft.format)
    for name, domain in draft.floats(Kind.PROBABILITY, *ROWS):
        array = draft.arrays[name]
        if domain.kind is Kind.PROBABILITY and domain.differentiable:
            _under_both_labels(draft, name, [0.0, *ends, 1.0], powers)
        elif domain.kind in ROWS and array.ndim > 1 and not (name in LABELS and domain.kind is Kind.PROBABILITIES):
            leads = onehot_rows(draft, array.shape)
            small = np.where(np.roll(leads, 1, axis=-1) == 1, _either(draft, ends, powers, array.shape), 0.0)
            small = np.minimum(small, 0.5)
            if domain.kind is Kind.LOG_PROBABILITIES:  # what cannot be at all is left to `shielded` and `unlabelled`
                small = np.where(small == 0, draft.format.smallest_normal, small)
            rows = np.where(leads == 1, 1 - np.where(leads == 1, 0.0, small).sum(axis=-1, keepdims=True), small)
            if domain.kind is Kind.LOG_PROBABILITIES:
                rows = portable(np.log(rows), draft.generator)
            draft.arrays[name] = np.where(draft.some(array.shape[:-1], 0.75)[..., None], rows, array)


def _under_both_labels(draft: Draft, name: str, ends: list[float], powers: list[float]) -> None:
    """Each end once under each label, in places that chance chooses, and powers of ten in half of those left."""
    array = draft.arrays[name]
    flat = np.where(draft.some(array.shape), draft.generator.choice(powers, array.shape), array).ravel()
    pairs = draft.generator.permutation(len(ends) * 2)[: array.size]
    places = draft.generator.permutation(array.size)[: len(pairs)]
    flat[places] = np.asarray(ends)[pairs // 2]
    draft.arrays[name] = flat.reshape(array.shape)
    for other, _ in draft.floats(Kind.BINARY):
        labels = draft.arrays[other].ravel().copy()
        if draft.arrays[other].shape == array.shape:
            labels[places] = pairs % 2
            draft.arrays[other] = labels.reshape(array.shape)


def _either(draft: Draft, ends: list[float], powers: list[float], shape: tuple[int, ...]) -> np.ndarray:
    """Half of them ends, of which there are few, and half powers of ten."""
    first = draft.generator.random(shape) < 0.5
    return np.where(first, draft.generator.choice(ends, shape), draft.generator.choice(powers, shape))


def _ends(form: Format) -> tuple[list[float], list[float]]:
    """Probabilities that lie where a format changes its ways, and all powers of ten between them."""
    normal, least = form.smallest_normal, form.smallest_subnormal
    powers = [float(f"1e-{k}") for k in range(1, int(-math.log10(normal)) + 1)]
    near_one = [1 - form.unit_roundoff, 1 - form.eps, 1 - 2 * form.eps]
    return [least, normal - least, normal, 2 * normal, form.unit_roundoff, form.eps, *near_one], powers


def _harden_rows(draft: Draft) -> None:
    """Soft labels of rows become the likeliest class alone."""
    for name, _ in draft.floats(Kind.PROBABILITIES):
        if name in LABELS and draft.arrays[name].size:
            array = draft.arrays[name]
            leads = np.arange(array.shape[-1]) == array.argmax(axis=-1)[..., None]
            draft.arrays[name] = leads.astype(float)


def _leaders(draft: Draft, shape: tuple[int, ...]) -> np.ndarray:
    """A one-hot row for each row: the label's class, or in some rows another; any where there is no label."""
    onehot = onehot_rows(draft, shape)
    label = next((draft.arrays[name] for name in LABELS if name in draft.arrays), None)
    if label is None or not label.size:
        return onehot
    if label.dtype.kind == "i" and label.shape == shape[:-1]:
        right = np.arange(shape[-1]) == label[..., None]
    elif label.shape == shape:
        right = np.arange(shape[-1]) == label.argmax(axis=-1)[..., None]
    else:
        return onehot
    wrong = draft.some(shape[:-1], WRONG)[..., None]
    return np.asarray(np.where(wrong, np.roll(right, 1, axis=-1), right).astype(float))
