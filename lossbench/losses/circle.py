"""The circle loss: each pair pulled or pushed the harder the further it is from where it should be."""

from __future__ import annotations

import numpy as np

from lossbench.domains import Number, PositiveNumber, RowClassIndex, UnitVectors, WeightOfRow
from lossbench.functions import exp, log, logsumexp, maximum, minimum, total
from lossbench.loss import Denominator, Terms, loss
from lossbench.losses.contrastive import AXES, LARGE, SMALL
from lossbench.losses.limits import product, ratio
from lossbench.losses.stable import sigmoid, softplus


@loss(
    over="batch",
    also={"gamma": (1.0, 16.0), "margin": (0.25, 0.0), "remove_diagonal": (False,)},
    reductions=("mean", "sum", "weighted_mean"),
    axes=AXES,
    small=SMALL,
    large=LARGE,
    relations=("not_negative",),
)
@np.errstate(all="ignore")
def circle(
    embeddings: UnitVectors,
    labels: RowClassIndex,
    sample_weight: WeightOfRow = None,
    *,
    gamma: PositiveNumber = 80.0,
    margin: Number = 0.4,
    remove_diagonal: bool = True,
) -> Terms:
    """Softplus of how hard a row's partners are to reach and its rivals to avoid, each weighted by what it lacks.

    With ``s_ij = min(1, <x_i, x_j>)``, ``log(1 + Σ_j exp(γ α_j (1 - m - s_ij)) Σ_k exp(γ β_k (s_ik - m)))`` summed over
    the rows i that have both: j over those of its label, i itself only without `remove_diagonal`, k over those of
    another; ``α = max(0, 1 + m - s)`` and ``β = max(0, m + s)`` are differentiated too. embeddings [N, D] of length 1,
    labels [N]; one number for the whole batch. With a sample_weight [N] each row's number is multiplied by its own. The
    mean divides by the number of rows that have both, the weighted mean by the sum of their weights. Kinks: ``s = 1``
    and ``s = ±m`` at the ends of α and β.

    Source: Y. Sun et al., "Circle loss: a unified perspective of pair similarity optimization", CVPR 2020, where α and
    β are held constant.
    """
    count = len(labels)
    alike = labels[:, None] == labels
    partners = alike & ~np.eye(count, dtype=bool) if remove_diagonal else alike
    rows = (partners.any(axis=-1) & ~alike.all(axis=-1))[:, None]
    product_terms = np.abs(embeddings) @ np.abs(embeddings).T
    products = embeddings @ embeddings.T
    similar = np.minimum(products, 1.0)
    below = products < 1.0
    reach, avoid = np.maximum(0.0, 1 + margin - similar), np.maximum(0.0, margin + similar)
    energies = gamma * np.where(alike, reach * (1 - margin - similar), avoid * (similar - margin))
    # of γ(1 + m - s)(1 - m - s) and γ(s + m)(s - m), by s
    steep = gamma * np.where(alike, np.where(reach > 0, 2 * similar - 2, 0.0), np.where(avoid > 0, 2 * similar, 0.0))
    steep = np.where(below, steep, 0.0)
    unsure = gamma * np.where(
        alike,
        reach * (1 + abs(margin) + product_terms) + abs(1 - margin - similar) * (1 + abs(margin) + product_terms),
        (avoid + abs(similar - margin)) * (abs(margin) + product_terms),
    )
    logs, shares, doubts = gathered((partners, ~alike), energies, rows, unsure)
    score = np.where(rows, logs[0] + logs[1], -np.inf)
    weights = rows * np.ones(rows.shape) if sample_weight is None else rows * sample_weight[:, None]
    slope = np.where(weights > 0, sigmoid(score), 0.0)
    doubt = doubts[0] + doubts[1]
    pull = weights * slope * (shares[0] + shares[1]) * steep
    own = np.where(partners, doubts[0], doubts[1]) + unsure  # what the shares are unsure of
    size = (
        weights
        * slope
        * (shares[0] + shares[1])
        * (np.abs(steep) * (1 + own + (1 - slope) * doubt) + 2 * gamma * (1 + product_terms))
    )
    both, both_size = pull + pull.T, np.where(rows, size, 0.0)
    both_size = both_size + both_size.T
    edge = np.minimum(
        ratio(np.abs(1 - products), 1 + product_terms),
        ratio(np.abs(np.where(alike, 1 + margin - similar, margin + similar)), abs(margin) + 1 + product_terms),
    )
    counted = (weights > 0) & (partners | ~alike)
    return Terms(
        product(weights, softplus(score)).sum(),
        {"embeddings": both @ embeddings},
        product(weights, softplus(score) + slope * (1 + doubt)).sum(),
        {"embeddings": both_size @ np.abs(embeddings)},
        np.asarray(np.where(counted, edge, np.inf).min(initial=np.inf)),
        denominators={"mean": Denominator(float(rows.sum())), "weighted_mean": Denominator(float(weights.sum()))},
    )


@circle.definition
def _(embeddings, labels, sample_weight, *, gamma, margin, remove_diagonal):
    terms = []
    for i, row in enumerate(embeddings):
        partners, rivals = [], []
        for j, other in enumerate(embeddings):
            if i == j and remove_diagonal:
                continue
            similar = minimum(1, total(x * y for x, y in zip(row, other, strict=True)))
            if labels[i] == labels[j]:
                partners.append(gamma * maximum(0, 1 + margin - similar) * (1 - margin - similar))
            else:
                rivals.append(gamma * maximum(0, margin + similar) * (similar - margin))
        if partners and rivals:
            weight = 1 if sample_weight is None else sample_weight[i]
            terms.append(weight * log(1 + exp(logsumexp(partners) + logsumexp(rivals))))
    return total(terms)


def gathered(
    masks: tuple[np.ndarray, ...], energies: np.ndarray, rows: np.ndarray, unsure: np.ndarray
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """For each mask the log-sum-exp of a row's energies, each one's share in it, and how unsure the sum is.

    Energies, masks and `unsure` are (N, N); what comes back is (N, 1), but for the shares, which are (N, N), and 0 in
    rows that are not among `rows`, (N, 1).
    """
    logs, shares, doubts = [], [], []
    for mask in masks:
        largest = np.where(mask, energies, -np.inf).max(axis=-1, keepdims=True, initial=-np.inf)
        share = np.where(mask, np.exp(energies - largest), 0.0)
        mass = share.sum(axis=-1, keepdims=True)
        share = np.where(rows, share / mass, 0.0)
        logs.append(largest + np.log(mass))
        shares.append(share)
        doubts.append(product(share, unsure).sum(axis=-1, keepdims=True))
    return logs, shares, doubts
