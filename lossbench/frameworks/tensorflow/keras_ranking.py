"""Keras's losses of angles, and of whole batches of embeddings."""

from __future__ import annotations

from keras import losses

from lossbench.framework import Tensor
from lossbench.frameworks.tensorflow.engine import framework
from lossbench.frameworks.tensorflow.words import EMPTY, IN_FLOAT32, OVER_WEIGHTED_TERMS, PLAIN, Word
from lossbench.records import INTEGERS, Known

NEGATIVE = Known(
    "returns minus the cosine, to be minimized, and takes lengths below 1e-7 for 1e-7",
    definition="negative_cosine_similarity",
    sets=(("epsilon", 1e-7),),
    contract=True,
)
AVERAGED = {"mean": "sum_over_batch_size", "sum": "sum", "weighted_mean": "mean_with_sample_weight"}


@framework.implements(
    via="keras.losses.CosineSimilarity(dtype=)", reductions=OVER_WEIGHTED_TERMS, known=[EMPTY, NEGATIVE]
)
def cosine_similarity(first: Tensor, second: Tensor, sample_weight: Tensor | None = None, *, reduction: Word) -> Tensor:
    return losses.CosineSimilarity(reduction=reduction, dtype=first.dtype.name)(
        second, first, sample_weight=sample_weight
    )


@framework.implements(
    "cosine_similarity",
    via="keras.losses.CosineSimilarity",
    reductions=OVER_WEIGHTED_TERMS,
    dtypes=PLAIN,
    known=[EMPTY, IN_FLOAT32, NEGATIVE],
)
def cosine_similarity_in_float32(
    first: Tensor, second: Tensor, sample_weight: Tensor | None = None, *, reduction: Word
) -> Tensor:
    return losses.CosineSimilarity(reduction=reduction)(second, first, sample_weight=sample_weight)


@framework.implements(via="keras.losses.Circle(dtype=)", reductions=AVERAGED, integers=INTEGERS, known=[EMPTY])
def circle(
    embeddings: Tensor,
    labels: Tensor,
    sample_weight: Tensor | None = None,
    *,
    gamma: float = 80.0,
    margin: float = 0.4,
    remove_diagonal: bool = True,
    reduction: Word,
) -> Tensor:
    loss = losses.Circle(
        gamma=gamma,
        margin=margin,
        remove_diagonal=remove_diagonal,
        reduction=reduction,
        dtype=embeddings.dtype.name,
    )
    return loss(labels, embeddings, sample_weight=sample_weight)


@framework.implements(
    "circle",
    via="keras.losses.Circle",
    reductions=AVERAGED,
    dtypes=PLAIN,
    integers=INTEGERS,
    known=[EMPTY, IN_FLOAT32],
)
def circle_in_float32(
    embeddings: Tensor,
    labels: Tensor,
    sample_weight: Tensor | None = None,
    *,
    gamma: float = 80.0,
    margin: float = 0.4,
    remove_diagonal: bool = True,
    reduction: Word,
) -> Tensor:
    return losses.Circle(gamma=gamma, margin=margin, remove_diagonal=remove_diagonal, reduction=reduction)(
        labels, embeddings, sample_weight=sample_weight
    )
