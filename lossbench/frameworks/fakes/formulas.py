"""The right formulas, in the arithmetic of the tensors they are given; lying fakes bend them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lossbench.frameworks.fakes.engine import Answer, Tensor, numbers

Slopes = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Terms, their slopes by each argument in the argument's shape, and what a mean divides by if not by a count."""

    terms: np.ndarray
    slopes: Slopes
    dtype: str
    divisor: Any = field(default=None)

    def reduced(self, reduction: str) -> Answer:
        """The answer under the reduction none, mean or sum."""
        return Answer(self.value(reduction), lambda cotangent: self.pull(cotangent, reduction), self.dtype)

    def value(self, reduction: str) -> np.ndarray:
        """The terms themselves, their sum or their mean."""
        if reduction == "none":
            return self.terms
        by = self.parts() if reduction == "mean" else self.terms.dtype.type(1)
        with np.errstate(over="ignore"):
            total = self.terms.sum() / by
        if np.isinf(total) and np.isfinite(self.terms).all():  # the sum is beyond the format, the mean may not be
            total = (self.terms / by).sum()
        return np.asarray(total)

    def pull(self, cotangent: np.ndarray, reduction: str) -> dict[str, np.ndarray | Tensor | None]:
        """One gradient for each argument."""
        share = cotangent / (self.parts() if reduction == "mean" else self.terms.dtype.type(1))
        shares = np.broadcast_to(share, self.terms.shape)
        return {name: spread(shares, slope) * slope for name, slope in self.slopes.items()}

    def parts(self) -> Any:
        """What a mean divides by, in the arithmetic of the terms."""
        return self.terms.dtype.type(self.terms.size if self.divisor is None else self.divisor)


def spread(shares: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """One number for each term, broadcastable against the slope of an argument with more axes."""
    return shares.reshape(shares.shape + (1,) * (slope.ndim - shares.ndim))


def both(prediction: Tensor, slope: np.ndarray, terms: np.ndarray) -> Parts:
    """Elementwise terms of a residual: the slope by the target is minus that by the prediction."""
    return Parts(terms, {"prediction": slope, "target": -slope}, prediction.dtype)


def same_shape(one: Tensor, other: Tensor) -> None:
    """See that two arguments match, element by element.

    Raises:
        ValueError: they do not.
    """
    if one.shape != other.shape:
        raise ValueError(f"shapes {one.shape} and {other.shape} differ")


def inside(name: str, value: float, low: float, high: float = np.inf, low_open: bool = False) -> None:
    """See that a parameter lies within its range.

    Raises:
        ValueError: it does not.
    """
    if not low <= value <= high or (low_open and value == low):
        raise ValueError(f"{name} is {value}; it should be {'above' if low_open else 'at least'} {low}, at most {high}")


def squared(prediction: Tensor, target: Tensor) -> Parts:
    """The squared error."""
    same_shape(prediction, target)
    residual = numbers(prediction) - numbers(target)
    return both(prediction, 2 * residual, residual**2)


def absolute(prediction: Tensor, target: Tensor) -> Parts:
    """The absolute error, with the slope 0 at its kink."""
    same_shape(prediction, target)
    residual = numbers(prediction) - numbers(target)
    return both(prediction, np.sign(residual), np.abs(residual))


def far_out(prediction: Tensor, target: Tensor, edge: np.ndarray) -> np.ndarray:
    """Huber's loss where the residual is beyond the format, though its product with a small threshold is not."""
    with np.errstate(all="ignore"):
        half = numbers(prediction) / 2 - numbers(target) / 2
        return np.asarray(np.abs(half) * edge * 2)


def huber(prediction: Tensor, target: Tensor, delta: float) -> Parts:
    """Huber's loss."""
    same_shape(prediction, target)
    inside("delta", delta, 0.0, low_open=True)
    residual = numbers(prediction) - numbers(target)
    size, edge = np.abs(residual), residual.dtype.type(delta)
    terms = np.where(size <= edge, residual**2 / 2, edge * (size - edge / 2))
    terms = np.where(np.isinf(terms), far_out(prediction, target, edge), terms)
    return both(prediction, np.clip(residual, -edge, edge), terms)


def surprisal(prediction: Tensor, target: Tensor) -> Parts:
    """Binary cross entropy of a probability, where 0 log 0 = 0."""
    same_shape(prediction, target)
    p, y = numbers(prediction), numbers(target)
    with np.errstate(all="ignore"):
        yes, no = -np.log(p), -np.log1p(-p)
        terms = np.where(y == 0, 0, y * yes) + np.where(y == 1, 0, (1 - y) * no) + np.where(np.isnan(p), p, 0)
        slope = np.where(y == 1, 0, (1 - y) / (1 - p)) - np.where(y == 0, 0, y / p)
        return Parts(terms.astype(p.dtype), {"prediction": slope, "target": yes - no}, prediction.dtype)


def logistic(logit: Tensor, target: Tensor, weight: Tensor | None = None, pos_weight: Tensor | None = None) -> Parts:
    """Binary cross entropy of a logit."""
    same_shape(logit, target)
    x, y = numbers(logit), numbers(target)
    weights = np.ones_like(y) if weight is None else numbers(weight)
    positive = np.ones_like(x[..., :1]) if pos_weight is None else numbers(pos_weight)
    yes, no = positive * y, 1 - y
    small = np.exp(-np.abs(x))
    for_no = np.maximum(x, 0) + np.log1p(small)  # softplus(x)
    for_yes = np.maximum(-x, 0) + np.log1p(small)
    up, down = np.where(x >= 0, 1, small) / (1 + small), np.where(x >= 0, small, 1) / (1 + small)
    by_target = -x if pos_weight is None else positive * for_yes - for_no
    slopes = {"logit": weights * (no * up - yes * down), "target": weights * by_target}
    shares = np.where(yes == 0, 0, yes * for_yes) + np.where(no == 0, 0, no * for_no)  # 0 log 0 = 0
    lost = np.where(np.isnan(x), x, 0)
    return Parts(weights * (shares + lost).astype(x.dtype), slopes, logit.dtype)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What cross entropies of logits are made of: rows along the last axis."""

    logits: np.ndarray
    shares: np.ndarray  # of each class in each row, weighted; zero in ignored rows
    kept: np.ndarray
    divisor: np.ndarray  # of the mean

    @classmethod
    def of(cls, logits: Tensor, target: Tensor, weight: Tensor | None, ignored: int, smoothing: float) -> Rows:
        """The rows of a case.

        Raises:
            ValueError: a class does not exist, there is not one for each row, or the smoothing is no share.
        """
        inside("label_smoothing", smoothing, 0.0, 1.0)
        x = numbers(logits)
        if target.shape != x.shape[:-1]:
            raise ValueError(f"classes of shape {target.shape} for rows of {x.shape}")
        classes, kept = x.shape[-1], target.data != ignored
        if target.data.dtype.kind not in "iu" or (kept & ((target.data < 0) | (target.data >= classes))).any():
            raise ValueError(f"classes are whole numbers from 0 to {classes - 1}")
        index = np.where(kept, target.data, 0)
        weights = np.ones(classes, x.dtype) if weight is None else numbers(weight)
        chosen = (np.arange(classes) == index[..., None]).astype(x.dtype)
        epsilon = x.dtype.type(smoothing)
        shares = weights * ((1 - epsilon) * chosen + epsilon / x.dtype.type(classes)) * kept[..., None].astype(x.dtype)
        divisor = np.where(kept, weights[index], 0).sum(dtype=x.dtype)
        return cls(x, shares, kept, divisor)

    def softmax(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """-log p, p and 1 - p; of the leading class from the sum of the others, so that its digits are kept."""
        below = self.logits.max(axis=-1, keepdims=True, initial=-np.inf) - self.logits
        leads = np.arange(self.logits.shape[-1]) == below.argmin(axis=-1)[..., None]
        others = np.where(leads, 0, np.exp(-below)).sum(axis=-1, keepdims=True)
        p = np.exp(-below) / (1 + others)
        return below + np.log1p(others), p, np.where(leads, others / (1 + others), 1 - p)

    def surprisals(self) -> np.ndarray:
        """Minus the logarithms of the softmax."""
        return self.softmax()[0]

    def parts(self, dtype: str, surprisals: np.ndarray | None = None) -> Parts:
        """Their cross entropy; `surprisals` in place of the right ones change the value alone."""
        right, p, complements = self.softmax()
        used = right if surprisals is None else surprisals
        terms = np.where(self.shares == 0, 0, self.shares * used).sum(axis=-1)
        slope = p * (self.shares.sum(axis=-1, keepdims=True) - self.shares) - self.shares * complements
        kept = self.kept
        slopes = {"logits": np.where(kept[..., None], slope, 0)}
        return Parts(np.where(kept, terms, 0), slopes, dtype, self.divisor)


def dice(prediction: Tensor, target: Tensor, smooth: float, epsilon: float) -> Parts:
    """The soft Dice loss of each sample."""
    inside("smooth", smooth, 0.0)
    inside("epsilon", epsilon, 0.0)
    same_shape(prediction, target)
    q, y = numbers(prediction), numbers(target)
    axes = tuple(range(1, q.ndim))
    size = (q + y).sum(axis=axes, keepdims=True) + q.dtype.type(smooth) + q.dtype.type(epsilon)
    ratio = (2 * (q * y).sum(axis=axes, keepdims=True) + q.dtype.type(smooth)) / size
    slopes = {"prediction": (ratio - 2 * y) / size, "target": (ratio - 2 * q) / size}
    return Parts(np.squeeze(1 - ratio, axis=axes), slopes, prediction.dtype)
