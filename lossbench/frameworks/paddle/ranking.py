"""Losses of an order, of angles and of whole batches, and the triplet loss by a distance function."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F  # noqa: N812  (the name all of Paddle's users know it by)
from paddle import Tensor, nn

from lossbench.frameworks.paddle.engine import DTYPES, INTEGERS, framework
from lossbench.records import Known

DISTANCES = {
    "euclidean": lambda u, v: paddle.linalg.vector_norm(u - v, axis=-1),
    "manhattan": lambda u, v: (u - v).abs().sum(axis=-1),
    "squared": lambda u, v: (u - v).square().sum(axis=-1),
    "cosine": lambda u, v: 1 - F.cosine_similarity(u, v, axis=-1),
}


@framework.implements(via="paddle.nn.MarginRankingLoss", dtypes=DTYPES)
def margin_ranking(first: Tensor, second: Tensor, sign: Tensor, *, margin: float = 0.0, reduction: str) -> Tensor:
    return F.margin_ranking_loss(first, second, sign, margin=margin, reduction=reduction)


@framework.implements(
    via="paddle.nn.CosineSimilarity",
    reductions=("none",),
    dtypes=DTYPES,
    known=[
        Known(
            "takes a product of the two lengths below 1e-8 for 1e-8",
            definition="cosine_similarity_floor_of_product",
            sets=(("epsilon", 1e-8),),
            contract=True,
        )
    ],
)
def cosine_similarity(first: Tensor, second: Tensor) -> Tensor:
    return F.cosine_similarity(first, second, axis=-1)


@framework.implements(
    via="paddle.nn.functional.npair_loss",
    reductions=("mean",),
    dtypes=DTYPES,
    integers=INTEGERS,
    known=[
        Known("its matrix of labels is float32, and float64 does not go with it", raises=True, dtypes=("float64",)),
        Known("refuses an empty batch", raises=True, regimes=("empty",), contract=True),
        Known("clips scores at 64 below the largest of their row", definition="npair_clipped_at_64"),
    ],
)
def npair(anchor: Tensor, positive: Tensor, labels: Tensor, *, l2_reg: float = 0.002) -> Tensor:
    return F.npair_loss(anchor, positive, labels, l2_reg=l2_reg)


@framework.implements(
    via="paddle.nn.functional.triplet_margin_with_distance_loss(distance_function)",
    dtypes=DTYPES,
    known=[
        Known(
            "the slope of paddle.linalg.vector_norm divides by the length plus 1e-12",
            definition="triplet_margin_by_guarded_norm",
        )
    ],
)
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


@framework.implements(
    "triplet_margin_with_distance",
    via="paddle.nn.TripletMarginWithDistanceLoss(distance_function)",
    dtypes=DTYPES,
    known=[
        Known(
            "ignores the distance function it was given: it takes the norm of the difference plus 1e-6",
            definition="triplet_margin",
        )
    ],
)
def triplet_margin_with_distance_by_layer(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float = 1.0,
    distance: str = "euclidean",
    swap: bool = False,
    reduction: str,
) -> Tensor:
    loss = nn.TripletMarginWithDistanceLoss(
        distance_function=DISTANCES[distance], margin=margin, swap=swap, reduction=reduction
    )
    return loss(anchor, positive, negative)
