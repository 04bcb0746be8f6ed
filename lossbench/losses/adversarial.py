"""Losses of a generator and the discriminator it plays against: scores of real samples, and of generated ones.

Each is the mean over the samples of its terms; a discriminator's term adds what it pays for a real sample to what it
pays for a generated one.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lossbench.domains import Fraction, Logit, Number, PositiveNumber, Real
from lossbench.functions import exactly, log, maximum, sigmoid
from lossbench.loss import Terms, loss
from lossbench.losses import stable
from lossbench.losses.limits import only_where, product

Arrays = dict[str, np.ndarray]


@loss(over="elements", also={"real_label": (0.875, 0.0), "scale": (0.5,)}, relations=("not_negative",))
@np.errstate(all="ignore")
def gan_minimax_discriminator(
    real: Logit, fake: Logit, *, real_label: Fraction = 1.0, scale: PositiveNumber = 1.0
) -> Terms:
    """Binary cross entropy of a discriminator that should say 1 of real samples and 0 of generated ones.

    ``s (-b log σ(r) - (1 - b) log σ(-r) - log σ(-f))`` with r = real and f = fake the logits, b = real_label (below 1:
    one-sided label smoothing) and s = scale. Shapes: both alike, one term for each pair. The derivative by r is
    ``s (σ(r) - b)``, by f ``s σ(f)``. Identity: `binary_cross_entropy_with_logits` of r with b, plus that of f with 0.

    Source: I. Goodfellow et al., "Generative adversarial nets", NIPS 2014; smoothing: T. Salimans et al., "Improved
    techniques for training GANs", NIPS 2016.
    """
    accepted, rejected = stable.scaled_sigmoid(real, scale), stable.scaled_sigmoid(-real, scale)
    of_real = product(np.asarray(real_label), stable.softplus(-real)) + product(
        np.asarray(1 - real_label), stable.softplus(real)
    )
    return Terms(
        scale * (of_real + stable.softplus(fake)),
        {
            "real": (1 - real_label) * accepted - real_label * rejected,
            "fake": stable.scaled_sigmoid(fake, scale),
        },
        slope_magnitudes={"real": (1 - real_label) * accepted + real_label * rejected},
    )


@gan_minimax_discriminator.definition
def _(real, fake, *, real_label, scale):
    b = exactly(real_label)
    return -scale * (b * log(sigmoid(real)) + (1 - b) * log(sigmoid(-real)) + log(sigmoid(-fake)))


@loss(over="elements")
@np.errstate(all="ignore")
def gan_saturating_generator(fake: Logit) -> Terms:
    """Log-probability that the discriminator sees through a generated sample, which the generator makes small.

    ``log(1 - σ(f))`` with f = fake the logits; the derivative is ``-σ(f)``, which vanishes where the sample is rejected
    with certainty. One term for each element. Identity: ``-log(1 + exp f)``.

    Source: I. Goodfellow et al., "Generative adversarial nets", NIPS 2014, the minimax game.
    """
    return Terms(-stable.softplus(fake), {"fake": -stable.sigmoid(fake)})


@gan_saturating_generator.definition
def _(fake):
    return log(sigmoid(-fake))


@loss(over="elements", relations=("not_negative",))
@np.errstate(all="ignore")
def gan_nonsaturating_generator(fake: Logit) -> Terms:
    """Minus the log-probability that the discriminator takes a generated sample for real.

    ``-log σ(f)`` with f = fake the logits; the derivative is ``-σ(-f)``. One term for each element. Identity:
    `binary_cross_entropy_with_logits` with the target 1.

    Source: I. Goodfellow et al., "Generative adversarial nets", NIPS 2014, section 3.
    """
    return Terms(stable.softplus(-fake), {"fake": -stable.sigmoid(-fake)})


@gan_nonsaturating_generator.definition
def _(fake):
    return -log(sigmoid(fake))


def _half_square(score: np.ndarray, target: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Half the squared distance, its derivative, and the size of that before it cancels."""
    apart = score - target
    return apart / 2 * apart, apart, np.abs(score) + abs(target)


@loss(
    over="elements",
    also={"fake_target": (-1.0,), "real_target": (0.875,), "scale": (0.5,)},
    form_of="lsgan",
    relations=("not_negative",),
)
@np.errstate(all="ignore")
def lsgan_discriminator(
    real: Real, fake: Real, *, fake_target: Number = 0.0, real_target: Number = 1.0, scale: PositiveNumber = 1.0
) -> Terms:
    """Half the squared distances of a discriminator's scores from what it should say of real and of generated samples.

    ``s ((r - b)²/2 + (f - a)²/2)`` with r = real, f = fake, b = real_target, a = fake_target, s = scale. Shapes: both
    alike, one term for each pair. The derivative by r is ``s (r - b)``, by f ``s (f - a)``.

    Source: X. Mao et al., "Least squares generative adversarial networks", ICCV 2017.
    """
    of_real, by_real, real_size = _half_square(real, real_target)
    of_fake, by_fake, fake_size = _half_square(fake, fake_target)
    return Terms(
        scale * of_real + scale * of_fake,
        {"real": scale * by_real, "fake": scale * by_fake},
        magnitude=scale * (real_size / 2 * real_size + fake_size / 2 * fake_size),
        slope_magnitudes={"real": scale * real_size, "fake": scale * fake_size},
    )


@lsgan_discriminator.definition
def _(real, fake, *, fake_target, real_target, scale):
    return scale * ((real - real_target) ** 2 / 2 + (fake - fake_target) ** 2 / 2)


@loss(over="elements", also={"target": (0.0,)}, form_of="lsgan", relations=("not_negative",))
@np.errstate(all="ignore")
def lsgan_generator(fake: Real, *, target: Number = 1.0) -> Terms:
    """Half the squared distance of the discriminator's scores of generated samples from what the generator wants.

    ``(f - c)²/2`` with f = fake and c = target; the derivative is ``f - c``. One term for each element.

    Source: X. Mao et al., "Least squares generative adversarial networks", ICCV 2017.
    """
    value, slope, size = _half_square(fake, target)
    return Terms(value, {"fake": slope}, magnitude=size / 2 * size, slope_magnitudes={"fake": size})


@lsgan_generator.definition
def _(fake, *, target):
    return (fake - target) ** 2 / 2


@loss(over="elements", also={"scale": (0.5,)}, form_of="gan_hinge", relations=("not_negative",))
@np.errstate(all="ignore")
def gan_hinge_discriminator(real: Real, fake: Real, *, scale: PositiveNumber = 1.0) -> Terms:
    """What a real sample's score lacks of 1, and by how much a generated one's exceeds -1.

    ``s (max(0, 1 - r) + max(0, 1 + f))`` with r = real, f = fake, s = scale. Shapes: both alike, one term for each
    pair. Kinks: r = 1 and f = -1.

    Source: J. H. Lim, J. C. Ye, "Geometric GAN", arXiv 1705.02894 (2017).
    """
    lacking, exceeding = np.maximum(1 - real, 0.0), np.maximum(1 + fake, 0.0)
    return Terms(
        scale * lacking + scale * exceeding,
        {"real": np.where(real < 1, -scale, 0.0), "fake": np.where(fake > -1, scale, 0.0)},
        magnitude=scale * (np.where(real < 1, 1 + np.abs(real), 0.0) + np.where(fake > -1, 1 + np.abs(fake), 0.0)),
        nearness=only_where((real == 1) | (fake == -1)),
    )


@gan_hinge_discriminator.definition
def _(real, fake, *, scale):
    return scale * (maximum(0, 1 - real) + maximum(0, 1 + fake))


@gan_hinge_discriminator.kinks
def _(arrays: Arrays, *, scale: float) -> Iterator[Arrays]:
    yield {"real": np.ones_like(arrays["real"])}
    yield {"fake": np.full_like(arrays["fake"], -1.0)}
    yield {"real": np.ones_like(arrays["real"]), "fake": np.full_like(arrays["fake"], -1.0)}


@loss(over="elements", form_of="gan_hinge", relations=("grows_as_the_unit",))
def gan_hinge_generator(fake: Real) -> Terms:
    """Minus the discriminator's score of a generated sample, where the discriminator is trained with a hinge.

    ``-f`` with f = fake; one term for each element. Identity: `wasserstein_generator`.

    Source: J. H. Lim, J. C. Ye, "Geometric GAN", arXiv 1705.02894 (2017).
    """
    return Terms(-fake, {"fake": np.full_like(fake, -1.0)})


@gan_hinge_generator.definition
def _(fake):
    return -fake


@loss(over="elements", form_of="wasserstein", relations=("unmoved_by_shift", "grows_as_the_unit"))
@np.errstate(all="ignore")
def wasserstein_critic(real: Real, fake: Real) -> Terms:
    """By how much a critic's score of a generated sample exceeds that of a real one.

    ``f - r`` with r = real and f = fake: averaged, minus the critic's estimate of the distance between the two
    distributions. Shapes: both alike, one term for each pair.

    Source: M. Arjovsky, S. Chintala, L. Bottou, "Wasserstein GAN", ICML 2017.
    """
    ones = np.ones_like(real)
    return Terms(fake - real, {"real": -ones, "fake": ones}, magnitude=np.abs(fake) + np.abs(real))


@wasserstein_critic.definition
def _(real, fake):
    return fake - real


@loss(over="elements", form_of="wasserstein", relations=("grows_as_the_unit",))
def wasserstein_generator(fake: Real) -> Terms:
    """Minus the critic's score of a generated sample.

    ``-f`` with f = fake; one term for each element.

    Source: M. Arjovsky, S. Chintala, L. Bottou, "Wasserstein GAN", ICML 2017.
    """
    return Terms(-fake, {"fake": np.full_like(fake, -1.0)})


@wasserstein_generator.definition
def _(fake):
    return -fake
