"""Likelihood of a class by the decisions on the way to it through a binary tree."""

from __future__ import annotations

import numpy as np

from lossbench.domains import ClassIndex, LayerInput, LayerWeight, TreePath
from lossbench.functions import exp, log, total
from lossbench.loss import Terms, loss
from lossbench.losses.layers import Slopes, assembled, scores
from lossbench.losses.limits import product
from lossbench.losses.stable import sigmoid, softplus

Arrays = dict[str, np.ndarray]


def default_paths(target: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """The nodes and decisions on the way from each class up to the root of the complete tree, -1 past its end.

    A class is the leaf ``t + C`` of the heap whose root is 1: half of a number is its parent's, and its last bit says
    which child it is. Both are [..., L] with L the length of the longest path of the tree.
    """
    levels = np.arange((2 * classes - 1).bit_length() - 1)
    leaf = np.asarray(target)[..., None] + classes
    nodes = leaf >> (levels + 1)
    inside = nodes > 0
    return np.where(inside, nodes - 1, -1), np.where(inside, (leaf >> levels) & 1, -1)


@np.errstate(all="ignore")
def tree_terms(
    features: np.ndarray,
    nodes: np.ndarray,
    decisions: np.ndarray,
    weights: np.ndarray,
    bias: np.ndarray | None,
    *,
    clip: float = np.inf,
    differences: bool = False,
) -> Terms:
    """The sum of the logistic losses of the decisions at the nodes of each row, [N, L] with -1 past the end.

    Scores end at ±`clip`, which stops no gradient. With `differences`, the magnitudes are those of
    ``log(1 + exp(z)) - β z`` and ``σ(z) - β``.
    """
    inside = nodes >= 0
    at = np.where(inside, nodes, 0)
    made = scores(features, weights[at], None if bias is None else bias[at])
    sign = np.where(decisions == 1, -1.0, 1.0)
    score = np.clip(made.value, -clip, clip)
    pull, settled = sigmoid(sign * score), sigmoid(-sign * score)
    slope = np.where(inside, sign * pull, 0.0)
    # an error of a score moves the logistic function by its slope
    size = np.where(inside, pull + product(pull * settled, made.size), 0.0)
    value = np.where(inside, softplus(sign * score), 0.0)
    magnitude = (value + product(np.abs(slope), made.size)).sum(axis=-1)
    if differences:  # of numbers as large as 1 + exp(z) and its logarithm are off by one eps at least
        size = size + inside
        magnitude = magnitude + np.where(inside, 1 + np.abs(score), 0.0).sum(axis=-1)
    back = {
        "features": Slopes(*(np.einsum("nl,nld->nd", g, w[at]) for g, w in ((slope, weights), (size, np.abs(weights)))))
    }
    rows = np.arange(len(features))[:, None] * np.ones(at.shape, int)
    by_weights, by_bias = [], []
    for share, along in ((slope, features), (size, np.abs(features))):
        jacobian = np.zeros((len(features), *weights.shape))
        np.add.at(jacobian, (rows, at), np.where(share[..., None] == 0, 0.0, share[..., None] * along[:, None, :]))
        flat = np.zeros(jacobian.shape[:2])
        np.add.at(flat, (rows, at), share)
        by_weights.append(jacobian)
        by_bias.append(flat)
    back["weights"] = Slopes(*by_weights)
    if bias is not None:
        back["bias"] = Slopes(*by_bias)
    return assembled(value.sum(axis=-1), magnitude, back, np.full(len(features), np.inf))


@loss(
    over="samples",
    reductions=("none", "mean", "sum"),
    aliases=("hsigmoid",),
    axes=("rows", "features", "classes"),
    small=(6, 4, 5),
    large=(64, 64, 256),
    relations=("not_negative",),
)
def hierarchical_sigmoid(
    features: LayerInput, target: ClassIndex, weights: LayerWeight, bias: LayerWeight = None
) -> Terms:
    """Negative log likelihood of a class as the product of the decisions on its way through a complete binary tree.

    ``Σ_j log(1 + exp((1 - 2 β_j) z_j))`` with ``z_j = <h, W_n> + b_n`` at the node ``n = (c >> (j + 1)) - 1`` and the
    decision ``β_j = (c >> j) & 1`` for ``c = t + C`` and j from 0 to ``⌊log2 c⌋ - 1``. features [N, D], target [N],
    weights [C - 1, D], bias [C - 1]; one term for each row. The derivative by z_j is ``σ(z_j) - β_j``. Identity: the
    likelihoods of all classes add up to 1.

    Source: F. Morin and Y. Bengio, "Hierarchical probabilistic neural network language model", AISTATS 2005.
    """
    return tree_terms(features, *default_paths(target, len(weights) + 1), weights, bias)


@hierarchical_sigmoid.shapes
def _(shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    _, features, classes = shape
    return {"features": (features,), "weights": (classes - 1, features), "bias": (classes - 1,)}


def _decision(features, weights, bias, node, decision):
    """Minus the log probability of a decision at a node."""
    score = total(h * w for h, w in zip(features, weights[node], strict=True))
    if bias is not None:
        score = score + bias[node]
    return log(1 + exp(-score if decision else score))


@hierarchical_sigmoid.definition
def _(features, target, weights, bias):
    leaf = target + len(weights) + 1
    losses = []
    while leaf > 1:
        losses.append(_decision(features, weights, bias, leaf // 2 - 1, leaf % 2))
        leaf //= 2
    return total(losses)


@loss(
    over="samples",
    form_of="hierarchical_sigmoid",
    axes=("rows", "features", "classes"),
    small=(6, 4, 5),
    large=(64, 64, 256),
    relations=("not_negative",),
)
def hierarchical_sigmoid_by_path(
    features: LayerInput,
    target: ClassIndex,
    nodes: TreePath,
    decisions: TreePath,
    weights: LayerWeight,
    bias: LayerWeight = None,
) -> Terms:
    """Hierarchical sigmoid on a tree of one's own: the nodes on each row's way, and the decisions taken there.

    ``Σ_j log(1 + exp((1 - 2 β_j) z_j))`` with ``z_j = <h, W_n> + b_n`` over the nodes n of the row's path. features
    [N, D], target [N] (which the path stands for), nodes and decisions [N, L] with -1 past a path's end, weights
    [C, D], bias [C]; one term for each row. Identity: on the paths of the complete tree, `hierarchical_sigmoid`.

    Source: F. Morin and Y. Bengio, "Hierarchical probabilistic neural network language model", AISTATS 2005.
    """
    return tree_terms(features, nodes, decisions, weights, bias)


@hierarchical_sigmoid_by_path.shapes
def _(shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    _, features, classes = shape
    longest = max(1, (classes - 1).bit_length())
    return {
        "features": (features,),
        "nodes": (longest,),
        "decisions": (longest,),
        "weights": (classes, features),
        "bias": (classes,),
    }


@hierarchical_sigmoid_by_path.definition
def _(features, target, nodes, decisions, weights, bias):
    return total(
        _decision(features, weights, bias, node, decision)
        for node, decision in zip(nodes, decisions, strict=True)
        if node >= 0
    )


@hierarchical_sigmoid_by_path.draw
def _(generator: np.random.Generator, shape: tuple[int, ...]) -> Arrays:
    rows, _, classes = shape
    longest = max(1, (classes - 1).bit_length())
    nodes = np.array([generator.permutation(classes)[:longest] for _ in range(rows)]).reshape(rows, longest)
    decisions = generator.integers(0, 2, (rows, longest))
    lengths = generator.integers(1, longest + 1, rows)
    lengths[:1] = longest
    past = np.arange(longest) >= lengths[:, None]
    return {"nodes": np.where(past, -1, nodes), "decisions": np.where(past, -1, decisions)}
