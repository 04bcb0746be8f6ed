"""optax's losses that ask for a margin or a maximum: unreduced, scores first."""

from __future__ import annotations

import optax
from jax import numpy as jnp
from jax.scipy.special import logsumexp

from lossbench.framework import Tensor
from lossbench.frameworks.jax.engine import framework
from lossbench.records import INTEGERS, Known, Symptom

NONE = ("none",)
NARROW = ("float32", "float16", "bfloat16")
WIDENED = Known(
    "takes the one-hot row in JAX's default format, float64 here, and so answers in it",
    notes=(Symptom.OTHER_DTYPE,),
    dtypes=NARROW,
)
ONE_FORMAT = Known(
    "the rule of its gradient fits JAX's default format alone, float64 here, and raises in all others",
    raises=True,
    dtypes=NARROW,
)
THROUGH_PROJECTION = Known(
    "differentiates the projection as well, and keeps rounding errors of terms as large as the target's distance",
    definition="multiclass_sparsemax_through_projection",
)
MAXIMA = {"logsumexp": logsumexp, "max": jnp.max}


@framework.implements(via="optax.losses.hinge_loss", reductions=NONE)
def hinge(score: Tensor, sign: Tensor) -> Tensor:
    return optax.losses.hinge_loss(score, sign)


@framework.implements(via="optax.losses.perceptron_loss", reductions=NONE)
def perceptron(score: Tensor, sign: Tensor) -> Tensor:
    return optax.losses.perceptron_loss(score, sign)


@framework.implements(via="optax.losses.sparsemax_loss", reductions=NONE)
def sparsemax(score: Tensor, sign: Tensor) -> Tensor:
    return optax.losses.sparsemax_loss(score, sign > 0)


@framework.implements(via="optax.losses.multiclass_hinge_loss", reductions=NONE, integers=INTEGERS, known=[WIDENED])
def multiclass_hinge(scores: Tensor, target: Tensor) -> Tensor:
    return optax.losses.multiclass_hinge_loss(scores, target)


@framework.implements(
    via="optax.losses.multiclass_perceptron_loss", reductions=NONE, integers=INTEGERS, known=[WIDENED]
)
def multiclass_perceptron(scores: Tensor, target: Tensor) -> Tensor:
    return optax.losses.multiclass_perceptron_loss(scores, target)


@framework.implements(
    via="optax.losses.multiclass_sparsemax_loss",
    reductions=NONE,
    integers=INTEGERS,
    known=[ONE_FORMAT, THROUGH_PROJECTION],
)
def multiclass_sparsemax(scores: Tensor, target: Tensor) -> Tensor:
    rows = scores.reshape(-1, scores.shape[-1])
    return optax.losses.multiclass_sparsemax_loss(rows, target.reshape(-1)).reshape(target.shape)


@framework.implements(via="optax.losses.make_fenchel_young_loss(max_fun=)", reductions=NONE)
def fenchel_young(scores: Tensor, target: Tensor, *, max_fun: str = "logsumexp") -> Tensor:
    return optax.losses.make_fenchel_young_loss(max_fun=MAXIMA[max_fun])(scores, target)
