"""Losses of an order: which of two scores should be larger, and which items of a list matter most."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from lossbench.domains import Logits, Mask, Number, Real, Relevance, Sign, Weight
from lossbench.functions import exp, log, maximum, total
from lossbench.loss import Denominator, Terms, loss
from lossbench.losses.cross_entropy import weigh_surprisals
from lossbench.losses.limits import product, ratio
from lossbench.losses.stable import softmax_parts
from lossbench.pairs import two_sum

Arrays = dict[str, np.ndarray]


@loss(
    over="elements",
    also={"margin": (0.5, -0.5)},
    aliases=("pairwise_ranking",),
    relations=("unmoved_by_shift", "labels_mirrored", "grows_as_the_unit", "not_negative"),
)
@np.errstate(all="ignore")
def margin_ranking(first: Real, second: Real, sign: Sign, *, margin: Number = 0.0) -> Terms:
    """By how much the score that should be larger fails to exceed the other by a margin.

    ``max(0, m - y (a - b))``: the first should be larger where the sign y is 1, the second where it is -1. Shapes:
    all alike, one term for each element. The derivative by a is -y, by b it is y, both 0 where the margin is kept.
    Kink: ``y (a - b) = m``. Identity: `hinge_embedding` of sign -1 at the distance ``y (a - b)``.

    Source: R. Herbrich, T. Graepel, K. Obermayer, "Large margin rank boundaries for ordinal regression", 2000.
    """
    unit = np.where(np.maximum(np.abs(first), np.abs(second)) > 2.0**1000, 2.0**1000, 1.0)
    difference, error = two_sum(second / unit, -first / unit)
    lead, rest = two_sum(sign * difference, margin / unit)
    excess = lead + (rest + sign * error)
    magnitude = (np.abs(first) + np.abs(second)) / unit + abs(margin) / unit
    slope = np.where(excess > 0, sign, 0.0)
    return Terms(
        np.maximum(excess, 0.0) * unit,
        {"first": -slope, "second": slope},
        magnitude * unit,
        nearness=ratio(np.abs(excess), magnitude),
    )


@margin_ranking.definition
def _(first, second, sign, *, margin):
    return maximum(0, margin - sign * (first - second))


@margin_ranking.kinks
def _(arrays: Arrays, *, margin: float) -> Iterator[Arrays]:
    yield {"first": arrays["second"] + margin * arrays["sign"]}


@loss(
    over="rows",
    aliases=("listnet", "ranking_softmax"),
    relations=("unmoved_by_shift", "gradients_sum_to_zero", "classes_permuted", "not_negative"),
)
@np.errstate(all="ignore")
def listwise_softmax(logits: Logits, relevance: Relevance, weight: Weight = None, mask: Mask = None) -> Terms:
    """Cross entropy of the softmax over a list of items, against how relevant each item is.

    ``Σ_c w_c y_c (log Σ_j exp(x_j) - x_c)`` over the items whose mask is 1 (all, where none is given), with w = 1
    where no weight is given; y need not sum to 1. Shapes: all alike, one term for each row; the mean is over the
    rows that keep an item. The derivative by x_c is ``p_c Σ_k w_k y_k - w_c y_c``, that by y_c is w_c times the
    surprisal. Identity: `soft_cross_entropy` of a relevance that sums to 1.

    Source: Z. Cao et al., "Learning to rank: from pairwise approach to listwise approach", ICML 2007.
    """
    kept: np.ndarray = np.ones(logits.shape, bool) if mask is None else np.asarray(mask > 0)
    seen = np.where(kept, logits, -np.inf)
    empty = ~kept.any(axis=-1, keepdims=True)
    seen = np.where(empty, 0.0, seen)
    weights = np.where(kept, 1.0 if weight is None else weight, 0.0)
    terms = weigh_surprisals(seen, weights * relevance)
    surprisals, _, _ = softmax_parts(seen)
    return replace(
        terms,
        slopes={**terms.slopes, "relevance": product(weights, surprisals)},
        slope_magnitudes={**terms.slope_magnitudes, "relevance": product(weights, 1 + surprisals)},
        denominators={} if mask is None else {"mean": Denominator(float(np.count_nonzero(~empty)))},
    )


@listwise_softmax.definition
def _(logits, relevance, weight, mask):
    kept = [c for c in range(len(logits)) if mask is None or bool(mask[c] == 1)]
    partition = total(exp(logits[c]) for c in kept)
    return total((1 if weight is None else weight[c]) * relevance[c] * -log(exp(logits[c]) / partition) for c in kept)
