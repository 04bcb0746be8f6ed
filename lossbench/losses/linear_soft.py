"""Cross entropy that holds the layer before it, relative to a distribution over the classes."""

from __future__ import annotations

import numpy as np

from lossbench.domains import ClassWeight, Fraction, LayerInput, LayerWeight, TermProbabilities
from lossbench.functions import exp, log, total
from lossbench.loss import Terms, loss
from lossbench.losses.cross_entropy import soft_cross_entropy
from lossbench.losses.large_vocabulary import through_softmax
from lossbench.losses.layers import Slopes, assembled, by_layer, scores, unsettled
from lossbench.losses.limits import product
from lossbench.losses.stable import softmax_parts


@loss(
    over="samples",
    also={"label_smoothing": (0.125,)},
    form_of="linear_cross_entropy",
    axes=("rows", "features", "classes"),
    small=(6, 4, 5),
    large=(64, 64, 512),
    relations=("not_negative",),
)
@np.errstate(all="ignore")
def linear_soft_cross_entropy(
    features: LayerInput,
    linear_weight: LayerWeight,
    target: TermProbabilities,
    linear_bias: LayerWeight = None,
    weight: ClassWeight = None,
    *,
    label_smoothing: Fraction = 0.0,
) -> Terms:
    """Cross entropy of the scores that a linear layer makes of the features, relative to a distribution.

    ``soft_cross_entropy(h Wᵀ + b, y)``, with class weights and label smoothing as there. features [N, D],
    linear_weight [C, D], linear_bias [C], target [N, C], weight [C]; one term for each row; the mean divides by the
    number of rows, whatever the weights. Slopes go through the layer as those of `linear_cross_entropy`, and by y_c
    there is ``(1 - ε) w_c l_c``. Identity: with one-hot targets and no weights, `linear_cross_entropy`.

    Source: torch.nn.functional.linear_cross_entropy with class probabilities; T. M. Cover and J. A. Thomas, "Elements
    of Information Theory", 2.3.
    """
    classes = len(linear_weight)
    made = scores(features, linear_weight, linear_bias)
    inner = soft_cross_entropy.function(made.value, target, weight, label_smoothing=label_smoothing)
    weights = np.ones(classes) if weight is None else weight
    shares = weights * ((1 - label_smoothing) * target + label_smoothing / classes)
    magnitude, slopes = through_softmax(inner, made, shares.sum(axis=-1, keepdims=True))
    back = by_layer(slopes, features, linear_weight)
    surprisals, probabilities, _ = softmax_parts(made.value)
    factor = weights * (1 - label_smoothing) * np.ones(target.shape)
    wavering = made.size + product(probabilities, made.size).sum(axis=-1, keepdims=True)
    by_arguments = {
        "features": back["features"],
        "linear_weight": back["weights"],
        "target": Slopes(inner.slopes["target"], product(factor, 1 + surprisals + wavering)),
    }
    if linear_bias is not None:
        by_arguments["linear_bias"] = back["bias"]
    return assembled(inner.value, magnitude, by_arguments, unsettled(made))


@linear_soft_cross_entropy.shapes
def _(shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    _, features, classes = shape
    return {
        "features": (features,),
        "linear_weight": (classes, features),
        "linear_bias": (classes,),
        "target": (classes,),
    }


@linear_soft_cross_entropy.definition
def _(features, linear_weight, target, linear_bias, weight, *, label_smoothing):
    classes = len(linear_weight)
    logits = [total(h * w for h, w in zip(features, row, strict=True)) for row in linear_weight]
    if linear_bias is not None:
        logits = [x + b for x, b in zip(logits, linear_bias, strict=True)]
    partition = total(exp(x) for x in logits)
    return total(
        (1 if weight is None else weight[c])
        * ((1 - label_smoothing) * target[c] + label_smoothing / classes)
        * -log(exp(x) / partition)
        for c, x in enumerate(logits)
    )
