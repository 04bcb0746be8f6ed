"""The command `hunt`: the worst input of every implementation, made small, written down and shown."""

from __future__ import annotations

import functools
import hashlib
import json
import shlex
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from lossbench.cases.names import find_losses
from lossbench.cases.stored import FOUND, SHELF, Literal, worst_folder, write
from lossbench.commands.own import NOBODYS, Own, is_meant
from lossbench.commands.targets import askable, checked, choose
from lossbench.crew import Crew
from lossbench.errors import UsageError
from lossbench.judging.catches import Bag, Catch, Key
from lossbench.judging.hunting import REACHES, Hunter
from lossbench.judging.probing import OBJECTIVES
from lossbench.judging.shrinking import Defect
from lossbench.losses import catalogue
from lossbench.output import tables
from lossbench.output.forms import checked_form
from lossbench.output.hunt_table import Found, hunt_table
from lossbench.records import Status, Target, Verdict
from lossbench.results import LATEST, Writer

SEARCHING = 2 / 3  # of the seconds; the rest makes small what was found
SAVE_EVERY = 10  # rounds
PATIENCE = 1 << 20  # deaths of a user's own function in one worker after another: a hunt counts them by itself


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked for."""

    losses: tuple[str, ...]
    seconds: float = 60.0
    rounds: int | None = None  # so many in all, however long they take
    seed: int = 0
    dtypes: tuple[str, ...] = ("float32",)
    frameworks: tuple[str, ...] = ()
    implementation: str = ""
    device: str = "cpu"
    resume: bool = False
    keep: bool = False
    strict: bool = False
    csv: Path | None = None
    targets: tuple[str, ...] = ()  # as written after --target
    own: Own = NOBODYS  # a user's own implementation, which then is hunted alone
    form: str = "table"  # one of `FORMS`


def main(request: Request) -> int:
    """Hunt, shrink, write down, print the table, and return the exit code."""
    path = request.csv or LATEST / "hunt.csv"
    _sensible(request)
    checked_form(request.form)
    dtypes, _, _ = checked(request.dtypes, (), ())
    if not (request.losses or request.own):
        raise UsageError("say which losses to hunt, such as `lossbench hunt huber`; `lossbench list` has them")
    targets = choose(request.frameworks, request.device, request.targets, request.own)
    targets = [target for target in targets if target.guest or not request.own]
    with Crew(targets, patience=PATIENCE) as crew:
        greetings = askable(crew.greet(), bool(request.frameworks or request.targets))
        offered = [i for greeting in greetings.values() for i in greeting.implementations]
        names = sorted(find_losses(request.losses or request.own.losses, catalogue(), offered))
        chosen = functools.partial(is_meant, request.own, request.implementation)
        hunter = Hunter(crew, greetings, catalogue(), names, dtypes, request.seed, chosen)
        if not hunter.grounds:
            part = request.own.impl or request.implementation
            asked = ", ".join([*names, *dtypes, *([part] if part else [])])
            raise UsageError(f"nobody here implements what was asked for ({asked}); `lossbench list` says who has what")
        about = repr((names, dtypes, request.seed, request.implementation or request.own, sorted(map(str, greetings))))
        state = State(path.with_suffix(".state.json"), about)
        if request.resume:
            hunter.bag = state.read(list(greetings))
        with closing(Writer(path, Verdict)) as writer:
            started = time.monotonic()
            try:
                _search(request, hunter, state, started)
            finally:
                state.write(hunter.bag)
            searched = time.monotonic() - started
            found = _written(_shrink(hunter, lambda: _is_over(request, started, 1.0)), request.keep)
            for one in found:
                writer.write(one.verdict)
    return _report(request, hunter, found, path, searched)


def _sensible(request: Request) -> None:
    if not request.seconds > 0:
        raise UsageError(f"--seconds {request.seconds:g}; it should be a number above 0, such as 60")
    if request.rounds is not None and request.rounds < 1:
        raise UsageError(f"--rounds {request.rounds}; it should be a whole number above 0, such as 20")


def _is_over(request: Request, started: float, share: float) -> bool:
    return request.rounds is None and time.monotonic() - started > share * request.seconds


def _search(request: Request, hunter: Hunter, state: State, started: float) -> None:
    total = request.rounds or int(request.seconds * SEARCHING)
    with tables.progress(total, "hunting") as progress:
        while not _is_over(request, started, SEARCHING):
            if request.rounds is not None and hunter.bag.rounds >= request.rounds:
                break
            hunter.round()
            progress(hunter.bag.rounds if request.rounds else min(total, int(time.monotonic() - started)))
            if hunter.bag.rounds % SAVE_EVERY == 0:
                state.write(hunter.bag)


def _shrink(hunter: Hunter, enough: Callable[[], bool]) -> list[Found]:
    """What stands of the catches, the gravest first, each case once for each implementation."""
    entries: list[tuple[Key, Catch]] = []
    for key in hunter.bag.catches:
        worst = hunter.bag.worst(key)
        entries += [(key, worst)] if worst else []
        # each declared deviation is worth a case of its own
        entries += [(key, catch) for catch in hunter.bag.each_reason(key) if catch is not worst]
    order = {reach: number for number, reach in enumerate(REACHES)}
    entries.sort(key=lambda entry: (-entry[1].rank[0], order[entry[0][4]], OBJECTIVES.index(entry[0][3])))
    found: list[Found] = []
    shown: dict[tuple[object, ...], list[Verdict]] = {}  # by implementation, loss and format
    with tables.progress(len(entries), "shrinking") as progress:
        for number, (key, catch) in enumerate(entries):
            progress(number)
            mine = shown.setdefault(key[:3], [])
            if catch.rank[0] == 0 and mine:
                continue  # where something is wrong, how exact the rest is hardly matters
            defect = Defect.of(catch.verdict, key[3])
            if any(defect.shown_by(verdict) for verdict in mine):
                continue
            small = hunter.shrunk(key[0], catch, key[3], enough)
            if small is None:
                continue
            literal, verdict = small
            mine.append(verdict)
            named = replace(literal, slug=f"{key[0][0].framework}-{verdict.status}")
            if all(one.literal.digest != named.digest or one.verdict.via != verdict.via for one in found):
                found.append(Found(named, verdict, key[3], key[4], catch.rank[0]))
    return found


def _written(found: Sequence[Found], keep: bool) -> list[Found]:
    """The cases in files, each under one name for all that it shows something of; what was found, by these names."""
    kept: dict[str, Literal] = {}
    grave: set[str] = set()
    for one in found:
        verdict, digest = one.verdict, one.literal.digest
        line = (
            f"{verdict.via} ({verdict.framework} {verdict.version}): {verdict.status}, {verdict.worst or verdict.note}"
        )
        before = kept.get(digest, one.literal)
        kept[digest] = replace(before, shows=(*before.shows, line))
        grave |= {digest} if one.grave else set()
    for digest, literal in kept.items():
        write(literal, worst_folder() if keep and digest in grave else FOUND)
        SHELF.remember(literal)
    return [_renamed(one, kept[one.literal.digest]) for one in found]


def _renamed(one: Found, literal: Literal) -> Found:
    case = literal.case
    return replace(one, literal=literal, verdict=replace(one.verdict, case=str(case), regime=case.regime))


def _report(request: Request, hunter: Hunter, found: Sequence[Found], path: Path, searched: float) -> int:
    verdicts = [one.verdict for one in found]
    out = tables.put(request.form, Verdict, verdicts, lambda out: (hunt_table(found), ""))
    defects = sum(one.verdict.status in (Status.DIFFERS, Status.CRASHES, Status.HANGS, Status.REFUSES) for one in found)
    out.print(
        f"{hunter.bag.rounds} rounds in {searched:.1f} s, {hunter.bag.asked} numbers held against the reference; "
        f"{len(found)} cases, {defects} of them without explanation"
    )
    place = worst_folder() if request.keep else FOUND
    again = shlex.join(["lossbench", "repro", "CASE", *request.own.words])
    out.print(
        f"cases in {place}, rows in {path}; `{again}` makes a script of one", markup=False, soft_wrap=bool(request.own)
    )
    if not found:
        return 4
    return 1 if request.strict and defects else 0


class State:
    """What is known so far, in a file from which an interrupted hunt goes on."""

    def __init__(self, path: Path, about: str) -> None:
        """Remember what the hunt is about, so that another's state is not taken for it."""
        self.path = path
        self.about = hashlib.blake2b(about.encode(), digest_size=8).hexdigest()

    def write(self, bag: Bag) -> None:
        """Replace the file by what is known now."""
        catches = [
            [_plain(place[0]), place[1], *rest, [[list(c.rank), asdict(c.verdict), _entry(c.literal)] for c in some]]
            for (place, *rest), some in bag.catches.items()
        ]
        known = {"about": self.about, "rounds": bag.rounds, "asked": bag.asked, "catches": catches}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(known), encoding="utf-8")
        fresh.replace(self.path)

    def read(self, targets: Sequence[Target]) -> Bag:
        """What an earlier run of the same hunt had found.

        Raises:
            UsageError: there is no such file, or it is about another hunt.
        """
        try:
            known = json.loads(self.path.read_text(encoding="utf-8"))
            about, rounds, asked, catches = (known[name] for name in ("about", "rounds", "asked", "catches"))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(f"--resume: {self.path} cannot be read ({error!r}); leave it out to begin anew") from None
        if about != self.about:
            raise UsageError(f"--resume: {self.path} is about another hunt; leave it out, or ask for the same again")
        by_name = {_plain(target): target for target in targets}
        bag = Bag(rounds=rounds, asked=asked)
        for name, implementation, loss, dtype, objective, reach, some in catches:
            key = ((by_name[name], implementation), loss, dtype, objective, reach)
            bag.catches[key] = [Catch((rank[0], rank[1]), _verdict(v), _literal(entry)) for rank, v, entry in some]
        return bag


def _plain(target: Target) -> str:
    return str(target)


def _verdict(entry: dict[str, object]) -> Verdict:
    kept = {field.name: entry[field.name] for field in fields(Verdict)}
    kept["status"] = Status(str(kept["status"]))
    return Verdict(**kept)  # type: ignore[arg-type]  # as written from one


def _entry(one: Literal) -> dict[str, object]:
    """A case as JSON, quickly: its floats as Python writes them."""
    arrays = {name: [array.dtype.kind, array.shape, array.reshape(-1).tolist()] for name, array in one.arrays.items()}
    return {field.name: getattr(one, field.name) for field in fields(Literal)} | {"arrays": arrays}


def _literal(entry: dict[str, Any]) -> Literal:
    arrays = {
        name: np.array(numbers, np.int64 if kind == "i" else float).reshape(shape)
        for name, (kind, shape, numbers) in entry["arrays"].items()
    }
    words = {name: tuple(entry[name]) for name in ("given", "shape", "how", "poisoned", "shows")}
    return Literal(**entry | words | {"arrays": arrays, "parameters": tuple((n, v) for n, v in entry["parameters"])})
