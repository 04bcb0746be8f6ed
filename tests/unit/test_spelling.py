"""Taking an adapter's call apart: which of the framework's arguments each of the loss's own becomes."""

import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from lossbench.spelling import spell

MODULE = """
def f_loss(input, label, weight=None, beta=1.0, reduction="mean"):
    pass

def move(tensor, axis):
    pass

class FLoss:
    def __init__(self, beta=1.0, reduction="mean"):
        pass

    def forward(self, input, target):
        return f_loss(input, target)

class Loss:
    def __init__(self, from_logits=False, reduction="sum_over_batch_size"):
        pass

    def __call__(self, y_true, y_pred, sample_weight=None):
        pass
"""
ADAPTERS = '''
import outside as F


def last_axis_first(rows):
    """The classes first, where it wants them. More is not said."""
    return rows


last_axis_first.__module__ = "lossbench.helpers"


def plain(prediction, target, *, delta=1.0, reduction):
    return F.f_loss(prediction, target, beta=delta, reduction=reduction)


def constant(prediction, target):
    return F.f_loss(prediction, target, beta=2.0)


def by_object(prediction, target, *, reduction):
    loss = F.Loss(from_logits=True, reduction=reduction)
    return loss(target, prediction)


def moved(prediction, target):
    rows, extra = last_axis_first(prediction), F.move(target, -1)
    return F.f_loss(rows, extra)


def shape_alone(prediction, target):
    return F.f_loss(prediction, F.move(target, prediction.shape[-1]))


def squeezed(prediction, target):
    return F.f_loss(prediction, target).squeeze(-1)


def starred(prediction, target, *, delta=1.0):
    rows = prediction, target
    settings = {} if delta == 1.0 else {"beta": delta}
    return F.f_loss(*rows, **settings)


def helped(prediction, target, *, delta=1.0):
    return last_axis_first(F.move(prediction, 0), target, delta)


def by_helper(prediction, target, *, delta=1.0):
    return F.f_loss(prediction, target, **last_axis_first(delta))


def no_framework(prediction, target):
    return abs(prediction - target)
'''
Entries = dict[str, tuple[str, str, str, str]]


@pytest.fixture
def entries(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Entries]]:
    """What becomes of the arguments of one of the adapters above: name to (function, argument, given, default)."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "outside.py").write_text(MODULE)
    (tmp_path / "insiders.py").write_text(ADAPTERS)
    import importlib

    insiders: ModuleType = importlib.import_module("insiders")

    def found(name: str, via: str = "outside.f_loss") -> Entries:
        return {e.name: (e.function, e.argument, e.given, e.default) for e in spell(via, getattr(insiders, name))}

    yield found
    for name in ("outside", "insiders"):
        sys.modules.pop(name, None)


def test_names_and_defaults_come_from_what_is_called(entries: Callable[..., Entries]) -> None:
    assert entries("plain") == {
        "prediction": ("outside.f_loss", "input", "prediction", ""),
        "target": ("outside.f_loss", "label", "target", ""),
        "delta": ("outside.f_loss", "beta", "delta", "1.0"),
        "reduction": ("outside.f_loss", "reduction", "reduction", "'mean'"),
    }


def test_what_the_adapter_sets_itself_has_no_name(entries: Callable[..., Entries]) -> None:
    assert entries("constant")[""] == ("outside.f_loss", "beta", "2.0", "1.0")


def test_an_object_that_is_made_and_then_called(entries: Callable[..., Entries]) -> None:
    found = entries("by_object", "outside.Loss")
    assert found["target"] == ("outside.Loss(...)", "y_true", "target", "")
    assert found["prediction"] == ("outside.Loss(...)", "y_pred", "prediction", "")
    assert found["reduction"] == ("outside.Loss", "reduction", "reduction", "'sum_over_batch_size'")
    assert found[""] == ("outside.Loss", "from_logits", "True", "False")


def test_a_class_that_via_names_stands_for_the_function_behind_it(entries: Callable[..., Entries]) -> None:
    found = entries("plain", "outside.FLoss")
    assert found["delta"] == ("outside.FLoss", "beta", "delta", "1.0")
    assert found["prediction"] == ("outside.FLoss(...)", "input", "prediction", "")
    assert found["target"] == ("outside.FLoss(...)", "target", "target", "")


def test_arguments_are_followed_through_names_and_helpers(entries: Callable[..., Entries], tmp_path: Any) -> None:
    found = entries("moved")
    assert found["prediction"][1:3] == ("input", "last_axis_first(prediction)")
    assert found["target"][1:3] == ("label", "outside.move(target, -1)")
    import insiders  # type: ignore[import-not-found]

    helps = {entry.name: entry.help for entry in spell("outside.f_loss", insiders.moved)}
    assert helps == {"prediction": "last_axis_first: The classes first, where it wants them", "target": ""}


def test_a_shape_is_no_number_that_flows(entries: Callable[..., Entries]) -> None:
    assert entries("shape_alone")["prediction"][1:3] == ("input", "prediction")


def test_what_is_done_to_the_result_is_kept(entries: Callable[..., Entries]) -> None:
    assert entries("squeezed")[""] == ("", "", "_.squeeze(-1)", "")


def test_stars_are_unfolded(entries: Callable[..., Entries]) -> None:
    found = entries("starred")
    assert found["prediction"][1] == "input"
    assert found["target"][1] == "label"
    assert found["delta"][1:] == ("beta", "delta", "1.0")


def test_stars_before_a_helper_are_handed_over_whole(entries: Callable[..., Entries]) -> None:
    assert entries("by_helper")["delta"] == ("outside.f_loss", "**", "last_axis_first(delta)", "")


def test_what_calls_nothing_outside_is_not_taken_apart(entries: Callable[..., Entries]) -> None:
    assert entries("no_framework") == {}
    assert entries("helped") == {}  # the helper has the call, and F.move is not it
    assert spell("builtins.abs", abs) == ()
