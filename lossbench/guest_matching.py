"""Whose argument is whose: the parameters of a user's signature, found among those of a loss by their names.

It runs in the worker, because only there the function is loaded.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from lossbench.arrangement import ArrangementError, Part, listed, parse
from lossbench.guest import Guest

PREDICTIONS = frozenset(
    """input inputs x logit logits pred preds prediction predictions predict predicts predicted output outputs out yhat
    ypred score scores prob probs proba probas probability probabilities estimate p q""".split()  # noqa: SIM905
)
TARGETS = frozenset(
    """target targets label labels y ytrue true gt truth groundtruth t tgt reference ref labelid answer
    answers""".split()  # noqa: SIM905
)
BATCH = frozenset(("batch", "data", "sample"))  # of a model that is handed everything the loader gave
ALIKE = (  # other names of a loss's parameters
    frozenset(("gamma", "focus", "focusing", "focusingparam", "focusingparameter")),
    frozenset(("alpha", "balance")),
    frozenset(("eps", "epsilon")),
    frozenset(("labelsmoothing", "smoothing", "labelsmooth", "smootheps")),
    frozenset(("margin", "m")),
    frozenset(("temperature", "tau", "temp")),
    frozenset(("ignoreindex", "ignorelabel", "ignore")),
    frozenset(("weight", "weights", "classweight", "classweights")),
    frozenset(("sampleweight", "sampleweights")),
    frozenset(("posweight", "posweights", "positiveweight")),
)
SWITCHES = ("reduce", "size_average", "average", "reduce_mean")  # reductions that are told by a switch


class MatchingError(Exception):
    """The user's signature does not say how it is to be called; the message says what to type."""


@dataclass(slots=True)
class Slot:
    """One parameter of the user's signature."""

    name: str
    default: Any
    made_with: bool  # of the constructor, as opposed to the call
    by_name: bool = False  # it can only be given by its name

    @property
    def needed(self) -> bool:
        """Whether there is no default."""
        return self.default is inspect.Parameter.empty


@dataclass(slots=True)
class Matching:
    """How a loss's arguments become the user's."""

    arrays: list[tuple[str, Part]] = field(default_factory=list)  # (their name, or empty for a position; what)
    parameters: dict[str, Slot] = field(default_factory=dict)  # ours: theirs
    fixed: dict[str, tuple[bool, Any]] = field(default_factory=dict)  # theirs: (made with, value)
    reduction: Slot | None = None
    left: list[Slot] = field(default_factory=list)  # at their defaults

    def given(self) -> set[str]:
        """The loss's arrays that it takes."""
        return {name for _, part in self.arrays for name in part.names()}

    def __str__(self) -> str:
        """The matching in words."""
        pairs = [f"{theirs or 'argument'}={part}" for theirs, part in self.arrays]
        pairs += [f"{slot.name}={ours}" for ours, slot in self.parameters.items()]
        pairs += [f"{name}={value!r}" for name, (_, value) in self.fixed.items()]
        text = ", ".join(pairs)
        kept = ", ".join(f"{slot.name}={slot.default!r}" for slot in self.left)
        return f"{text}; left as they are: {kept}" if kept else text


def simple(name: str) -> str:
    """A name without case and underscores."""
    return name.lower().replace("_", "")


def slots(call: Callable[..., Any], made_with: bool) -> tuple[list[Slot], bool]:
    """The parameters of a signature, and whether it takes further ones by name; none where Python cannot tell."""
    try:
        parameters = list(inspect.signature(call).parameters.values())
    except (TypeError, ValueError):
        return [], True
    named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    found = [Slot(p.name, p.default, made_with, p.kind is p.KEYWORD_ONLY) for p in named]
    return found, any(p.kind is p.VAR_KEYWORD for p in parameters)


def match(guest: Guest, making: Sequence[Slot], calling: Sequence[Slot]) -> Matching:
    """Find the place of each of the loss's arguments.

    Raises:
        MatchingError: something needed has no place.
    """
    found = Matching()
    free = [*making, *calling]
    renames = _told(guest, free, found)
    parameters = [name for name, _ in guest.parameters]
    for slot in [s for s in free if s.name in ("reduction", *SWITCHES)]:
        if found.reduction is None or slot.name == "reduction":
            found.reduction = slot
    free = [slot for slot in free if slot is not found.reduction]
    for ours in parameters:
        theirs = renames.get(ours) or _named(ours, [s for s in free if _alike(dict(guest.parameters)[ours], s)])
        if theirs and (same := next((s for s in free if s.name == theirs), None)):
            found.parameters[ours] = same
            free.remove(same)
    _arrays(guest, renames, free, found)
    lacking = [slot.name for slot in free if slot.needed]
    if lacking:
        known = ", ".join((*parameters, *guest.required, *guest.optional))
        raise MatchingError(
            f"{guest.via} needs {lacking[0]!r}, which is not known as any of {guest.loss}'s {known}; say which by "
            f"--map NAME={lacking[0]}, or what it should be by --map {lacking[0]}=VALUE"
        )
    found.left = free
    return found


def _told(guest: Guest, free: list[Slot], found: Matching) -> dict[str, str]:
    """Take in --map: names of ours for theirs, and values for theirs, which then are no longer free."""
    renames: dict[str, str] = {}
    ours = {*guest.required, *guest.optional, *(name for name, _ in guest.parameters)}
    names = [slot.name for slot in free]
    for left, right in guest.map:
        if left in ours and right in names:
            renames[left] = right
        elif right in ours and left in names:
            renames[right] = left
        elif left in names:
            slot = free[names.index(left)]
            found.fixed[left] = (slot.made_with, _value(right))
            free.remove(slot)
            names.remove(left)
        else:
            raise MatchingError(
                f"--map {left}={right}: {guest.via} has no parameter {right if left in ours else left!r}; it has "
                f"{', '.join(names) or 'none'}"
            )
    return renames


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _alike(default: Any, slot: Slot) -> bool:
    """Whether a parameter may be one of the loss's: a switch is no number, whatever it is called."""
    return not isinstance(slot.default, bool) or default is None or isinstance(default, bool)


def _named(ours: str, free: Iterable[Slot]) -> str:
    """The one of theirs with the name of ours, or one known to mean the same."""
    names = {simple(slot.name): slot.name for slot in free}
    if simple(ours) in names:
        return names[simple(ours)]
    alike = next((group for group in ALIKE if simple(ours) in group), frozenset())
    return next((theirs for name, theirs in names.items() if name in alike), "")


def _arrays(guest: Guest, renames: dict[str, str], free: list[Slot], found: Matching) -> None:
    if guest.order:
        _in_order(guest, free, found)
        return
    waiting = [*guest.required, *guest.optional]
    places: dict[str, Part] = {}  # by their names

    def settle(ours: str, slot: Slot) -> None:
        places[slot.name] = Part(ours)
        waiting.remove(ours)

    def open_slots() -> list[Slot]:
        return [slot for slot in free if not slot.made_with and slot.name not in places]

    for ours in list(waiting):
        theirs = renames.get(ours) or _named(ours, [s for s in free if s.name not in places])
        named = next((s for s in free if s.name == theirs), None)
        if named is not None and (not named.made_with or ours in guest.optional):
            settle(ours, named)
    for ours, roles in [(o, TARGETS if o in guest.targets else PREDICTIONS) for o in guest.required]:
        slot = next((s for s in open_slots() if simple(s.name) in roles), None)
        if ours in waiting and slot is not None:
            settle(ours, slot)
    last = open_slots()[-1:] if not renames else []
    due = [ours for ours in guest.required if ours in waiting]
    if last and simple(last[0].name) in BATCH and due and (len(guest.required) > len(due) or len(open_slots()) > 1):
        if len(open_slots()) > 1:  # (anything, batch): the first is the model's output
            settle(due.pop(0), open_slots()[0])
        first = [Part(kind="nothing")]  # what the model was shown
        places[last[0].name] = listed([*first, *(Part(ours) for ours in due)])
        waiting = [ours for ours in waiting if ours not in due]
    for slot, ours in zip(list(open_slots()), [o for o in guest.required if o in waiting], strict=False):
        settle(ours, slot)
    unplaced = [ours for ours in guest.required if ours in waiting]
    if unplaced and any(not slot.made_with for slot in free):
        raise MatchingError(
            f"{guest.via} has no place for {unplaced[0]!r} of {guest.loss}: it takes "
            f"{', '.join(s.name for s in free)}; say how it wants its arrays by --order, such as "
            f"{','.join(guest.required)} or {guest.required[0]},[_,{','.join(guest.required[1:]) or '_'}]"
        )
    found.arrays = [(slot.name, places[slot.name]) for slot in free if slot.name in places]
    found.arrays += [("", Part(ours)) for ours in unplaced]  # a signature that cannot be read: by position
    free[:] = [slot for slot in free if slot.name not in places]


def _in_order(guest: Guest, free: list[Slot], found: Matching) -> None:
    try:
        parts = [part.renamed(lambda word: canonical(word, guest)) for part in parse(guest.order)]
    except ArrangementError as error:
        raise MatchingError(f"--order {error}") from None
    calling = [slot for slot in free if not slot.made_with]
    if calling and len(parts) > len(calling):
        takes = ", ".join(s.name for s in calling)
        raise MatchingError(f"--order {guest.order!r} has {len(parts)} arguments; {guest.via} takes {takes}")
    found.arrays = [(slot.name, part) for slot, part in zip(calling, parts, strict=False)]
    if not calling:
        found.arrays = [("", part) for part in parts]
    absent = [ours for ours in guest.required if ours not in found.given()]
    if absent:
        raise MatchingError(f"--order {guest.order!r} leaves out {absent[0]!r}, which {guest.loss} needs")
    taken = {name for name, _ in found.arrays}
    free[:] = [slot for slot in free if slot.made_with or slot.name not in taken]


def canonical(word: str, guest: Guest) -> str:
    """The loss's own name for an array; ``prediction`` and ``target`` stand for what plays that part.

    Raises:
        MatchingError: the loss has no such array.
    """
    arrays = (*guest.required, *guest.optional)
    if word in arrays:
        return word
    outputs = [name for name in guest.required if name not in guest.targets]
    role = guest.targets if simple(word) in TARGETS else outputs if simple(word) in PREDICTIONS else ()
    if len(role) == 1:
        return role[0]
    raise MatchingError(f"--order {guest.order!r}: {guest.loss} has no array {word!r}; it has {', '.join(arrays)}")
