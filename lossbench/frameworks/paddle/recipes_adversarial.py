"""Losses of adversarial training, written from Paddle's primitives; they can be copied as they stand.

Real and generated samples come in batches of one size; scores are logits, or a critic's without a bound.
"""

from __future__ import annotations

import paddle
import paddle.nn.functional as F  # noqa: N812  (the name all of Paddle's users know it by)
from paddle import Tensor

from lossbench.frameworks.paddle.engine import DTYPES, framework
from lossbench.frameworks.paddle.recipes import reduced, softplus

HERE = "lossbench.frameworks.paddle.recipes_adversarial"


@framework.implements(via=f"{HERE}.gan_minimax_discriminator", recipe=True, dtypes=DTYPES)
def gan_minimax_discriminator(
    real: Tensor, fake: Tensor, *, real_label: float = 1.0, scale: float = 1.0, reduction: str
) -> Tensor:
    of_real = real_label * softplus(-real) + (1 - real_label) * softplus(real)
    return reduced(scale * (of_real + softplus(fake)), reduction)


@framework.implements(via=f"{HERE}.gan_saturating_generator", recipe=True, dtypes=DTYPES)
def gan_saturating_generator(fake: Tensor, *, reduction: str) -> Tensor:
    return reduced(-softplus(fake), reduction)


@framework.implements(via=f"{HERE}.gan_nonsaturating_generator", recipe=True, dtypes=DTYPES)
def gan_nonsaturating_generator(fake: Tensor, *, reduction: str) -> Tensor:
    return reduced(softplus(-fake), reduction)


@framework.implements(via=f"{HERE}.lsgan_discriminator", recipe=True, dtypes=DTYPES)
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


@framework.implements(via=f"{HERE}.lsgan_generator", recipe=True, dtypes=DTYPES)
def lsgan_generator(fake: Tensor, *, target: float = 1.0, reduction: str) -> Tensor:
    off = fake - target
    return reduced(off / 2 * off, reduction)


@framework.implements(via=f"{HERE}.gan_hinge_discriminator", recipe=True, dtypes=DTYPES)
def gan_hinge_discriminator(real: Tensor, fake: Tensor, *, scale: float = 1.0, reduction: str) -> Tensor:
    return reduced(scale * (F.relu(1 - real) + F.relu(1 + fake)), reduction)


@framework.implements(via=f"{HERE}.gan_hinge_generator", recipe=True, dtypes=DTYPES)
def gan_hinge_generator(fake: Tensor, *, reduction: str) -> Tensor:
    return reduced(-fake, reduction)


@framework.implements(via=f"{HERE}.wasserstein_critic", recipe=True, dtypes=DTYPES)
def wasserstein_critic(real: Tensor, fake: Tensor, *, reduction: str) -> Tensor:
    return reduced(fake - real, reduction)


@framework.implements(via=f"{HERE}.wasserstein_generator", recipe=True, dtypes=DTYPES)
def wasserstein_generator(fake: Tensor, *, reduction: str) -> Tensor:
    return reduced(-fake, reduction)


def interpolate(real: Tensor, fake: Tensor, mixture: Tensor) -> Tensor:
    """A sample on the way from a generated to a real one, for each pair."""
    share = mixture.unsqueeze(-1)
    return share * real + (1 - share) * fake


def penalty(slope: Tensor, weight: float) -> Tensor:
    """The squared difference of a slope's length from 1; where the slope is 0, its length has the derivative 0."""
    squares = (slope * slope).sum(axis=-1)
    flat = squares <= 0  # Paddle's == takes what is closer than 1e-15 to be equal
    length = paddle.where(
        flat, paddle.zeros_like(squares), paddle.sqrt(paddle.where(flat, paddle.ones_like(squares), squares))
    )
    return weight * (length - 1) ** 2


@framework.implements(via=f"{HERE}.gradient_penalty", recipe=True, dtypes=DTYPES)
def gradient_penalty(
    real: Tensor, fake: Tensor, mixture: Tensor, matrix: Tensor, *, weight: float = 10.0, reduction: str
) -> Tensor:
    between = interpolate(real, fake, mixture)
    slope = between @ (matrix + matrix.T) / 2  # of the critic xᵀ A x / 2
    return reduced(penalty(slope, weight), reduction)


@framework.implements("gradient_penalty", via=f"{HERE}.gradient_penalty_by_grad", recipe=True, dtypes=DTYPES)
def gradient_penalty_by_grad(
    real: Tensor, fake: Tensor, mixture: Tensor, matrix: Tensor, *, weight: float = 10.0, reduction: str
) -> Tensor:
    between = interpolate(real, fake, mixture)
    between.stop_gradient = False
    scores = ((between @ matrix) * between).sum(axis=-1) / 2
    (slope,) = paddle.grad(scores.sum(), between, create_graph=True)
    return reduced(penalty(slope, weight), reduction)
