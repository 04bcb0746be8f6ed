"""Calls as somebody writes them who comes from elsewhere; each gives another number, and nobody says so."""

import keras
import tensorflow as tf


def circle_mean(embeddings, labels, gamma=80.0, margin=0.4, remove_diagonal=True, reduction="mean"):
    """The mean over all rows of a batch, as other losses have it: their sum over their number."""
    loss = keras.losses.Circle(
        gamma=gamma, margin=margin, remove_diagonal=remove_diagonal, reduction="sum", dtype=embeddings.dtype.name
    )
    total = loss(labels, embeddings)
    return total / tf.cast(tf.shape(labels)[0], total.dtype) if reduction == "mean" else total


def hinge_of_signs(score, sign, reduction="none"):
    """Labels of -1 and 1, as Keras and optax have them."""
    words = {"none": "none", "sum": "weighted_sum", "mean": "weighted_sum_over_batch_size"}
    return tf.compat.v1.losses.hinge_loss(sign, score, reduction=words[reduction])


def categorical_hinge(scores, target):
    """The hinge of one class against the best of all others."""
    return keras.losses.categorical_hinge(tf.one_hot(target, scores.shape[-1], dtype=scores.dtype), scores)


def poisson_as_elsewhere(log_rate, target):
    """What is predicted first, then what was counted."""
    return tf.nn.log_poisson_loss(log_rate, target)
