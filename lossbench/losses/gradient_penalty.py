"""The penalty on the slope of a critic, of a quadratic one whose slope can be written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from lossbench.domains import BoundedReal, PerRowFraction, PositiveNumber, SharedBoundedReal
from lossbench.functions import norm, total
from lossbench.loss import Terms, loss
from lossbench.losses.limits import only_where

ROOM = 480  # bits: what is so much smaller than the largest still counts


@loss(
    over="rows",
    also={"weight": (0.5,)},
    aliases=("wgan_gp",),
    small=(6, 5),
    large=(256, 64),
    relations=("not_negative",),
)
@np.errstate(all="ignore")
def gradient_penalty(
    real: BoundedReal,
    fake: BoundedReal,
    mixture: PerRowFraction,
    matrix: SharedBoundedReal,
    *,
    weight: PositiveNumber = 10.0,
) -> Terms:
    """How far a critic's slope between real and generated samples is from 1, for the critic ``D(x) = xᵀAx / 2``.

    ``λ (|∇D(x)| - 1)²`` at ``x = u r + (1 - u) f``, where ``∇D(x) = (A + Aᵀ) x / 2``, with r = real, f = fake,
    u = mixture, A = matrix, λ = weight. real and fake [..., D], mixture [...] in [0, 1], matrix [D, D]; one term for
    each row. With ``g = ∇D(x)`` and ``k = 2 λ (|g| - 1) / |g|``, the derivative by x is ``k (A + Aᵀ) g / 2``, that by
    A ``k (g xᵀ + x gᵀ) / 2``. Kink: g = 0, where the norm has no derivative.

    Source: I. Gulrajani et al., "Improved training of Wasserstein GANs", NIPS 2017.
    """
    # powers of two bring row and matrix close below 2**ROOM, their product in turn below 1, and round nothing
    shift = _exponent(np.maximum(np.abs(real), np.abs(fake)), (-1,)) - ROOM
    gain = _exponent(matrix, (-2, -1)) - ROOM
    u, rest = mixture[..., None], 1 - mixture[..., None]
    r, f = np.ldexp(real, -shift), np.ldexp(fake, -shift)
    a = np.ldexp(matrix, -gain)
    x, x_size = u * r + rest * f, u * np.abs(r) + rest * np.abs(f)
    symmetric, sizes = (a + a.T) / 2, (np.abs(a) + np.abs(a.T)) / 2
    g, g_size = x @ symmetric, x_size @ sizes
    own = _exponent(g_size, (-1,))
    g, g_size = np.ldexp(g, -own), np.ldexp(g_size, -own)
    length = np.sqrt((g**2).sum(axis=-1, keepdims=True))
    length_size = np.sqrt((g_size**2).sum(axis=-1, keepdims=True))
    # |g| - 1, both sides over 2 to the `top`, which is not negative
    up = shift + gain + own
    top = np.maximum(up, 0)
    one = np.ldexp(1.0, -top)
    excess = np.ldexp(length, up - top) - one
    excess_size = np.ldexp(length_size, up - top) + one
    still = length == 0
    unit = np.where(still, 0.0, g / length)
    unit_size = np.where(still, 0.0, (g_size + np.abs(unit) * length_size) / length)  # of what g has lost
    slope = 2 * weight * excess * unit
    slope_size = 2 * weight * (excess_size * np.abs(unit) + np.abs(excess) * unit_size)
    by_x, by_x_size, up_x = slope @ symmetric, slope_size @ sizes, gain + top
    up_a = (shift + top)[..., None]
    return Terms(
        np.ldexp(weight * excess**2, 2 * top)[..., 0],
        {
            "real": np.ldexp(u * by_x, up_x),
            "fake": np.ldexp(rest * by_x, up_x),
            "matrix": np.ldexp(_both_ways(slope, x), up_a),
        },
        magnitude=np.ldexp(weight * excess_size**2, 2 * top)[..., 0],
        slope_magnitudes={
            "real": np.ldexp(u * by_x_size, up_x),
            "fake": np.ldexp(rest * by_x_size, up_x),
            "matrix": np.ldexp(_both_ways(slope_size, x_size), up_a),
        },
        nearness=only_where(still[..., 0]),
    )


def _exponent(array: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """The power of two just above the largest entry along these axes, which are kept but the first of two."""
    largest = np.abs(array).max(axis=axes, initial=0.0)
    exponent = np.where(np.isfinite(largest), np.frexp(largest)[1], 0)
    return np.asarray(exponent if len(axes) > 1 else exponent[..., None])


def _both_ways(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Half the sum of the outer product of two vectors and of its transpose."""
    outer = first[..., :, None] * second[..., None, :]
    return np.asarray((outer + np.swapaxes(outer, -1, -2)) / 2)


@gradient_penalty.definition
def _(real, fake, mixture, matrix, *, weight):
    x = [mixture * r + (1 - mixture) * f for r, f in zip(real, fake, strict=True)]
    slope = [total((matrix[i][j] + matrix[j][i]) / 2 * x_j for j, x_j in enumerate(x)) for i in range(len(x))]
    return weight * (norm(slope, 2) - 1) ** 2


@gradient_penalty.shapes
def _(shape: tuple[int, ...]) -> Mapping[str, tuple[int, ...]]:
    return {"matrix": (shape[-1], shape[-1])}


@gradient_penalty.kinks
def _(arrays: dict[str, np.ndarray], *, weight: float) -> Iterator[dict[str, np.ndarray]]:
    yield {"real": np.zeros_like(arrays["real"]), "fake": np.zeros_like(arrays["fake"])}
