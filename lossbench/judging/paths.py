"""Two ways to run one implementation, such as eager and compiled: their answers to one question, side by side.

Both are judged against the reference already. What this adds is what the reference cannot say: that they part where
nothing is right (0/0, slices that hold NaN), where a declared deviation shows on one way alone, or where one answers
and the other does not. As with relations, each answer may be off by the limit, so both limits together are allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from lossbench.cases.regimes import REGIMES
from lossbench.floats import FORMATS
from lossbench.judging.judge import Answer, Judgement, Limits
from lossbench.judging.measures import Part, Wanted, measure, misshapen
from lossbench.records import Ended, Status, Symptom, Target
from lossbench.reference.expectation import Expectation, Expected, reduced

if TYPE_CHECKING:
    from lossbench.crew import Reply
    from lossbench.judging.comparison import Comparison, Work

RULER = "path"  # in the column `reference` of such a row
AT_A_KINK = "at a kink the two ways take different sides, and both are right"


def first_ways(targets: Iterable[Target]) -> dict[Target, Target]:
    """For each target that runs what an earlier one runs in another mode: that earlier one."""
    first: dict[tuple[str, ...], Target] = {}
    found = {}
    for target in targets:
        same = (target.framework, target.interpreter, target.device, target.guest)
        if first.setdefault(same, target) is not target:
            found[target] = first[same]
    return found


@dataclass(slots=True)
class Replies:
    """What came back for one case so far, by implementation and target, until the other way has answered."""

    first: Mapping[Target, Target]
    there: dict[tuple[Target, str], Reply] = field(default_factory=dict)

    def pairs(self, reply: Reply) -> Iterator[tuple[Reply, Reply]]:
        """Take in a reply; the pairs that it completes, that of the first way in front."""
        key = reply.outcome.implementation
        self.there[reply.target, key] = reply
        for target, base in self.first.items():
            if reply.target in (target, base) and (target, key) in self.there and (base, key) in self.there:
                yield self.there[base, key], self.there[target, key]


@dataclass(frozen=True, slots=True)
class Way:
    """One of the two: who it was, how it ended, and its answers, one for each cotangent."""

    target: Target
    ended: Ended
    message: str
    answers: list[Answer]


def between(comparison: Comparison, work: Work, one: Reply, other: Reply) -> Judgement | None:
    """The judgement on the two replies to a case; None where there is nothing to measure them by."""
    from lossbench.judging.answered import answers_in

    case = work.case
    ways = [
        Way(reply.target, reply.outcome.ended, reply.outcome.message, answers_in(reply, len(work.cotangents)))
        for reply in (one, other)
    ]
    answered = all(way.ended is Ended.ANSWERED for way in ways)
    astray = any(reply.outcome.fingerprint != work.fingerprint for reply in (one, other))
    if answered and (astray or REGIMES[case.regime].must_reject):
        return None
    expectation = comparison.expectation_of(work) if answered else None
    limits = Limits.of(case.dtype, work.loss.scale_limit, comparison.limits)
    return hold(ways[0], ways[1], expectation, case.reduction, work.cotangents, case.dtype, limits)


def hold(
    one: Way,
    other: Way,
    expectation: Expectation | None,
    reduction: str,
    cotangents: list[np.ndarray],
    dtype: str,
    limits: Limits,
) -> Judgement | None:
    """Hold the second way's answers against the first's; None where neither answered.

    Args:
        one: the way that is asked first.
        other: the way that is held against it.
        expectation: gives scales, not answers; None where one of the two did not answer.
        reduction: the case's.
        cotangents: what the gradients were taken against, one for each answer.
        dtype: the tested format.
        limits: of one answer.
    """
    if Ended.ANSWERED not in (one.ended, other.ended):
        return None
    if one.ended != other.ended:
        silent = one if other.ended is Ended.ANSWERED else other
        speaks = other if silent is one else one
        words = {Ended.RAISED: "raises", Ended.DIED: "dies", Ended.HUNG: "hangs"}
        note = f"{speaks.target} answers, {silent.target} {words[silent.ended]}: {silent.message}"
        return Judgement(Status.DIFFERS, notes=[note], compared=1)
    assert expectation is not None
    found = Judgement(Status.DIFFERS)
    values, gradients, sides = [], [], []
    for cotangent, a, b in zip(cotangents, one.answers, other.answers, strict=True):
        above = cotangent if a.value.shape == np.shape(cotangent) else None
        expected = reduced(expectation, reduction, above)
        if a.dtypes != b.dtypes:
            found.notes.append(Symptom.OTHER_DTYPE)
        if a.value.shape != b.value.shape:
            found.notes.append(Symptom.OTHER_SHAPE)
            found.value.include(misshapen(f"value of shape {b.value.shape}, {one.target} gives {a.value.shape}"))
            continue
        values.append(Part("value", b.value, _wanted(a.value, expected.value_scale, np.zeros((), bool))))
        for part, kinked in _gradients(expectation, expected, a, b, found):
            gradients.append(part)
            sides.append(kinked)
    form, slack = FORMATS[dtype], 2 * limits.scale
    found.value.include(measure(values, form, slack))
    found.gradient.include(measure(gradients, form, slack))
    found.notes = list(dict.fromkeys(found.notes))
    found.compared = found.value.compared + found.gradient.compared
    for errors in (found.value, found.gradient):
        errors.worst = errors.worst.replace(", want ", f", {one.target} gives ")
    found.worst = max(found.value, found.gradient, key=lambda m: m.rank).worst
    if max(found.value.scale, found.gradient.scale) <= slack and not found.notes_that_differ():
        found.status = Status.AGREES
        if measure(sides, form, slack).scale > slack:
            found.notes.append(AT_A_KINK)
    found.compared = found.compared or 1  # shapes alone
    return found


def _gradients(
    expectation: Expectation, expected: Expected, a: Answer, b: Answer, found: Judgement
) -> Iterator[tuple[Part, Part]]:
    """Each gradient twice: without the terms on or across a kink, and with them."""
    for name in expected.gradients:
        one, other = a.gradients.get(name), b.gradients.get(name)
        if one is None and other is None:
            continue
        if one is None or other is None:
            # a gradient of nothing and none at all are the same to whoever adds it up
            if np.any(other if one is None else one):
                found.notes.append(Symptom.NO_GRADIENT)
            continue
        if one.shape != other.shape:
            found.notes.append(Symptom.OTHER_SHAPE)
            found.gradient.include(misshapen(f"gradient of {name} of shape {other.shape}, want {one.shape}"))
            continue
        scale = expected.gradient_scales[name]
        asked_nothing = np.zeros((), bool) if expected.undefined else expected.free_gradients[name]
        free = _laid_out(asked_nothing, one.shape)
        kinked = free | _kinked(expectation, expected, name, one.shape)
        label = f"gradient of {name}"
        yield Part(label, other, _wanted(one, scale, kinked)), Part(label, other, _wanted(one, scale, free))


def _kinked(expectation: Expectation, expected: Expected, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Where either side's gradient is right, or a number may be flushed to zero."""
    there = np.zeros(shape, bool)
    if name in expected.bounds:
        there = there | ~np.isnan(_laid_out(expected.bounds[name], shape))
    if not expectation.loss.is_shared(name) and shape == expected.gradients[name][0].shape:
        for index in expectation.corners:
            there[index] = True
    return there


def _wanted(want: np.ndarray, scale: np.ndarray, free: np.ndarray) -> Wanted:
    return Wanted((want, np.zeros(want.shape)), _laid_out(scale, want.shape), _laid_out(free, want.shape))


def _laid_out(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """An array in the shape of an answer, which may have an axis of length 1 more, or another shape altogether."""
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        if array.size == int(np.prod(shape)):
            return array.reshape(shape)
        return np.full(shape, array.max(initial=0), array.dtype)
