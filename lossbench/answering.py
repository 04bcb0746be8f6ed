"""How a worker puts a question to an implementation, and what it notices that no value shows."""

from __future__ import annotations

import functools
import gc
import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from lossbench import clock
from lossbench.complaints import complaint
from lossbench.framework import Adapter, Framework, OtherShapeError, Tensor
from lossbench.gauges import Gauge
from lossbench.packages import PackageLacking
from lossbench.records import Ended, Measurement, Outcome, Question, Symptom, Trial
from lossbench.wire import WireArray, WireError, fingerprint, flat_bytes

LONGEST_MESSAGE = 500  # characters
MESSAGE_LINES = 4


class Answer(NamedTuple):
    """The value, and the gradients that were given, by the names of their arguments."""

    value: WireArray
    gradients: dict[str, WireArray]


class Bench:
    """A framework's adapters, ready to be asked in one mode."""

    def __init__(self, framework: Framework, mode: str = "eager") -> None:
        """Have adapters compiled by the framework as the mode wants."""
        self.framework = framework
        self._mode = mode
        self._ready: dict[str, tuple[Adapter, bool]] = {}
        self._gauge: Gauge | None = None

    def outcomes(
        self, question: Question, arrays: Sequence[WireArray]
    ) -> Iterator[tuple[Outcome, tuple[WireArray, ...]]]:
        """One outcome with its arrays for each implementation asked for, in their order."""
        received = fingerprint(arrays)
        for key in question.implementations:
            yield self._outcome(key, question, arrays, received)

    def _outcome(
        self, key: str, question: Question, arrays: Sequence[WireArray], received: str
    ) -> tuple[Outcome, tuple[WireArray, ...]]:
        asking = Asking(self.framework, question, arrays)
        told = functools.partial(Outcome, question.identity, key, fingerprint=received)
        try:
            answers = asking.answers(self._call(key, question))
        except PackageLacking as error:
            return told(Ended.LACKED, str(error)), ()
        except Exception as error:
            return told(Ended.RAISED, self._said(error), seconds=asking.seconds, calls=asking.calls), ()
        given = tuple(n for n in question.differentiable if all(n in answer.gradients for answer in answers))
        back = [array for answer in answers for array in (answer.value, *(answer.gradients[name] for name in given))]
        notes = tuple(sorted(asking.notes))
        outcome = told(
            Ended.ANSWERED,
            self.framework.remark(),
            gradients=given,
            notes=notes,
            seconds=asking.seconds,
            calls=asking.calls,
            against_ones=asking.against_ones,
        )
        return outcome, tuple(back)

    def measurement(self, trial: Trial, arrays: Sequence[WireArray]) -> tuple[Measurement, tuple[WireArray, ...]]:
        """The times of one implementation, of calling nothing, or of copying; and the answer if it is asked for."""
        told = functools.partial(Measurement, trial.identity)
        back: list[Tensor] = []
        _put_aside()
        memory, note, gradients = None, "", dict[str, Tensor | None]()
        try:
            gauge = self._gauge = self._gauge or self.framework.gauge()
            calls = self._timed_calls(trial, arrays, gauge)
            visit = clock.measure(calls, gauge.stopwatch, trial.seconds, processor=gauge.processor, faults=gauge.faults)
            if trial.implementation and trial.inspect:
                memory = gauge.memory(calls[0])
            if trial.implementation and (trial.inspect or trial.backward):
                value, given = calls[0]()
                gradients = dict(zip(trial.differentiable, given, strict=False))  # none of a forward pass
                note = _ungiven(gradients)
                back = [value, *given] if trial.inspect and not note else []
            sent = tuple(received(self.framework, tensor) for tensor in back)
        except PackageLacking as error:
            return told(Ended.LACKED, message=str(error)), ()
        except Exception as error:
            return told(Ended.RAISED, message=self._said(error)), ()
        times = (visit.samples, visit.loops, visit.first_call)
        names = tuple(gradients) if back else ()
        return told(Ended.ANSWERED, *times, note, visit.spent, memory, names, visit.busy), sent

    def _said(self, error: BaseException) -> str:
        """An exception as a message; one of a guest's with the line of its own that it came from."""
        return complaint(error, self.framework.own) if self.framework.own else raised(error)

    def _timed_calls(self, trial: Trial, arrays: Sequence[WireArray], gauge: Gauge) -> list[Callable[[], Any]]:
        """What is timed: one call for each set of inputs, which lie where they belong before the clock starts."""
        if trial.copied:
            return [gauge.copy(trial.copied)]
        if not trial.implementation:  # by the way that a timed call goes, with nothing at its end
            nothing = functools.partial(_nothing)
            return [lambda: (nothing(), ())]
        call, framework = self._call(trial.implementation, trial), self.framework
        wanted = trial.differentiable if trial.backward else ()
        given = _by_name(trial, arrays, 0)
        calls: list[Callable[[], Any]] = []
        for _ in range(trial.sets):
            tensors = {n: framework.tensor(array.data.copy(), array.dtype, n in wanted) for n, array in given.items()}
            calls.append(framework.timed(call, tensors, wanted))
        framework.wait()
        return calls

    def _call(self, key: str, request: Question | Trial) -> Adapter:
        """The adapter, with those of the request's parameters that it takes, and the reduction if it takes one."""
        if key not in self.framework.table:
            raise LookupError(f"{self.framework.name} has no implementation {key!r}")
        implementation, adapter = self.framework.table[key]
        if implementation.package:
            self.framework.packages[implementation.package].load()
        if key not in self._ready:
            ready = self.framework.compile(adapter, self._mode)
            self._ready[key] = (ready, "reduction" in inspect.signature(adapter).parameters)
        ready, takes_reduction = self._ready[key]
        options: dict[str, object] = {n: value for n, value in request.parameters if n in implementation.parameters}
        return functools.partial(ready, **options, **({"reduction": request.reduction} if takes_reduction else {}))


class Asking:
    """One question put to one implementation, as often as it takes; it keeps account of calls and CPU seconds."""

    def __init__(self, framework: Framework, question: Question, arrays: Sequence[WireArray]) -> None:
        """Start the account at nothing."""
        self._framework, self._question, self._arrays = framework, question, arrays
        self.seconds = 0.0
        self.calls = 0
        self.against_ones = False
        self.notes: set[str] = set()

    def answers(self, call: Adapter) -> list[Answer]:
        """One answer for each cotangent, or one for a cotangent of ones where none came along.

        Raises:
            Exception: whatever the implementation raised.
        """
        inputs = _by_name(self._question, self._arrays, self._question.cotangents)
        cotangents = self._arrays[len(inputs) :] or (None,)
        answers = [self._once(call, inputs, cotangent) for cotangent in cotangents]
        steady = all(same_bits(answers[0].value, answer.value) for answer in answers[1:])
        if self._question.repeat:
            steady &= same_answer(answers[0], self._once(call, inputs, cotangents[0]))
        if not steady:
            self.notes.add(Symptom.NONDETERMINISTIC)
        return answers

    def _once(self, call: Adapter, inputs: dict[str, WireArray], cotangent: WireArray | None) -> Answer:
        """The answer to one cotangent; to ones instead, where the value is not of the cotangent's format and shape."""
        if cotangent is None:
            return self._attempt(call, inputs, None)
        try:
            return self._attempt(call, inputs, cotangent)
        except OtherShapeError:
            self.against_ones = True
            return self._attempt(call, inputs, None)
        except Exception:
            with suppress(Exception):
                plain = self._attempt(call, inputs, None)
                if _kind(plain.value) != _kind(cotangent):
                    self.against_ones = True
                    return plain
            raise

    def _attempt(self, call: Adapter, inputs: dict[str, WireArray], cotangent: WireArray | None) -> Answer:
        framework, differentiable = self._framework, self._question.differentiable
        buffers = {name: fresh(array.data, self._question.layout) for name, array in inputs.items()}
        tensors = {
            name: framework.tensor(buffer, inputs[name].dtype, name in differentiable)
            for name, buffer in buffers.items()
        }
        from_above = np.zeros(0) if cotangent is None else cotangent.data.copy()
        above = None if cotangent is None else framework.tensor(from_above, cotangent.dtype, False)
        self.calls += 1
        begin = time.process_time()
        try:
            value, gradients = framework.value_and_gradients(call, tensors, differentiable, above)
            framework.wait()
        finally:
            self.seconds += time.process_time() - begin
        written = any(_written(inputs[name], buffers[name], framework.array(tensors[name])) for name in inputs)
        if cotangent is not None:
            written |= _written(cotangent, from_above, framework.array(above))
        if written:
            self.notes.add(Symptom.WROTE_INTO_INPUT)
        given = {name: gradient for name, gradient in gradients.items() if gradient is not None}
        return Answer(
            received(framework, value), {name: received(framework, gradient) for name, gradient in given.items()}
        )


def _put_aside() -> None:
    """Let later collections pass over whatever is there now.

    What a framework imports at its first call and what it keeps of what it traced are some hundred thousand objects;
    to walk them before and after each measurement takes 0.2 s, ten times what is measured at small sizes.
    """
    gc.collect()
    gc.freeze()


def received(framework: Framework, tensor: Tensor) -> WireArray:
    """The tensor's contents as of now, whatever the framework does to its memory later."""
    dtype, data = framework.array(tensor)
    return WireArray(dtype, np.array(data, order="C"))


def fresh(data: np.ndarray, layout: str) -> np.ndarray:
    """A copy to be handed over: contiguous unless `layout` says otherwise.

    Strided is every second place of a row twice as long, with NaN or -1 between; transposed is column by column;
    unaligned begins one number behind the start of its memory, where no vector of several does.
    """
    if layout == "unaligned":
        longer = np.empty(data.size + 1, data.dtype)
        longer[1:] = data.ravel()
        return longer[1:].reshape(data.shape)
    if layout == "transposed":
        return np.array(data, order="F")
    if layout != "strided" or data.ndim == 0:
        return data.copy()
    wide = np.empty((*data.shape[:-1], 2 * data.shape[-1]), data.dtype)
    flat_bytes(wide)[...] = 255
    wide[..., ::2] = data
    return wide[..., ::2]


def same_bits(one: WireArray, other: WireArray) -> bool:
    """Whether two arrays agree in format, shape and every bit."""
    return _kind(one) == _kind(other) and one.data.tobytes() == other.data.tobytes()


def same_answer(one: Answer, other: Answer) -> bool:
    """Whether two answers agree in every bit of value and gradients."""
    if not same_bits(one.value, other.value) or one.gradients.keys() != other.gradients.keys():
        return False
    return all(same_bits(one.gradients[name], other.gradients[name]) for name in one.gradients)


def raised(error: BaseException) -> str:
    """An exception as a message: its type and its first lines that say anything."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip(" -=\t")]
    return f"{type(error).__name__}: {' '.join(lines[:MESSAGE_LINES])}"[:LONGEST_MESSAGE]


def _by_name(request: Question | Trial, arrays: Sequence[WireArray], cotangents: int) -> dict[str, WireArray]:
    if len(arrays) != len(request.arrays) + cotangents:
        raise WireError(f"{len(arrays)} arrays came for {len(request.arrays)} arguments and {cotangents} cotangents")
    return dict(zip(request.arrays, arrays, strict=False))


def _kind(array: WireArray) -> tuple[str, tuple[int, ...]]:
    return array.dtype, array.data.shape


def _written(original: WireArray, buffer: np.ndarray, held: tuple[str, np.ndarray]) -> bool:
    """Whether the memory handed over, or the tensor made of it, no longer holds what was sent."""
    before = original.data.tobytes()
    if before != buffer.tobytes():
        return True
    dtype, data = held
    same_kind = (dtype, data.shape) == _kind(original)  # integers may be held in another width
    return same_kind and before != data.tobytes()


def _ungiven(gradients: dict[str, Tensor | None]) -> str:
    """A note on the arguments that a backward pass gave no gradient to: its time says nothing."""
    names = [name for name, gradient in gradients.items() if gradient is None]
    return f"no-gradient: {', '.join(names)}" if names else ""


def _nothing() -> None:
    """What the empty call calls."""
