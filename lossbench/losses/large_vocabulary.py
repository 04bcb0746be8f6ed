"""Cross entropies that hold the layer before them: over all classes at once, or over clusters of classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from lossbench.domains import ClassIndex, ClassWeight, Fraction, LayerInput, LayerWeight, Number
from lossbench.functions import exp, log, total
from lossbench.loss import Terms, loss
from lossbench.losses.cross_entropy import cross_entropy, weigh_surprisals
from lossbench.losses.layers import Scores, Slopes, assembled, by_layer, scores, softmax_slack, unsettled
from lossbench.losses.limits import product
from lossbench.losses.stable import softmax_parts

Arrays = dict[str, np.ndarray]


@np.errstate(all="ignore")
def through_softmax(terms: Terms, made: Scores, mass: np.ndarray) -> tuple[np.ndarray, Slopes]:
    """The magnitude of a cross entropy's terms and its slopes by scores that are themselves sums.

    An error of a score moves the value by its slope, and all the probabilities with it. `mass` [N, 1] is the sum of
    the weights of a row's classes.
    """
    slope = terms.slopes["logits"]
    _, probabilities, _ = softmax_parts(made.value)
    slack = softmax_slack(probabilities, made.size) * mass
    magnitude = np.asarray(terms.magnitude) + product(np.abs(slope), made.size).sum(axis=-1)
    return magnitude, Slopes(slope, terms.slope_magnitudes["logits"] + slack)


@loss(
    over="samples",
    also={"ignore_index": (1, -1), "label_smoothing": (0.125,)},
    aliases=("fused_linear_cross_entropy",),
    axes=("rows", "features", "classes"),
    small=(6, 4, 5),
    large=(64, 64, 512),
    relations=("not_negative",),
)
@np.errstate(all="ignore")
def linear_cross_entropy(
    features: LayerInput,
    linear_weight: LayerWeight,
    target: ClassIndex,
    linear_bias: LayerWeight = None,
    weight: ClassWeight = None,
    *,
    ignore_index: Number = -100,
    label_smoothing: Fraction = 0.0,
) -> Terms:
    """Cross entropy of the scores that a linear layer makes of the features.

    ``cross_entropy(h Wᵀ + b, t)``, with class weights, label smoothing and ignored rows as there. features [N, D],
    linear_weight [C, D], linear_bias [C], target [N], weight [C]; one term for each row. With g the slope by the
    scores, the slopes are ``g W`` by the features, the sum of ``g_nᵀ h_n`` over the rows by the weights, and that of g
    by the bias. The mean divides by the sum of the weights of the targets that are not ignored. Identity: with the
    identity as linear_weight, `cross_entropy` of the features.

    Source: torch.nn.functional.linear_cross_entropy; C. M. Bishop, "Pattern Recognition and Machine Learning", 4.3.4.
    """
    classes = len(linear_weight)
    made = scores(features, linear_weight, linear_bias)
    inner = cross_entropy.function(
        made.value, target, weight, ignore_index=ignore_index, label_smoothing=label_smoothing
    )
    kept = target != ignore_index
    weights = np.ones(classes) if weight is None else weight
    own = (1 - label_smoothing) * weights[np.where(kept, target, 0)] + label_smoothing / classes * weights.sum()
    magnitude, slopes = through_softmax(inner, made, np.where(kept, own, 0.0)[:, None])
    slopes = Slopes(*(np.where(kept[:, None], part, 0.0) for part in slopes))
    back = by_layer(slopes, features, linear_weight)
    by_arguments = {"features": back["features"], "linear_weight": back["weights"]}
    if linear_bias is not None:
        by_arguments["linear_bias"] = back["bias"]
    nearness = np.where(kept, unsettled(made), np.inf)
    terms = assembled(inner.value, np.where(kept, magnitude, 0.0), by_arguments, nearness)
    return replace(terms, masked=~kept, denominators=inner.denominators)


@linear_cross_entropy.shapes
def _(shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    _, features, classes = shape
    return {"features": (features,), "linear_weight": (classes, features), "linear_bias": (classes,)}


@linear_cross_entropy.definition
def _(features, linear_weight, target, linear_bias, weight, *, ignore_index, label_smoothing):
    classes = len(linear_weight)
    logits = [total(h * w for h, w in zip(features, row, strict=True)) for row in linear_weight]
    if linear_bias is not None:
        logits = [x + b for x, b in zip(logits, linear_bias, strict=True)]
    partition = total(exp(x) for x in logits)
    terms = []
    for c, x in enumerate(logits):
        share = (1 - label_smoothing if c == target else 0) + label_smoothing / classes
        if share != 0:
            terms.append((1 if weight is None else weight[c]) * share * -log(exp(x) / partition))
    return total(terms)


def frequent_classes(classes: int) -> tuple[int, int]:
    """How many classes of a case are frequent, and how many are in the first of the two clusters."""
    return max(1, classes // 4), max(1, classes // 4)


class Tail(NamedTuple):
    """A cluster of rare classes: its first class, and the two layers that lead to its scores."""

    first: int
    projection: np.ndarray  # [d, D]
    output: np.ndarray  # [classes of the cluster, d]


class Cluster(NamedTuple):
    """What one softmax adds to the loss: its terms, their magnitude and its slopes by scores; 0 for other rows."""

    value: np.ndarray
    magnitude: np.ndarray
    slopes: Slopes
    nearness: np.ndarray


@np.errstate(all="ignore")
def picked(made: Scores, chosen: np.ndarray, taken: np.ndarray) -> Cluster:
    """Cross entropy against class `chosen` in the rows that are `taken`."""
    onehot = (np.arange(made.value.shape[-1]) == chosen[:, None]).astype(float)
    terms = weigh_surprisals(made.value, onehot)
    magnitude, slopes = through_softmax(terms, made, np.ones((len(chosen), 1)))
    return Cluster(
        np.where(taken, terms.value, 0.0),
        np.where(taken, magnitude, 0.0),
        Slopes(*(np.where(taken[:, None], part, 0.0) for part in slopes)),
        np.where(taken, unsettled(made), np.inf),
    )


@loss(
    over="samples",
    axes=("rows", "features", "classes"),
    small=(6, 8, 9),
    large=(64, 64, 512),
    relations=("not_negative",),
)
@np.errstate(all="ignore")
def adaptive_log_softmax(
    features: LayerInput,
    target: ClassIndex,
    head: LayerWeight,
    first_projection: LayerWeight,
    first_output: LayerWeight,
    second_projection: LayerWeight,
    second_output: LayerWeight,
    head_bias: LayerWeight = None,
) -> Terms:
    """Negative log likelihood of a class under a softmax in two stages: frequent classes, and clusters of rare ones.

    ``l_t(A h + b)`` for one of the k frequent classes, and ``l_(k+i)(A h + b) + l_(t-k_i)(V_i U_i h)`` for a class of
    cluster i, which begins with class k_i; ``l_c(x) = log Σ_j exp(x_j) - x_c``. Here with two clusters: features
    [N, D], target [N], head A [k + 2, D], projections U [d_i, D], outputs V [classes of the cluster, d_i], head_bias
    [k + 2]; one term for each row. Identity: the likelihoods of all classes add up to 1.

    Source: É. Grave et al., "Efficient softmax approximation for GPUs", ICML 2017.
    """
    tails = (first_projection, first_output, second_projection, second_output)
    return two_stages(features, target, head, tails, head_bias)


@adaptive_log_softmax.draw
def _(generator: np.random.Generator, shape: tuple[int, ...]) -> Arrays:
    rows, _, classes = shape
    target = generator.integers(0, max(classes, 1), rows)
    frequent, first = frequent_classes(classes)
    # the first three rows: a class of each cluster, and a frequent one
    target[:3] = [frequent, frequent + first, 0][:rows]
    return {"target": target}


@np.errstate(all="ignore")
def two_stages(
    features: np.ndarray,
    target: np.ndarray,
    head: np.ndarray,
    layers: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    head_bias: np.ndarray | None,
    seen: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> Terms:
    """The terms; `seen` is what a softmax makes of its scores before anything else."""
    frequent = len(head) - 2
    tails = {
        "first": Tail(frequent, *layers[:2]),
        "second": Tail(frequent + len(layers[1]), *layers[2:]),
    }
    at_head = np.where(target < frequent, target, np.where(target < tails["second"].first, frequent, frequent + 1))
    at_first = scores(features, head, head_bias)
    stage = picked(at_first._replace(value=seen(at_first.value)), at_head, np.ones(target.shape, bool))
    back = by_layer(stage.slopes, features, head)
    found = {"features": back["features"], "head": back["weights"]}
    if head_bias is not None:
        found["head_bias"] = back["bias"]
    value, magnitude, nearness = stage.value, stage.magnitude, stage.nearness
    for number, (name, tail) in enumerate(tails.items()):
        hidden = scores(features, tail.projection, None)
        made = Scores(seen(hidden.value @ tail.output.T), hidden.size @ np.abs(tail.output).T)
        part = picked(made, target - tail.first, at_head == frequent + number)
        outer = by_layer(part.slopes, hidden.value, tail.output)
        inner = by_layer(outer["features"], features, tail.projection)
        own_size = by_layer(part.slopes, hidden.size, tail.output)["weights"].magnitude
        found[f"{name}_output"] = Slopes(outer["weights"].value, own_size)
        found[f"{name}_projection"] = inner["weights"]
        found["features"] = Slopes(*(a + b for a, b in zip(found["features"], inner["features"], strict=True)))
        value, magnitude = value + part.value, magnitude + part.magnitude
        nearness = np.minimum(nearness, part.nearness)
    return assembled(value, magnitude, found, nearness)


@adaptive_log_softmax.shapes
def _(shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    _, features, classes = shape
    frequent, first = frequent_classes(classes)
    half, quarter = max(1, features // 2), max(1, features // 4)
    return {
        "features": (features,),
        "head": (frequent + 2, features),
        "head_bias": (frequent + 2,),
        "first_projection": (half, features),
        "first_output": (first, half),
        "second_projection": (quarter, features),
        "second_output": (classes - frequent - first, quarter),
    }


@adaptive_log_softmax.definition
def _(features, target, head, first_projection, first_output, second_projection, second_output, head_bias):
    def layer(weights, inputs):
        return [total(h * w for h, w in zip(inputs, row, strict=True)) for row in weights]

    def surprisal(logits, chosen):
        return -log(exp(logits[chosen]) / total(exp(x) for x in logits))

    frequent = len(head) - 2
    at_head = layer(head, features)
    if head_bias is not None:
        at_head = [x + b for x, b in zip(at_head, head_bias, strict=True)]
    if target < frequent:
        return surprisal(at_head, target)
    if target < frequent + len(first_output):
        within = layer(first_output, layer(first_projection, features))
        return surprisal(at_head, frequent) + surprisal(within, target - frequent)
    within = layer(second_output, layer(second_projection, features))
    return surprisal(at_head, frequent + 1) + surprisal(within, target - frequent - len(first_output))
