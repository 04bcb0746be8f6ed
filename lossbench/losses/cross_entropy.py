"""Cross entropy of a row of logits, against a class index or a distribution."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lossbench.domains import ClassIndex, ClassWeight, Fraction, Logits, Mask, Number, Probabilities
from lossbench.functions import exactly, exp, log, total
from lossbench.loss import Denominator, Terms, loss
from lossbench.losses.limits import product
from lossbench.losses.stable import softmax_parts
from lossbench.losses.weighed import sample_weighted


@np.errstate(all="ignore")
def weigh_surprisals(logits: np.ndarray, shares: np.ndarray) -> Terms:
    """The sum over the classes c of s_c l_c, with ``l_c = log Σ_j exp(x_j) - x_c`` and the shares s constant."""
    surprisals, probabilities, complements = softmax_parts(logits)
    mass = shares.sum(axis=-1, keepdims=True)
    # p_c Σ_k s_k - s_c, where p_c - 1 of the leading class is minus the sum of the others
    slope = probabilities * (mass - shares) - shares * complements
    # a row's logarithm is that of a sum that starts at 1: its absolute error stays when the result is tiny
    return Terms(
        product(shares, surprisals).sum(axis=-1),
        {"logits": slope},
        magnitude=product(shares, 1 + surprisals).sum(axis=-1),
        slope_magnitudes={"logits": probabilities * mass + shares},
    )


@sample_weighted
@loss(
    over="rows",
    also={"ignore_index": (1, -1), "label_smoothing": (0.125,)},
    aliases=("ce", "softmax_cross_entropy"),
    relations=("unmoved_by_shift", "gradients_sum_to_zero", "classes_permuted", "not_negative"),
    alone=("mask",),
)
def cross_entropy(
    logits: Logits,
    target: ClassIndex,
    weight: ClassWeight = None,
    mask: Mask = None,
    *,
    ignore_index: Number = -100,
    label_smoothing: Fraction = 0.0,
) -> Terms:
    """Negative log likelihood of the target class under the softmax of the logits.

    With ``l_c = log Σ_j exp(x_j) - x_c``: ``(1 - ε) w_t l_t + (ε/C) Σ_c w_c l_c``, and 0 where the target is
    `ignore_index`. logits [..., C], target [...], weight [C]; one term for each row. The mean divides by the sum of
    the weights of the targets that are not ignored, smoothed or not. With a mask [..., C] the sum over j is over the
    classes whose mask is 1 (the target's own logit counts whatever its mask), and a row that keeps none is 0.
    Identity: `nll` of the log-softmax; and `soft_cross_entropy` of the one-hot row.

    Source: C. M. Bishop, "Pattern Recognition and Machine Learning", 4.3.4; label smoothing: C. Szegedy et al.,
    "Rethinking the Inception architecture", CVPR 2016.
    """
    classes = logits.shape[-1]
    weights = np.ones(classes) if weight is None else weight
    kept = target != ignore_index
    safe = np.where(kept, target, 0)
    chosen = (np.arange(classes) == safe[..., None]) & kept[..., None]
    shares = weights * ((1 - label_smoothing) * chosen + label_smoothing / classes * kept[..., None])  # w_c y_c
    terms = weigh_surprisals(logits, shares) if mask is None else _among(logits, shares, mask > 0)
    return Terms(
        np.where(kept, terms.value, 0.0),
        {"logits": np.where(kept[..., None], terms.slopes["logits"], 0.0)},
        magnitude=np.where(kept, np.asarray(terms.magnitude), 0.0),
        slope_magnitudes={"logits": np.where(kept[..., None], terms.slope_magnitudes["logits"], 0.0)},
        masked=~kept,
        denominators={"mean": Denominator(np.where(kept, weights[safe], 0.0).sum())},
    )


@np.errstate(all="ignore")
def _among(logits: np.ndarray, shares: np.ndarray, counted: np.ndarray) -> Terms:
    """The sum over the classes c of s_c l_c, with the softmax over those that count; x_c need not be among them."""
    none = ~counted.any(axis=-1, keepdims=True)
    rivals = np.where(counted, logits, -np.inf)
    largest = np.where(none, 0.0, rivals.max(axis=-1, keepdims=True, initial=-np.inf))
    surprisals, probabilities, complements = softmax_parts(np.where(none, 0.0, rivals))
    # the logarithm of the sum less the largest of its terms
    partition = np.take_along_axis(surprisals, rivals.argmax(axis=-1)[..., None], axis=-1)
    left_out = ~counted & (shares != 0)
    costs = np.where(counted, surprisals, np.where(left_out, largest - logits + partition, 0.0))
    mass = shares.sum(axis=-1, keepdims=True)
    slope = np.where(counted, probabilities * (mass - shares) - shares * complements, -shares)
    size = np.abs(largest) + np.abs(logits)
    return Terms(
        np.where(none, 0.0, product(shares, costs).sum(axis=-1, keepdims=True))[..., 0],
        {"logits": np.where(none, 0.0, slope)},
        magnitude=product(shares, 1 + np.abs(costs) + np.where(left_out, size, 0.0)).sum(axis=-1),
        slope_magnitudes={"logits": np.where(counted, probabilities * mass, 0.0) + shares},
    )


@cross_entropy.definition
def _(logits, target, weight, mask, *, ignore_index, label_smoothing):
    classes = len(logits)
    kept = [c for c in range(classes) if mask is None or bool(mask[c] == 1)]
    if not kept:
        return exactly(0)
    partition = total(exp(logits[c]) for c in kept)
    terms = []
    for c, x in enumerate(logits):
        share = (1 - label_smoothing if c == target else 0) + label_smoothing / classes
        if share != 0:
            terms.append((1 if weight is None else weight[c]) * share * -log(exp(x) / partition))
    return total(terms)


@sample_weighted
@loss(
    over="rows",
    also={"label_smoothing": (0.125,)},
    relations=("unmoved_by_shift", "gradients_sum_to_zero", "classes_permuted", "not_negative"),
    alone=("mask",),
)
def soft_cross_entropy(
    logits: Logits,
    target: Probabilities,
    weight: ClassWeight = None,
    mask: Mask = None,
    *,
    label_smoothing: Fraction = 0.0,
) -> Terms:
    """Cross entropy of the softmax of the logits, relative to a distribution over the classes.

    ``Σ_c w_c y'_c (log Σ_j exp(x_j) - x_c)`` with ``y' = (1 - ε) y + ε/C``. logits and target [..., C], weight [C];
    one term for each row; the mean divides by the number of rows, whatever the weights. The derivative by x_c is
    ``p_c Σ_k w_k y'_k - w_c y'_c``, that by y_c is ``(1 - ε) w_c l_c``. With a mask [..., C] both sums are over the
    classes whose mask is 1. Identity: the entropy of the target plus the Kullback-Leibler divergence, where nothing is
    weighted, smoothed or masked.

    Source: T. M. Cover and J. A. Thomas, "Elements of Information Theory", 2.3; label smoothing: C. Szegedy et al.,
    "Rethinking the Inception architecture", CVPR 2016.
    """
    classes = logits.shape[-1]
    weights = np.ones(classes) if weight is None else weight
    if mask is not None:
        logits, weights = only(logits, mask), np.where(mask > 0, weights, 0.0)
    terms = weigh_surprisals(logits, weights * ((1 - label_smoothing) * target + label_smoothing / classes))
    surprisals, _, _ = softmax_parts(logits)
    factor = weights * (1 - label_smoothing) * np.ones(target.shape)
    return replace(
        terms,
        slopes={**terms.slopes, "target": product(factor, surprisals)},
        slope_magnitudes={**terms.slope_magnitudes, "target": product(factor, 1 + surprisals)},
    )


def only(logits: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The logits of the classes that count, and -infinity for all others; zeros where none does."""
    counted = mask > 0
    return np.asarray(np.where(counted.any(axis=-1, keepdims=True), np.where(counted, logits, -np.inf), 0.0))


@soft_cross_entropy.definition
def _(logits, target, weight, mask, *, label_smoothing):
    classes = len(logits)
    kept = [c for c in range(classes) if mask is None or bool(mask[c] == 1)]
    partition = total(exp(logits[c]) for c in kept)
    return total(
        (1 if weight is None else weight[c])
        * ((1 - label_smoothing) * target[c] + label_smoothing / classes)
        * -log(exp(logits[c]) / partition)
        for c in kept
    )


@loss(
    over="rows",
    reductions=("mean",),
    relations=("unmoved_by_shift", "gradients_sum_to_zero", "classes_permuted", "not_negative"),
)
def cls_loss(logits: Logits, target: ClassIndex) -> Terms:
    """Cross entropy as a text classifier's training loop calls it: the mean over the batch, nothing else.

    ``mean_n (log Σ_j exp(x_nj) - x_nt)``. logits [N, C], target [N]. Identity: `cross_entropy` by its defaults.

    Source: ClsLoss of PaddleOCR, ppocr/losses/cls_loss.py.
    """
    return replace(cross_entropy.function(logits, target), masked=None, denominators={})


@cls_loss.definition
def _(logits, target):
    return -log(exp(logits[target]) / total(exp(x) for x in logits))
