"""Losses that hold the layer before them; the layers' weights are arguments, so that gradients by them are seen."""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F  # noqa: N812  (the name all of torch's users know it by)
from torch import Tensor, nn

from lossbench.frameworks.torch.engine import framework
from lossbench.records import Known, Symptom


@framework.implements(via="torch.nn.LinearCrossEntropyLoss")
def linear_cross_entropy(
    features: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str,
) -> Tensor:
    return F.linear_cross_entropy(
        features,
        linear_weight,
        target,
        linear_bias=linear_bias,
        weight=weight,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        reduction=reduction,
    )


@framework.implements("linear_cross_entropy", via="torch.nn.LinearCrossEntropyLoss(options=)")
def linear_cross_entropy_in_chunks(
    features: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str,
) -> Tensor:
    return F.linear_cross_entropy(
        features,
        linear_weight,
        target,
        linear_bias=linear_bias,
        weight=weight,
        ignore_index=ignore_index,
        reduction=reduction,
        options=nn.LinearCrossEntropyOptions(),
    )


@framework.implements(via="torch.nn.LinearCrossEntropyLoss")
def linear_soft_cross_entropy(
    features: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    *,
    label_smoothing: float = 0.0,
    reduction: str,
) -> Tensor:
    return F.linear_cross_entropy(
        features,
        linear_weight,
        target,
        linear_bias=linear_bias,
        weight=weight,
        label_smoothing=label_smoothing,
        reduction=reduction,
    )


@framework.implements("linear_soft_cross_entropy", via="torch.nn.LinearCrossEntropyLoss(options=)")
def linear_soft_cross_entropy_in_chunks(
    features: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    *,
    label_smoothing: float = 0.0,
    reduction: str,
) -> Tensor:
    # it warns that probabilities are not taken in chunks, and does without
    return F.linear_cross_entropy(
        features,
        linear_weight,
        target,
        linear_bias=linear_bias,
        weight=weight,
        label_smoothing=label_smoothing,
        reduction=reduction,
        options=nn.LinearCrossEntropyOptions(),
    )


# With few rows some clusters go without one.
EMPTY_CLUSTERS = Known(
    "gives no gradient to the weights of a cluster that no row falls in",
    no_gradient=("head", "first_projection", "first_output", "second_projection", "second_output"),
    notes=(Symptom.NO_GRADIENT,),
    regimes=("empty", "one_row", "last_class"),
    contract=True,
)


@functools.cache
def adaptive(features: int, classes: int, cutoffs: tuple[int, ...], head_bias: bool) -> nn.Module:
    """The module without weights of its own: they are put in at each call."""
    return nn.AdaptiveLogSoftmaxWithLoss(
        features, classes, cutoffs=cutoffs, div_value=2.0, head_bias=head_bias, device="meta"
    )


def called(
    features: Tensor,
    target: Tensor,
    head: Tensor,
    tails: tuple[Tensor, Tensor, Tensor, Tensor],
    head_bias: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Output and loss of the module with these weights."""
    first = len(head) - 2
    cutoffs = (first, first + len(tails[1]))
    module = adaptive(features.shape[1], cutoffs[1] + len(tails[3]), cutoffs, head_bias is not None)
    names = ("tail.0.0.weight", "tail.0.1.weight", "tail.1.0.weight", "tail.1.1.weight")
    weights = {"head.weight": head, **dict(zip(names, tails, strict=True))}
    if head_bias is not None:
        weights["head.bias"] = head_bias
    output, loss = torch.func.functional_call(module, weights, (features, target))
    return output, loss


@framework.implements(via="torch.nn.AdaptiveLogSoftmaxWithLoss", reductions=("mean",), known=[EMPTY_CLUSTERS])
def adaptive_log_softmax(
    features: Tensor,
    target: Tensor,
    head: Tensor,
    first_projection: Tensor,
    first_output: Tensor,
    second_projection: Tensor,
    second_output: Tensor,
    head_bias: Tensor | None = None,
) -> Tensor:
    tails = (first_projection, first_output, second_projection, second_output)
    return called(features, target, head, tails, head_bias)[1]


@framework.implements(
    "adaptive_log_softmax",
    via="torch.nn.AdaptiveLogSoftmaxWithLoss(...).output",
    reductions=("none",),
    known=[
        Known("is the log likelihood, not its negative", definition="adaptive_log_likelihood", contract=True),
        EMPTY_CLUSTERS,
    ],
)
def adaptive_log_likelihood(
    features: Tensor,
    target: Tensor,
    head: Tensor,
    first_projection: Tensor,
    first_output: Tensor,
    second_projection: Tensor,
    second_output: Tensor,
    head_bias: Tensor | None = None,
) -> Tensor:
    tails = (first_projection, first_output, second_projection, second_output)
    return called(features, target, head, tails, head_bias)[0]
