"""Losses of a row of scores that sum what each class lacks of the margin below those that are right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np

from lossbench.domains import ClassIndex, ClassWeight, LabelSet, Logits, Number, Range
from lossbench.functions import exactly, maximum, power, total
from lossbench.loss import Terms, loss
from lossbench.pairs import two_sum

Arrays = dict[str, np.ndarray]
OneOrTwo = Annotated[float, Range(low=1.0, high=2.0)]
NEAR = 0.5  # share of its size within which a difference counts as one that rounding could make positive


@loss(
    over="rows",
    also={"p": (2,), "margin": (0.5, 3.0, -1.0)},
    aliases=("weston_watkins",),
    relations=("unmoved_by_shift", "gradients_sum_to_zero", "classes_permuted", "grows_as_the_unit", "not_negative"),
)
@np.errstate(all="ignore")
def multi_margin(
    scores: Logits, target: ClassIndex, weight: ClassWeight = None, *, p: OneOrTwo = 1, margin: Number = 1.0
) -> Terms:
    """Mean over the classes of what the target's score lacks of the margin above each other, to the power p.

    ``(w_t/C) Σ_{j≠t} max(0, m - x_t + x_j)^p`` with p of 1 or 2, and w = 1 where no weight is given. scores [..., C],
    target [...], weight [C]; one term for each row; the mean divides by the number of rows, whatever the weights. The
    derivative by x_j is ``(w_t p/C) max(0, ·)^(p-1)`` where the maximum is positive, that by x_t minus the sum of
    these. Kinks (p = 1): ``x_t = x_j + m``.

    Source: J. Weston, C. Watkins, "Support vector machines for multi-class pattern recognition", ESANN 1999.
    """
    classes = scores.shape[-1]
    chosen = np.arange(classes) == target[..., None]
    own = np.take_along_axis(scores, target[..., None], axis=-1)
    factor = np.full(target.shape, 1 / classes) if weight is None else weight[target] / classes
    lacking, sizes = _lacking(own, scores, margin)
    active = (lacking > 0) & ~chosen
    lacking = np.where(active, lacking, 0.0)
    counted = ~chosen & _felt(lacking, scores, own, margin)
    each = factor[..., None] * np.where(active, p * lacking ** (p - 1), 0.0)
    rough = factor[..., None] * np.where(active, p * sizes ** (p - 1), 0.0)
    return Terms(
        factor * (lacking**p).sum(axis=-1),
        {"scores": np.where(chosen, -each.sum(axis=-1, keepdims=True), each)},
        magnitude=factor
        * np.where(counted, (np.maximum(lacking, 0.0) + (p == 1)) ** (p - 1) * sizes, 0.0).sum(axis=-1),
        slope_magnitudes={"scores": np.where(chosen, rough.sum(axis=-1, keepdims=True), rough)},
        nearness=_nearest(own, scores, margin, ~chosen) if p == 1 else None,
    )


@multi_margin.definition
def _(scores, target, weight, *, p, margin):
    terms = (power(maximum(0, margin - scores[target] + x), p) for j, x in enumerate(scores) if j != target)
    return (1 if weight is None else weight[target]) * total(terms) / exactly(len(scores))


@multi_margin.kinks
def _(arrays: Arrays, *, p: float, margin: float) -> Iterator[Arrays]:
    scores = arrays["scores"]
    chosen = np.arange(scores.shape[-1]) == arrays["target"][..., None]
    yield {"scores": np.where(chosen, margin, 0.0)}
    own = np.take_along_axis(scores, arrays["target"][..., None], axis=-1)
    even = np.arange(scores.shape[-1]) % 2 == 0
    yield {"scores": np.where(even & ~chosen, own - margin, scores)}


@loss(
    over="rows",
    large=(256, 64),
    certified_size=400,
    relations=("unmoved_by_shift", "gradients_sum_to_zero", "not_negative", "classes_permuted"),
)  # each pair of classes is compared
@np.errstate(all="ignore")
def multilabel_margin(scores: Logits, labels: LabelSet) -> Terms:
    """Mean over the classes of what each labelled class lacks of being 1 above each that is not labelled.

    ``(1/C) Σ_{j∈T} Σ_{k∉T} max(0, 1 - x_j + x_k)``, where T is a list of classes: those that stand in a row of labels
    before the first -1; one that stands there twice counts twice. scores and labels [..., C]; one term for each row.
    The derivative by x_k is the number of j for which the maximum is positive, over C, that by x_j minus the number
    of such k. Kinks: ``x_j = x_k + 1``.

    Source: torch.nn.MultiLabelMarginLoss, documentation; the hinge of A. Elisseeff, J. Weston, "A kernel method for
    multi-labelled classification", NIPS 2001.
    """
    classes = scores.shape[-1]
    times = label_counts(labels)
    own, other = scores[..., :, None], scores[..., None, :]
    pairs = times[..., :, None] * (times == 0)[..., None, :]
    lacking, sizes = _lacking(own, other, 1.0)
    hits = np.where(lacking > 0, pairs, 0)
    slope = hits.sum(axis=-2) - hits.sum(axis=-1)
    rough = hits.sum(axis=-2) + hits.sum(axis=-1)
    counted = np.where(_felt(lacking, other, own, 1.0), pairs, 0)
    return Terms(
        (hits * np.where(hits > 0, lacking, 0.0)).sum(axis=(-2, -1)) / classes,
        {"scores": slope / classes},
        magnitude=np.where(counted > 0, counted * sizes, 0.0).sum(axis=(-2, -1)) / classes,
        slope_magnitudes={"scores": rough / classes},
        nearness=np.where(pairs > 0, np.abs(lacking) / sizes, np.inf).min(axis=(-2, -1), initial=np.inf),
    )


@multilabel_margin.definition
def _(scores, labels):
    listed = labels[: labels.index(-1)] if -1 in labels else labels
    terms = (maximum(0, 1 - scores[j] + x) for j in listed for k, x in enumerate(scores) if k not in listed)
    return total(terms) / exactly(len(scores))


@multilabel_margin.draw
def _(generator: np.random.Generator, shape: tuple[int, ...]) -> Arrays:
    """From no label to one for each class, and behind the first -1 whatever there is; some rows list one twice."""
    classes = shape[-1]
    order = generator.random(shape).argsort(axis=-1)
    counts = generator.integers(0, classes + 1, (*shape[:-1], 1))
    if counts.size:
        counts.flat[0] = (classes + 1) // 2  # one row at least has labels
    if classes > 1:
        order[..., 1] = np.where(generator.random(shape[:-1]) < 1 / 8, order[..., 0], order[..., 1])
    return {"labels": np.where(np.arange(classes) == counts, -1, order)}


@multilabel_margin.kinks
def _(arrays: Arrays) -> Iterator[Arrays]:
    listed = label_counts(arrays["labels"]) > 0
    yield {"scores": np.where(listed, 0.5, -0.5)}
    yield {"scores": np.where(listed & (np.arange(listed.shape[-1]) % 2 == 0), 0.5, -0.5)}


def label_counts(labels: np.ndarray) -> np.ndarray:
    """How often each class is listed before the first -1 of its row."""
    listed = np.logical_and.accumulate(labels != -1, axis=-1)
    hits = (labels[..., None] == np.arange(labels.shape[-1])) & listed[..., None]
    return np.asarray(hits.sum(axis=-2))


def _lacking(own: np.ndarray, other: np.ndarray, margin: float) -> tuple[np.ndarray, np.ndarray]:
    """``m - own + other``, rounded once or so, and the sum of its absolute terms."""
    difference, error = two_sum(other, -own)
    rest, further = two_sum(difference, np.asarray(margin))
    return rest + (further + error), abs(margin) + np.abs(own) + np.abs(other)


def _felt(lacking: np.ndarray, other: np.ndarray, own: np.ndarray, margin: float) -> np.ndarray:
    """Where a difference, roughly computed, may turn out positive."""
    return np.asarray(lacking > -NEAR * (abs(margin) + np.abs(own) + np.abs(other)))


def _nearest(own: np.ndarray, other: np.ndarray, margin: float, among: np.ndarray) -> np.ndarray:
    """How near to zero the nearest of a row's differences is."""
    lacking, sizes = _lacking(own, other, margin)
    return np.asarray(np.where(among, np.abs(lacking) / sizes, np.inf).min(axis=-1, initial=np.inf))
