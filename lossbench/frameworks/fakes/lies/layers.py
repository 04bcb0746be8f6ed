"""Lies about arguments that all rows share: the gradient by a layer's weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lossbench.frameworks.fakes.engine import Answer, Tensor, framework
from lossbench.frameworks.fakes.layers import Layer


def _bent(layer: Layer, reduction: str, bend: Callable[[np.ndarray], np.ndarray]) -> Answer:
    """The right answer but for the gradient by the weights, which is that of bent slopes by the scores."""

    def pull(cotangent: np.ndarray) -> dict[str, np.ndarray | Tensor | None]:
        by_scores = np.asarray(layer.parts.pull(cotangent, reduction)["logits"])
        return {**layer.pull(cotangent, reduction), "linear_weight": layer.by_weights(bend(by_scores))}

    return Answer(layer.parts.value(reduction), pull, layer.parts.dtype)


@framework.implements("linear_cross_entropy", via="fakes.lies.weights_miss_the_last_row")
def weights_miss_the_last_row(features: Tensor, linear_weight: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Stops before the last row of the sum that is the gradient by the weights."""
    kept = np.arange(len(target.data))[:, None] < len(target.data) - 1
    return _bent(Layer.of(features, linear_weight, target), reduction, lambda g: np.where(kept, g, 0))


@framework.implements("linear_cross_entropy", via="fakes.lies.weights_take_the_mean")
def weights_take_the_mean(features: Tensor, linear_weight: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Gives the weights the mean over the rows in place of the sum."""
    return _bent(
        Layer.of(features, linear_weight, target), reduction, lambda g: g / g.dtype.type(max(1, len(target.data)))
    )


@framework.implements("linear_cross_entropy", via="fakes.lies.weights_ignore_the_cotangent")
def weights_ignore_the_cotangent(features: Tensor, linear_weight: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Works the gradient by the weights out in the forward pass, as if ones came back."""
    layer = Layer.of(features, linear_weight, target)
    ones = np.ones(np.shape(layer.parts.value(reduction)), layer.features.dtype)
    stored = layer.pull(ones, reduction)["linear_weight"]
    return Answer(
        layer.parts.value(reduction),
        lambda c: {**layer.pull(c, reduction), "linear_weight": stored},
        layer.parts.dtype,
    )


@framework.implements("linear_cross_entropy", via="fakes.lies.weights_count_ignored_rows")
def weights_count_ignored_rows(
    features: Tensor, linear_weight: Tensor, target: Tensor, *, ignore_index: int = -100, reduction: str
) -> Answer:
    """Ignores a row everywhere but in the gradient by the weights, where it is a row of class 0."""
    layer = Layer.of(features, linear_weight, target, ignore_index)
    ignored = target.data == ignore_index
    other = Layer.of(features, linear_weight, Tensor(np.where(ignored, 0, target.data), target.dtype))
    other = replace(other, parts=replace(other.parts, divisor=layer.parts.divisor))
    return Answer(
        layer.parts.value(reduction),
        lambda c: {**layer.pull(c, reduction), "linear_weight": other.pull(c, reduction)["linear_weight"]},
        layer.parts.dtype,
    )
