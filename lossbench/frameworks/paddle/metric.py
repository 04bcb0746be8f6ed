"""Losses that compare embeddings: rows of numbers, near or far from each other."""

from __future__ import annotations

import paddle.nn.functional as F  # noqa: N812  (the name all of Paddle's users know it by)
from paddle import Tensor

from lossbench.frameworks.paddle.engine import DTYPES, framework
from lossbench.records import Known


@framework.implements(
    via="paddle.nn.CosineEmbeddingLoss",
    dtypes=DTYPES,
    known=[Known("adds 1e-11 to each squared norm", definition="cosine_embedding", sets=(("epsilon", 1e-11),))],
)
def cosine_embedding(first: Tensor, second: Tensor, sign: Tensor, *, margin: float = 0.0, reduction: str) -> Tensor:
    if first.ndim <= 2:
        return F.cosine_embedding_loss(first, second, sign, margin=margin, reduction=reduction)
    rows = first.flatten(0, -2), second.flatten(0, -2), sign.flatten()
    loss = F.cosine_embedding_loss(*rows, margin=margin, reduction=reduction)
    return loss.reshape(sign.shape) if reduction == "none" else loss


@framework.implements(
    via="paddle.nn.TripletMarginLoss",
    dtypes=DTYPES,
    known=[
        Known(
            "takes the root 1/p rounded to float32, and gives no number for the gradient at distance 0",
            definition="triplet_margin_root_rounded_to_float32",
        )
    ],
)
def triplet_margin(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float = 1.0,
    p: float = 2.0,
    epsilon: float = 1e-6,
    swap: bool = False,
    reduction: str,
) -> Tensor:
    return F.triplet_margin_loss(
        anchor, positive, negative, margin=margin, p=p, epsilon=epsilon, swap=swap, reduction=reduction
    )


@framework.implements("triplet_margin", via="paddle.nn.TripletMarginWithDistanceLoss", dtypes=DTYPES)
def triplet_margin_with_distance(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str,
) -> Tensor:
    return F.triplet_margin_with_distance_loss(
        anchor, positive, negative, margin=margin, swap=swap, reduction=reduction
    )
