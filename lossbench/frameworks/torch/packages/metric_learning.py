"""pytorch_metric_learning.losses: losses of a batch of embeddings with labels, and of triplets."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lossbench.frameworks.torch.engine import framework
from lossbench.frameworks.torch.packages import package
from lossbench.records import Known

METRIC_LEARNING = package("pytorch-metric-learning", "pytorch_metric_learning", measured="2.9.0")
losses = METRIC_LEARNING.module("pytorch_metric_learning.losses")
distances = METRIC_LEARNING.module("pytorch_metric_learning.distances")
reducers = METRIC_LEARNING.module("pytorch_metric_learning.reducers")


@framework.implements(
    via="pytorch_metric_learning.losses.NTXentLoss",
    reductions=("mean",),
    package=METRIC_LEARNING,
    known=[
        Known("takes lengths below 1e-12 for 1e-12", definition="ntxent", sets=(("epsilon", 1e-12),), contract=True),
        Known(
            "squares numbers as they are, which overflows: such a row has no direction",
            regimes=("boundary",),
            error=math.inf,
        ),
    ],
)
def ntxent(embeddings: Tensor, labels: Tensor, *, temperature: float = 0.07) -> Tensor:
    return losses.NTXentLoss(temperature=temperature)(embeddings, labels)


@framework.implements(
    via="pytorch_metric_learning.losses.CircleLoss",
    reductions=("mean",),
    package=METRIC_LEARNING,
    known=[
        Known(
            "holds the weights of the pairs constant, as the paper does, and divides the length out of each row",
            definition="circle_with_constant_weights",
            contract=True,
        )
    ],
)
def circle(embeddings: Tensor, labels: Tensor, *, gamma: float = 80.0, margin: float = 0.4) -> Tensor:
    return losses.CircleLoss(m=margin, gamma=gamma)(embeddings, labels)


@framework.implements(
    via="pytorch_metric_learning.losses.TripletMarginLoss(LpDistance(normalize_embeddings=False), MeanReducer)",
    reductions=("mean",),
    package=METRIC_LEARNING,
    known=[
        Known(
            "adds no epsilon to the differences", definition="triplet_margin", sets=(("epsilon", 0.0),), contract=True
        )
    ],
)
def triplet_margin(
    anchor: Tensor, positive: Tensor, negative: Tensor, *, margin: float = 1.0, p: float = 2.0, swap: bool = False
) -> Tensor:
    rows = [part.reshape(-1, part.shape[-1]) for part in (anchor, positive, negative)]
    indices = torch.arange(3 * len(rows[0]), device=anchor.device).reshape(3, -1).unbind()
    loss = losses.TripletMarginLoss(
        margin=margin,
        swap=swap,
        distance=distances.LpDistance(normalize_embeddings=False, p=p),
        reducer=reducers.MeanReducer(),
    )
    return loss(torch.cat(rows), indices_tuple=indices)
