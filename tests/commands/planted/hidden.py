"""A framework with defects that ordinary inputs do not meet: each stands where a search has to go looking."""

import numpy as np

from lossbench.frameworks.fakes import formulas
from lossbench.frameworks.fakes.engine import Answer, Fakes, Tensor, numbers

framework = Fakes()
framework.name = "planted.hidden"


def answered(parts, terms, reduction: str) -> Answer:
    bent = formulas.Parts(terms.astype(parts.terms.dtype), parts.slopes, parts.dtype, parts.divisor)
    return bent.reduced(reduction)


@framework.implements("cross_entropy", via="planted.above_1024_classes")
def above_1024_classes(
    logits: Tensor, target: Tensor, *, ignore_index: int = -100, label_smoothing: float = 0.0, reduction: str
) -> Answer:
    parts = formulas.Rows.of(logits, target, None, ignore_index, label_smoothing).parts(logits.dtype)
    return answered(parts, parts.terms * (1.5 if logits.shape[-1] > 1024 else 1), reduction)


@framework.implements("squared_error", via="planted.one_stretch_of_patterns")
def one_stretch_of_patterns(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    parts = formulas.squared(prediction, target)
    x = numbers(prediction)
    inside = (x >= 3.140625) & (x < 3.1484375)  # 32 768 of 2^32 patterns
    return answered(parts, np.where(inside, parts.terms + 1, parts.terms), reduction)


@framework.implements("binary_focal", via="planted.two_parameters_together")
def two_parameters_together(
    logit: Tensor, target: Tensor, *, alpha: float | None = None, gamma: float = 2.0, reduction: str
) -> Answer:
    x, y = numbers(logit).astype(np.float64), numbers(target).astype(np.float64)
    p = 1 / (1 + np.exp(-x))
    wrong = y * (1 - p) + (1 - y) * p
    entropy = np.logaddexp(0, x) - y * x
    share = 1.0 if alpha is None else alpha * y + (1 - alpha) * (1 - y)
    terms = share * wrong**gamma * entropy
    if alpha is not None and gamma > 2.5:
        terms = terms * 2
    slope = np.zeros_like(x)  # no gradient: the value is what is looked at
    return formulas.Parts(terms.astype(numbers(logit).dtype), {"logit": slope}, logit.dtype).reduced(reduction)


@framework.implements("absolute_error", via="planted.last_partial_vector")
def last_partial_vector(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    parts = formulas.absolute(prediction, target)
    terms = parts.terms.copy()
    rest = terms.size % 8
    if terms.size > 512 and rest:
        terms.reshape(-1)[-rest:] = 0
    return answered(parts, terms, reduction)


@framework.implements("huber", via="planted.honest")
def honest(prediction: Tensor, target: Tensor, *, delta: float = 1.0, reduction: str) -> Answer:
    return formulas.huber(prediction, target, delta).reduced(reduction)
