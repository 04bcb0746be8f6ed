"""Functions and classes of one loss: an adapter asked by way of the classes."""

import sys
from types import ModuleType
from typing import Any

import pytest

from lossbench import by_classes
from lossbench.by_classes import through_classes

CALLS: list[str] = []


def half_loss(prediction: float, target: float, *, delta: float = 1.0, weight: float | None = None) -> float:
    CALLS.append("function")
    return delta * (prediction - target) / 2 * (1 if weight is None else weight)


def layer_loss(features: float, weights: float) -> float:
    CALLS.append("function")
    return features * weights


class HalfLoss:
    def __init__(self, delta: float = 1.0) -> None:
        self.delta = delta

    def forward(self, prediction: float, target: float) -> float:
        CALLS.append("class")
        return self.delta * (prediction - target) / 2

    __call__ = forward


class LayerLoss:
    def __init__(self, size: int) -> None:
        self.size = size

    def forward(self, features: float) -> float:
        raise AssertionError("it has weights of its own, and is no other form of the function")


functional, classes = ModuleType("functional"), ModuleType("classes")
for function in (half_loss, layer_loss):
    setattr(functional, function.__name__, function)
for made in (HalfLoss, LayerLoss):
    setattr(classes, made.__name__, made)

F: Any = functional  # as adapters call it


def adapter(prediction: float, target: float, *, delta: float = 1.0) -> float:
    return F.half_loss(prediction, target, delta=delta)


def weighted(prediction: float, target: float, weight: float) -> float:
    return F.half_loss(prediction, target, weight=weight)


def layered(features: float, weights: float) -> float:
    return F.layer_loss(features, weights)


@pytest.fixture(autouse=True)
def _forget() -> None:
    CALLS.clear()


def test_a_call_goes_through_the_class_and_answers_the_same() -> None:
    other = through_classes(adapter, functional, classes)
    assert adapter(3.0, 1.0, delta=0.5) == other(3.0, 1.0, delta=0.5) == 0.5
    assert CALLS == ["function", "class"]
    assert sys.modules[__name__].F is functional  # and nobody else's calls do


@pytest.mark.parametrize("call", [weighted, layered])
def test_what_no_object_takes_is_left_to_the_function(call: Any) -> None:
    arrays = (3.0, 1.0, 2.0)[: 3 if call is weighted else 2]
    assert through_classes(call, functional, classes)(*arrays) == call(*arrays)
    assert set(CALLS) == {"function"}


def test_a_class_that_raises_leaves_the_functions_in_their_place() -> None:
    other = through_classes(adapter, functional, classes)
    with pytest.raises(TypeError):
        other("a", 1.0)
    assert sys.modules[__name__].F is functional


def test_names_that_follow_no_rule_are_listed() -> None:
    assert by_classes.OTHERWISE["binary_cross_entropy"] == "BCELoss"
