"""Losses of an order and of angles, and the triplet loss by a distance function."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  (the name all of torch's users know it by)
from torch import Tensor

from lossbench.frameworks.torch.engine import framework
from lossbench.records import Known

DISTANCES = {
    "euclidean": lambda u, v: torch.linalg.vector_norm(u - v, dim=-1),
    "manhattan": lambda u, v: torch.linalg.vector_norm(u - v, ord=1, dim=-1),
    "squared": lambda u, v: (u - v).square().sum(dim=-1),
    "cosine": lambda u, v: 1 - F.cosine_similarity(u, v, dim=-1),
}


@framework.implements(via="torch.nn.MarginRankingLoss")
def margin_ranking(first: Tensor, second: Tensor, sign: Tensor, *, margin: float = 0.0, reduction: str) -> Tensor:
    return F.margin_ranking_loss(first, second, sign, margin=margin, reduction=reduction)


@framework.implements(
    via="torch.nn.CosineSimilarity",
    reductions=("none",),
    known=[
        Known(
            "takes lengths below 1e-8 for 1e-8, with the slope of the true length",
            definition="cosine_similarity_floor_with_slope",
            sets=(("epsilon", 1e-8),),
            contract=True,
        )
    ],
)
def cosine_similarity(first: Tensor, second: Tensor) -> Tensor:
    return F.cosine_similarity(first, second, dim=-1)


@framework.implements(via="torch.nn.TripletMarginWithDistanceLoss(distance_function)")
def triplet_margin_with_distance(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float = 1.0,
    distance: str = "euclidean",
    swap: bool = False,
    reduction: str,
) -> Tensor:
    return F.triplet_margin_with_distance_loss(
        anchor,
        positive,
        negative,
        distance_function=DISTANCES[distance],
        margin=margin,
        swap=swap,
        reduction=reduction,
    )
