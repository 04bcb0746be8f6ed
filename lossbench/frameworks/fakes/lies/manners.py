"""Lies that the numbers do not show: formats, shapes, side effects and moods."""

from __future__ import annotations

import itertools

import numpy as np

from lossbench.frameworks.fakes.engine import Answer, Gradients, Tensor, framework, numbers, rounded
from lossbench.frameworks.fakes.formulas import Rows, squared

_calls = itertools.count()
_OTHER = {"float64": "float32", "float32": "float64", "float16": "float32", "bfloat16": "float32"}


@framework.implements("squared_error", via="fakes.lies.other_dtype")
def other_dtype(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Answers in another format than the input's."""
    answer = squared(prediction, target).reduced(reduction)
    return Answer(answer.value, answer.pull, _OTHER[prediction.dtype])


@framework.implements("squared_error", via="fakes.lies.other_dtype_gradient")
def other_dtype_gradient(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Gives gradients in a wider format than the arguments they belong to."""
    answer = squared(prediction, target).reduced(reduction)

    def pull(cotangent: np.ndarray) -> Gradients:
        wide = {name: np.asarray(gradient, float) for name, gradient in answer.pull(cotangent).items()}
        return {name: rounded(rounded_like(gradient, prediction), "float64") for name, gradient in wide.items()}

    return Answer(answer.value, pull, answer.dtype)


def rounded_like(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    """The values rounded to the tensor's format, as plain numbers."""
    return numbers(rounded(values, tensor.dtype))


@framework.implements("squared_error", via="fakes.lies.other_shape")
def other_shape(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Answers a sum or mean as an array of one element."""
    answer = squared(prediction, target).reduced(reduction)
    if reduction == "none":
        return answer
    return Answer(answer.value.reshape(1), lambda c: answer.pull(c.reshape(())), answer.dtype)


@framework.implements("squared_error", via="fakes.lies.reduces_unasked")
def reduces_unasked(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Always answers with the mean."""
    return squared(prediction, target).reduced("mean")


@framework.implements("squared_error", via="fakes.lies.flattened_gradient")
def flattened_gradient(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Gives gradients of one axis, whatever the argument's shape."""
    answer = squared(prediction, target).reduced(reduction)

    def pull(cotangent: np.ndarray) -> Gradients:
        return {name: np.ravel(np.asarray(gradient)) for name, gradient in answer.pull(cotangent).items()}

    return Answer(answer.value, pull, answer.dtype)


@framework.implements("squared_error", via="fakes.lies.writes_into_input")
def writes_into_input(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Leaves the prediction at zero once it has the answer."""
    answer = squared(prediction, target).reduced(reduction)
    prediction.data[...] = 0
    return answer


@framework.implements("cross_entropy", via="fakes.lies.writes_into_labels")
def writes_into_labels(logits: Tensor, target: Tensor, *, ignore_index: int = -100, reduction: str) -> Answer:
    """Overwrites ignored labels with a valid class, to look them up safely."""
    answer = Rows.of(logits, target, None, ignore_index, 0.0).parts(logits.dtype).reduced(reduction)
    target.data[target.data == ignore_index] = 0
    return answer


@framework.implements("squared_error", via="fakes.lies.writes_into_cotangent")
def writes_into_cotangent(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Multiplies what comes from above in place, so that whoever else needs it finds a gradient there."""
    answer = squared(prediction, target).reduced(reduction)

    def pull(cotangent: np.ndarray) -> Gradients:
        gradients = answer.pull(cotangent.copy())
        cotangent *= 2
        return gradients

    return Answer(answer.value, pull, answer.dtype)


@framework.implements("squared_error", via="fakes.lies.wavers")
def wavers(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Answers differently from call to call, by a few units in the last place."""
    answer = squared(prediction, target).reduced(reduction)
    unsteady = 1 + next(_calls) % 2 * 4 * _last_place(prediction)
    return Answer(np.asarray(answer.value * np.asarray(unsteady, answer.value.dtype)), answer.pull, answer.dtype)


@framework.implements("squared_error", via="fakes.lies.wavering_gradient")
def wavering_gradient(prediction: Tensor, target: Tensor, *, reduction: str) -> Answer:
    """Gives gradients that differ from call to call, by a few units in the last place."""
    answer = squared(prediction, target).reduced(reduction)

    def pull(cotangent: np.ndarray) -> Gradients:
        return answer.pull(cotangent * np.asarray(1 + next(_calls) % 2 * 4 * _last_place(prediction), cotangent.dtype))

    return Answer(answer.value, pull, answer.dtype)


def _last_place(tensor: Tensor) -> float:
    return {"bfloat16": 2.0**-7, "float16": 2.0**-10, "float32": 2.0**-23, "float64": 2.0**-52}[tensor.dtype]
