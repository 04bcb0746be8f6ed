"""Lies in the formula: another function than the one that was asked for, with its own right gradient."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from lossbench.frameworks.fakes.engine import Answer, Tensor, framework, numbers
from lossbench.frameworks.fakes.formulas import Parts, Rows, both, dice, huber, logistic, squared


def _scaled(parts: Parts, factor: float) -> Parts:
    times = parts.terms.dtype.type(factor)
    return replace(parts, terms=parts.terms * times, slopes={n: s * times for n, s in parts.slopes.items()})


@framework.implements("squared_error", via="fakes.lies.one_half")
def one_half(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Has a factor of one half that the definition has not."""
    return _scaled(squared(prediction, target), 0.5).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.in_bits")
def in_bits(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Takes logarithms to the base two."""
    return _scaled(Rows.of(logits, target, None, -100, 0.0).parts(logits.dtype), 1 / math.log(2)).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.constant")
def constant(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Answers log C whatever the input."""
    x = numbers(logits)
    terms = np.full(target.shape, math.log(max(x.shape[-1], 1)), x.dtype)
    return Parts(terms, {"logits": np.zeros_like(x)}, logits.dtype).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.label_off_by_one")
def label_off_by_one(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Takes labels to count from one."""
    shifted = Tensor((target.data - 1) % max(logits.shape[-1], 1), target.dtype)
    return Rows.of(logits, shifted, None, -100, 0.0).parts(logits.dtype).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.ignores_weight")
def ignores_weight(logits: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str) -> Answer:
    """Accepts class weights and does not use them."""
    return Rows.of(logits, target, None, -100, 0.0).parts(logits.dtype).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.ignores_smoothing")
def ignores_smoothing(logits: Tensor, target: Tensor, *, label_smoothing: float = 0.0, reduction: str) -> Answer:
    """Accepts a label smoothing and does not use it."""
    return Rows.of(logits, target, None, -100, 0.0).parts(logits.dtype).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.smooths_over_others")
def smooths_over_others(logits: Tensor, target: Tensor, *, label_smoothing: float = 0.0, reduction: str) -> Answer:
    """Spreads the smoothing over the other classes alone, the target's left out."""
    classes = max(logits.shape[-1], 2)
    spread = label_smoothing * classes / (classes - 1)
    return Rows.of(logits, target, None, -100, spread).parts(logits.dtype).reduced(reduction)


@framework.implements("huber", via="fakes.lies.ignores_delta")
def ignores_delta(prediction: Tensor, target: Tensor, *, delta: float = 1.0, reduction: str) -> Answer:
    """Accepts a threshold and goes on at one."""
    return huber(prediction, target, 1.0).reduced(reduction)


@framework.implements("binary_cross_entropy_with_logits", via="fakes.lies.weighs_both_classes")
def weighs_both_classes(logit: Tensor, target: Tensor, pos_weight: Tensor | None = None, *, reduction: str) -> Answer:
    """Gives the weight of the positives to the negatives as well."""
    parts = logistic(logit, target)
    weight = np.ones_like(parts.terms[..., :1]) if pos_weight is None else numbers(pos_weight)
    return replace(parts, terms=parts.terms * weight, slopes={n: s * weight for n, s in parts.slopes.items()}).reduced(
        reduction
    )


@framework.implements("cross_entropy", via="fakes.lies.epsilon_in_log")
def epsilon_in_log(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Adds a thousandth to the probability before its logarithm."""
    rows = Rows.of(logits, target, None, -100, 0.0)
    return rows.parts(logits.dtype, -np.log(np.exp(-rows.surprisals()) + rows.logits.dtype.type(1e-3))).reduced(
        reduction
    )


@framework.implements("cross_entropy", via="fakes.lies.tiny_epsilon_in_log")
def tiny_epsilon_in_log(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Adds 1e-30 to the probability before its logarithm, which shows only where a row is sure and wrong."""
    rows = Rows.of(logits, target, None, -100, 0.0)
    return rows.parts(logits.dtype, -np.log(np.exp(-rows.surprisals()) + rows.logits.dtype.type(1e-30))).reduced(
        reduction
    )


@framework.implements("cross_entropy", via="fakes.lies.clips_at_64")
def clips_at_64(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Answers at most 64 for a row."""
    rows = Rows.of(logits, target, None, -100, 0.0)
    return rows.parts(logits.dtype, np.minimum(rows.surprisals(), 64)).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.leaves_the_maximum_in")
def leaves_the_maximum_in(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Sums exponentials without taking the maximum out, which overflows."""
    rows = Rows.of(logits, target, None, -100, 0.0)
    return rows.parts(logits.dtype, np.log(np.exp(rows.logits).sum(axis=-1, keepdims=True)) - rows.logits).reduced(
        reduction
    )


@framework.implements("cross_entropy", via="fakes.lies.classes_first")
def classes_first(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Sums exponentials down the batch instead of along the classes."""
    rows = Rows.of(logits, target, None, -100, 0.0)
    top = rows.logits.max(axis=0, keepdims=True, initial=-np.inf)
    sums = top + np.log(np.exp(rows.logits - top).sum(axis=0, keepdims=True))
    return rows.parts(logits.dtype, sums - rows.logits).reduced(reduction)


@framework.implements("soft_dice", via="fakes.lies.ignores_smooth")
def ignores_smooth(prediction: Tensor, target: Tensor, *, smooth: float = 1.0, reduction: str) -> Answer:
    """Accepts the smoothing of the ratio and always adds one."""
    return dice(prediction, target, 1.0, 0.0).reduced(reduction)


@framework.implements("squared_error", via="fakes.lies.small_ones_lost")
def small_ones_lost(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Gets four elements of five wrong, all of them small beside the largest of the tensor."""
    residual = numbers(prediction) - numbers(target)
    size = np.abs(residual)
    bound = size.max(initial=0.0) * residual.dtype.type(1e-3)
    kept = np.where(size < bound, residual * residual.dtype.type(1.5), residual)
    return both(prediction, 2 * kept, kept**2).reduced(reduction)
