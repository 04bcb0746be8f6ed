"""Losses that ask a score to be on the right side, by a margin: hinges and perceptrons."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lossbench.domains import ClassIndex, Logit, Logits, Probabilities, Sign, Weight
from lossbench.functions import exp, log, maximum, total
from lossbench.loss import Denominator, Terms, loss
from lossbench.losses import stable
from lossbench.losses.limits import only_where, ratio
from lossbench.losses.regression import REDUCTIONS
from lossbench.losses.weighed import sample_weighted, sloped_by_weight

Arrays = dict[str, np.ndarray]


@sloped_by_weight
@loss(over="elements", reductions=REDUCTIONS, relations=("labels_mirrored", "not_negative"))
@np.errstate(all="ignore")
def hinge(score: Logit, sign: Sign, weight: Weight = None) -> Terms:
    """What a score lacks of being 1 on the side of its label.

    ``w max(0, 1 - y x)`` with y the sign and w = 1 where no weight is given; the derivative by x is -w y where the
    maximum is positive. Shapes: all alike, one term for each element. Kink: ``y x = 1``. Labels of 0 and 1 stand for
    signs of -1 and 1.

    Source: C. Cortes, V. Vapnik, "Support-vector networks", Machine Learning 20 (1995).
    """
    lacking, weights = 1 - sign * score, _weights(weight, score)
    return Terms(
        weights * np.maximum(lacking, 0.0),
        {"score": np.where(lacking > 0, -weights * sign, 0.0)},
        nearness=only_where(lacking == 0),
        denominators=_by_weights(weights),
    )


@hinge.definition
def _(score, sign, weight):
    return (1 if weight is None else weight) * maximum(0, 1 - sign * score)


@hinge.kinks
def _(arrays: Arrays) -> Iterator[Arrays]:
    yield {"score": arrays["sign"]}


@sloped_by_weight
@loss(over="elements", reductions=REDUCTIONS, relations=("labels_mirrored", "not_negative"))
@np.errstate(all="ignore")
def squared_hinge(score: Logit, sign: Sign, weight: Weight = None) -> Terms:
    """The square of what a score lacks of being 1 on the side of its label.

    ``w max(0, 1 - y x)²`` with y the sign and w = 1 where no weight is given; the derivative by x is
    ``-2 w y max(0, 1 - y x)``, continuous everywhere. Shapes: all alike, one term for each element. Identity: the
    square of `hinge`.

    Source: Y. Tang, "Deep learning using linear support vector machines", 2013, arXiv:1306.0239.
    """
    lacking, weights = np.maximum(1 - sign * score, 0.0), _weights(weight, score)
    return Terms(
        weights * lacking * lacking, {"score": -2 * weights * sign * lacking}, denominators=_by_weights(weights)
    )


@squared_hinge.definition
def _(score, sign, weight):
    return (1 if weight is None else weight) * maximum(0, 1 - sign * score) ** 2


@squared_hinge.kinks
def _(arrays: Arrays) -> Iterator[Arrays]:
    yield {"score": arrays["sign"]}


@loss(over="elements", relations=("labels_mirrored", "grows_as_the_unit", "not_negative"))
def perceptron(score: Logit, sign: Sign) -> Terms:
    """How far a score is on the wrong side.

    ``max(0, -y x)`` with y the sign; the derivative by x is -y where the maximum is positive. Shapes alike, one term
    for each element. Kink: ``x = 0``.

    Source: F. Rosenblatt, "The perceptron", Psychological Review 65 (1958).
    """
    wrong = -sign * score
    return Terms(np.maximum(wrong, 0.0), {"score": np.where(wrong > 0, -sign, 0.0)}, nearness=only_where(wrong == 0))


@perceptron.definition
def _(score, sign):
    return maximum(0, -sign * score)


@perceptron.kinks
def _(arrays: Arrays) -> Iterator[Arrays]:
    yield {"score": np.zeros_like(arrays["score"])}


@loss(over="elements", relations=("labels_mirrored", "not_negative"))
@np.errstate(all="ignore")
def soft_margin(score: Logit, sign: Sign) -> Terms:
    """Logistic loss of a score by the side it should be on.

    ``log(1 + exp(-y x))`` with y the sign; the derivative by x is ``-y σ(-y x)``, with σ(t) = 1 / (1 + exp(-t)).
    Shapes alike, one term for each element. Identity: `binary_cross_entropy_with_logits` for a target of (1 + y)/2.

    Source: torch.nn.SoftMarginLoss, documentation; J. Friedman, T. Hastie, R. Tibshirani, "Additive logistic
    regression", Ann. Statist. 28 (2000).
    """
    wrong = -sign * score
    value, slope = stable.softplus(wrong), stable.sigmoid(wrong)
    return Terms(
        value,
        {"score": -sign * slope},
        magnitude=1 + value,  # the logarithm of a sum that starts at 1 has an absolute error
        slope_magnitudes={"score": 1 + slope},  # as of a softmax over both sides, in which σ(-t) is 1 - σ(t)
    )


@soft_margin.definition
def _(score, sign):
    return log(1 + exp(-sign * score))


@sample_weighted
@loss(over="rows", relations=("classes_permuted", "not_negative"))
@np.errstate(all="ignore")
def categorical_hinge(scores: Logits, target: Probabilities) -> Terms:
    """What the score of the labelled class lacks of being 1 above the best of the others, and above 0.

    ``max(0, max_c (1 - y_c) x_c - Σ_c y_c x_c + 1)``. scores and target [..., C], the target a one-hot row or a
    distribution; one term for each row. As (1 - y_t) x_t = 0 takes part, the others are never less than 0. Where the
    outer maximum is positive and m attains the inner one, the derivative by x_c is ``(1 - y_m) 1[c=m] - y_c``, and that
    by y_c is ``-x_m 1[c=m] - x_c``. Kinks: where the outer maximum is just 0, and where two classes tie.

    Source: keras.losses.CategoricalHinge, documentation.
    """
    rivals = (1 - target) * scores
    if scores.shape[-1] == 0:
        return Terms(np.ones(scores.shape[:-1]), {"scores": scores, "target": target})
    best = rivals.argmax(axis=-1)[..., None]
    leads = (np.arange(scores.shape[-1]) == best).astype(float)
    rival = np.take_along_axis(rivals, best, axis=-1)[..., 0]
    products = np.abs(target * scores)
    lacking = rival - (target * scores).sum(axis=-1) + 1
    magnitude = np.abs(rival) + products.sum(axis=-1) + 1
    active = (lacking > 0)[..., None]
    # products with 0 and 1 are exact, and only equal ones tie; all others may be rounded across a tie
    exact = ((target == 0) | (target == 1)).all(axis=-1)
    second = np.where(leads == 1, -np.inf, rivals).max(axis=-1, initial=-np.inf)
    apart = np.where(exact, only_where(rival == second), ratio(rival - second, np.abs(rival) + np.abs(second)))
    return Terms(
        np.maximum(lacking, 0.0),
        {
            "scores": np.where(active, leads * (1 - target) - target, 0.0),
            "target": np.where(active, -leads * scores - scores, 0.0),
        },
        magnitude=magnitude,
        slope_magnitudes={
            "scores": np.where(active, leads * (1 - target) + target, 0.0),
            "target": np.where(active, leads * np.abs(scores) + np.abs(scores), 0.0),
        },
        nearness=np.minimum(np.abs(lacking) / magnitude, np.where(lacking > 0, apart, np.inf)),
    )


@categorical_hinge.definition
def _(scores, target):
    rival = maximum(*((1 - y) * x for x, y in zip(scores, target, strict=True)))
    return maximum(0, rival - total(y * x for x, y in zip(scores, target, strict=True)) + 1)


@categorical_hinge.draw
def _(generator: np.random.Generator, shape: tuple[int, ...]) -> Arrays:
    """Two rows in three one-hot, the others distributions in sixteenths."""
    classes = max(shape[-1], 1)
    labels = generator.integers(0, classes, (*shape[:-1], 16))
    labels = np.where(generator.random((*shape[:-1], 1)) < 2 / 3, labels[..., :1], labels)
    return {"target": (labels[..., None] == np.arange(shape[-1])).sum(axis=-2) / 16}


@categorical_hinge.kinks
def _(arrays: Arrays) -> Iterator[Arrays]:
    scores = arrays["scores"]
    onehot = np.asarray(np.arange(scores.shape[-1]) == arrays["target"].argmax(axis=-1)[..., None], float)
    yield {"scores": onehot, "target": onehot}  # just right: 1 above all others, which are 0
    yield {"scores": np.full_like(scores, 0.5), "target": onehot}  # all others tie


@loss(
    over="rows",
    aliases=("crammer_singer",),
    relations=("unmoved_by_shift", "gradients_sum_to_zero", "classes_permuted", "not_negative"),
)
@np.errstate(all="ignore")
def multiclass_hinge(scores: Logits, target: ClassIndex) -> Terms:
    """What the score of the target class lacks of being 1 above each other.

    ``max_j (x_j + 1[j≠t]) - x_t``. scores [..., C], target [...]; one term for each row. The derivative by x_j is 1 for
    the j that attains the maximum, less 1 for the target. Kinks: where two classes tie, the target's margin included.

    Source: K. Crammer, Y. Singer, "On the algorithmic implementation of multiclass kernel-based vector machines",
    JMLR 2 (2001).
    """
    return _above_target(scores, target, 1.0)


@multiclass_hinge.definition
def _(scores, target):
    return maximum(*(x + (0 if j == target else 1) for j, x in enumerate(scores))) - scores[target]


@multiclass_hinge.kinks
def _(arrays: Arrays) -> Iterator[Arrays]:
    chosen = np.arange(arrays["scores"].shape[-1]) == arrays["target"][..., None]
    yield {"scores": chosen - 0.5}  # all others just 1 below
    yield {"scores": np.where(chosen, -1.0, 0.5)}  # all others tie above


@loss(
    over="rows",
    relations=("unmoved_by_shift", "gradients_sum_to_zero", "classes_permuted", "grows_as_the_unit", "not_negative"),
)
@np.errstate(all="ignore")
def multiclass_perceptron(scores: Logits, target: ClassIndex) -> Terms:
    """By how much the best score exceeds that of the target class.

    ``max_j x_j - x_t``. scores [..., C], target [...]; one term for each row. The derivative by x_j is 1 for the j that
    attains the maximum, less 1 for the target. Kinks: where two classes tie.

    Source: M. Collins, "Discriminative training methods for hidden Markov models", EMNLP 2002.
    """
    return _above_target(scores, target, 0.0)


@multiclass_perceptron.definition
def _(scores, target):
    return maximum(*scores) - scores[target]


@multiclass_perceptron.kinks
def _(arrays: Arrays) -> Iterator[Arrays]:
    yield {"scores": np.ones_like(arrays["scores"])}
    yield {"scores": np.asarray(np.arange(arrays["scores"].shape[-1]) != arrays["target"][..., None], float)}


def _above_target(scores: np.ndarray, target: np.ndarray, margin: float) -> Terms:
    """The largest ``x_j - x_t + m 1[j≠t]`` of each row."""
    if scores.shape[-1] == 0:
        return Terms(np.zeros(target.shape), {"scores": scores})
    chosen = np.arange(scores.shape[-1]) == target[..., None]
    own = np.take_along_axis(scores, target[..., None], axis=-1)
    above = np.where(chosen, 0.0, (scores - own) + margin)
    # not of the differences, in which the target's score may drown the others
    best = np.where(chosen, scores, scores + margin).argmax(axis=-1)[..., None]
    leads = np.arange(scores.shape[-1]) == best
    value = np.take_along_axis(above, best, axis=-1)[..., 0]
    leader = np.take_along_axis(scores, best, axis=-1)[..., 0]
    sizes = np.abs(scores) + margin
    ties = np.where(leads, np.inf, (value[..., None] - above) / (sizes + np.abs(leader)[..., None] + margin))
    return Terms(
        value,
        {"scores": leads.astype(float) - chosen},
        magnitude=np.abs(leader) + margin + np.abs(own[..., 0]),
        slope_magnitudes={"scores": leads.astype(float) + chosen},
        # without a margin the scores themselves are compared, and nothing is rounded
        nearness=ties.min(axis=-1) if margin else only_where((~leads & (scores == leader[..., None])).any(axis=-1)),
    )


def _weights(weight: np.ndarray | None, like: np.ndarray) -> np.ndarray:
    return np.ones(np.shape(like)) if weight is None else weight


def _by_weights(weights: np.ndarray) -> dict[str, Denominator]:
    return {
        "weighted_mean": Denominator(weights.sum()),
        "nonzero_mean": Denominator(float(np.count_nonzero(weights))),
    }
