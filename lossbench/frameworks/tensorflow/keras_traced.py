"""Keras's cross entropies of probabilities that a sigmoid or softmax has just made.

Keras looks for the operation behind the probabilities. Where it finds it, it takes the logits instead and is exact:
always behind `keras.ops`, behind TensorFlow's own only inside of a graph. So the same two lines clip a surprisal at
16.118 when they are run and do not when they are compiled.
"""

from __future__ import annotations

import math

import tensorflow as tf
from keras import losses, ops

from lossbench.framework import Tensor
from lossbench.frameworks.tensorflow.engine import framework
from lossbench.frameworks.tensorflow.words import OVER_TERMS, Word
from lossbench.records import Known

BY_PROBABILITIES = Known(
    "called outside of a graph it does not see the logits: the probabilities were rounded, and are clipped to 1e-7 "
    "and 1 - 1e-7",
    error=math.inf,
)


@framework.implements(
    "binary_cross_entropy_with_logits",
    via="keras.losses.BinaryCrossentropy(dtype=) of tf.sigmoid(x)[..., None]",
    reductions=OVER_TERMS,
    known=[BY_PROBABILITIES],
)
def binary_cross_entropy_of_sigmoid(logit: Tensor, target: Tensor, *, reduction: Word) -> Tensor:
    loss = losses.BinaryCrossentropy(reduction=reduction, dtype=logit.dtype.name)
    return loss(tf.expand_dims(target, -1), tf.sigmoid(tf.expand_dims(logit, -1)))


@framework.implements(
    "binary_cross_entropy_with_logits",
    via="keras.losses.BinaryCrossentropy(dtype=) of keras.ops.sigmoid(x)[..., None]",
    reductions=OVER_TERMS,
)
def binary_cross_entropy_of_keras_sigmoid(logit: Tensor, target: Tensor, *, reduction: Word) -> Tensor:
    loss = losses.BinaryCrossentropy(reduction=reduction, dtype=logit.dtype.name)
    return loss(tf.expand_dims(target, -1), ops.sigmoid(tf.expand_dims(logit, -1)))


@framework.implements(
    "soft_cross_entropy",
    via="keras.losses.CategoricalCrossentropy(dtype=) of tf.nn.softmax(x)",
    reductions=OVER_TERMS,
    known=[BY_PROBABILITIES],
)
def categorical_cross_entropy_of_softmax(logits: Tensor, target: Tensor, *, reduction: Word) -> Tensor:
    loss = losses.CategoricalCrossentropy(reduction=reduction, dtype=logits.dtype.name)
    return loss(target, tf.nn.softmax(logits))


@framework.implements(
    "cross_entropy",
    via="keras.losses.SparseCategoricalCrossentropy(dtype=) of tf.nn.softmax(x)",
    reductions=OVER_TERMS,
    known=[BY_PROBABILITIES],
)
def sparse_categorical_cross_entropy_of_softmax(logits: Tensor, target: Tensor, *, reduction: Word) -> Tensor:
    loss = losses.SparseCategoricalCrossentropy(reduction=reduction, dtype=logits.dtype.name)
    return loss(target, tf.nn.softmax(logits))
