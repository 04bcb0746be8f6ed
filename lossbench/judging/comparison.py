"""The engine of `compare` and `gate`: every implementation on shared inputs, judged against the reference."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lossbench.cases.applicability import lacks_device, takers
from lossbench.cases.inputs import Inputs, build, resolved, seed_of
from lossbench.cases.regimes import REGIMES
from lossbench.crew import Crew, Reply
from lossbench.domains import Kind
from lossbench.floats import FORMATS, Format, encode, round_to
from lossbench.judging import paths
from lossbench.judging.judge import Judgement, Submission, answered_the_invalid, applies, judge, unanswered
from lossbench.judging.relating import Relating, related
from lossbench.judging.replies import answers_in
from lossbench.judging.rows import row
from lossbench.judging.superfluous import answered_without
from lossbench.judging.totals import Totals
from lossbench.loss import Loss
from lossbench.losses import catalogue
from lossbench.records import (
    CONTIGUOUS,
    INTEGERS,
    LAYOUTS,
    Case,
    Ended,
    Greeting,
    Implementation,
    Known,
    Option,
    Question,
    Status,
    Target,
    Verdict,
)
from lossbench.reductions import BY_WEIGHTS, output_shape
from lossbench.reference.answers import Answers, default_path
from lossbench.reference.expectation import Expectation, expect
from lossbench.wire import WireArray, fingerprint

WINDOW = 4000  # cases under way at a time, so that fast frameworks need not wait for slow ones,
HELD = 48 << 20  # and bytes of their inputs, so that large cases do not pile up
SUMMED = "normal"  # the regime in which tensors are asked for their gradients against ones as well
Emit = Callable[[Verdict], None]


@dataclass(slots=True)
class Work:
    """A case under way: its inputs, and what is known of the right answer once somebody needs it."""

    case: Case
    loss: Loss
    parameters: dict[str, Option]
    inputs: Inputs
    cotangents: list[np.ndarray]
    fingerprint: str
    waiting: int
    expectation: Expectation | None = None
    variants: dict[tuple[Known | None, str], Expectation] = field(default_factory=dict)
    ways: paths.Replies | None = None  # where an implementation is asked in several modes

    @property
    def size(self) -> int:
        """Bytes of its inputs."""
        return sum(array.nbytes for array in self.inputs.arrays.values())


class Comparison:
    """One run of `compare` over the targets that are there."""

    def __init__(
        self,
        crew: Crew,
        greetings: Mapping[Target, Greeting],
        answers: Answers,
        emit: Emit,
        limits: Mapping[str, float],
        chosen: Callable[[Implementation], bool] = lambda implementation: True,
    ) -> None:
        """Hold what every case needs; `chosen` narrows the implementations down."""
        self.crew, self.answers, self.emit, self.limits = crew, answers, emit, limits
        self.greetings = dict(greetings)
        self.tables = {t: {i.key: i for i in g.implementations if chosen(i)} for t, g in greetings.items()}
        self.first_ways = paths.first_ways(greetings)
        self.packages = {(t, i.via): i.package for t, table in self.tables.items() for i in table.values()}
        self.losses = catalogue()
        self.totals = Totals()
        self.under_way: dict[int, Work] = {}
        self.held = 0  # bytes of their inputs
        self.declared: dict[tuple[Target, str, str], bool] = {}  # reasons that spoke of a case: whether one was seen
        self.deferred: list[Case] = []  # those that some implementation is known to corrupt memory on
        self.built: tuple[tuple[object, ...], Inputs] | None = None

    def run(self, cases: Sequence[Case], progress: Callable[[int], None] = lambda done: None) -> None:
        """Put every case to every target, and judge what comes back as it comes."""
        relations = [case for case in cases if related(case)]
        for number, case in enumerate(each for each in cases if not related(each)):
            self._ask(number, case, corrupting=False)
            self._keep_up()
            progress(number - len(self.under_way))
        if relations:
            for reply in self.crew.replies():
                self._take(reply)
            self.relating().run(relations, 2 * len(cases), lambda done: progress(len(cases) - len(relations) + done))
        # Each worker takes its questions in order, so these are its last: nothing of worth comes after them.
        for number, case in enumerate(self.deferred, len(cases)):
            self._ask(number, case, corrupting=True)
            self._keep_up()
        for reply in self.crew.replies():
            self._take(reply)
            progress(len(cases) - len(self.under_way))
        self.answers.save()
        self.totals.certified_hits, self.totals.certified_misses = self.answers.hits, self.answers.misses
        self.totals.certified_spared, self.totals.certified_spent = self.answers.spared, self.answers.spent
        self.totals.stale = [
            f"{target} {key.partition(':')[2]}: {reason}"
            for (target, key, reason), seen in self.declared.items()
            if not seen
        ]
        for problem in (*self.crew.unexplained, self.answers.problem):
            if problem:
                self._problem(problem)

    def relating(self) -> Relating:
        """What asks the cases that are about relations."""
        return Relating(self)

    def _keep_up(self) -> None:
        """Take what has come back, and wait where too much is under way."""
        while len(self.under_way) >= WINDOW or (len(self.under_way) > 1 and self.held > HELD):
            self._take(next(self.crew.replies()))
        for reply in self.crew.poll():
            self._take(reply)

    def _ask(self, number: int, case: Case, corrupting: bool) -> None:
        """Ask a case of those implementations that are known to corrupt memory on it, or of all others."""
        loss = self.losses[case.loss]
        asked: list[tuple[Target, list[Implementation]]] = []
        deferred = False
        for target in self.tables:
            mine = self.concerned(target, case)
            for one in [i for i in mine if lacks_device(i, target.device)]:
                mine.remove(one)
                if not corrupting:
                    nobody = Judgement(Status.ABSENT, notes=[f"{_who(one, target)} {lacks_device(one, target.device)}"])
                    self._emit(case, target, one.via, nobody, "")
            if not mine:
                continue
            taking, reason = takers(mine, case, loss, target.device)
            if not taking and not corrupting:
                nobody = Judgement(Status.ABSENT, notes=[f"{target.framework} {reason}"])
                self._emit(case, target, mine[0].via, nobody, "")
            now = [i for i in taking if _is_dangerous(i, case) == corrupting]
            if now:
                asked.append((target, now))
            deferred = deferred or len(now) < len(taking)
        if deferred and not corrupting:
            self.deferred.append(case)
        self.totals.cases += not corrupting
        if not asked:
            return
        work = self._prepare(case, loss, sum(len(taking) for _, taking in asked))
        arrays = self.wired(work)
        work.fingerprint = fingerprint(arrays)
        self.under_way[number] = work
        self.held += work.size
        differentiable = tuple(name for name in loss.differentiable if name in work.inputs.arrays)
        for target, taking in asked:
            question = Question(
                identity=number,
                implementations=tuple(i.key for i in taking),
                arrays=tuple(work.inputs.arrays),
                differentiable=differentiable,
                parameters=tuple(sorted(work.parameters.items())),
                reduction=case.reduction,
                cotangents=len(work.cotangents),
                fingerprint=work.fingerprint,
                repeat=REGIMES[case.regime].repeat,
                layout=layout_of(case),
            )
            self.crew.ask(target, question, arrays)

    def concerned(self, target: Target, case: Case) -> list[Implementation]:
        """The implementations of a target that a case is put to, as far as they can take it."""
        return [i for i in self.tables[target].values() if i.loss == case.loss]

    def _prepare(self, case: Case, loss: Loss, waiting: int) -> Work:
        parameters = resolved(case, loss)
        draw = (case.loss, case.given, case.parameters, case.dtype, case.shape, case.regime, case.seed)
        if self.built is None or self.built[0] != draw:  # reductions of one draw stand side by side
            self.built = (draw, build(case, loss))
        shape = output_shape(case.reduction, loss.term_shape(case.shape))
        generator = np.random.default_rng(seed_of(case) ^ 0x10553E4C)
        # never 1 where it stands alone, so that a backward which ignores it shows
        random = generator.choice([-2.0, -1.5, -1.0, -0.5, 0.5, 1.5, 2.0, *([1.0] if shape else [])], shape)
        # A scalar's gradient only scales with its cotangent; a tensor's shows with ones what a plain sum would see.
        # That is in the call and not in its inputs: one regime shows it, and the others need no second answer.
        cotangents = [random, np.ones(shape)] if case.regime == SUMMED and shape else [random]
        ways = paths.Replies(self.first_ways) if self.first_ways else None
        return Work(case, loss, parameters, self.built[1], cotangents, "", waiting, ways=ways)

    def wired(self, work: Work) -> list[WireArray]:
        """Its arguments and cotangents as they travel."""
        case, loss = work.case, work.loss
        integer = next((word for word in case.how if word in INTEGERS), "int64")
        half = 0.5 if REGIMES[case.regime].fractional else 0.0

        def wire(kind: Kind, integral: bool, array: np.ndarray) -> WireArray:
            if half and kind in (Kind.CLASS_INDEX, Kind.LABELS):
                return self._float(array + half, case)
            return WireArray(integer, array.astype(integer)) if integral else self._float(array, case)

        domains = {name: loss.arguments[name].domain for name in work.inputs.arrays}
        arrays = [wire(domains[n].kind, domains[n].integer, array) for n, array in work.inputs.arrays.items()]
        return arrays + [self._float(cotangent, case) for cotangent in work.cotangents]

    def variants_of(self, work: Work) -> Callable[[Known | None, Format], Expectation | None]:
        """What gives the terms of a case by the formula that a declaration names."""
        return lambda known, form: self._variant(work, known, form)

    @staticmethod
    def dangerous(implementation: Implementation, case: Case) -> bool:
        """Whether the case may do harm to the process of this implementation."""
        return _is_dangerous(implementation, case)

    def _float(self, array: np.ndarray, case: Case) -> WireArray:
        return WireArray(case.dtype, encode(array, FORMATS[case.dtype]))

    def _take(self, reply: Reply) -> None:
        work = self.under_way[reply.identity]
        implementation = self.tables[reply.target][reply.outcome.implementation]
        if reply.outcome.ended is Ended.ANSWERED and reply.outcome.fingerprint != work.fingerprint:
            found = Judgement(Status.DIFFERS, notes=["answered another question (fingerprints differ)"])
            self._emit(work.case, reply.target, implementation.via, found, "")
        else:
            self._judge(work, reply, implementation)
        for one, other in work.ways.pairs(reply) if work.ways else ():
            if apart := paths.between(self, work, one, other):
                self._emit(work.case, other.target, implementation.via, apart, paths.RULER, beside=one.target)
        work.waiting -= 1
        if work.waiting == 0:
            del self.under_way[reply.identity]
            self.held -= work.size

    def _judge(self, work: Work, reply: Reply, implementation: Implementation) -> None:
        answers, ruler = answers_in(reply, len(work.cotangents)), ""
        if not answers:
            found = unanswered(work.case, reply.outcome, implementation.known)
        elif (regime := REGIMES[work.case.regime]).must_reject:
            right = regime.superfluous and answered_without(self, work, implementation, reply.outcome, answers)
            found = right or answered_the_invalid(answers[0])
        else:
            expectation = self.expectation_of(work)
            ruler = expectation.ruler
            submission = Submission(work.case, expectation, work.cotangents, reply.outcome, answers)
            found = judge(submission, implementation.known, self.variants_of(work), self.limits)
        if answers and reply.outcome.message:  # a remark of the worker's
            found.notes.append(reply.outcome.message)
        for known in implementation.known:
            if applies(known, work.case) and not known.corrupts:  # one that corrupts shows, or does not, by chance
                key = (reply.target, implementation.key, known.reason)
                self.declared[key] = self.declared.get(key, False) or known in found.explained_by
        self._emit(work.case, reply.target, implementation.via, found, ruler)

    def expectation_of(self, work: Work) -> Expectation:
        """What the terms of a case should be, worked out when somebody first asks."""
        if work.expectation is None:
            proofs, started = self.answers.spent, time.process_time()
            form = FORMATS[work.case.dtype]
            work.expectation = expect(work.loss, work.parameters, work.inputs, work.case.shape, self.answers, form)
            spent = time.process_time() - started
            self.totals.reference += spent
            self.totals.slowest_reference = max(self.totals.slowest_reference, spent)
            size = sum(array.size for array in work.inputs.arrays.values())
            if self.answers.spent > proofs and size:
                self.totals.element_microseconds.append((self.answers.spent - proofs) / size * 1e6)
        return work.expectation

    def _variant(self, work: Work, known: Known | None, form: Format) -> Expectation | None:
        """The terms by the formula that a declaration names, for inputs rounded to the format it computes in."""
        key = (known, form.name)
        if key not in work.variants:
            name = work.loss.name if known is None else known.definition
            variant = self.losses.get(name)
            if variant is None:
                self._problem(f"a declaration names the definition {name!r}, which does not exist")
                return None
            renamed = dict(work.parameters)
            if known is not None:
                renamed |= {new: work.parameters[old] for new, old in known.renames} | dict(known.sets)
            parameters = variant.settings(renamed)
            rounded = {
                n: a if work.loss.arguments[n].domain.integer else round_to(a, form)
                for n, a in work.inputs.arrays.items()
            }
            started = time.process_time()
            overflowed = any((np.isinf(a) & np.isfinite(work.inputs.arrays[n])).any() for n, a in rounded.items())
            inputs = Inputs(rounded, work.inputs.poisoned, overflowed)
            wanted = expect(variant, parameters, inputs, work.case.shape, self.answers, form)
            own = self.expectation_of(work).denominators  # by weights, where the formula has no such means of its own
            means = {word: own[word] for word in BY_WEIGHTS if word in own} | dict(wanted.denominators)
            work.variants[key] = replace(wanted, denominators=means)
            self.totals.reference += time.process_time() - started
        return work.variants[key]

    def _problem(self, text: str) -> None:
        if text not in self.totals.problems:
            self.totals.problems.append(text)

    def _emit(
        self, case: Case, target: Target, via: str, found: Judgement, ruler: str, beside: Target | None = None
    ) -> None:
        package = self.packages.get((target, via), "")
        verdict = row(case, target, self.greetings[target].version, via, found, ruler, package)
        if beside is not None:
            verdict = replace(verdict, target=f"{target} beside {beside}")
        self.totals.verdicts += 1
        self.emit(verdict)


def layout_of(case: Case) -> str:
    """How the arrays are laid out: as the case says, else one in four strided, of those that are drawn."""
    told = next((word for word in case.how if word in (*LAYOUTS, CONTIGUOUS)), "")
    return told or ("strided" if REGIMES[case.regime].literal is None and seed_of(case) % 4 == 0 else "")


def _who(implementation: Implementation, target: Target) -> str:
    return implementation.via if implementation.package else target.framework


def _is_dangerous(implementation: Implementation, case: Case) -> bool:
    """Whether the case may do harm to the process of this implementation."""
    return REGIMES[case.regime].dangerous or any(k.corrupts and applies(k, case) for k in implementation.known)


def open_answers(cold: bool = False) -> Answers:
    """The user's cache of certified answers; `cold` begins without one."""
    return Answers(None if cold else default_path())
