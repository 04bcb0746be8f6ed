"""A user's own implementation as the command line describes it, turned into a guest for the workers."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lossbench.cases.inputs import build
from lossbench.cases.names import find_losses
from lossbench.cases.totals import adds_up
from lossbench.commands.packaged import named
from lossbench.commands.recognising import check_name, file_of, frameworks_of, parsed
from lossbench.domains import Axes, Kind
from lossbench.errors import ResultsNotWritten, UsageError
from lossbench.guest import Guest
from lossbench.loss import Loss, Over
from lossbench.losses import catalogue
from lossbench.records import Case, Greeting, Implementation, Status, Target, Verdict
from lossbench.wire import Absence

WRITTEN = re.compile(r"(?P<place>[^:]+\.py|[A-Za-z_]\w*(\.[A-Za-z_]\w*)*):(?P<name>[A-Za-z_]\w*(\.[A-Za-z_]\w*)*)")
LABELS = (Kind.BINARY, Kind.SIGN, Kind.CLASS_INDEX, Kind.LABELS)
TRIED = {Over.ELEMENTS: (3, 4), Over.ROWS: (4, 3), Over.SAMPLES: (3, 12), Over.BATCH: (4, 3)}


@dataclass(frozen=True, slots=True)
class Own:
    """What the command line says of a user's own implementation; empty: there is none."""

    impl: str = ""
    loss: str = ""
    map: tuple[str, ...] = ()
    order: str = ""
    output: str = ""
    classes: str = ""

    def __bool__(self) -> bool:
        """Whether there is one."""
        return bool(self.impl)

    @property
    def words(self) -> tuple[str, ...]:
        """The options that say it, as every command takes them."""
        beside = (("--order", self.order), ("--item", self.output), ("--classes", self.classes))
        told = [word for option, value in beside if value for word in (option, value)]
        mapped = ["--map", ",".join(self.map)] if self.map else []
        return ("--impl", self.impl, "--as", self.loss, *mapped, *told) if self.impl else ()

    @property
    def losses(self) -> tuple[str, ...]:
        """The loss it is said to be, where there is one."""
        return (self.loss,) if self.impl else ()


NOBODYS = Own()


def told(impl: str, loss: str, mapped: Sequence[str] = (), order: str = "", output: str = "", classes: str = "") -> Own:
    """What --impl, --as and the options beside them say; nothing where --impl is a part of public names.

    Raises:
        UsageError: they do not go together.
    """
    beside = {"--as": loss, "--map": mapped, "--order": order, "--item": output, "--classes": classes}
    if not WRITTEN.fullmatch(impl):
        if impl.endswith(".py"):
            raise UsageError(f"--impl {impl!r} lacks the name of what is in it; write --impl {impl}:NAME")
        for option, value in beside.items():
            if value:
                found = f"--impl {impl!r} is none" if impl else "there is no --impl"
                raise UsageError(f"{option} is about a loss of your own, and {found}; write --impl FILE.py:NAME")
        return Own()
    if not loss:
        raise UsageError(f"--impl {impl}: say which loss it is by --as LOSS{_perhaps(impl)}")
    if classes not in ("", "last", "second"):
        raise UsageError(f"--classes {classes!r}; it may be last or second")
    for pair in mapped:
        if not re.fullmatch(r"\w+=.+", pair):
            raise UsageError(f"--map {pair!r} should read like gamma=focus or alpha=None")
    return Own(impl, loss, tuple(mapped), order, output, classes)


def _perhaps(impl: str) -> str:
    name = impl.rpartition(":")[2].rpartition(".")[2].lower().replace("_", "").removesuffix("loss")
    names = {known.replace("_", ""): known for known, loss in catalogue().items() if not loss.variant}
    near = [known for bare, known in names.items() if name and name in bare]
    near += [names[bare] for bare in difflib.get_close_matches(name, list(names), n=3, cutoff=0.6)]
    near = list(dict.fromkeys(near))[:4]
    return f"; perhaps {' or '.join(f'--as {each}' for each in near)}" if near else "; `lossbench list` has them all"


def framework_of(own: Own, asked: Sequence[str]) -> str:
    """The framework that the implementation is written for: as its file imports, else the only one asked for.

    Raises:
        UsageError: there is no such file, it has no such name, or nothing says which framework.
    """
    place, _, name = own.impl.rpartition(":")
    path = Path(place) if place.endswith(".py") else file_of(place)
    if place.endswith(".py") and path is not None and not path.is_file():
        raise UsageError(f"--impl: there is no file {place}")
    found: list[str] = []
    if path is not None:
        check_name(parsed(path), name, place)
        found = frameworks_of(path)
    elif not asked:
        raise UsageError(f"--impl: there is no module {place!r} on Python's path here; say --framework, or give a file")
    fitting = [one for one in found if one in asked] or found
    if len(fitting) > 1:
        raise UsageError(f"--impl: {place} imports {' and '.join(fitting)}; say which by --framework")
    if fitting:
        return fitting[0]
    if len(set(asked)) == 1:
        return asked[0]
    raise UsageError(f"--impl: {place} imports no framework that lossbench knows; say which by --framework")


def guest_of(own: Own) -> Guest:
    """The description that a worker needs, with ordinary inputs to try it on.

    Raises:
        UsageError: --as names no loss, or several.
    """
    names = sorted(find_losses((own.loss,), catalogue(), ()))
    if own.loss in names:
        names = [own.loss]
    if len(names) > 1:
        raise UsageError(f"--as {own.loss!r} may be {' or '.join(names)}; say which")
    loss = catalogue()[names[0]]
    place, _, name = own.impl.rpartition(":")
    shape = loss.small or TRIED[loss.over]
    case = Case(loss.name, (), (), loss.reductions[0], "float32", shape, "normal", 0)
    arrays = build(case, loss).arrays
    domains = {each.name: each.domain for each in loss.arguments.values()}
    kinds = {n: "int64" if domains[n].integer else "float32" for n in arrays}
    return Guest(
        place=str(Path(place).resolve()) if place.endswith(".py") else place,
        name=name,
        via=f"{Path(place).name if place.endswith('.py') else place}:{name}",
        loss=loss.name,
        required=tuple(a.name for a in loss.arguments.values() if not a.optional),
        optional=tuple(a.name for a in loss.arguments.values() if a.optional),
        targets=tuple(n for n, d in domains.items() if d.kind in LABELS or _is_target(n)),
        classed=tuple(n for n, d in domains.items() if loss.over is Over.ROWS and d.axes is Axes.ALL),
        whole=tuple(n for n, d in domains.items() if d.axes in (Axes.LAST, Axes.SHARED)),
        parameters=tuple((p.name, p.default) for p in loss.parameters.values()),
        reductions=loss.reductions,
        terms=loss.term_shape(shape),
        trial=tuple((n, kinds[n], a.shape, tuple(a.astype(kinds[n]).ravel().tolist())) for n, a in arrays.items()),
        map=tuple((left, right) for left, _, right in (pair.partition("=") for pair in own.map)),
        order=own.order,
        output=own.output,
        layout=own.classes,
    )


def _is_target(name: str) -> bool:
    return bool({"target", "targets", "label", "labels"} & set(name.split("_")))


def hosts(own: Own, targets: Sequence[Target], framework: str) -> list[Target]:
    """A target for the guest beside each of those of its framework: a process that nobody shares with it."""
    text = guest_of(own).text()
    return [replace(target, guest=text) for target in targets if target.framework == framework]


def with_their_defaults(
    cases: Sequence[Case], offered: Iterable[Implementation], losses: Mapping[str, Loss]
) -> list[Case]:
    """The cases as a user's own implementations can take them, beside those that there are.

    Each comes again at their defaults where those are not the loss's; and one that asks for a reduction they lack comes
    with one they have: a function that returns a mean is put to every regime, too, as long as its sum is finite.
    """
    found = dict.fromkeys(cases)
    for one in offered:
        loss = losses.get(one.loss)
        if loss is None or not one.told:  # no guest
            continue
        inside = [(n, v) for n, v in one.defaults if _is_valid(loss, n, v)]
        for case in [case for case in cases if case.loss == one.loss]:
            own = {**dict(inside), **dict(case.parameters)}
            usual = {p.name: p.default for p in loss.parameters.values()}
            options = tuple(sorted((n, v) for n, v in own.items() if usual[n] != v))
            reduction = case.reduction if case.reduction in one.reductions else one.reductions[0]
            taken = replace(case, parameters=options, reduction=reduction)
            if reduction == case.reduction or adds_up(taken, loss):
                found.setdefault(taken)
    return list(found)


def _is_valid(loss: Loss, name: str, value: object) -> bool:
    span = loss.parameters[name].range
    if span is None or value is None or isinstance(value, (bool, str)):
        return type(value) is type(loss.parameters[name].default)
    assert isinstance(value, (int, float))
    return span.low <= value <= span.high and not (span.low_open and value == span.low)


def is_meant(own: Own, part: str, one: Implementation) -> bool:
    """Whether the command line means this implementation: the user's own alone where there is one."""
    return bool(one.told) if own else named(part, one)


def see_alive(greetings: Mapping[Target, Greeting | Absence]) -> None:
    """See that a user's own implementation lived to be asked, where nothing could be measured without it.

    Raises:
        ResultsNotWritten: its process ended while it was imported or tried; the message has the user's line.
    """
    for target, word in greetings.items():
        if target.guest and isinstance(word, Absence) and not word.missing:
            verdict = ended(target, word)
            raise ResultsNotWritten(f"nothing was measured: {verdict.via} {verdict.status} {verdict.note}")


def ended(target: Target, absence: Absence) -> Verdict:
    """The verdict on a user's own implementation whose process did not live to be asked."""
    guest = Guest.read(target.guest)
    hung = "no greeting within" in absence.message or "no end within" in absence.message
    return Verdict(
        case="",
        loss=guest.loss,
        framework=target.framework,
        version="",
        via=guest.via,
        device=target.device,
        mode=target.mode,
        dtype="",
        reduction="",
        shape="",
        regime="",
        status=Status.HANGS if hung else Status.CRASHES,
        compared=0,
        note=f"while it was imported or tried: {absence.message.partition('could not start: ')[2] or absence.message}",
        target=str(target),
    )
