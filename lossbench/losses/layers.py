"""Scores that a linear layer makes of features, and the way back through it to its weights."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lossbench.loss import Terms
from lossbench.losses.limits import product


class Scores(NamedTuple):
    """What a layer gives for each sample, [N, C]: the scores, and the sums of the absolute products behind them."""

    value: np.ndarray
    size: np.ndarray


@np.errstate(all="ignore")
def scores(features: np.ndarray, weights: np.ndarray, bias: np.ndarray | None) -> Scores:
    """The scores ``h Wᵀ + b`` of features [N, D] under weights [C, D] or [N, C, D] and a bias [C] or [N, C]."""
    subscripts = "nd,cd->nc" if weights.ndim == 2 else "nd,ncd->nc"
    value = np.einsum(subscripts, features, weights)
    size = np.einsum(subscripts, np.abs(features), np.abs(weights))
    return Scores(value, size) if bias is None else Scores(value + bias, size + np.abs(bias))


@np.errstate(all="ignore")
def unsettled(made: Scores) -> np.ndarray:
    """How close each row is to where rounding of its scores decides which of them leads.

    One plus the leader's gap, over the largest of the sums behind the scores: below it, their rounding errors may
    turn a softmax over.
    """
    if made.value.shape[-1] < 2:
        return np.full(made.value.shape[:-1], np.inf)
    second, first = np.moveaxis(np.sort(made.value, axis=-1)[..., -2:], -1, 0)
    largest = made.size.max(axis=-1)
    nearness: np.ndarray = (1 + first - second) / largest
    return np.where(largest == 0, np.inf, nearness)


@np.errstate(all="ignore")
def softmax_slack(probabilities: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """How much the probabilities of a softmax move when its scores are off by their sizes: Σ_j |∂p_c/∂x_j| S_j."""
    within = product(probabilities, sizes)
    slack: np.ndarray = product(probabilities, sizes + within.sum(axis=-1, keepdims=True))
    return slack


class Slopes(NamedTuple):
    """Slopes by a layer's scores and their magnitudes, [N, C]."""

    value: np.ndarray
    magnitude: np.ndarray


@np.errstate(all="ignore")
def by_layer(slopes: Slopes, features: np.ndarray, weights: np.ndarray) -> dict[str, Slopes]:
    """The slopes by the features of each sample, and by the weights and the bias that all samples share.

    Weights are [C, D]. By the weights, [N, C, D]: each sample's own share; by the bias they are those by the scores.
    """
    value, magnitude = slopes
    # a sample without a slope has none by the weights either, whatever its features hold
    by_weights = product_outer(value, features)
    return {
        "features": Slopes(value @ weights, magnitude @ np.abs(weights)),
        "weights": Slopes(by_weights, product_outer(magnitude, np.abs(features))),
        "bias": slopes,
    }


def product_outer(rows: np.ndarray, features: np.ndarray) -> np.ndarray:
    """The outer product of each sample's row and features, [N, C, D]; 0 where the row's entry is exactly 0."""
    made: np.ndarray = np.where(rows[:, :, None] == 0, 0.0, rows[:, :, None] * features[:, None, :])
    return made


def assembled(value: np.ndarray, magnitude: np.ndarray, slopes: dict[str, Slopes], nearness: np.ndarray) -> Terms:
    """Terms whose slopes carry their magnitudes with them."""
    return Terms(
        value,
        {name: slope.value for name, slope in slopes.items()},
        magnitude=magnitude,
        slope_magnitudes={name: slope.magnitude for name, slope in slopes.items()},
        nearness=nearness,
    )
