"""The judge in the process of a user's own test: one framework, and nobody to wait for."""

from __future__ import annotations

import contextlib
import inspect
from collections import deque
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

from lossbench.answering import Bench
from lossbench.crew import Reply
from lossbench.errors import EnvironmentLacks
from lossbench.framework import Framework
from lossbench.judging.comparison import Comparison, open_answers
from lossbench.judging.tested_call import TestedCall
from lossbench.loss import Loss
from lossbench.losses.weighed import weighs
from lossbench.records import Case, Greeting, Implementation, Known, Question, Target, Verdict
from lossbench.wire import WireArray

GIVEN_WORDS = ("none", "mean", "sum")  # of a function that takes its reduction


@contextlib.contextmanager
def as_they_were(framework: str) -> Iterator[None]:
    """Leave a framework's own settings as the user has them: the engines change some for a worker's process."""
    if framework == "jax":
        jax = import_module("jax")
        before = jax.config.read("jax_enable_x64")
        try:
            yield
        finally:
            jax.config.update("jax_enable_x64", before)
    elif framework == "tensorflow":
        keras = import_module("keras")
        floatx, epsilon = keras.config.floatx(), keras.config.epsilon()
        try:
            yield
        finally:
            keras.config.set_floatx(floatx)
            keras.config.set_epsilon(epsilon)
    else:
        yield


def engine_of(name: str, device: str) -> Framework:
    """The engine of a framework, in this process.

    Raises:
        EnvironmentLacks: the framework or the device is not there.
    """
    try:
        framework: Framework = import_module(f"lossbench.frameworks.{name}").framework
    except ImportError as error:
        raise EnvironmentLacks(f"{name} cannot be imported: {error}") from error
    if device not in framework.devices():
        raise EnvironmentLacks(f"{name} cannot use {device!r} here, only {', '.join(framework.devices())}")
    framework.device = device
    return framework


class Here:
    """A crew of nobody: every question is answered at once, in this process."""

    def __init__(self, framework: Framework, target: Target) -> None:
        """Start with no replies."""
        self._bench, self._target = Bench(framework), target
        self._replies: deque[Reply] = deque()
        self.unexplained: list[str] = []  # nobody dies here

    def ask(self, target: Target, question: Question, arrays: Sequence[WireArray]) -> None:
        """Answer it."""
        for outcome, back in self._bench.outcomes(question, arrays):
            self._replies.append(Reply(target, question.identity, outcome, back))

    def poll(self) -> list[Reply]:
        """The replies that are there."""
        found = list(self._replies)
        self._replies.clear()
        return found

    def replies(self) -> Iterator[Reply]:
        """The replies that are there, one by one."""
        while self._replies:
            yield self._replies.popleft()


def judged(engine: Framework, mapping: TestedCall, loss: Loss, cases: Sequence[Case], reduction: str) -> list[Verdict]:
    """The verdicts on a user's function, which stands in the framework's table for as long as it takes."""
    labels = {"target", "label", "labels", "sign"}
    held = tuple(n for n in loss.differentiable if labels & set(n.split("_")) or weighs(loss, n))
    silent = Known("gives no gradient to what it is held against", no_gradient=held, contract=True)
    name = getattr(mapping.call, "__qualname__", type(mapping.call).__name__)
    one = Implementation(
        loss=loss.name,
        via=f"{getattr(mapping.call, '__module__', type(mapping.call).__module__)}.{name}",
        arrays=tuple(mapping.arrays),
        required=tuple(n for n in mapping.arrays if not loss.arguments[n].optional),
        parameters=tuple(loss.parameters),  # what the function has built in stands in the case as well
        reductions=(reduction,) if reduction else GIVEN_WORDS,
        dtypes=tuple({case.dtype for case in cases}),
        known=(silent,) if held else (),
    )

    def adapter(**given: Any) -> Any:
        return mapping.adapter(**given)

    if mapping.takes_reduction:
        adapter.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter("reduction", inspect.Parameter.KEYWORD_ONLY)]
        )
    target = Target(engine.name, device=engine.device)
    before = engine.table.get(one.key)
    engine.table[one.key] = (one, adapter)
    greeting = Greeting(engine.name, engine.version, "", "", (), "", 0, False, 0.0, (one,))
    verdicts: list[Verdict] = []
    try:
        with open_answers() as answers:
            here: Any = Here(engine, target)
            Comparison(here, {target: greeting}, answers, verdicts.append, {}).run(cases)
    finally:
        del engine.table[one.key]
        if before is not None:
            engine.table[one.key] = before
    return verdicts
