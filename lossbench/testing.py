"""Assertions for test suites: a function of your own held to a loss, by the judge of `lossbench compare`.

    from lossbench.testing import assert_loss

    def test_focal():
        assert_loss(focal, "binary_focal", gamma=2.0)

It runs in the process of the test and imports no framework but the one whose tensors the function takes.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lossbench.cases.names import find_losses
from lossbench.cases.regimes import REGIMES
from lossbench.cases.suite import Selection, load, parse_case
from lossbench.cases.totals import adds_up
from lossbench.cases.unfolding import unfold
from lossbench.errors import UsageError
from lossbench.framework import Framework
from lossbench.judging.here import GIVEN_WORDS, as_they_were, engine_of, judged
from lossbench.judging.tested_call import TestedCall
from lossbench.loss import Loss, Over
from lossbench.losses import catalogue
from lossbench.output.tables import badness
from lossbench.records import (
    Case,
    Option,
    Status,
    Verdict,
)
from lossbench.reductions import BY_WEIGHTS, output_shape

__all__ = ["assert_loss"]

FRAMEWORK_OF = {"torch": "torch", "paddle": "paddle", "tensorflow": "tensorflow", "keras": "tensorflow", "jax": "jax"}
RIGHT = (Status.AGREES, Status.IMPRECISE, Status.DEVIATES, Status.BY_CONTRACT, Status.REJECTS, Status.ABSENT)
SHOWN = 3  # wrong cases that the message lists


def assert_loss(
    function: Callable[..., Any],
    loss: str,
    /,
    *,
    framework: str = "",
    dtypes: Sequence[str] = ("float32",),
    regimes: Sequence[str] = (),
    suite: str = "smoke",
    cases: Sequence[str] = (),
    reduction: str = "",
    names: Mapping[str, str] | None = None,
    strict: bool = False,
    device: str = "cpu",
    **parameters: Option,
) -> list[Verdict]:
    """Assert that `function` computes `loss`: value and gradients, on ordinary and adversarial inputs.

    Args:
        function: takes tensors; a function, or an object such as an nn.Module. Its own defaults say which parameters
            of the loss are meant.
        loss: its name, as `lossbench list` prints it.
        framework: whose tensors it takes; found from what the function uses unless given.
        dtypes: the formats to try.
        regimes: the kinds of input; all of the suite unless given.
        suite: the suite whose cases are put to it.
        cases: cases by their printed names, instead of a suite's.
        reduction: what the function does to the terms; found out unless given, or unless it has such an argument.
        names: the function's own names for the loss's arguments and parameters, where they differ.
        strict: whether single numbers that lost most of their digits (`imprecise`) fail it, too.
        device: cpu or cuda.
        parameters: those of the loss that the function has built in, or is to be given.

    Returns:
        The verdicts, one for each case.

    Raises:
        AssertionError: it is wrong; the message has the worst element and how to repeat the case.
        UsageError: something was asked for that cannot be meant, such as a loss that does not exist.
    """
    meant = _meant(loss)
    wanted = _framework_of(function, framework)
    call: Any = function() if inspect.isclass(function) else function
    mapping = TestedCall(call, meant, names or {}, parameters)
    with as_they_were(wanted):
        engine = engine_of(wanted, device)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            fixed = reduction or ("" if mapping.takes_reduction else _reduction(engine, mapping, meant))
            asked = _cases(meant, mapping, suite, dtypes, regimes, cases, fixed)
            verdicts = judged(engine, mapping, meant, asked, fixed)
    _settle(verdicts, function, meant, strict)
    return verdicts


def _meant(name: str) -> Loss:
    losses = catalogue()
    if name in losses:
        return losses[name]
    found = sorted(find_losses([name], losses, []))
    if len(found) > 1:
        raise UsageError(f"{name!r} may be {' or '.join(found)}; say which")
    return losses[found[0]]


def _framework_of(function: Callable[..., Any], told: str) -> str:
    if told:
        from lossbench.commands.targets import choose

        return choose([told], "cpu")[0].framework
    inner = inspect.unwrap(function)
    home = inner if hasattr(inner, "__globals__") else type(inner) if not inspect.isclass(inner) else inner
    scope = getattr(home, "__globals__", None) or vars(sys.modules.get(getattr(home, "__module__", ""), sys))
    roots = {getattr(base, "__module__", "").partition(".")[0] for base in getattr(home, "__mro__", ())}
    for value in list(scope.values()):
        word = getattr(value, "__name__", "") if inspect.ismodule(value) else getattr(value, "__module__", "")
        roots.add(str(word).partition(".")[0])
    found = sorted({FRAMEWORK_OF[root] for root in roots if root in FRAMEWORK_OF})
    loaded = sorted({FRAMEWORK_OF[root] for root in FRAMEWORK_OF if root in sys.modules})
    for candidates in (found, loaded):
        if len(candidates) == 1:
            return candidates[0]
    raise UsageError(
        f"whose tensors the function takes cannot be told (it may be {' or '.join(found or loaded) or 'any'}); "
        "say framework='torch', 'paddle', 'tensorflow' or 'jax'"
    )


def _cases(
    loss: Loss,
    mapping: TestedCall,
    suite: str,
    dtypes: Sequence[str],
    regimes: Iterable[str],
    named: Sequence[str],
    reduction: str,
) -> list[Case]:
    if named:
        return [parse_case(text, catalogue()) for text in named]
    from lossbench.commands.targets import checked

    formats, kinds, _ = checked(tuple(dtypes), tuple(regimes), ())
    words = [word for word in GIVEN_WORDS if word in loss.reductions]
    found: dict[Case, None] = {}
    for case in unfold(load(suite), catalogue(), Selection(frozenset([loss.name]), formats, kinds)):
        harmless = not (REGIMES[case.regime].dangerous or REGIMES[case.regime].must_reject)
        # frameworks differ in where they have the classes of more than two axes, and a function need not know that
        flat = loss.over is not Over.ROWS or len(case.shape) == 2
        if harmless and flat and not case.given and not case.parameters and case.loss == loss.name:
            for word in [reduction] if reduction else [word for word in words if word == case.reduction]:
                found[replace(case, parameters=mapping.parameters, reduction=word)] = None
    if not found:
        raise UsageError(f"the suite {suite} has no case of {loss.name} in {', '.join(dtypes)}")
    return list(found)


def _reduction(engine: Framework, mapping: TestedCall, loss: Loss) -> str:
    """What a function without such an argument does to the terms: told by the shape of its value, then by the value."""
    words = [word for word in loss.reductions if word not in ("none", *BY_WEIGHTS)]
    terms = loss.term_shape(loss.small or (6, 5))
    probe = Case(loss.name, (), mapping.parameters, "none", "float32", loss.small or (6, 5), "normal", 0)
    from lossbench.cases.inputs import build
    from lossbench.floats import FORMATS, encode

    tensors = {
        name: engine.tensor(
            array if loss.arguments[name].domain.integer else encode(array, FORMATS["float32"]),
            "int64" if loss.arguments[name].domain.integer else "float32",
            False,
        )
        for name, array in build(probe, loss).arrays.items()
    }
    settings = {n: v for n, v in mapping.settings.items() if n in mapping.options}
    shape = tuple(mapping.adapter(**tensors, **settings).shape)
    if shape == terms and "none" in loss.reductions:
        return "none"
    fitting = [word for word in words if output_shape(word, terms) == shape]
    if not fitting:
        raise AssertionError(
            f"it gives the shape {shape} on inputs of {probe.shape}; {loss.name} has {terms} terms, and none of its "
            f"reductions ({', '.join(loss.reductions)}) makes that of them"
        )
    tried = [replace(probe, reduction=word) for word in fitting]
    verdicts = [judged(engine, mapping, loss, [case], case.reduction)[0] for case in tried]
    errors = [np.inf if v.value_error is None else v.value_error for v in verdicts]
    best = int(np.argmin(errors))
    return fitting[best]


def _overflows(verdict: Verdict, loss: Loss) -> bool:
    """Whether the terms add up to more than the format holds, on the way to a mean that it does hold."""
    if verdict.reduction == "none" or verdict.value_error != np.inf:
        return False
    return not adds_up(parse_case(verdict.case, catalogue()), loss)


def _settle(verdicts: Sequence[Verdict], function: Callable[..., Any], loss: Loss, strict: bool) -> None:
    fine = [status for status in RIGHT if not (strict and status is Status.IMPRECISE)]
    wrong = [v for v in verdicts if v.status not in fine and not _overflows(v, loss)]
    wrong.sort(key=badness, reverse=True)
    measured = [v for v in verdicts if v.compared or v.status is Status.REJECTS]
    if not wrong and measured:
        return
    name = getattr(function, "__qualname__", type(function).__name__)
    if not measured and not wrong:
        raise AssertionError(
            f"{name} was asked nothing about {loss.name}: {verdicts[0].note if verdicts else 'no case'}"
        )
    lines = [f"{name} is not {loss.name}: wrong in {len(wrong)} of {len(verdicts)} cases"]
    for verdict in wrong[:SHOWN]:
        errors = [("value", verdict.value_error), ("gradient", verdict.gradient_error)]
        far = ", ".join(f"{what} {error:.3g} eps" for what, error in errors if error)
        lines.append(f"  {verdict.case}: {verdict.status}" + (f" ({far} off)" if far else ""))
        lines += [f"    {text}" for text in (verdict.worst, verdict.note) if text]
    worst = wrong[0]
    lines.append(f"  repeat: assert_loss({name}, {loss.name!r}, cases=[{worst.case!r}])")
    with contextlib.suppress(TypeError, OSError):
        path = inspect.getsourcefile(inspect.unwrap(function))
        if path and "<" not in name:
            lines.append(f"  or: lossbench compare --impl {path}:{name} --as {loss.name} --case '{worst.case}'")
    raise AssertionError("\n".join(lines))
