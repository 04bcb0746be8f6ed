"""Losses of a whole batch: every row against every other, which of them belong together being told by labels.

A score that is itself a sum (a scalar product, a cosine) is known to an eps of the sum of its absolute terms, and a
softmax of such scores to as much relative to itself: the magnitudes here carry that along.
"""

from __future__ import annotations

import numpy as np

from lossbench.domains import NonNegativeNumber, PositiveNumber, Real, RowClassIndex
from lossbench.functions import exactly, logsumexp, maximum, sqrt, total
from lossbench.loss import Denominator, Terms, loss
from lossbench.losses.cosine import Direction, direction
from lossbench.losses.limits import product
from lossbench.losses.stable import softmax_parts

AXES = ("rows", "features")
SMALL, LARGE = (6, 4), (256, 128)  # as many labels as features: some rows share one
STEEP = 2.0**20


def scaled_down(rows: np.ndarray, axis: int | None) -> tuple[np.ndarray, np.ndarray]:
    """The rows over a power of two that brings the largest number along `axis` below one, and its exponent."""
    exponent = np.frexp(np.abs(rows).max(axis=axis, keepdims=True, initial=0.0))[1]
    return np.ldexp(rows, -exponent), exponent


@loss(
    over="batch",
    also={"l2_reg": (0.0, 0.5)},
    reductions=("mean",),
    aliases=("npairs",),
    axes=AXES,
    small=SMALL,
    large=LARGE,
    relations=("not_negative",),
)
@np.errstate(all="ignore")
def npair(anchor: Real, positive: Real, labels: RowClassIndex, *, l2_reg: NonNegativeNumber = 0.002) -> Terms:
    """Cross entropy of each anchor's scalar products with all positives, against those with a label like its own.

    ``Σ_i (Σ_j Y_ij (log Σ_k exp S_ik - S_ij) + λ (|a_i|² + |p_i|²)/4) / N`` with ``S = A Pᵀ`` and Y_ij one over the
    number of rows with the label of row i where row j is one of them, else 0. anchor and positive [N, D], labels [N];
    one number for the whole batch. With ``G = softmax(S) - Y``, N times the derivative by A is ``G P + λ A/2``, that
    by P is ``Gᵀ A + λ P/2``. Identity (λ = 0): `soft_cross_entropy` of S and Y.

    Source: K. Sohn, "Improved deep metric learning with multi-class N-pair loss objective", NIPS 2016.
    """
    return npair_terms(anchor, positive, labels, l2_reg)


def npair_terms(
    anchor: np.ndarray, positive: np.ndarray, labels: np.ndarray, l2_reg: float, clip: float = np.inf
) -> Terms:
    """The terms of the N-pair loss, with scores raised to `clip` below the largest of their row."""
    count = len(labels)
    near, near_exponent = scaled_down(anchor, -1)
    far, far_exponent = scaled_down(positive, None)
    exponent = near_exponent + far_exponent
    scores = near @ far.T
    below = np.ldexp(scores - scores.max(axis=-1, keepdims=True, initial=-np.inf), exponent)
    doubt = np.minimum(np.ldexp(np.abs(near) @ np.abs(far).T, exponent), 2.0**900)  # so that 0 of it is 0
    alike = labels[:, None] == labels
    shares = alike / alike.sum(axis=-1, keepdims=True)
    surprisals, chances, complements = softmax_parts(np.maximum(below, -clip))
    pull = chances * (1 - shares) - shares * complements  # p - y
    mean_doubt = product(chances, doubt).sum(axis=-1, keepdims=True)
    size = chances + shares + product(chances * complements, doubt)
    size += product(chances, mean_doubt - product(chances, doubt))
    squares = (anchor**2).sum() + (positive**2).sum()
    value = product(shares, surprisals).sum()
    back, back_exponent = scaled_down(anchor, None)
    slopes = {
        "anchor": np.ldexp(pull @ far, far_exponent) + l2_reg / 2 * anchor,
        "positive": np.ldexp(pull.T @ back, back_exponent) + l2_reg / 2 * positive,
    }
    sizes = {
        "anchor": np.ldexp(size @ np.abs(far), far_exponent) + l2_reg / 2 * np.abs(anchor),
        "positive": np.ldexp(size.T @ np.abs(back), back_exponent) + l2_reg / 2 * np.abs(positive),
    }
    magnitude = product(shares, 1 + surprisals + doubt + mean_doubt).sum() + product(np.asarray(l2_reg / 4), squares)
    total_value = value + product(np.asarray(l2_reg / 4), squares)
    # scores so large that rounding alone decides which of two leads: their softmax is a maximum, and this its kink
    leads = np.arange(count) == scores.argmax(axis=-1)[:, None] if count else alike
    both = doubt + np.where(leads, doubt, 0.0).sum(axis=-1, keepdims=True)
    nearness = np.where(~leads & (both > STEEP), -below / both, np.inf)
    return Terms(
        total_value,
        slopes,
        magnitude,
        sizes,
        np.asarray(nearness.min(initial=np.inf)),
        denominators={"mean": Denominator(float(count))},
    )


@npair.definition
def _(anchor, positive, labels, *, l2_reg):
    terms = []
    for a, label in zip(anchor, labels, strict=True):
        scores = [total(x * y for x, y in zip(a, p, strict=True)) for p in positive]
        alike = [score for score, other in zip(scores, labels, strict=True) if other == label]
        terms.append(logsumexp(scores) - total(alike) / len(alike))
    squares = total(x * x for rows in (anchor, positive) for row in rows for x in row)
    return total(terms) + exactly(l2_reg) / 4 * squares


@loss(
    over="batch",
    also={"temperature": (0.5, 1.0)},
    reductions=("mean",),
    aliases=("infonce",),
    axes=AXES,
    small=SMALL,
    large=LARGE,
    relations=("not_negative", "unmoved_by_length"),
)
@np.errstate(all="ignore")
def ntxent(
    embeddings: Real,
    labels: RowClassIndex,
    *,
    temperature: PositiveNumber = 0.07,
    epsilon: NonNegativeNumber = 0.0,
) -> Terms:
    """How hard each row's partner is to tell from the rows of other labels, by cosines over a temperature.

    With ``s_ij = cos(x_i, x_j)/τ``: ``log(exp s_ij + Σ_k exp s_ik) - s_ij``, k over the rows of another label, summed
    over the ordered pairs i ≠ j of one label; the mean divides by the number of those pairs. embeddings [N, D],
    labels [N]; one number for the whole batch. Further partners of i are not among its competitors. ε is the least
    that a length counts. Undefined where a vector is zero and ε as well; a batch without a pair has no mean.

    Source: T. Chen et al., "A simple framework for contrastive learning of visual representations", ICML 2020, with
    labels in place of two views.
    """
    count = len(labels)
    unit = direction(embeddings, floor=epsilon)
    scores = unit.unit @ unit.unit.T / temperature
    doubt = np.abs(unit.unit) @ np.abs(unit.unit).T / temperature
    alike = labels[:, None] == labels
    partners, rivals = alike & ~np.eye(count, dtype=bool), ~alike
    # log(1 + Σ_k exp(s_ik - s_ij)) for each pair: the rivals' log-sum, and the pair's score below or above it
    largest = np.where(rivals, scores, -np.inf).max(axis=-1, keepdims=True, initial=-np.inf)
    share = np.where(rivals, np.exp(scores - largest), 0.0)
    mass = share.sum(axis=-1, keepdims=True)
    share = np.where(rivals, share / mass, 0.0)
    lag = np.where(partners, largest + np.log(mass) - scores, -np.inf)
    surprisals = np.maximum(lag, 0.0) + np.log1p(np.exp(-np.abs(lag)))
    missed = np.exp(-np.maximum(-lag, 0.0)) / (1 + np.exp(-np.abs(lag)))  # how much of it the rivals have
    mean_doubt = product(share, doubt).sum(axis=-1, keepdims=True)
    pull = share * missed.sum(axis=-1, keepdims=True) - missed  # of the scores
    wavering = missed * (1 - missed) * (doubt + mean_doubt)
    size = missed + wavering + share * (missed * (1 + mean_doubt + doubt) + wavering).sum(axis=-1, keepdims=True)
    slope, slope_size = (_by_vectors(unit, part / temperature) for part in (pull, size))
    return Terms(
        surprisals.sum(),
        {"embeddings": slope[0]},
        (surprisals + np.where(partners, missed * (1 + doubt + mean_doubt), 0.0)).sum(),
        {"embeddings": slope_size[1]},
        denominators={"mean": Denominator(float(partners.sum()))},
    )


def _by_vectors(unit: Direction, pull: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From the slopes by all cosines of rows to those by the rows, and their size before they cancel."""
    both = pull + pull.T  # a row stands on either side
    cosines = unit.unit @ unit.unit.T
    turn = both @ unit.unit - np.where(unit.held, 0.0, (both * cosines).sum(axis=-1, keepdims=True)) * unit.unit
    terms = np.abs(unit.unit) @ np.abs(unit.unit).T
    size = np.abs(both) @ np.abs(unit.unit) + (np.abs(both) * terms).sum(axis=-1, keepdims=True) * np.abs(unit.unit)
    return np.ldexp(turn / unit.length, -unit.exponent), np.ldexp(size / unit.length, -unit.exponent)


@ntxent.definition
def _(embeddings, labels, *, temperature, epsilon):
    rows = range(len(labels))
    lengths = [maximum(sqrt(total(x * x for x in row)), epsilon) for row in embeddings]

    def score(i, j):
        product = total(x * y for x, y in zip(embeddings[i], embeddings[j], strict=True))
        return product / (lengths[i] * lengths[j]) / temperature

    terms = []
    for i in rows:
        rivals = [score(i, k) for k in rows if labels[k] != labels[i]]
        for j in rows:
            if j != i and labels[j] == labels[i]:
                partner = score(i, j)
                terms.append(logsumexp([partner, *rivals]) - partner)
    return total(terms)
