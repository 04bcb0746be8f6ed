"""Relations held against answers: what an implementation says of one input against what it says of another.

The reference gives no right answer here, only the scale by which two answers may differ and where nothing is asked.
Each of the two may be off by the limit, so the sum of both limits is what they may differ by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from lossbench.cases.applicability import lacks, lacks_device, takers
from lossbench.cases.inputs import Inputs, build, resolved, seed_of
from lossbench.cases.relations import RELATIONS, Asked, Setting
from lossbench.domains import Kind
from lossbench.floats import FORMATS
from lossbench.judging.judge import SYMPTOMS, Answer, Judgement, Limits, Submission, judge, unanswered
from lossbench.judging.measures import Part, Wanted, measure, misshapen
from lossbench.judging.replies import answers_in
from lossbench.loss import Loss
from lossbench.records import Case, Ended, Implementation, Option, Question, Status, Symptom, Target
from lossbench.reductions import divide, output_shape
from lossbench.reference.expectation import Expectation, Expected, reduced
from lossbench.wire import fingerprint

if TYPE_CHECKING:
    from lossbench.crew import Reply
    from lossbench.judging.comparison import Comparison, Work

RULER = "relation"
EXPLAINED = (Status.DEVIATES, Status.BY_CONTRACT)
RIGHT = (Status.AGREES, Status.IMPRECISE, *EXPLAINED)
SCORES = (Kind.LOGITS,)
HAIR, JUMP = 1e-10, 1e-3  # of a number; of a slope
NUMBERS = 1 << 21  # of the inputs under way at a time


@dataclass(frozen=True, slots=True)
class Kept:
    """One side of a relation with what came back: its expectation gives scales, not answers."""

    expectation: Expectation
    expected: Expected
    cotangent: np.ndarray
    answer: Answer
    reduction: str

    def with_ties(self, inputs: Inputs, parameters: Mapping[str, Option]) -> Kept:
        """The same, where terms on a kink may have either side's gradient.

        Beyond the certified sizes nobody lists the corners of a kink. A term is on one if its slopes jump between two
        inputs that lie a hair apart, on opposite sides of the case's own.
        """
        expectation, loss = self.expectation, self.expectation.loss
        generator = np.random.default_rng(0)
        hair = {
            name: HAIR * generator.choice([-1, 1], array.shape) * generator.uniform(0.5, 1, array.shape)
            for name, array in inputs.arrays.items()
            if not loss.arguments[name].domain.integer
        }
        terms = [
            loss(
                {
                    n: a + sign * hair[n] * np.maximum(1, np.abs(a)) if n in hair else a
                    for n, a in inputs.arrays.items()
                },
                parameters,
            )
            for sign in (-1, 1)
        ]
        tied = np.zeros(expectation.across.shape, bool)
        for name, slope in terms[0].slopes.items():
            with np.errstate(all="ignore"):
                size = expectation.slope_magnitude(name)
                jumps = np.abs(slope - terms[1].slopes[name]) > JUMP * np.fmax(size, expectation.widest(size))
            tied |= jumps.any(axis=tuple(range(tied.ndim, jumps.ndim)))
        again = replace(expectation, across=expectation.across | tied)
        return replace(self, expectation=again, expected=reduced(again, self.reduction, self.cotangent))


@dataclass(slots=True)
class Pair:
    """A relation's case under way: its sides, and the replies that are there so far."""

    case: Case
    asked: Asked
    works: list[Work]
    waiting: int
    replies: dict[tuple[Target, str], list[Reply]] = field(default_factory=dict)


def related(case: Case) -> bool:
    """Whether the case is about a relation."""
    return any(word in RELATIONS for word in case.how)


def asked_of(case: Case, loss: Loss) -> tuple[Asked | None, list[Case]]:
    """What the relation named in the case asks, and each side as a case of its own."""
    relation = RELATIONS[next(word for word in case.how if word in RELATIONS)]
    inputs = build(case, loss)
    generator = np.random.default_rng(seed_of(case) ^ 0x3E1A7E)
    parameters = resolved(case, loss)
    asked = relation.ask(Setting(loss, case.shape, parameters, case.reduction, inputs.arrays, generator))
    sides = [] if asked is None else [side for side in (asked.first, asked.second) if side]
    return asked, [
        replace(
            case,
            how=(),
            shape=side.shape,
            reduction=side.reduction,
            parameters=tuple(sorted({**dict(case.parameters), **side.parameters}.items())),
        )
        for side in sides
    ]


def cotangents_of(case: Case, asked: Asked, cases: Sequence[Case], loss: Loss) -> list[np.ndarray]:
    """What the gradients of each side are taken against: the second's follows from the first's."""
    generator = np.random.default_rng(seed_of(case) ^ 0x10553E4C)
    shape = output_shape(cases[0].reduction, loss.term_shape(cases[0].shape))
    first = np.ones(shape) if asked.reduces else generator.choice([-2.0, -1.5, -0.5, 0.5, 1.5, 2.0], shape)
    second = np.asarray(-1.5) if asked.reduces else asked.terms(first)
    return [first, second][: len(cases)]


def hold(asked: Asked, sides: Sequence[Kept], dtype: str, limits: Limits) -> Judgement:
    """Hold the answers to what the relation says of them."""
    found, form = Judgement(Status.DIFFERS), FORMATS[dtype]
    slack = limits.scale * len(sides)
    if asked.alone:
        values, gradients = _alone(asked, sides[0])
    else:
        values = _value(asked, sides[0], sides[1], found)
        gradients = list(_gradients(asked, sides[0], sides[1], found))
    found.value.include(measure(values, form, slack))
    found.gradient.include(measure(gradients, form, slack))
    found.compared = found.value.compared + found.gradient.compared
    found.worst = max(found.value, found.gradient, key=lambda m: m.scale).worst
    within = max(found.value.scale, found.gradient.scale) <= slack
    if within and not found.notes_that_differ():
        found.status, found.worst = Status.AGREES, ""
    return found


def _alone(asked: Asked, side: Kept) -> tuple[list[Part], list[Part]]:
    answer, expected = side.answer, side.expected
    if asked.alone == "not negative":
        if answer.value.shape != expected.value[0].shape:
            return [], []
        low = np.minimum(answer.value, 0.0)
        return [
            Part("value below zero", low, _wanted(np.zeros(low.shape), expected.value_scale, expected.free_value))
        ], []
    parts = []
    for name, argument in side.expectation.loss.arguments.items():
        if argument.domain.kind in SCORES and name in answer.gradients:
            gradient = answer.gradients[name]
            sums = gradient.sum(axis=-1)
            free = np.asarray(np.broadcast_to(expected.free_gradients[name], gradient.shape).any(axis=-1))
            slices = np.broadcast_to(expected.gradient_scales[name], gradient.shape).max(axis=-1, initial=0.0)
            wanted = _wanted(np.zeros(sums.shape), np.fmax(np.abs(gradient).sum(axis=-1), slices), free)
            parts.append(Part(f"sum of the gradient of {name}", sums, wanted))
    return [], parts


def _wanted(want: np.ndarray, scale: np.ndarray, free: np.ndarray) -> Wanted:
    return Wanted((np.asarray(want, float), np.zeros(np.shape(want))), scale, free)


def _value(asked: Asked, one: Kept, other: Kept, found: Judgement) -> list[Part]:
    if other.expected.undefined:
        return []
    shape = other.expected.value[0].shape
    if one.answer.value.shape != one.expected.value[0].shape or other.answer.value.shape != shape:
        found.value.include(misshapen(f"value of shape {other.answer.value.shape}, want {shape}"))
        return []
    with np.errstate(all="ignore"):
        if asked.reduces:
            want = np.asarray((one.answer.value / divisor_of(one, other)).sum())
        else:
            want = np.asarray(asked.value(one.answer.value))
    return [Part("value", other.answer.value, _wanted(want, other.expected.value_scale, other.expected.free_value))]


def divisor_of(one: Kept, other: Kept) -> np.ndarray:
    """What the second side's reduction divides the terms by, one or one for each."""
    expectation = other.expectation
    terms = expectation.value[0].shape
    divided = divide(other.reduction, terms, expectation.shape, expectation.denominators)
    return np.asarray(divided.denominator.value, float)


def _gradients(asked: Asked, one: Kept, other: Kept, found: Judgement) -> Iterator[Part]:
    expected = other.expected
    for name, (high, _) in expected.gradients.items():
        source, change = asked.gradients.get(name, (name, lambda array: array))
        given = one.answer.gradients.get(source), other.answer.gradients.get(name)
        if not source or (given[0] is None and given[1] is None):
            continue
        if given[0] is None or given[1] is None:
            found.notes.append(Symptom.NO_GRADIENT)
            continue
        with np.errstate(all="ignore"):
            want = reduced_gradient(name, given[0], one, other) if asked.reduces else change(given[0])
        if want is None:
            continue
        if want.shape != high.shape or given[1].shape != high.shape:
            found.gradient.include(misshapen(f"gradient of {name} of shape {given[1].shape}, want {high.shape}"))
            continue
        wanted = replace(
            _wanted(want, expected.gradient_scales[name], expected.free_gradients[name]),
            bounds=expected.bounds.get(name),
            centers=expected.centers.get(name),
        )
        yield Part(f"gradient of {name}", given[1], wanted)


def reduced_gradient(name: str, gradient: np.ndarray, one: Kept, other: Kept) -> np.ndarray | None:
    """The gradient of a reduction out of that of the unreduced terms; None where that takes more than a division."""
    divisor = divisor_of(one, other)
    own = other.expectation.denominators.get("mean")
    if divisor.ndim and one.expectation.loss.is_shared(name):
        return None
    if own is not None and name in own.slopes:
        return None
    wide = divisor.reshape(divisor.shape + (1,) * (gradient.ndim - divisor.ndim)) if divisor.ndim else divisor
    return np.asarray(gradient * (float(other.cotangent) / wide))


class Relating:
    """The part of a comparison that is about relations; its verdicts are rows like all others."""

    def __init__(self, comparison: Comparison) -> None:
        """Work with the crew, the tables and the totals of a comparison."""
        self.comparison = comparison
        self.under_way: dict[int, tuple[Pair, int]] = {}
        self.held = 0

    def run(self, cases: Sequence[Case], first: int, progress: Callable[[int], None]) -> None:
        """Ask both sides of every case; questions are numbered from `first` on."""
        crew = self.comparison.crew
        for number, case in enumerate(cases):
            self._ask(first + 2 * number, case)
            while self.held > NUMBERS:
                self._take(next(crew.replies()))
            for reply in crew.poll():
                self._take(reply)
            progress(number)
        for reply in crew.replies():
            self._take(reply)

    def _ask(self, number: int, case: Case) -> None:
        from lossbench.judging.comparison import Work

        comparison, loss = self.comparison, self.comparison.losses[case.loss]
        asked, cases = asked_of(case, loss)
        comparison.totals.cases += 1
        if asked is None:
            return
        asking = [(target, taking) for target in comparison.tables if (taking := self._takers(case, cases, target))]
        if not asking:
            return
        sides = [side for side in (asked.first, asked.second) if side]
        works = []
        for side, own, cotangent in zip(sides, cases, cotangents_of(case, asked, cases, loss), strict=True):
            inputs = Inputs(side.arrays, np.zeros(loss.term_shape(side.shape), bool))
            works.append(Work(own, loss, resolved(own, loss), inputs, [cotangent], "", 0))
        pair = Pair(case, asked, works, sum(len(taking) for _, taking in asking) * len(works))
        for position, work in enumerate(works):
            arrays = comparison.wired(work)
            work.fingerprint = fingerprint(arrays)
            self.under_way[number + position] = pair, position
            self.held += sum(array.data.size for array in arrays)
            for target, taking in asking:
                comparison.crew.ask(target, self._question(number + position, work, taking), arrays)

    def _question(self, identity: int, work: Work, taking: Sequence[Implementation]) -> Question:
        return Question(
            identity=identity,
            implementations=tuple(i.key for i in taking),
            arrays=tuple(work.inputs.arrays),
            differentiable=tuple(name for name in work.loss.differentiable if name in work.inputs.arrays),
            parameters=tuple(sorted(work.parameters.items())),
            reduction=work.case.reduction,
            cotangents=1,
            fingerprint=work.fingerprint,
        )

    def _takers(self, case: Case, cases: Sequence[Case], target: Target) -> list[Implementation]:
        """Those that can take all sides and are not known to be harmed by one; a row for who cannot."""
        comparison, loss = self.comparison, self.comparison.losses[case.loss]
        mine = [
            i for i in comparison.tables[target].values() if i.loss == case.loss and not lacks_device(i, target.device)
        ]
        taking, reason = takers(mine, case, loss, target.device)
        able = [i for i in taking if not any(lacks(i, own, loss, target.device) for own in cases)]
        if not able and mine:
            reason = reason or lacks((taking or mine)[0], cases[-1], loss, target.device)
            self._emit(case, target, mine[0].via, Judgement(Status.ABSENT, notes=[f"{target.framework} {reason}"]))
        safe = [i for i in able if not any(comparison.dangerous(i, own) for own in cases)]
        for implementation in able:
            if implementation not in safe:
                note = "not asked: it is known to harm its process on one of the two sides"
                self._emit(case, target, implementation.via, Judgement(Status.ABSENT, notes=[note]))
        return safe

    def _take(self, reply: Reply) -> None:
        pair, position = self.under_way[reply.identity]
        key = (reply.target, reply.outcome.implementation)
        replies = pair.replies.setdefault(key, [])
        replies.append(reply)
        pair.waiting -= 1
        if len(replies) == len(pair.works):
            del pair.replies[key]
            implementation = self.comparison.tables[reply.target][key[1]]
            self._emit(pair.case, reply.target, implementation.via, self._judge(pair, replies, implementation))
        if pair.waiting == 0:
            first = reply.identity - position
            for number, work in enumerate(pair.works, first):
                self.under_way.pop(number)
                self.held -= sum(a.size for a in (*work.inputs.arrays.values(), *work.cotangents))

    def _judge(self, pair: Pair, replies: Sequence[Reply], implementation: Implementation) -> Judgement:
        kept = []
        for work, reply in zip(pair.works, replies, strict=True):
            if reply.outcome.ended is not Ended.ANSWERED:
                return unanswered(work.case, reply.outcome, implementation.known)
            if reply.outcome.fingerprint != work.fingerprint:
                return Judgement(Status.DIFFERS, notes=["answered another question (fingerprints differ)"])
            expectation, above = self.comparison.expectation_of(work), work.cotangents[0]
            if reply.outcome.against_ones:
                above = np.ones(above.shape)
            expected = reduced(expectation, work.case.reduction, above)
            kept.append(Kept(expectation, expected, above, answers_in(reply, 1)[0], work.case.reduction))
        limits = Limits.of(pair.case.dtype, pair.works[0].loss.scale_limit, self.comparison.limits)
        found = hold(pair.asked, kept, pair.case.dtype, limits)
        if found.status is Status.DIFFERS:
            kept = [one.with_ties(work.inputs, work.parameters) for one, work in zip(kept, pair.works, strict=True)]
            found = hold(pair.asked, kept, pair.case.dtype, limits)
        symptoms = [note for reply in replies for note in reply.outcome.notes if note in SYMPTOMS]
        found.notes += dict.fromkeys(symptoms)
        if found.notes_that_differ():
            found.status = Status.DIFFERS
        return found if found.status is Status.AGREES else self._explained(pair, replies, implementation, found)

    def _explained(
        self, pair: Pair, replies: Sequence[Reply], implementation: Implementation, found: Judgement
    ) -> Judgement:
        """The same, as a deviation where what is declared of the implementation accounts for both answers."""
        each = []
        for work, reply in zip(pair.works, replies, strict=True):
            submission = Submission(
                work.case,
                self.comparison.expectation_of(work),
                work.cotangents,
                reply.outcome,
                answers_in(reply, 1),
            )
            variants = self.comparison.variants_of(work)
            each.append(judge(submission, implementation.known, variants, self.comparison.limits))
        reasons = {note for one in each if one.status in EXPLAINED for note in one.notes}
        if reasons and all(one.status in RIGHT for one in each):
            statuses = [one.status for one in each]
            found.status = Status.DEVIATES if Status.DEVIATES in statuses else Status.BY_CONTRACT
            found.notes = sorted(reasons)
            found.explained_by = tuple(dict.fromkeys(known for one in each for known in one.explained_by))
        return found

    def _emit(self, case: Case, target: Target, via: str, found: Judgement) -> None:
        if not found.compared and found.status in RIGHT:
            found = Judgement(Status.ABSENT, notes=["gives nothing that the relation is about"])
        self.comparison._emit(case, target, via, found, RULER)
