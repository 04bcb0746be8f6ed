"""Was it right, what was timed? The last timed call's answer, judged like any other.

Where a case is large, the gradients are judged on some of its rows, and a value that is a sum over all of them is
worked out piece by piece.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from lossbench.cases.inputs import Inputs, resolved
from lossbench.crew import Timed
from lossbench.floats import FORMATS, Format, decode, round_to
from lossbench.judging.judge import SCALE_LIMITS, Answer, Submission, judge
from lossbench.judging.trials import Job, Load
from lossbench.loss import Arrays, Loss
from lossbench.records import Case, Ended, Known, Outcome, Status, Symptom, Target
from lossbench.reference.answers import Answers
from lossbench.reference.expectation import Expectation, expect

LARGE = 1 << 23  # numbers in all arguments, above which rows are sampled
SAMPLED = 64  # rows
WRONG = (Status.DIFFERS, Status.ACCEPTS)


class Checking:
    """Judges the answers of timed calls; what the right answer is, is worked out once for each case."""

    def __init__(self, losses: Mapping[str, Loss], answers: Answers | None = None) -> None:
        """Know the losses, and the certified answers that are kept; nothing of any case yet."""
        self.losses, self.answers = losses, answers or Answers(None)
        self._case: Case | None = None
        self._wholes: dict[Case, Whole | None] = {}
        self._found: dict[tuple[Known | None, str], Expectation | None] = {}

    def __call__(self, case: Case, load: Load, target: Target, job: Job, backward: bool, timed: Timed) -> str:
        """The status of the answer, with where it is worst if it is wrong; empty where it cannot be told."""
        if job.implementation is None or not timed.arrays:
            return ""
        loss, inputs = self.losses[case.loss], load.inputs()
        answer = _answer(timed, backward)
        rows = sampled_rows(case, loss, inputs)
        if rows is not None:
            if case not in self._wholes:
                self._wholes[case] = _whole(case, loss, inputs)
            whole = self._wholes[case]
            if whole is None:
                return ""
            if off := whole.off(case, answer):
                return f"{Status.DIFFERS}: {off}"
            case, inputs, answer = _cut(case, loss, inputs, answer, rows, whole)
        if self._case != case:
            self._case, self._found = case, {}
        wanted = set(answer.gradients)
        form = FORMATS[case.dtype]

        def expectation(known: Known | None, form: Format) -> Expectation | None:
            key = (known, form.name)
            if key not in self._found:
                self._found[key] = self._expect(case, loss, inputs, known, form)
            found = self._found[key]
            return found and replace(found, slopes={n: s for n, s in found.slopes.items() if n in wanted})

        right = expectation(None, form)
        if right is None:
            return ""
        outcome = Outcome(0, job.implementation.key, Ended.ANSWERED, gradients=tuple(answer.gradients))
        shape = answer.value.shape
        found = judge(
            Submission(case, right, [np.ones(shape)], outcome, [answer]), job.implementation.known, expectation, {}
        )
        if found.status not in WRONG:
            return str(found.status)
        symptoms = [note for note in found.notes if note in tuple(Symptom)]
        off = f"{max(found.value.scale, found.gradient.scale):.0f} eps, {found.worst}"
        return f"{found.status}: {', '.join([*symptoms, off])}"

    def _expect(self, case: Case, loss: Loss, inputs: Inputs, known: Known | None, form: Format) -> Expectation | None:
        """The terms by the loss's own formula, or by the one that a declaration names."""
        parameters = resolved(case, loss)
        formula = self.losses.get(known.definition) if known and known.definition else loss
        if formula is None:
            return None
        if known is not None:
            renamed = parameters | {new: parameters[old] for new, old in known.renames} | dict(known.sets)
            parameters = formula.settings(renamed)
        arrays = {n: a if loss.arguments[n].domain.integer else round_to(a, form) for n, a in inputs.arrays.items()}
        return expect(formula, parameters, Inputs(arrays, inputs.poisoned), case.shape, self.answers, form)


def sampled_rows(case: Case, loss: Loss, inputs: Inputs) -> np.ndarray | None:
    """The rows to judge where a case is too large to be judged in full; None where it is not."""
    numbers = sum(array.size for array in inputs.arrays.values())
    if numbers <= LARGE or not case.shape or case.shape[0] <= SAMPLED or not loss.term_shape(case.shape):
        return None
    return np.unique(np.linspace(0, case.shape[0] - 1, SAMPLED).astype(int))


def _rows(case: Case, loss: Loss, name: str, array: np.ndarray, rows: np.ndarray | slice) -> np.ndarray:
    """Some rows of an argument or its gradient; all of it where it has none of its own."""
    along = loss.argument_shape(name, case.shape)[:1] == case.shape[:1] and not loss.is_shared(name)
    return array[rows] if along else array


@dataclass(frozen=True, slots=True)
class Whole:
    """All terms of a large case: their sum, the sum of their sizes, and how many a mean divides by."""

    total: float
    size: float
    count: float

    def off(self, case: Case, answer: Answer) -> str:
        """What is wrong with a value over all rows; empty where nothing is, or it is no such value."""
        if case.reduction not in ("sum", "mean"):
            return ""
        share = 1 / self.count if case.reduction == "mean" else 1.0
        want, got, form = self.total * share, float(answer.value), FORMATS[case.dtype]
        limit = SCALE_LIMITS[case.dtype] * form.eps * max(self.size * share, form.smallest_normal)
        return "" if abs(got - want) <= limit else f"value got {got!r} want {want!r}"


def _whole(case: Case, loss: Loss, inputs: Inputs) -> Whole | None:
    """Work the terms out piece by piece; None where the reduction divides each term by a number of its own."""
    total = size = count = 0.0
    step = max(1, LARGE // 8 * case.shape[0] // sum(array.size for array in inputs.arrays.values()))
    for start in range(0, case.shape[0], step):
        few = {n: _rows(case, loss, n, a, slice(start, start + step)) for n, a in inputs.arrays.items()}
        value, divided_by = _terms(case, loss, few)
        if divided_by is None:
            return None
        total, size, count = total + float(value.sum()), size + float(np.abs(value).sum()), count + divided_by
    return Whole(total, size, count)


def _terms(case: Case, loss: Loss, arrays: Arrays) -> tuple[np.ndarray, float | None]:
    """The terms of some rows, and what a mean over them divides by; None where each has a divisor of its own."""
    terms = loss(arrays, resolved(case, loss))
    value, own = np.asarray(terms.value, float), terms.denominators.get(case.reduction)
    if own is None:
        return value, float(value.size)
    return value, None if np.ndim(own.value) else float(own.value)


def _cut(
    case: Case, loss: Loss, inputs: Inputs, answer: Answer, rows: np.ndarray, whole: Whole
) -> tuple[Case, Inputs, Answer]:
    """The case on some of its rows alone, and what was answered for them.

    The gradient of a mean over all rows is that of the mean over some, but for what is divided by; its value has been
    judged on all rows before, so the right one stands in for it.
    """
    few = replace(case, shape=(len(rows), *case.shape[1:]))
    cut = Inputs({n: _rows(case, loss, n, a, rows) for n, a in inputs.arrays.items()}, inputs.poisoned[rows])
    gradients = {n: _rows(case, loss, n, a, rows) for n, a in answer.gradients.items()}
    if case.reduction == "none":
        return few, cut, replace(answer, value=answer.value[rows], gradients=gradients)
    value, count = _terms(case, loss, cut.arrays)
    divided_by = count or 1.0 if case.reduction == "mean" else 1.0
    factor = whole.count / divided_by if case.reduction == "mean" else 1.0
    stands_in = np.asarray(value.sum() / divided_by)
    return few, cut, replace(answer, value=stands_in, gradients={n: g * factor for n, g in gradients.items()})


def _answer(timed: Timed, backward: bool) -> Answer:
    names = timed.measurement.gradients if backward else ()
    value, *gradients = timed.arrays
    carried = [
        np.asarray(decode(a.data, FORMATS[a.dtype]) if a.dtype in FORMATS else a.data.astype(float))
        for a in (value, *gradients)
    ]
    formats = frozenset(array.dtype for array in timed.arrays)
    return Answer(formats, carried[0], dict(zip(names, carried[1:], strict=True)))
