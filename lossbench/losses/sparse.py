"""Fenchel-Young losses: how far scores are from a label by a regularized maximum, sparse or not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lossbench.domains import ClassIndex, Logit, Logits, Probabilities, Sign
from lossbench.functions import exactly, logsumexp, maximum, total, where
from lossbench.loss import Terms, loss
from lossbench.losses.limits import only_where, product
from lossbench.losses.stable import softmax_parts

Arrays = dict[str, np.ndarray]


@loss(over="elements", relations=("labels_mirrored", "not_negative"))
@np.errstate(all="ignore")
def sparsemax(score: Logit, sign: Sign) -> Terms:
    """A hinge whose kink is rounded off by a parabola: the sparsemax loss of two classes.

    With ``u = -y x`` and y the sign: 0 where ``u <= -1``, u where ``u >= 1``, else ``(u + 1)²/4``; the derivative by x
    is -y times 0, 1 or (u + 1)/2, continuous everywhere. Shapes alike, one term for each element. Identity:
    `multiclass_sparsemax` of the scores 0 and x. Labels of 0 and 1 stand for signs of -1 and 1.

    Source: M. Blondel, A. F. T. Martins, V. Niculae, "Learning with Fenchel-Young losses", JMLR 21 (2020), 4.4.
    """
    u = -sign * score
    half = np.clip((u + 1) / 2, 0.0, 1.0)
    return Terms(np.where(u >= 1, u, half * half), {"score": -sign * half})


@sparsemax.definition
def _(score, sign):
    u = -sign * score
    return where(u <= -1, 0, lambda: where(u >= 1, u, lambda: (u + 1) ** 2 / 4))


@sparsemax.kinks
def _(arrays: Arrays) -> Iterator[Arrays]:
    yield {"score": arrays["sign"]}
    yield {"score": -arrays["sign"]}


@loss(
    over="rows",
    certified_size=400,
    relations=("unmoved_by_shift", "gradients_sum_to_zero", "classes_permuted", "not_negative"),
)
@np.errstate(all="ignore")
def multiclass_sparsemax(scores: Logits, target: ClassIndex) -> Terms:
    """How far scores are from a class by way of their projection on the simplex of probabilities.

    With ``π = argmin_{p∈Δ} |p - x|²``, which is ``π_j = max(0, x_j - τ)`` for the τ that makes their sum 1:
    ``Σ_j π_j (x_j - x_t) + (1 - Σ_j π_j²)/2``. scores [..., C], target [...]; one term for each row. The derivative by
    x_j is ``π_j - 1[j=t]``, continuous everywhere. It is 0 where x_t exceeds each other score by 1.

    Source: A. F. T. Martins, R. F. Astudillo, "From softmax to sparsemax", ICML 2016.
    """
    if scores.shape[-1] == 0:
        return Terms(np.zeros(target.shape), {"scores": scores})
    below = scores - scores.max(axis=-1, keepdims=True)
    ranked = -np.sort(-below, axis=-1)
    counts = np.arange(1, scores.shape[-1] + 1)
    # of ranks whose scores are far below, the running sum is large and negative, and they are left out
    thresholds = (np.where(ranked > -1, ranked, 0.0).cumsum(axis=-1) - 1) / counts
    support = (ranked > -1) & (ranked > thresholds)
    size = support.sum(axis=-1, keepdims=True)
    threshold = np.take_along_axis(thresholds, size - 1, axis=-1)
    shares = np.maximum(below - threshold, 0.0)
    chosen = np.arange(scores.shape[-1]) == target[..., None]
    rest = np.where(chosen, 0.0, shares).sum(axis=-1, keepdims=True)  # 1 - π_t
    own = np.take_along_axis(below, target[..., None], axis=-1)
    distance = np.where(shares > 0, below - own, 0.0)
    complements = shares.sum(axis=-1, keepdims=True) - shares
    value = (shares * (distance + complements / 2)).sum(axis=-1)
    # what π loses by cancellation in x - τ
    taken = shares > 0
    sizes = np.where(taken, np.abs(scores), 0.0)
    lost = np.where(taken, sizes + (sizes.sum(axis=-1, keepdims=True) + 1) / size, 0.0)
    return Terms(
        value,
        {"scores": np.where(chosen, -rest, shares)},
        magnitude=(shares * np.abs(distance)).sum(axis=-1) + 1 + (lost * (1 + np.abs(distance))).sum(axis=-1),
        slope_magnitudes={"scores": lost + shares + chosen},
    )


@multiclass_sparsemax.definition
def _(scores, target):
    def overtaking(x):
        # no kink: both sides of a tie add nothing
        return total(where((other > x) & (other != x), other - x, 0) for other in scores)

    support = []
    for x in scores:
        sum_above = overtaking(x)
        if where((sum_above < 1) & (sum_above != 1), lambda: True, lambda: False):
            support.append(x)
    threshold = (total(support) - 1) / len(support)
    shares = [x - threshold for x in support]
    return total(p * (x - scores[target]) - p * p / 2 for p, x in zip(shares, support, strict=True)) + exactly(1) / 2


@loss(
    over="rows",
    also={"max_fun": ("max",)},
    relations=("classes_permuted", "not_negative"),
)
@np.errstate(all="ignore")
def fenchel_young(scores: Logits, target: Probabilities, *, max_fun: str = "logsumexp") -> Terms:
    """How far scores are from a distribution by a maximum: the maximum less the mean score under the distribution.

    ``F(x) - Σ_c y_c x_c`` with F the function that `max_fun` names: "logsumexp", ``log Σ_c exp(x_c)``, or "max",
    ``max_c x_c``. scores and target [..., C]; one term for each row. The derivative by x_c is ``∂F/∂x_c - y_c``, that
    by y_c is -x_c. Identities: `soft_cross_entropy` where F is logsumexp and the target sums to 1;
    `multiclass_perceptron` where F is max and the target a one-hot row. Kinks: of max, where two scores tie.

    Source: M. Blondel, A. F. T. Martins, V. Niculae, "Learning with Fenchel-Young losses", JMLR 21 (2020).
    """
    largest = scores.max(axis=-1, keepdims=True, initial=-np.inf)
    sized = np.abs(product(target, scores))
    if max_fun == "max":
        peak = np.asarray(np.arange(scores.shape[-1]) == scores.argmax(axis=-1)[..., None], float)
        top, own = largest[..., 0], np.abs(largest[..., 0])
        shortfall = product(target, largest - scores).sum(axis=-1)
        complements = 1 - peak
    else:
        surprisals, peak, complements = softmax_parts(scores)
        leading = surprisals.min(axis=-1, initial=np.inf)
        top, own = largest[..., 0] + leading, np.abs(largest[..., 0]) + leading + 1
        shortfall = product(target, surprisals).sum(axis=-1)
    # p - y with the larger of the two written as 1 less its complement
    slope = np.where((target > 0.5) & (peak > 0.5), (1 - target) - complements, peak - target)
    return Terms(
        shortfall + (1 - target.sum(axis=-1)) * top,
        {"scores": slope, "target": -scores},
        magnitude=own + sized.sum(axis=-1),
        slope_magnitudes={"scores": peak + target},
        nearness=only_where((scores == largest).sum(axis=-1) > 1) if max_fun == "max" else None,
    )


@fenchel_young.definition
def _(scores, target, *, max_fun):
    largest = maximum(*scores) if max_fun == "max" else logsumexp(scores)
    return largest - total(y * x for y, x in zip(target, scores, strict=True))


@fenchel_young.kinks
def _(arrays: Arrays, *, max_fun: str) -> Iterator[Arrays]:
    yield {"scores": np.full_like(arrays["scores"], 0.5)}
