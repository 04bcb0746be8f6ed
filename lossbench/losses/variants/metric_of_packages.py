"""Deviating formulas of the losses of embeddings, as packages beside the frameworks have them."""

from __future__ import annotations

import numpy as np

from lossbench.domains import Number, PositiveNumber, RowClassIndex, UnitVectors
from lossbench.loss import Denominator, Terms, loss
from lossbench.losses.circle import circle, gathered
from lossbench.losses.contrastive import AXES
from lossbench.losses.stable import sigmoid


@loss(over="batch", variant=True, reductions=("mean", "sum"), axes=AXES)
@np.errstate(all="ignore")
def circle_with_constant_weights(
    embeddings: UnitVectors, labels: RowClassIndex, *, gamma: PositiveNumber = 80.0, margin: Number = 0.4
) -> Terms:
    """Circle loss whose weights α and β count as constants, of embeddings that it brings to length 1 itself.

    The value is that of `circle`. A score is pulled by ``-γ α`` where the labels are alike and by ``γ β`` where not,
    and the slope by a row has lost its part along the row, as the length is divided out.

    Source: Y. Sun et al., "Circle loss", CVPR 2020; pytorch_metric_learning.losses.CircleLoss.
    """
    embeddings = embeddings / np.linalg.norm(embeddings, axis=-1, keepdims=True)
    textbook = circle.function(embeddings, labels, gamma=gamma, margin=margin, remove_diagonal=True)
    count = len(labels)
    alike = labels[:, None] == labels
    partners = alike & ~np.eye(count, dtype=bool)
    rows = (partners.any(axis=-1) & ~alike.all(axis=-1))[:, None]
    products = embeddings @ embeddings.T
    terms = np.abs(embeddings) @ np.abs(embeddings).T
    reach, avoid = np.maximum(0.0, 1 + margin - products), np.maximum(0.0, margin + products)
    energies = gamma * np.where(alike, reach * (1 - margin - products), avoid * (products - margin))
    unsure = gamma * (reach + avoid + 1 + abs(margin)) * (1 + abs(margin) + terms)
    logs, shares, doubts = gathered((partners, ~alike), energies, rows, unsure)
    slope = np.where(rows, sigmoid(np.where(rows, logs[0] + logs[1], -np.inf)), 0.0)
    steep = gamma * np.where(alike, -reach, avoid)
    pull = slope * (shares[0] + shares[1]) * steep
    doubt = 1 + 4 * (doubts[0] + doubts[1] + unsure)
    size = slope * (shares[0] + shares[1]) * (np.abs(steep) * doubt + gamma * (1 + terms))
    both, both_size = pull + pull.T, size + size.T
    along = (both * products).sum(axis=-1, keepdims=True)
    along_size = (both_size * terms).sum(axis=-1, keepdims=True)
    return Terms(
        textbook.value,
        {"embeddings": both @ embeddings - along * embeddings},
        # dividing by a length moves each score by some eps
        np.asarray(textbook.magnitude) + 4 * (slope * (doubts[0] + doubts[1])).sum(),
        {"embeddings": both_size @ np.abs(embeddings) + along_size * np.abs(embeddings)},
        textbook.nearness,
        denominators={"mean": Denominator(float(rows.sum()))},
    )
