"""A cross entropy that holds the layer before it, honest: its gradient by the weights is a sum over the rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lossbench.frameworks.fakes.engine import Answer, Gradients, Tensor, framework, numbers
from lossbench.frameworks.fakes.formulas import Parts, Rows


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """The features and weights of a layer, and the cross entropy of the scores it makes."""

    features: np.ndarray
    weights: np.ndarray
    parts: Parts

    @classmethod
    def of(
        cls, features: Tensor, weights: Tensor, target: Tensor, ignored: int = -100, smoothing: float = 0.0
    ) -> Layer:
        """The layer of a case."""
        h, w = numbers(features), numbers(weights)
        kind = "float64" if h.dtype == np.float64 else "float32"
        rows = Rows.of(Tensor((h @ w.T).astype(kind), kind), target, None, ignored, smoothing)
        return cls(h, w, rows.parts(features.dtype))

    def pull(self, cotangent: np.ndarray, reduction: str) -> Gradients:
        """The gradients by features and weights."""
        by_scores = np.asarray(self.parts.pull(cotangent, reduction)["logits"])
        return {"features": by_scores @ self.weights, "linear_weight": self.by_weights(by_scores)}

    def by_weights(self, by_scores: np.ndarray) -> np.ndarray:
        """The sum over the rows; one without a slope adds nothing, whatever its features hold."""
        rows = by_scores[:, :, None]
        return np.asarray(np.where(rows == 0, 0, rows * self.features[:, None, :]).sum(axis=0))

    def reduced(self, reduction: str) -> Answer:
        """The answer under a reduction."""
        return Answer(self.parts.value(reduction), lambda c: self.pull(c, reduction), self.parts.dtype)


@framework.implements(via="fakes.honest.linear_cross_entropy")
def linear_cross_entropy(
    features: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str,
) -> Answer:
    """The logarithm of the sum of exponentials of the scores, below the maximum."""
    return Layer.of(features, linear_weight, target, ignore_index, label_smoothing).reduced(reduction)
