"""Inputs that are not finite, valid and not, and inputs of which nothing counts."""

from __future__ import annotations

import math

import numpy as np

from lossbench.cases.draft import Draft
from lossbench.cases.regimes.reach import LABELS, hides, shields, unlabels
from lossbench.cases.regimes.registry import ROWS, SCORES, SEASONABLE, regime
from lossbench.domains import Axes, Domain, Kind


@regime(*SEASONABLE, invalid=True)
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


@regime(to=shields, infinite=True)
def shielded(draft: Draft) -> None:
    """Classes that are masked out, never the target's: scores of minus infinity, and so a probability of 0."""
    target = draft.arrays["target"]
    for name, domain in draft.floats(Kind.LOGITS, *ROWS):
        array = draft.arrays[name]
        if target.shape == array.shape[:-1]:
            others = np.arange(array.shape[-1]) != target[..., None]
            nothing = 0.0 if domain.kind is Kind.PROBABILITIES else -math.inf
            draft.arrays[name] = np.where(others & draft.some(array.shape, 0.25), nothing, array)


@regime(Kind.WEIGHT, to=hides, invalid=True, either=True)
def hidden(draft: Draft) -> None:
    """NaN and infinity exactly under weights of zero: the neighbours must not notice.

    Zero times NaN is NaN, and a row that weighs nothing may as well be left out: both are right for the term itself.
    """
    terms = draft.poisoned.shape
    for name in list(draft.arrays):
        argument = draft.loss.arguments[name]
        if argument.domain.kind is not Kind.WEIGHT or not argument.optional:
            continue
        array = draft.arrays[name]
        draft.arrays[name] = np.where(draft.some(array.shape, 0.25), 0.0, array)
        if argument.domain.axes is Axes.LAST and (present := _classes_present(draft)).size:
            draft.arrays[name][present[0]] = 0.0
        nothing = _weighs_nothing(draft, name)
        for other, domain in draft.floats(*SEASONABLE):
            array = draft.arrays[other]
            if not array.size or array.shape[: nothing.ndim] != nothing.shape or not _is_asked(draft, other):
                continue
            spot = np.zeros(array.shape[nothing.ndim :], bool)
            spot.flat[0] = True
            here = nothing.reshape(nothing.shape + (1,) * spot.ndim) & spot
            draft.arrays[other] = np.where(here, _venom(draft, domain, array.shape), array)
            inside = tuple(range(len(terms), nothing.ndim))
            draft.poisoned = np.asarray(nothing.any(axis=inside)) if inside else nothing
            return


def _classes_present(draft: Draft) -> np.ndarray:
    target = draft.arrays.get("target")
    if target is None or target.dtype.kind != "i":
        return np.zeros(0, int)
    return np.asarray(target[(target >= 0) & (target < draft.shape[-1])])


def _weighs_nothing(draft: Draft, name: str) -> np.ndarray:
    """Where a weight is zero: of elements, of terms, or of rows by the weights of their classes."""
    weight, target = draft.arrays[name], draft.arrays.get("target")
    if draft.loss.arguments[name].domain.axes is not Axes.LAST:
        return np.asarray(weight == 0)
    if target is None or target.dtype.kind != "i":
        return np.zeros((0,), bool)  # a class that weighs nothing still has a say in the others' softmax
    return np.asarray((target >= 0) & (target < weight.size) & (weight[target % weight.size] == 0))


def _is_asked(draft: Draft, name: str) -> bool:
    """Whether it is what an implementation is asked about, and no label."""
    return name not in LABELS and not draft.loss.is_shared(name) and draft.loss.arguments[name].domain.differentiable


def _venom(draft: Draft, domain: Domain, shape: tuple[int, ...]) -> np.ndarray:
    """NaN, and such infinities as the domain does not end before: those would be clipped to valid numbers."""
    venom = draft.generator.choice([math.nan, math.inf, -math.inf], shape)
    return np.where(np.isfinite(np.clip(venom, domain.low, domain.high)), math.nan, venom)


@regime(Kind.PROBABILITIES, Kind.BINARY, to=unlabels, arrays=2, invalid=True, either=True, infinite=True)
def unlabelled(draft: Draft) -> None:
    """Exactly under labels of zero: minus infinity, which costs nothing, and in some slices NaN or plus infinity.

    A class that cannot be and is not the label leaves the loss what it is without it. Of a slice with NaN nothing is
    asked but to stay where it is: both NaN and a number that leaves it out are right.
    """
    target = draft.arrays["target"]
    kinds = (*SCORES, *ROWS)
    scores = [(n, d) for n, d in draft.floats(*kinds) if _is_asked(draft, n) and draft.arrays[n].shape == target.shape]
    if not scores or not target.size:
        return
    name, domain = scores[0]
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
    venom = np.array([math.nan, math.nan if math.isfinite(domain.high) else math.inf])
    poison = draft.generator.choice(venom, target.shape)
    nothing = 0.0 if domain.kind is Kind.PROBABILITIES else -math.inf
    draft.arrays[name] = np.where(absent, np.where(wide, poison, nothing), draft.arrays[name])
    own = tuple(range(hit.ndim, target.ndim))
    draft.poisoned = hit & (absent.any(axis=own) if own else absent)


@regime(Kind.MASK, invalid=True)
def masked_out(draft: Draft) -> None:
    """NaN and infinity exactly where the mask says that nothing counts: the loss is what it is without them."""
    for name, _ in draft.floats(Kind.MASK):
        mask = draft.arrays[name]
        for other, domain in draft.floats(*SEASONABLE):
            if draft.arrays[other].shape == mask.shape and domain.differentiable:
                venom = _venom(draft, domain, mask.shape)
                draft.arrays[other] = np.where(mask == 0, venom, draft.arrays[other])
                return


@regime(Kind.LENGTH)
def no_labels(draft: Draft) -> None:
    """No sample has labels: nothing but blanks can be said."""
    if "label_lengths" in draft.arrays:
        draft.arrays["label_lengths"] = np.zeros_like(draft.arrays["label_lengths"])


@regime(Kind.LENGTH)
def infeasible(draft: Draft) -> None:
    """Some samples have fewer frames than their labels need, beside others that have enough."""
    labels, lengths = draft.arrays["labels"], draft.arrays["label_lengths"]
    inner = np.arange(1, labels.shape[1]) < lengths[:, None]
    needed = lengths + (inner & (labels[:, 1:] == labels[:, :-1])).sum(axis=1)
    fewer = np.minimum(np.maximum(1, needed - 1), draft.arrays["input_lengths"])
    draft.arrays["input_lengths"] = np.where(draft.some(lengths.shape), fewer, draft.arrays["input_lengths"])


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
