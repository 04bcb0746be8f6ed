"""Pieces of closed forms that keep every digit float64 can hold."""

from __future__ import annotations

import numpy as np


def softmax_parts(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """-log p, p and 1 - p of a softmax along the last axis, each with its own small relative error.

    The leading entry's surprisal is log1p of the sum of the others, and its 1 - p that sum over one plus itself, so
    that a confident row keeps its tiny numbers instead of a difference of two equal ones; an entry that does not
    lead has p <= 1/2, where 1 - p loses nothing.
    """
    with np.errstate(all="ignore"):
        if logits.shape[-1] == 0:
            return logits, logits, logits
        leads = np.arange(logits.shape[-1]) == logits.argmax(axis=-1)[..., None]
        below = logits.max(axis=-1, keepdims=True) - logits  # >= 0
        others = np.where(leads, 0.0, np.exp(-below)).sum(axis=-1, keepdims=True)
        surprisals = below + np.log1p(others)
        probabilities = np.exp(-below) / (1 + others)
        return surprisals, probabilities, np.where(leads, others / (1 + others), 1 - probabilities)


def normalized_parts(shares: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """-log p, p and 1 - p of rows p = q / Σ q of numbers q >= 0, each with its own small relative error.

    As `softmax_parts`, the leading entry takes what it lacks from the sum of the others.
    """
    with np.errstate(all="ignore"):
        if shares.shape[-1] == 0:
            return shares, shares, shares
        leads = np.arange(shares.shape[-1]) == shares.argmax(axis=-1)[..., None]
        others = np.where(leads, 0.0, shares).sum(axis=-1, keepdims=True)
        largest = shares.max(axis=-1, keepdims=True)
        mass = largest + others
        surprisals = np.where(leads, np.log1p(others / largest), np.log(mass) - np.log(shares))
        return surprisals, shares / mass, np.where(leads, others / mass, 1 - shares / mass)


def softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + exp(x)) without overflow, and with full relative accuracy where it is tiny."""
    return np.asarray(np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x))))


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) with full relative accuracy on both sides."""
    small = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1.0, small) / (1 + small))


def xlogy(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x log y, and 0 where x is 0 whatever y."""
    with np.errstate(all="ignore"):
        return np.where(x == 0, 0.0, x * np.log(y))


def scaled_sigmoid(x: np.ndarray, factor: float) -> np.ndarray:
    """factor / (1 + exp(-x)), which keeps its digits where the sigmoid itself is too small a number."""
    half = np.exp(-np.abs(x) / 2)  # twice, with the factor in between
    return np.asarray(np.where(x >= 0, factor, factor * half * half) / (1 + half * half))
