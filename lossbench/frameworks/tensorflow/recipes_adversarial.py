"""Losses of adversarial training, from TensorFlow's primitives; they can be copied as they stand.

Real and generated samples come in batches of one size; scores are logits, or a critic's without a bound.
"""

from __future__ import annotations

import tensorflow as tf

from lossbench.framework import Tensor
from lossbench.frameworks.tensorflow.engine import framework
from lossbench.frameworks.tensorflow.recipes import reduced

HERE = "lossbench.frameworks.tensorflow.recipes_adversarial"


@framework.implements(via=f"{HERE}.gan_minimax_discriminator", recipe=True)
def gan_minimax_discriminator(
    real: Tensor, fake: Tensor, *, real_label: float = 1.0, scale: float = 1.0, reduction: str
) -> Tensor:
    of_real = real_label * -tf.math.log_sigmoid(real) + (1 - real_label) * -tf.math.log_sigmoid(-real)
    return reduced(scale * (of_real - tf.math.log_sigmoid(-fake)), reduction)


@framework.implements(via=f"{HERE}.gan_saturating_generator", recipe=True)
def gan_saturating_generator(fake: Tensor, *, reduction: str) -> Tensor:
    return reduced(tf.math.log_sigmoid(-fake), reduction)


@framework.implements(via=f"{HERE}.gan_nonsaturating_generator", recipe=True)
def gan_nonsaturating_generator(fake: Tensor, *, reduction: str) -> Tensor:
    return reduced(-tf.math.log_sigmoid(fake), reduction)


@framework.implements(via=f"{HERE}.lsgan_discriminator", recipe=True)
def lsgan_discriminator(
    real: Tensor,
    fake: Tensor,
    *,
    fake_target: float = 0.0,
    real_target: float = 1.0,
    scale: float = 1.0,
    reduction: str,
) -> Tensor:
    real_off, fake_off = real - real_target, fake - fake_target
    # half of one factor, as twice the other may overflow
    return reduced(scale * (real_off / 2 * real_off + fake_off / 2 * fake_off), reduction)


@framework.implements(via=f"{HERE}.lsgan_generator", recipe=True)
def lsgan_generator(fake: Tensor, *, target: float = 1.0, reduction: str) -> Tensor:
    off = fake - target
    return reduced(off / 2 * off, reduction)


@framework.implements(via=f"{HERE}.gan_hinge_discriminator", recipe=True)
def gan_hinge_discriminator(real: Tensor, fake: Tensor, *, scale: float = 1.0, reduction: str) -> Tensor:
    return reduced(scale * (tf.nn.relu(1 - real) + tf.nn.relu(1 + fake)), reduction)


@framework.implements(via=f"{HERE}.gan_hinge_generator", recipe=True)
def gan_hinge_generator(fake: Tensor, *, reduction: str) -> Tensor:
    return reduced(-fake, reduction)


@framework.implements(via=f"{HERE}.wasserstein_critic", recipe=True)
def wasserstein_critic(real: Tensor, fake: Tensor, *, reduction: str) -> Tensor:
    return reduced(fake - real, reduction)


@framework.implements(via=f"{HERE}.wasserstein_generator", recipe=True)
def wasserstein_generator(fake: Tensor, *, reduction: str) -> Tensor:
    return reduced(-fake, reduction)


def interpolate(real: Tensor, fake: Tensor, mixture: Tensor) -> Tensor:
    """A sample on the way from a generated to a real one, for each pair."""
    share = mixture[..., tf.newaxis]
    return share * real + (1 - share) * fake


def penalty(slope: Tensor, weight: float) -> Tensor:
    """The squared difference of a slope's length from 1; where the slope is 0, its length has the derivative 0."""
    squares = tf.reduce_sum(slope * slope, -1)
    flat = squares == 0
    root = tf.sqrt(tf.where(flat, tf.ones_like(squares), squares))
    length = tf.where(flat, tf.zeros_like(squares), root)
    return weight * (length - 1) ** 2


@framework.implements(via=f"{HERE}.gradient_penalty", recipe=True)
def gradient_penalty(
    real: Tensor, fake: Tensor, mixture: Tensor, matrix: Tensor, *, weight: float = 10.0, reduction: str
) -> Tensor:
    between = interpolate(real, fake, mixture)
    slope = tf.linalg.matvec((matrix + tf.transpose(matrix)) / 2, between)  # of the critic xᵀ A x / 2
    return reduced(penalty(slope, weight), reduction)


@framework.implements("gradient_penalty", via=f"{HERE}.gradient_penalty_by_tape", recipe=True)
def gradient_penalty_by_tape(
    real: Tensor, fake: Tensor, mixture: Tensor, matrix: Tensor, *, weight: float = 10.0, reduction: str
) -> Tensor:
    between = interpolate(real, fake, mixture)
    with tf.GradientTape() as tape:
        tape.watch(between)
        scores = tf.reduce_sum(tf.linalg.matvec(matrix, between) * between, -1) / 2
    slope = tape.gradient(scores, between)
    return reduced(penalty(slope, weight), reduction)
