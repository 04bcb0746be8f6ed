"""One worker for each target, side by side; their deaths are noted, and their work goes on."""

from __future__ import annotations

import atexit
import os
import selectors
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from lossbench.hand import PATIENCE, Hand, Landed, Task, clear_away, environment, private_folder
from lossbench.records import Ended, Greeting, Measurement, Outcome, Question, Target, Trial
from lossbench.wire import Absence, Message, WireArray, WireError

MOST_FAILED_STARTS = 3
COMPILING_DEADLINE = 180.0  # seconds for an answer in a mode that is not a framework's usual one: first it is compiled
GUESTS_DEADLINE = 10.0  # seconds for each answer of a user's own function, unless it is compiled first
PATIENCE_WITH_GUESTS = 4  # deaths, of which a hang counts for two; then it is asked no more
POLL_EVERY = 0.002  # seconds between looks at the pipes while replies are being taken


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one implementation of one question."""

    target: Target
    identity: int
    outcome: Outcome
    arrays: tuple[WireArray, ...]


class Timed(NamedTuple):
    """A measurement, with the value and gradients that came of the last timed call if the trial asked for them."""

    measurement: Measurement
    arrays: tuple[WireArray, ...] = ()


class Member:
    """One target's place in the crew: its worker of the moment, and the work that waits for it."""

    def __init__(self, target: Target, folder: Path) -> None:
        """An empty place, with a folder of its own for large arrays."""
        self.target, self.folder = target, folder
        self.hand: Hand | None = None
        self.queue: deque[Task] = deque()
        self.greeting: Greeting | None = None
        self.absence: Absence | None = None
        self.ready = False  # the worker of the moment has greeted
        self.failed_starts = 0
        self.owed = 0  # answers that are still to come
        self.deaths = 0  # of a guest's workers while they were at work
        self.gave_up = Ended.DIED  # how what is asked of it ends while it is absent


class Crew:
    """The workers of all targets, as a context manager; asking never blocks, replies come as they arrive."""

    def __init__(
        self,
        targets: Sequence[Target],
        *,
        threads: int = 1,
        deadline: float = 20.0,
        start_deadline: float = 120.0,
        variables: Mapping[str, str] | None = None,
        patience: int = PATIENCE_WITH_GUESTS,
    ) -> None:
        """Start all workers at once; `deadline` is seconds for one implementation's answer to one question.

        `patience` is for how many deaths of its workers a user's own function is still asked.
        """
        self.import_seconds = 0.0
        self.framework_seconds = 0.0
        self._threads, self._deadline, self._start_deadline = (threads, deadline, start_deadline)
        self._variables, self._patience = dict(variables or {}), patience
        self._arrived: deque[Reply] = deque()
        self._selector = selectors.DefaultSelector()
        self._folder, self._lock = private_folder()
        self._closed = False
        self._results = 0  # so far, good and bad
        self.deaths = 0  # of workers that had greeted, hung ones included
        self.unexplained: list[str] = []  # deaths at an implementation that then answered in a fresh worker
        atexit.register(self.close)
        self._members: dict[Target, Member] = {}
        for number, target in enumerate(dict.fromkeys(targets)):
            folder = self._folder / str(number)
            folder.mkdir()
            self._members[target] = Member(target, folder)
        for member in self._members.values():
            self._start(member)

    def __enter__(self) -> Self:
        """The crew itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send everyone home."""
        self.close()

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds the workers spent on importing frameworks, restarts included, and inside their calls."""
        return self.import_seconds + self.framework_seconds

    def greet(self) -> dict[Target, Greeting | Absence]:
        """What each target is and offers, or why it is not there; waits for all of them."""
        while any(not (member.greeting or member.absence) for member in self._members.values()):
            self._pump(None)
        found = {target: member.greeting or member.absence for target, member in self._members.items()}
        return {target: word for target, word in found.items() if word is not None}

    def ask(self, target: Target, question: Question, arrays: Sequence[WireArray]) -> None:
        """Queue a question; its answers will be among the replies. Raises KeyError for a target not in the crew."""

        def arrive(landed: Landed, arrays: tuple[WireArray, ...]) -> None:
            assert isinstance(landed, Outcome)
            self._arrived.append(Reply(target, landed.identity, landed, arrays))

        limit = self._deadline
        if target.mode not in ("eager", target.usual_mode):
            limit = max(limit, COMPILING_DEADLINE)
        elif target.guest:
            limit = min(limit, GUESTS_DEADLINE)
        if self._packaged(target, question.implementations):
            limit = max(limit, self._start_deadline)  # the first call imports the package
        self._queue(target, Task(question, tuple(arrays), deque(question.implementations), limit, arrive))

    def _packaged(self, target: Target, keys: Sequence[str]) -> bool:
        greeting = self._members[target].greeting
        return greeting is not None and any(i.package and i.key in keys for i in greeting.implementations)

    def time(self, target: Target, trial: Trial, arrays: Sequence[WireArray], deadline: float | None = None) -> Timed:
        """Time one implementation and wait for the result; replies to questions may arrive meanwhile."""
        limit = self._start_deadline + 4 * trial.seconds if deadline is None else deadline
        timed: list[Timed] = []

        def arrive(landed: Landed, arrays: tuple[WireArray, ...]) -> None:
            assert isinstance(landed, Measurement)
            timed.append(Timed(landed, arrays))

        self._queue(target, Task(trial, tuple(arrays), deque([trial.implementation]), limit, arrive))
        while not timed:
            self._pump(None)
        return timed[0]

    def outstanding(self, target: Target) -> int:
        """How many answers the target still owes."""
        return self._members[target].owed

    def poll(self) -> list[Reply]:
        """The replies that are there now; never waits."""
        self._pump(0.0)
        replies = list(self._arrived)
        self._arrived.clear()
        return replies

    def replies(self, timeout: float | None = None) -> Iterator[Reply]:
        """Replies as they come, until nothing is outstanding, or none came for `timeout` seconds."""
        looked = heard = time.monotonic()
        while True:
            while self._arrived:
                yield self._arrived.popleft()
                heard = time.monotonic()
                if heard - looked > POLL_EVERY:
                    self._pump(0.0)
                    looked = time.monotonic()
            if not any(member.owed for member in self._members.values()):
                return
            left = None if timeout is None else heard + timeout - time.monotonic()
            if left is not None and left <= 0:
                return
            self._pump(left)
            looked = time.monotonic()

    def close(self) -> None:
        """End all workers, within about a second; safe to call twice."""
        hands = [member.hand for member in self._members.values() if member.hand]
        until = time.monotonic() + PATIENCE
        try:
            for hand in hands:
                hand.hang_up()
            for hand in hands:
                hand.end(0.0 if hand.sent else max(0.0, until - time.monotonic()))
        finally:
            for hand in hands:
                hand.end()
            if not self._closed:
                self._closed = True
                self._selector.close()
                clear_away(self._folder)
                os.close(self._lock)
                atexit.unregister(self.close)

    def _queue(self, target: Target, task: Task) -> None:
        member = self._members[target]
        member.owed += len(task.waiting)
        if task.waiting:
            member.queue.append(task)

    def _settled(self, member: Member) -> None:
        """Count one answer less that is owed."""
        member.owed -= 1
        self._results += 1

    def _start(self, member: Member) -> None:
        target = member.target
        settings = environment(target.device, self._threads, self._variables)
        for name in ("PYTHONPATH", "PYTHONHOME") if target.interpreter else ():
            settings.pop(name, None)  # another interpreter has modules of its own
        member.ready = False
        try:
            member.hand = Hand(target, self._threads, settings, member.folder)
        except OSError as error:
            member.absence = Absence(target.framework, target.interpreter, f"cannot run the interpreter: {error}")
            return
        self._selector.register(member.hand.reply, selectors.EVENT_READ, member)

    def _pump(self, timeout: float | None) -> None:
        """Send and receive what can be, waiting at most `timeout` seconds (None: until something happens)."""
        before = self._results
        for member in self._members.values():
            self._send(member)
        dues = [due for member in self._members.values() if (due := self._due(member)) is not None]
        waits = [max(0.0, due - time.monotonic()) for due in dues] + ([] if timeout is None else [timeout])
        for key, events in self._selector.select(0.0 if self._results > before else min(waits, default=None)):
            member = key.data
            if events & selectors.EVENT_READ and member.hand and key.fd == member.hand.reply:
                self._receive(member, member.hand)
        for member in self._members.values():
            due = self._due(member)
            if due is not None and time.monotonic() >= due:
                self._bury(member, Ended.HUNG)
            self._send(member)

    def _due(self, member: Member) -> float | None:
        """When the worker's start, or the head of its work, is overdue."""
        if not member.hand:
            return None
        return member.hand.due() if member.ready else member.hand.began + self._start_deadline

    def _send(self, member: Member) -> None:
        """Hand over queued work, starting another worker where the last one died."""
        if member.queue and not member.hand and not member.absence:
            self._start(member)
        while member.absence and member.queue:
            task = member.queue.popleft()
            while task.waiting:
                self._settled(member)
                task.fail(member.gave_up, task.suspicion or member.absence.message)
        hand = member.hand
        if not hand or not member.ready:
            return
        while member.queue and hand.has_room(member.queue[0]):
            hand.send(member.queue.popleft())
        pending = hand.flush()
        if pending and not hand.watched:
            self._selector.register(hand.ask, selectors.EVENT_WRITE, member)
        elif hand.watched and not pending:
            self._selector.unregister(hand.ask)
        hand.watched = pending

    def _receive(self, member: Member, hand: Hand) -> None:
        """Take in what the worker wrote, and its death if it died."""
        try:
            messages, hung_up = hand.receive()
            for message in messages:
                self._take(member, hand, message)
        except WireError as error:
            self._bury(member, Ended.DIED, f"spoke nonsense on its pipe: {error}")
        else:
            if hung_up and member.hand:
                self._bury(member, Ended.DIED)

    def _take(self, member: Member, hand: Hand, message: Message) -> None:
        """Enter one message from a worker; raises WireError where it is not what was due."""
        record = message.record
        if not member.ready and isinstance(record, Greeting):
            member.greeting = member.greeting or record
            member.ready, member.failed_starts = True, 0
            self.import_seconds += record.import_seconds
        elif not member.ready and isinstance(record, Absence):
            self._bury(member, Ended.DIED, absence=record)
        elif hand.sent and hand.sent[0].is_answered_by(record):
            if isinstance(record, Outcome):
                self.framework_seconds += record.seconds
                if hand.watch and (remark := hand.watch.remark()):
                    record = replace(record, message="; ".join(filter(None, (record.message, remark))))
            self._settled(member)
            if hand.sent[0].suspicion:
                self.unexplained.append(
                    f"{member.target}: a worker died at {hand.sent[0].waiting[0]}, which a fresh one survived; "
                    f"the harm was done earlier, or by chance: {hand.sent[0].suspicion}"
                )
            hand.sent[0].settle(record, message.arrays)
            if not hand.sent[0].waiting:
                hand.sent.popleft()
            hand.trim_captured()
        else:
            raise WireError(f"{type(record).__name__} is not what was due")

    def _bury(self, member: Member, ended: Ended, why: str = "", absence: Absence | None = None) -> None:
        """End a worker that died, hung or should go; blame what hung or died twice, and queue the rest again."""
        hand = member.hand
        assert hand is not None
        self._selector.unregister(hand.reply)
        if hand.watched:
            self._selector.unregister(hand.ask)
        if ended is Ended.HUNG:
            hand.ask_where()
        ending = hand.end(0.0 if why or ended is Ended.HUNG else PATIENCE)
        member.hand = None
        if ended is Ended.HUNG:
            limit = hand.sent[0].deadline if member.ready else self._start_deadline
            ending = f"no {'answer' if member.ready else 'greeting'} within {limit:g} s"
        message = (why or ending) + hand.account()
        if not member.ready:
            member.failed_starts += 1
            if member.greeting is None or member.failed_starts >= MOST_FAILED_STARTS:
                failed = Absence(member.target.framework, "", f"{member.target} could not start: {message}")
                member.absence = absence or failed
        elif hand.sent:
            head = hand.sent[0]
            if ended is Ended.DIED and not head.suspicion:
                head.suspicion = message  # what was asked before may have done the harm: a fresh worker begins with it
            else:
                self._settled(member)
                head.fail(ended, message)
                self._lose_patience(member, ended, message)
        self.deaths += member.ready
        member.ready = False
        member.queue.extendleft(task for task in reversed(hand.sent) if task.waiting)

    def _lose_patience(self, member: Member, ended: Ended, message: str) -> None:
        """Ask a user's own function no more once it has ended its process again and again: each start takes seconds."""
        if not member.target.guest:
            return
        member.deaths += 2 if ended is Ended.HUNG else 1
        if member.deaths >= self._patience:
            member.gave_up = ended
            member.absence = Absence(member.target.framework, "", f"not asked again: {message}")
