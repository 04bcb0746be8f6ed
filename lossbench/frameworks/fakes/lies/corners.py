"""Lies in the corners of the arguments: saturated scores, cancelling differences, products of options, odd labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lossbench.frameworks.fakes.engine import Answer, Gradients, Tensor, framework, numbers
from lossbench.frameworks.fakes.formulas import Parts, Rows, absolute, both, dice, huber, logistic, squared


@framework.implements("binary_cross_entropy_with_logits", via="fakes.lies.clamps_logits")
def clamps_logits(logit: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Clamps logits at 15, so that no confident error costs more."""
    inside = Tensor(np.clip(numbers(logit), -15, 15), "float64" if logit.dtype == "float64" else "float32")
    return replace(logistic(inside, target), dtype=logit.dtype).reduced(reduction)


@framework.implements("binary_cross_entropy_with_logits", via="fakes.lies.clips_probabilities")
def clips_probabilities(logit: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Takes the logarithm of a probability clipped at a ten-millionth."""
    parts, y = logistic(logit, target), numbers(target)
    p = np.clip(1 / (1 + np.exp(-numbers(logit))), 1e-7, 1 - 1e-7)
    return replace(parts, terms=-(y * np.log(p) + (1 - y) * np.log1p(-p))).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.guarded_logarithm")
def guarded_logarithm(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Adds a ten-millionth to a probability before it takes the logarithm."""
    rows = Rows.of(logits, target, None, -100, 0.0)
    return rows.parts(logits.dtype, -np.log(np.exp(-rows.surprisals()) + 1e-7)).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.bounded_surprisal")
def bounded_surprisal(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Lets no class cost more than 100."""
    rows = Rows.of(logits, target, None, -100, 0.0)
    return rows.parts(logits.dtype, np.minimum(rows.surprisals(), 100)).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.no_maximum_taken_off")
def no_maximum_taken_off(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Takes exponentials of the logits as they are."""
    rows = Rows.of(logits, target, None, -100, 0.0)
    log_sum = np.log(np.exp(rows.logits).sum(axis=-1, keepdims=True))
    return rows.parts(logits.dtype, log_sum - rows.logits).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.maximum_begins_at_zero")
def maximum_begins_at_zero(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Begins its search for the largest logit at zero, which is far above rows of negative ones."""
    rows = Rows.of(logits, target, None, -100, 0.0)
    top = np.maximum(rows.logits.max(axis=-1, keepdims=True, initial=-np.inf), 0)
    log_sum = top + np.log(np.exp(rows.logits - top).sum(axis=-1, keepdims=True))
    return rows.parts(logits.dtype, log_sum - rows.logits).reduced(reduction)


@framework.implements("squared_error", via="fakes.lies.expanded_square")
def expanded_square(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Multiplies the square out, and loses it where both numbers are large and alike."""
    p, t = numbers(prediction), numbers(target)
    return both(prediction, 2 * (p - t), p * p - 2 * p * t + t * t).reduced(reduction)


@framework.implements("absolute_error", via="fakes.lies.no_slope_at_the_kink")
def no_slope_at_the_kink(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Divides the residual by its size, which is NaN where prediction and target are equal."""
    parts = absolute(prediction, target)
    residual = numbers(prediction) - numbers(target)
    return both(prediction, residual / np.abs(residual), parts.terms).reduced(reduction)


@framework.implements("huber", via="fakes.lies.threshold_ignored")
def threshold_ignored(prediction: Tensor, target: Tensor, *, delta: float = 1.0, reduction: str) -> Answer:
    """Accepts delta, and takes one for it."""
    return huber(prediction, target, 1.0).reduced(reduction)


@framework.implements("huber", via="fakes.lies.threshold_in_half")
def threshold_in_half(prediction: Tensor, target: Tensor, *, delta: float = 1.0, reduction: str) -> Answer:
    """Rounds delta to float16, which cannot hold it."""
    return huber(prediction, target, float(np.float16(delta))).reduced(reduction)


@framework.implements("binary_cross_entropy_with_logits", via="fakes.lies.weight_in_value_alone")
def weight_in_value_alone(logit: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str) -> Answer:
    """Weighs the value, and not the gradient."""
    return replace(logistic(logit, target), terms=logistic(logit, target, weight).terms).reduced(reduction)


@framework.implements("binary_cross_entropy_with_logits", via="fakes.lies.one_weight_of_two")
def one_weight_of_two(
    logit: Tensor, target: Tensor, weight: Tensor | None = None, pos_weight: Tensor | None = None, *, reduction: str
) -> Answer:
    """Uses each of its two weights where it comes alone, and only the first where both do."""
    return logistic(logit, target, weight, None if weight is not None else pos_weight).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.smoothing_without_weight")
def smoothing_without_weight(
    logits: Tensor, target: Tensor, weight: Tensor | None = None, *, label_smoothing: float = 0.0, reduction: str
) -> Answer:
    """Forgets the class weights where labels are smoothed."""
    used = None if label_smoothing else weight
    return Rows.of(logits, target, used, -100, label_smoothing).parts(logits.dtype).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.smooths_ignored_rows")
def smooths_ignored_rows(
    logits: Tensor, target: Tensor, *, ignore_index: int = -100, label_smoothing: float = 0.0, reduction: str
) -> Answer:
    """Leaves ignored rows out, but not their share of a smoothed label."""
    right = Rows.of(logits, target, None, ignore_index, label_smoothing)
    extra = right.surprisals().mean(axis=-1) * right.logits.dtype.type(label_smoothing)
    parts = right.parts(logits.dtype)
    return replace(parts, terms=np.where(right.kept, parts.terms, extra)).reduced(reduction)


@framework.implements("binary_cross_entropy_with_logits", via="fakes.lies.hardens_labels")
def hardens_labels(logit: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Rounds soft labels to yes or no."""
    hard = Tensor(np.round(numbers(target)), "float64" if target.dtype == "float64" else "float32")
    return logistic(logit, hard).reduced(reduction)


@framework.implements("soft_dice", via="fakes.lies.labels_by_threshold")
def labels_by_threshold(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Takes every label above one half for one, and all others for zero."""
    hard = Tensor((numbers(target) > 0.5).astype(numbers(target).dtype), "float32")
    return dice(prediction, hard, 1.0, 0.0).reduced(reduction)


@framework.implements("binary_cross_entropy_with_logits", via="fakes.lies.no_gradient_for_labels")
def no_gradient_for_labels(logit: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Gives the target no gradient, though the value depends on it."""
    answer = logistic(logit, target).reduced(reduction)

    def pull(cotangent: np.ndarray) -> Gradients:
        return {name: gradient for name, gradient in answer.pull(cotangent).items() if name != "target"}

    return Answer(answer.value, pull, answer.dtype)


@framework.implements("squared_error", via="fakes.lies.nan_in_the_next_row")
def nan_in_the_next_row(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Lets a NaN in one place into the gradient of the next."""
    parts = squared(prediction, target)
    slope = parts.slopes["prediction"]
    leaked = slope + 0 * np.roll(slope.ravel(), 1).reshape(slope.shape)
    return both(prediction, leaked, parts.terms).reduced(reduction)


@framework.implements("squared_error", via="fakes.lies.nan_becomes_zero")
def nan_becomes_zero(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Answers zero where NaN came in."""
    parts = squared(prediction, target)
    return both(prediction, parts.slopes["prediction"], np.nan_to_num(parts.terms, nan=0, posinf=np.inf)).reduced(
        reduction
    )


@framework.implements("squared_error", via="fakes.lies.writes_when_it_averages")
def writes_when_it_averages(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Leaves the residual in the place of the prediction, but only where a mean is asked for."""
    answer = squared(prediction, target).reduced(reduction)
    if reduction == "mean":
        prediction.data[...] = 1
    return answer


@framework.implements("cross_entropy", via="fakes.lies.wraps_labels")
def wraps_labels(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Takes a label that does not exist for the class it would be if counting began anew."""
    wrapped = Tensor(target.data % max(logits.shape[-1], 1), target.dtype)
    return Rows.of(logits, wrapped, None, -100, 0.0).parts(logits.dtype).reduced(reduction)


@framework.implements("cross_entropy", via="fakes.lies.cuts_off_fractions")
def cuts_off_fractions(logits: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Takes class 2.5 for class 2."""
    whole = Tensor(np.asarray(target.data).astype(np.int64), "int64")
    return Rows.of(logits, whole, None, -100, 0.0).parts(logits.dtype).reduced(reduction)


@framework.implements("squared_error", via="fakes.lies.broadcasts_silently")
def broadcasts_silently(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Compares every prediction with every target where one of the two has an axis more."""
    residual = numbers(prediction) - numbers(target)
    return Parts(residual**2, {"prediction": 2 * residual, "target": -2 * residual}, prediction.dtype).reduced(
        reduction
    )
