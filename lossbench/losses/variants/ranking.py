"""Deviating formulas of the losses that rank and compare: guards of the cosine, roots of the triplet loss, clips."""

from __future__ import annotations

import numpy as np

from lossbench.domains import NonNegativeNumber, Number, PositiveNumber, Real, RowClassIndex, RowWeight
from lossbench.loss import Terms, loss
from lossbench.losses.contrastive import npair_terms
from lossbench.losses.cosine import cosine_terms, direction, weighted
from lossbench.losses.limits import product
from lossbench.losses.metric import Distance, minkowski, triplet_terms
from lossbench.losses.weighed import sample_weighted


@sample_weighted
@loss(over="rows", variant=True)
@np.errstate(all="ignore")
def negative_cosine_similarity(first: Real, second: Real, *, epsilon: NonNegativeNumber = 1e-7) -> Terms:
    """Minus the cosine, each vector over its length or over ε where that is larger.

    Source: keras.losses.CosineSimilarity, documentation; ε measured.
    """
    terms, _ = cosine_terms(first, second, epsilon)
    return Terms(
        -terms.value,
        {name: -slope for name, slope in terms.slopes.items()},
        terms.magnitude,
        terms.slope_magnitudes,
    )


@loss(over="rows", variant=True)
@np.errstate(all="ignore")
def cosine_similarity_floor_with_slope(first: Real, second: Real, *, epsilon: NonNegativeNumber = 1e-8) -> Terms:
    """The cosine with lengths of at least ε, whose slope takes the floor to change as the length does.

    Below the floor the slope by a is ``(v - c u) / ε``, where u is a over its true length, or 0 for a zero vector.

    Source: torch.nn.functional.cosine_similarity, measured.
    """
    terms, found = cosine_terms(first, second, epsilon)
    slopes = dict(terms.slopes)
    for name, vector in (("first", first), ("second", second)):
        near = direction(vector, floor=epsilon)
        true = np.where((vector != 0).any(axis=-1, keepdims=True), direction(vector).unit, 0.0)
        slopes[name] = np.where(near.held, slopes[name] - found.cosine[..., None] * true / epsilon, slopes[name])
    return Terms(terms.value, slopes, terms.magnitude, terms.slope_magnitudes)


@loss(over="rows", variant=True)
@np.errstate(all="ignore")
def cosine_similarity_floor_of_product(first: Real, second: Real, *, epsilon: NonNegativeNumber = 1e-8) -> Terms:
    """The cosine by one root, ``<a, b> / sqrt(max(|a|² |b|², ε²))``: the floor is that of both lengths' product.

    Source: paddle.nn.functional.cosine_similarity, measured.
    """
    terms, _ = cosine_terms(first, second, 0.0)
    lengths = np.sqrt((first**2).sum(axis=-1)) * np.sqrt((second**2).sum(axis=-1))
    held = lengths < epsilon
    plain = {"first": second / epsilon, "second": first / epsilon}
    slopes = {name: np.where(held[..., None], plain[name], slope) for name, slope in terms.slopes.items()}
    sizes = {
        name: np.where(held[..., None], np.abs(plain[name]), size) for name, size in terms.slope_magnitudes.items()
    }
    size = np.where(held, np.abs(first * second).sum(axis=-1) / epsilon, np.asarray(terms.magnitude))
    return Terms(np.where(held, (first * second).sum(axis=-1) / epsilon, terms.value), slopes, size, sizes)


@loss(over="rows", variant=True)
@np.errstate(all="ignore")
def cosine_distance_unnormalized(first: Real, second: Real, weight: RowWeight = None) -> Terms:
    """One minus the scalar product, ``w (1 - <a, b>)``, which is the cosine of vectors of length 1 only.

    Source: tf.compat.v1.losses.cosine_distance, documentation.
    """
    weights = np.ones(first.shape[:-1]) if weight is None else weight
    factor = weights[..., None]
    return Terms(
        product(weights, 1 - (first * second).sum(axis=-1)),
        {"first": -product(factor, second), "second": -product(factor, first)},
        product(weights, 1 + np.abs(first * second).sum(axis=-1)),
        denominators=weighted(weights),
    )


@loss(over="rows", variant=True)
@np.errstate(all="ignore")
def triplet_margin_epsilon_in_root(
    anchor: Real,
    positive: Real,
    negative: Real,
    *,
    margin: Number = 1.0,
    p: PositiveNumber = 2.0,
    epsilon: NonNegativeNumber = 1e-6,
) -> Terms:
    """Triplet loss whose distance adds ε to the sum of powers, and takes powers of signed differences.

    ``d(u, v) = (Σ_k (u_k - v_k)^p + ε)^(1/p)``: a signed sum for p = 1, and no number where that of an odd p is
    negative. The slope by u_k is ``(t_k / d)^(p-1)``.

    Source: optax.losses.triplet_margin_loss, measured.
    """

    def distance(v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        t = anchor - v
        mass = (t**p).sum(axis=-1) + epsilon
        root = mass ** (1 / p)
        lever = mass ** (1 / p - 1) if np.isfinite(p) else np.full(mass.shape, np.nan)
        sizes = (np.abs(t) ** p).sum(axis=-1) + epsilon
        return root, t ** (p - 1) * lever[..., None], sizes / np.abs(mass) * np.abs(root), sizes / np.abs(mass)

    near, near_slope, near_size, near_lost = distance(positive)
    far, far_slope, far_size, far_lost = distance(negative)
    excess = near - far + margin
    size = near_size + far_size + abs(margin)
    kept = np.where(excess > 0, 1.0, 0.0)[..., None]  # times a slope, so that what is no number stays none
    near_most, far_most = (
        np.abs(slope) * (1 + lost[..., None]) for slope, lost in ((near_slope, near_lost), (far_slope, far_lost))
    )
    return Terms(
        np.maximum(excess, 0.0),
        {
            "anchor": kept * (near_slope - far_slope),
            "positive": -kept * near_slope,
            "negative": kept * far_slope,
        },
        size,
        {"anchor": near_most + far_most, "positive": near_most, "negative": far_most},
        np.where(np.isfinite(excess), np.abs(excess) / size, np.inf),
    )


@loss(over="rows", variant=True)
@np.errstate(all="ignore")
def triplet_margin_by_guarded_norm(
    anchor: Real,
    positive: Real,
    negative: Real,
    *,
    margin: NonNegativeNumber = 1.0,
    swap: bool = False,
) -> Terms:
    """Triplet loss by the Euclidean norm, whose slope is ``t / (d + 1e-12)``.

    Source: paddle.linalg.vector_norm, measured.
    """

    def distance(u: np.ndarray, v: np.ndarray, p: float, shift: np.ndarray) -> Distance:
        exact = minkowski(u, v, p, shift)
        slope = exact.slope * (exact.length / (exact.length + 1e-12))[..., None]
        return exact._replace(slope=slope, other=-slope)

    return triplet_terms((anchor, positive, negative), margin, 2.0, 0.0, swap, distance)


@loss(over="batch", variant=True)
@np.errstate(all="ignore")
def npair_clipped_at_64(
    anchor: Real, positive: Real, labels: RowClassIndex, *, l2_reg: NonNegativeNumber = 0.002
) -> Terms:
    """N-pair loss whose softmax raises scores to 64 below the largest of their row; the clip stops no gradient.

    Source: paddle.nn.functional.npair_loss on the CPU, measured.
    """
    return npair_terms(anchor, positive, labels, l2_reg, clip=64.0)
