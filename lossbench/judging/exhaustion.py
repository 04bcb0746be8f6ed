"""The engine of `exhaust`: each passage put to every implementation that takes it, a stretch of patterns at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lossbench.cases.applicability import lacks
from lossbench.crew import Crew, Reply
from lossbench.floats import FORMATS, encode
from lossbench.judging.patterns import Passage, Tally, Truth, inside, pattern_count, patterns, truth
from lossbench.loss import Loss
from lossbench.records import Case, Ended, Greeting, Implementation, Question, Target
from lossbench.wire import WireArray, fingerprint

STRETCH = 1 << 20  # patterns in one question
PIECE = 1 << 16  # of them, looked at together: what fits a processor's cache
UNDER_WAY = 3  # stretches
KEEP_EVERY = 32  # stretches, after which what was found is written down

VALUE = "value"
Key = tuple[Target, str, str, str]  # target, implementation's key, the argument that varied, what came back


@dataclass(slots=True)
class Findings:
    """What a run has found so far, and how far it has come."""

    tallies: dict[Key, Tally] = field(default_factory=dict)
    failures: dict[tuple[Target, str], str] = field(default_factory=dict)  # why an implementation was given up
    refusals: dict[tuple[Target, str], str] = field(default_factory=dict)  # the first passage it could not take
    done: int = 0  # stretches


@dataclass(slots=True)
class Stretch:
    """A question under way: the patterns of one passage, and how many answers are still to come."""

    passage: Passage
    stored: np.ndarray
    sign: str
    owed: int
    pieces: list[Truth] = field(default_factory=list)


class Examiner:
    """Puts all stretches of some passages to the crew, and counts what comes back."""

    def __init__(
        self,
        crew: Crew,
        greetings: Mapping[Target, Greeting],
        losses: Mapping[str, Loss],
        passages: Sequence[Passage],
        chosen: Callable[[Implementation], bool] = lambda implementation: True,
    ) -> None:
        """Hold what every stretch needs; `chosen` narrows the implementations down."""
        self.crew, self.losses, self.passages = crew, losses, passages
        self.tables = {t: [i for i in g.implementations if chosen(i)] for t, g in greetings.items()}
        self.findings = Findings()
        self.under_way: dict[int, Stretch] = {}

    @property
    def stretches(self) -> int:
        """How many questions there are in all."""
        return sum(math.ceil(pattern_count(FORMATS[passage.dtype]) / STRETCH) for passage in self.passages)

    def plan(self) -> Iterator[tuple[Passage, int, int]]:
        """Each passage in stretches: where it starts, and where it stops."""
        for passage in self.passages:
            count = pattern_count(FORMATS[passage.dtype])
            for start in range(0, count, STRETCH):
                yield passage, start, min(count, start + STRETCH)

    def takers(self, target: Target, passage: Passage) -> list[Implementation]:
        """The implementations of a target that can take a passage and have not been given up."""
        case = Case(passage.loss, (), passage.parameters, "none", passage.dtype, (PIECE,), "normal", 0)
        loss = self.losses[passage.loss]
        mine = [i for i in self.tables[target] if i.loss == passage.loss and not lacks(i, case, loss, target.device)]
        return [i for i in mine if (target, i.key) not in self.findings.failures]

    def run(self, progress: Callable[[int], None], keep: Callable[[], None]) -> None:
        """Ask every stretch that has not been asked yet; `keep` is called now and then, with nothing under way."""
        for number, (passage, start, stop) in enumerate(self.plan()):
            if number < self.findings.done:
                continue
            self._ask(number, passage, start, stop)
            pause = (number + 1) % KEEP_EVERY == 0
            while len(self.under_way) > (0 if pause else UNDER_WAY - 1):
                self._take(next(self.crew.replies()))
            progress(number + 1 - len(self.under_way))
            if pause:
                self.findings.done = number + 1
                keep()
        while self.under_way:
            self._take(next(self.crew.replies()))
            progress(self.stretches - len(self.under_way))
        self.findings.done = self.stretches
        keep()

    def _ask(self, number: int, passage: Passage, start: int, stop: int) -> None:
        form, loss = FORMATS[passage.dtype], self.losses[passage.loss]
        domain = loss.arguments[passage.argument].domain
        stored = inside(patterns(form, start, stop), domain, form)
        held = dict(passage.held)
        names = tuple(name for name in loss.arguments if name == passage.argument or name in held)
        arrays = [
            WireArray(passage.dtype, stored if n == passage.argument else encode(np.full(stored.shape, held[n]), form))
            for n in names
        ]
        arrays.append(WireArray(passage.dtype, encode(np.ones(stored.shape), form)))  # the cotangent
        stretch = Stretch(passage, stored, fingerprint(arrays), 0)
        settings = loss.settings(passage.parameters)
        differentiable = tuple(name for name in names if loss.arguments[name].domain.differentiable)
        for target in self.tables:
            keys = tuple(implementation.key for implementation in self.takers(target, passage))
            if keys:
                options = tuple(sorted(settings.items()))
                question = Question(number, keys, names, differentiable, options, "none", 1, stretch.sign)
                self.crew.ask(target, question, arrays)
                stretch.owed += len(keys)
        if stretch.owed:
            self.under_way[number] = stretch

    def _take(self, reply: Reply) -> None:
        stretch = self.under_way[reply.identity]
        stretch.owed -= 1
        if not stretch.owed:
            del self.under_way[reply.identity]
        outcome, passage = reply.outcome, stretch.passage
        place = (reply.target, outcome.implementation)
        if place in self.findings.failures:
            return
        wrong = self._unusable(reply, stretch)
        if wrong:
            gone = outcome.ended in (Ended.DIED, Ended.HUNG)  # a worker started anew for each stretch takes for ever
            notes = self.findings.failures if gone else self.findings.refusals
            notes.setdefault(place, f"{passage}: {wrong}")
            return
        for number, begin in enumerate(range(0, stretch.stored.size, PIECE)):
            here = slice(begin, begin + PIECE)
            if len(stretch.pieces) <= number:
                stretch.pieces.append(truth(self.losses[passage.loss], passage, stretch.stored[here]))
            right = stretch.pieces[number]
            tally = self._tally(*place, passage.argument, VALUE)
            tally.include(passage, right.numbers, reply.arrays[0].data[here], right.value, right.asked)
            for name, array in zip(outcome.gradients, reply.arrays[1:], strict=True):
                tally = self._tally(*place, passage.argument, f"gradient of {name}")
                tally.include(passage, right.numbers, array.data[here], right.gradients[name], right.sure)

    def _unusable(self, reply: Reply, stretch: Stretch) -> str:
        """Why the answer cannot be counted; empty where it can."""
        if reply.outcome.ended is not Ended.ANSWERED:
            return f"{reply.outcome.ended}: {reply.outcome.message}"
        if reply.outcome.fingerprint != stretch.sign:
            return "answered another question (fingerprints differ)"
        for array in reply.arrays:
            if array.dtype != stretch.passage.dtype or array.data.shape != stretch.stored.shape:
                return f"answered {array.dtype} of shape {array.data.shape}"
        return ""

    def _tally(self, target: Target, key: str, argument: str, what: str) -> Tally:
        return self.findings.tallies.setdefault((target, key, argument, what), Tally())
