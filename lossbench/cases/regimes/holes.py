"""Inputs that are not finite, valid and not, and inputs of which nothing counts."""

from __future__ import annotations

import math

import numpy as np

from lossbench.cases.draft import Draft
from lossbench.cases.regimes.registry import LINES, SCORES, regime
from lossbench.domains import Axes, Kind


@regime(*LINES, *SCORES, Kind.PROBABILITY, Kind.COSINE, Kind.LOG_PROBABILITIES, Kind.UNIT, Kind.BOX, invalid=True)
def poison(draft: Draft) -> None:
    """NaN or infinity in some slices (under ignored rows, where there are any): the neighbours must not notice."""
    terms = draft.loss.term_shape(draft.shape)
    ignored = draft.parameters.get("ignore_index")
    hit = draft.some(terms, 0.25)
    for name, domain in draft.floats():
        array = draft.arrays[name]
        if domain.axes in (Axes.ALL, Axes.TERM) and domain.differentiable and array.size:
            venom = draft.generator.choice([math.nan, math.inf, -math.inf], terms)
            # an infinity that the domain ends before would be clipped to a valid number
            venom = np.where(np.isfinite(np.clip(venom, domain.low, domain.high)), math.nan, venom)
            if ignored is not None and "target" in draft.arrays and (draft.arrays["target"] == ignored).any():
                hit = draft.arrays["target"] == ignored
            spot = np.zeros(array.shape[len(terms) :], bool)
            spot.flat[0] = True
            here = hit.reshape(hit.shape + (1,) * spot.ndim) & spot
            draft.arrays[name] = np.where(here, venom.reshape(venom.shape + (1,) * spot.ndim), array)
            draft.poisoned = hit
            return


@regime(Kind.CLASS_INDEX, infinite=True)
def shielded(draft: Draft) -> None:
    """Scores of minus infinity for classes that are masked out, never the target's."""
    for name, _ in draft.floats(Kind.LOGITS):
        array = draft.arrays[name]
        targets = [t for n, t in draft.arrays.items() if draft.loss.arguments[n].domain.kind is Kind.CLASS_INDEX]
        if targets and targets[0].shape == array.shape[:-1]:
            others = np.arange(array.shape[-1]) != targets[0][..., None]
            draft.arrays[name] = np.where(others & draft.some(array.shape, 0.25), -math.inf, array)


@regime(Kind.WEIGHT, invalid=True, either=True)
def hidden(draft: Draft) -> None:
    """NaN and infinity exactly under weights of zero: the neighbours must not notice.

    Zero times NaN is NaN, and a row that weighs nothing may as well be left out: both are right for the term itself.
    """
    for name in draft.arrays:
        weight, domain = draft.arrays[name], draft.loss.arguments[name].domain
        if domain.kind is Kind.WEIGHT and draft.loss.arguments[name].optional and weight.shape == draft.poisoned.shape:
            draft.arrays[name] = weight = np.where(draft.some(weight.shape, 0.25), 0.0, weight)
            for other, _ in draft.floats(*LINES, *SCORES):
                array = draft.arrays[other]
                if array.size and array.shape[: weight.ndim] == weight.shape and not draft.loss.is_shared(other):
                    spot = np.zeros(array.shape[weight.ndim :], bool)
                    spot.flat[0] = True
                    here = (weight == 0).reshape(weight.shape + (1,) * spot.ndim) & spot
                    venom = draft.generator.choice([math.nan, math.inf, -math.inf], array.shape)
                    domain = draft.loss.arguments[other].domain
                    venom = np.where(np.isfinite(np.clip(venom, domain.low, domain.high)), math.nan, venom)
                    draft.arrays[other] = np.where(here, venom, array)
                    draft.poisoned = weight == 0
                    return


@regime(Kind.PROBABILITIES, Kind.BINARY, arrays=2, invalid=True, either=True, infinite=True)
def unlabelled(draft: Draft) -> None:
    """Exactly under labels of zero: minus infinity, which costs nothing, and in some slices NaN or plus infinity.

    A class that cannot be and is not the label leaves the loss what it is without it. Of a slice with NaN nothing is
    asked but to stay where it is: both NaN and a number that leaves it out are right.
    """
    target = draft.arrays.get("target")
    scores = [n for n, d in draft.floats(*SCORES, Kind.LOG_PROBABILITIES) if not draft.loss.is_shared(n)]
    if target is None or not scores or draft.arrays[scores[0]].shape != target.shape or not target.size:
        return
    rows = draft.loss.arguments["target"].domain.kind is Kind.PROBABILITIES
    if rows:  # what some classes lose the likeliest gains
        leads = np.arange(target.shape[-1]) == target.argmax(axis=-1)[..., None]
        absent = draft.some(target.shape, 0.25) & ~leads
        rest = np.where(absent, target, 0.0).sum(axis=-1, keepdims=True)
        draft.arrays["target"] = np.where(absent, 0.0, target + np.where(leads, rest, 0.0))
    else:
        absent = (np.round(target) == 0) & draft.some(target.shape)
        draft.arrays["target"] = np.where(absent, 0.0, target)
    terms = draft.loss.term_shape(draft.shape)
    hit = draft.some(terms, 0.25)
    wide = hit.reshape(hit.shape + (1,) * (target.ndim - hit.ndim))
    highest = draft.loss.arguments[scores[0]].domain.high
    venom = np.array([math.nan, math.nan if math.isfinite(highest) else math.inf])
    poison = draft.generator.choice(venom, target.shape)
    draft.arrays[scores[0]] = np.where(absent, np.where(wide, poison, -math.inf), draft.arrays[scores[0]])
    own = tuple(range(hit.ndim, target.ndim))
    draft.poisoned = hit & (absent.any(axis=own) if own else absent)


@regime(Kind.MASK, invalid=True)
def masked_out(draft: Draft) -> None:
    """NaN and infinity exactly where the mask says that nothing counts: the loss is what it is without them."""
    for name, _ in draft.floats(Kind.MASK):
        mask = draft.arrays[name]
        for other, domain in draft.floats(*LINES, *SCORES):
            if draft.arrays[other].shape == mask.shape and domain.differentiable:
                venom = draft.generator.choice([math.nan, math.inf, -math.inf], mask.shape)
                draft.arrays[other] = np.where(mask == 0, venom, draft.arrays[other])
                return


@regime(Kind.LENGTH)
def no_labels(draft: Draft) -> None:
    """No sample has labels: nothing but blanks can be said."""
    if "label_lengths" in draft.arrays:
        draft.arrays["label_lengths"] = np.zeros_like(draft.arrays["label_lengths"])


@regime(Kind.WEIGHT, Kind.MASK, parameter="ignore_index")
def nothing_counts(draft: Draft) -> None:
    """Weights and masks of zero and ignored rows alone: a mean has nothing to divide by."""
    for name, array in draft.arrays.items():
        kind = draft.loss.arguments[name].domain.kind
        if kind in (Kind.WEIGHT, Kind.MASK):
            draft.arrays[name] = np.zeros(array.shape)
        elif kind is Kind.CLASS_INDEX and "ignore_index" in draft.parameters:
            ignored = draft.parameters["ignore_index"]
            if ignored != draft.loss.parameters["ignore_index"].default:  # which not everybody has
                draft.arrays[name] = np.full(array.shape, int(ignored or 0))
