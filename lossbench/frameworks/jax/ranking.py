"""optax's losses of angles, triplets and lists, and of whole batches."""

from __future__ import annotations

import math

import optax
from jax import numpy as jnp

from lossbench.framework import FLOATS, Tensor
from lossbench.frameworks.jax.engine import framework
from lossbench.records import INTEGERS, Known

NONE = ("none",)
EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
IN_ROOT = Known(
    "adds epsilon to the sum of powers under the root, and takes powers of signed differences",
    definition="triplet_margin_epsilon_in_root",
)
REDUCTIONS = {"none": None, "mean": jnp.mean, "sum": jnp.sum}


@framework.implements(via="optax.losses.cosine_similarity", reductions=NONE)
def cosine_similarity(first: Tensor, second: Tensor, mask: Tensor | None = None, *, epsilon: float = 0.0) -> Tensor:
    # its epsilon is held against the squares of the lengths
    where = None if mask is None else mask.astype(bool)
    return optax.losses.cosine_similarity(first, second, epsilon=epsilon**2, where=where)


@framework.implements(via="optax.losses.cosine_distance", reductions=NONE)
def cosine_distance(first: Tensor, second: Tensor, mask: Tensor | None = None, *, epsilon: float = 0.0) -> Tensor:
    # its epsilon is held against the squares of the lengths
    where = None if mask is None else mask.astype(bool)
    return optax.losses.cosine_distance(first, second, epsilon=epsilon**2, where=where)


@framework.implements("cosine_similarity", via="optax.losses.cosine_similarity(axis=0)", reductions=NONE)
def cosine_similarity_of_vectors_first(first: Tensor, second: Tensor, *, epsilon: float = 0.0) -> Tensor:
    along_first = jnp.moveaxis(first, -1, 0), jnp.moveaxis(second, -1, 0)
    return optax.losses.cosine_similarity(*along_first, epsilon=epsilon**2, axis=0)


@framework.implements("cosine_distance", via="optax.losses.cosine_distance(axis=0)", reductions=NONE)
def cosine_distance_of_vectors_first(first: Tensor, second: Tensor, *, epsilon: float = 0.0) -> Tensor:
    along_first = jnp.moveaxis(first, -1, 0), jnp.moveaxis(second, -1, 0)
    return optax.losses.cosine_distance(*along_first, epsilon=epsilon**2, axis=0)


@framework.implements(via="optax.losses.triplet_margin_loss", reductions=NONE, known=[IN_ROOT])
def triplet_margin(
    anchor: Tensor, positive: Tensor, negative: Tensor, *, margin: float = 1.0, p: float = 2.0, epsilon: float = 1e-6
) -> Tensor:
    return optax.losses.triplet_margin_loss(anchor, positive, negative, norm_degree=p, margin=margin, eps=epsilon)


@framework.implements(
    "triplet_margin", via="optax.losses.triplet_margin_loss(axis=0)", reductions=NONE, known=[IN_ROOT]
)
def triplet_margin_of_vectors_first(
    anchor: Tensor, positive: Tensor, negative: Tensor, *, margin: float = 1.0, p: float = 2.0, epsilon: float = 1e-6
) -> Tensor:
    along_first = jnp.moveaxis(anchor, -1, 0), jnp.moveaxis(positive, -1, 0), jnp.moveaxis(negative, -1, 0)
    return optax.losses.triplet_margin_loss(*along_first, axis=0, norm_degree=p, margin=margin, eps=epsilon)


@framework.implements(
    via="optax.losses.ntxent",
    reductions=("mean",),
    integers=INTEGERS,
    known=[
        Known("refuses an empty batch", raises=True, regimes=("empty",)),
        *(
            Known(
                "takes squared lengths below the format's eps for that eps",
                definition="ntxent",
                sets=(("epsilon", math.sqrt(EPS[dtype])),),
                dtypes=(dtype,),
                contract=True,
            )
            for dtype in FLOATS
        ),
    ],
)
def ntxent(embeddings: Tensor, labels: Tensor, *, temperature: float = 0.07) -> Tensor:
    return optax.losses.ntxent(embeddings, labels, temperature=temperature)


@framework.implements(via="optax.losses.ranking_softmax_loss")
def listwise_softmax(
    logits: Tensor, relevance: Tensor, weight: Tensor | None = None, mask: Tensor | None = None, *, reduction: str
) -> Tensor:
    return optax.losses.ranking_softmax_loss(
        logits,
        relevance,
        where=None if mask is None else mask.astype(bool),
        weights=weight,
        reduce_fn=REDUCTIONS[reduction],
    )
