"""A comparison that keeps what a script needs: how each question was put, what came back, and what was expected."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lossbench.cases.regimes import REGIMES
from lossbench.cases.relations import RELATIONS
from lossbench.crew import Crew, Reply
from lossbench.floats import FORMATS
from lossbench.judging import paths
from lossbench.judging.comparison import Comparison, Work, layout_of
from lossbench.judging.judge import Answer, Judgement, Limits, Submission, applies, compare
from lossbench.judging.linear import Linear, from_the_first
from lossbench.judging.relating import SCORES, Kept, Pair, Relating
from lossbench.judging.replies import answers_in
from lossbench.loss import Loss
from lossbench.records import CONTIGUOUS, INTEGERS, LAYOUTS, Case, Ended, Greeting, Implementation, Option, Target
from lossbench.records import Verdict as Row
from lossbench.reference.answers import Answers
from lossbench.reference.expectation import reduced

NOTHING = Answer(frozenset(), np.zeros(()), {})


@dataclass(frozen=True, slots=True)
class Call:
    """One question as it was put: the arguments, how they lay in memory, and what gradients were taken against."""

    arrays: Mapping[str, np.ndarray]
    formats: Mapping[str, str]
    wanted: tuple[str, ...]  # arguments whose gradients are asked for
    parameters: Mapping[str, Option]
    reduction: str
    layout: str  # "strided", "transposed", "unaligned" or empty
    cotangent: np.ndarray | None  # None: ones


@dataclass(frozen=True, slots=True)
class Held:
    """What a relation says of the second of two answers: each of its numbers from those of the first."""

    name: str
    says: str
    alone: str  # what it says where there is no second
    value: Linear
    gradients: Mapping[str, tuple[str, Linear]]  # by argument: of which of the first's gradients


@dataclass(frozen=True, slots=True)
class Subject:
    """What a script is about: the calls, what should have come back, and the verdict."""

    case: Case
    loss: Loss
    target: Target
    implementation: Implementation
    verdict: Row
    calls: tuple[Call, ...]
    want: np.ndarray | None = None  # NaN stands for itself; None: an error is the only right answer
    slopes: Mapping[str, np.ndarray] | None = None
    unasked: Mapping[str, np.ndarray] | None = None  # by "value" and argument: numbers of which nothing is asked
    beside: Target | None = None  # the other way to run it, where the verdict is about two
    held: Held | None = None  # the relation that the verdict is about
    got: Mapping[str, np.ndarray] = field(default_factory=dict)  # what came back, by "value" and argument
    silent: bool = False  # whether one of two ways did not answer
    made_from: str = ""  # the case that this one was made of, where it is a smaller one

    @property
    def invalid(self) -> str:
        """What is wrong with the inputs; empty where they are valid."""
        regime = REGIMES[self.case.regime]
        return regime.doc if regime.must_reject else ""

    @property
    def corrupts(self) -> str:
        """Why the call is known to harm its process, sooner or later; empty where it is not."""
        known = [k.reason for k in self.implementation.known if k.corrupts and applies(k, self.case)]
        return known[0] if known else ""


@dataclass(frozen=True, slots=True)
class Sight:
    """A question to one implementation, and its reply."""

    work: Work
    reply: Reply
    implementation: Implementation


class Keeping(Relating):
    """Relations, with the replies to both sides kept."""

    def __init__(self, witness: Witness) -> None:
        """Keep them with the witness."""
        super().__init__(witness)
        self.witness = witness

    def _judge(self, pair: Pair, replies: Sequence[Reply], implementation: Implementation) -> Judgement:
        self.witness.pairs[str(pair.case), implementation.via, replies[0].target] = (pair, replies, implementation)
        return super()._judge(pair, replies, implementation)


class Witness(Comparison):
    """A comparison that can tell afterwards what any of its verdicts was about."""

    def __init__(
        self,
        crew: Crew,
        greetings: Mapping[Target, Greeting],
        answers: Answers,
        chosen: Callable[[Implementation], bool] = lambda implementation: True,
    ) -> None:
        """Hold what every case needs; `chosen` narrows the implementations down."""
        self.rows: list[Row] = []
        super().__init__(crew, greetings, answers, self.rows.append, {}, chosen)
        self.via = ""
        self.seen: dict[tuple[str, str, Target], Sight] = {}
        self.pairs: dict[tuple[str, str, Target], tuple[Pair, Sequence[Reply], Implementation]] = {}

    def verdicts(self, cases: Sequence[Case], via: str = "") -> list[Row]:
        """Those on some cases that a script can be about; `via`: of one implementation alone."""
        self.via = via
        self.rows.clear()
        self.deferred.clear()
        self.seen.clear()
        self.pairs.clear()
        self.run(cases)
        return [row for row in self.rows if self.place(row) in self.seen or self.place(row) in self.pairs]

    def concerned(self, target: Target, case: Case) -> list[Implementation]:
        """The implementations that are meant."""
        return [one for one in super().concerned(target, case) if self.via in ("", one.via)]

    def place(self, row: Row) -> tuple[str, str, Target] | None:
        """Where what a verdict is about is kept; None where it is about nothing that was asked."""
        name, ruler, beside = row.target.partition(" beside ")
        wanted = name if ruler and beside and row.reference == paths.RULER else row.target
        for target in self.greetings:
            if str(target) == wanted and any(i.via == row.via for i in self.tables[target].values()):
                return row.case, row.via, target
        return None

    def work_of(self, row: Row) -> Work:
        """The question behind a verdict on one answer."""
        place = self.place(row)
        assert place is not None
        return self.seen[place].work

    def relating(self) -> Relating:
        """What asks relations, and keeps the replies."""
        return Keeping(self)

    def _judge(self, work: Work, reply: Reply, implementation: Implementation) -> None:
        super()._judge(work, reply, implementation)
        self.seen[str(work.case), implementation.via, reply.target] = Sight(work, reply, implementation)

    def subject(self, row: Row) -> Subject:
        """What a script of one of the verdicts is about."""
        place = self.place(row)
        assert place is not None
        if place in self.pairs:
            return self._related(row, place[2], *self.pairs[place])
        sight = self.seen[place]
        if row.reference == paths.RULER:
            return self._beside(row, place[2], sight)
        work, case = sight.work, sight.work.case
        number = self._telling(sight, row)
        cotangent = None if sight.reply.outcome.against_ones else work.cotangents[number]
        call = self._call(work, layout_of(case), cotangent)
        plain = Subject(case, work.loss, place[2], sight.implementation, row, (call,))
        if REGIMES[case.regime].must_reject:
            return plain
        expectation = self.expectation_of(work)
        expected = reduced(expectation, case.reduction, cotangent)
        gradients = {name: pair[0] for name, pair in expected.gradients.items()}
        unasked = {"value": expected.free_value & ~expected.poisoned_value, **expected.free_gradients}
        if expected.undefined:
            unasked = {name: np.ones((), bool) for name in unasked}
        answers = answers_in(sight.reply, len(work.cotangents))
        got = {"value": answers[number].value, **answers[number].gradients} if answers else {}
        return replace(plain, want=expected.value[0], slopes=gradients, unasked=unasked, got=got)

    def _call(self, work: Work, layout: str, cotangent: np.ndarray | None) -> Call:
        wired = dict(zip(work.inputs.arrays, self.wired(work), strict=False))
        half = 0.5 if REGIMES[work.case.regime].fractional else 0.0
        arrays = {}
        for name, array in work.inputs.arrays.items():
            floats = not work.loss.arguments[name].domain.integer
            as_fraction = not floats and not any(word in wired[name].dtype for word in INTEGERS)
            arrays[name] = array + half if as_fraction else array
        return Call(
            arrays=arrays,
            formats={name: one.dtype for name, one in wired.items()},
            wanted=tuple(name for name in work.loss.differentiable if name in arrays),
            parameters=work.parameters,
            reduction=work.case.reduction,
            layout=layout if layout in LAYOUTS else "",
            cotangent=None if cotangent is None or (cotangent == 1).all() else cotangent,
        )

    def _telling(self, sight: Sight, row: Row) -> int:
        """The cotangent whose answer shows the worst number: that of ones if it does, as it is easier to read."""
        work, reply = sight.work, sight.reply
        answers = answers_in(reply, len(work.cotangents))
        if not answers or REGIMES[work.case.regime].must_reject:
            return len(work.cotangents) - 1
        form, limits = FORMATS[work.case.dtype], Limits.of(work.case.dtype, work.loss.scale_limit, {})
        for number in reversed(range(len(answers))):
            pair = [work.cotangents[number]], sight.reply.outcome, [answers[number]]
            if compare(Submission(work.case, self.expectation_of(work), *pair), form, limits).worst == row.worst:
                return number
        return 0

    def _beside(self, row: Row, target: Target, sight: Sight) -> Subject:
        """Two ways to run one call, the usual one first."""
        work, first = sight.work, self.first_ways[target]
        replies = [self.seen[row.case, row.via, way].reply for way in (first, target)]
        cotangent: np.ndarray | None = work.cotangents[0]
        for number, other in enumerate(work.cotangents[1:], 1):
            apart = paths.between(self, replace(work, cotangents=[other]), *(_part(one, number) for one in replies))
            cotangent = other if apart and apart.worst == row.worst else cotangent
        if any(one.outcome.against_ones for one in replies):
            cotangent = None
        call = self._call(work, layout_of(work.case), cotangent)
        silent = any(one.outcome.ended is not Ended.ANSWERED for one in replies)
        return Subject(work.case, work.loss, target, sight.implementation, row, (call,), beside=first, silent=silent)

    def _related(
        self, row: Row, target: Target, pair: Pair, replies: Sequence[Reply], implementation: Implementation
    ) -> Subject:
        calls, sides = [], []
        for work, reply in zip(pair.works, replies, strict=True):
            cotangent = None if reply.outcome.against_ones else work.cotangents[0]
            calls.append(self._call(work, CONTIGUOUS, cotangent))
            expectation, reduction = self.expectation_of(work), work.case.reduction
            expected = reduced(expectation, reduction, cotangent)
            sides.append(Kept(expectation, expected, work.cotangents[0], NOTHING, reduction))
        name = next(word for word in pair.case.how if word in RELATIONS)
        if pair.asked.alone:
            scores = [n for n, a in pair.works[0].loss.arguments.items() if a.domain.kind in SCORES]
            value, gradients = Linear(), {n: (n, Linear()) for n in scores if n in calls[0].wanted}
        else:
            value, gradients = from_the_first(pair.asked, *sides)
        held = Held(name, RELATIONS[name].doc, pair.asked.alone, value, gradients)
        return Subject(pair.case, pair.works[0].loss, target, implementation, row, tuple(calls), held=held)


def _part(reply: Reply, number: int) -> Reply:
    """A reply with its answer to one of the cotangents alone."""
    if reply.outcome.ended is not Ended.ANSWERED:
        return reply
    each = 1 + len(reply.outcome.gradients)
    return replace(reply, arrays=reply.arrays[number * each : (number + 1) * each])
