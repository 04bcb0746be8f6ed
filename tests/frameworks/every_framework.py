"""What is asked of each framework's table of adapters alike: its test module imports these tests.

The module says its `TARGET`, and what `conftest.py` needs for `verdicts`; `explained`, where it has one, says of which
verdicts a finding of ordinary inputs is no news.
"""

import json
from itertools import product

import pytest
from alone import alone
from native import uncompared
from test_dangerous_list import DECLARED

from lossbench.losses import catalogue
from lossbench.records import Greeting, Implementation, Status, Verdict

__all__ = [
    "test_adapters_speak_of_the_losses_as_they_are",
    "test_every_native_callable_and_recipe_was_compared",
    "test_everything_offered_was_compared",
    "test_ordinary_inputs_are_answered_rightly",
    "test_the_dangerous_differences_are_declared",
    "test_via_names_something_public",
]
RIGHT = (Status.AGREES, Status.IMPRECISE, Status.BY_CONTRACT, Status.DEVIATES, Status.ABSENT)


def test_ordinary_inputs_are_answered_rightly(verdicts: list[Verdict], request: pytest.FixtureRequest) -> None:
    """Value and gradients follow the definition, or the formula that the adapter declares."""
    explained = getattr(request.module, "explained", lambda verdict: False)
    found = [v for v in verdicts if v.status not in RIGHT and not explained(v)]
    assert not found, "\n".join(f"{v.case} by {v.via}: {v.status}, {v.worst}, {v.note}" for v in found)


def test_everything_offered_was_compared(
    greeting: Greeting, verdicts: list[Verdict], request: pytest.FixtureRequest
) -> None:
    """Each format and each reduction of each implementation, and each option it offers, met a case."""
    measured = [v for v in verdicts if v.status is not Status.ABSENT and v.compared]
    combined = {(v.loss, v.via, v.dtype, v.reduction) for v in measured}
    options = {(v.loss, v.via, option) for v in measured for option in options_of(v.case)}
    losses = catalogue()
    here = [one for one in greeting.implementations if request.module.TARGET.device in one.devices]
    assert here
    for one in here:
        loss = losses[one.loss]
        assert set(one.reductions) <= set(loss.reductions), f"{one.key}: some are never asked for"
        never = set(product([one.loss], [one.via], one.dtypes, one.reductions)) - combined
        assert not never, never
        offered = {n for n in one.parameters if loss.also.get(n)} | {
            n for n in one.arrays if loss.arguments[n].optional
        }
        unasked = {(one.loss, one.via, name) for name in offered} - options
        assert not unasked, unasked


def test_every_native_callable_and_recipe_was_compared(greeting: Greeting, verdicts: list[Verdict]) -> None:
    """All that the framework offers of each loss, and a recipe where it offers nothing, by native.toml."""
    recipes = {(one.loss, one.via) for one in greeting.implementations if one.recipe}
    measured = {(v.loss, v.via) for v in verdicts if v.status is not Status.ABSENT and v.compared}
    assert uncompared(greeting.framework, {(*one, one in recipes) for one in measured}) == []


def test_the_dangerous_differences_are_declared(greeting: Greeting) -> None:
    """Those of dangerous.toml that a single call shows: by the implementation named there, in the words given."""
    declared = {(one.loss, one.via): [known.reason for known in one.known] for one in greeting.implementations}
    mine = [entry[1:] for entry in DECLARED if entry[0] == greeting.framework]
    assert mine
    for loss, via, words in mine:
        assert any(words in reason for reason in declared[loss, via]), f"{via} of {loss} says nothing of {words!r}"


def options_of(case: str) -> list[str]:
    """The names of the options in a case's printed name."""
    parts = case.split("/")
    return [option.partition("=")[0] for option in parts[1].split(",")] if len(parts) == 7 else []


def test_adapters_speak_of_the_losses_as_they_are(greeting: Greeting) -> None:
    """Names of arrays, parameters and definitions are the catalogue's own, and so are the defaults."""
    losses = catalogue()
    defaults = json.loads(alone("-c", DEFAULTS.format(greeting.framework)))
    for one in greeting.implementations:
        loss = losses[one.loss]
        assert one.call, one.key
        assert set(one.arrays) <= set(loss.arguments), one.key
        assert {n for n, a in loss.arguments.items() if not a.optional} <= set(one.required), one.key
        assert defaults[one.key] == {name: loss.parameters[name].default for name in one.parameters}, one.key
        for known in one.known:
            assert set(known.no_gradient) <= set(loss.differentiable), one.key
            assert set(known.options) <= {*one.arrays, *one.parameters}, one.key
            assert set(known.reductions) <= set(one.reductions), one.key
            assert not known.definition or known.definition in losses, f"{one.key}: {known.definition}"
            formula = losses[known.definition or one.loss]
            assert {*dict(known.sets), *dict(known.renames)} <= set(formula.parameters), one.key
            # a parameter of the loss's own that nobody sets would take the place of the formula's
            said = {*dict(known.sets), *dict(known.renames), *one.parameters}
            shared = {*formula.parameters} & {*loss.parameters} - said
            assert all(formula.parameters[n].default == loss.parameters[n].default for n in shared), (one.key, shared)
            needed = {name for name, argument in formula.arguments.items() if not argument.optional}
            assert needed <= set(loss.arguments), f"{one.key}: {known.definition}"
            # what an implementation takes and its formula does not know of would be left out of what is expected
            assert set(one.arrays) <= set(formula.arguments), f"{one.key}: {known.definition}"


DEFAULTS = """
import inspect, json
from lossbench.frameworks.{} import framework
print(json.dumps({{
    key: {{name: inspect.signature(adapter).parameters[name].default for name in implementation.parameters}}
    for key, (implementation, adapter) in framework.table.items()
}}))
"""


def test_via_names_something_public(greeting: Greeting) -> None:
    """Each part of `via` is what a user can import and call."""
    names = {name for one in greeting.implementations for name in public_names(one)}
    assert len(names) >= 20
    assert not any(part.startswith("_") for name in names for part in name.split("."))
    alone("-c", f"import pkgutil\nfor name in {sorted(names)}:\n    assert callable(pkgutil.resolve_name(name)), name")


def public_names(implementation: Implementation) -> list[str]:
    """The dotted names in `via`, without remarks in brackets and what they are called on; tf is tensorflow."""
    parts = [part.partition("(")[0].partition(" of ")[0].strip() for part in implementation.via.split(" + ")]
    return [f"tensorflow.{name.removeprefix('tf.')}" if name.startswith("tf.") else name for name in parts]
