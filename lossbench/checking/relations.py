"""Metamorphic relations that a user says their loss has: what must become of it as its inputs change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from lossbench.checking.asking import Ask
from lossbench.checking.findings import Checked, Result, Subject, widths

ROOM = 2.0**-40  # relative to how far a rounding of the inputs moves it
Arrays = dict[str, np.ndarray]
Change = Callable[[Subject, Arrays], Arrays]
RELATIONS: dict[str, tuple[Change | None, str]] = {}


def _relation(change: Change) -> Change:
    """Enter a change under which the sum of the loss stays as it is."""
    RELATIONS[change.__name__.replace("_", "-")] = (change, (change.__doc__ or "").split(".")[0])
    return change


@_relation
def shifted_scores(subject: Subject, arrays: Arrays) -> Arrays:
    """The same number added to all scores of a row changes nothing."""
    name = subject.taken.prediction
    return {**arrays, name: arrays[name] + 3.0}


@_relation
def rows_in_any_order(subject: Subject, arrays: Arrays) -> Arrays:
    """The rows of the batch in another order change nothing."""
    rows = subject.taken.shape[0]
    return {name: a[::-1] if a.shape[:1] == (rows,) else a for name, a in arrays.items()}


@_relation
def classes_in_any_order(subject: Subject, arrays: Arrays) -> Arrays:
    """The classes in another order, in prediction and target alike, change nothing."""
    classes = subject.taken.shape[-1]
    turned = {}
    for name, a in arrays.items():
        if subject.taken.kinds[name] == "classes":
            turned[name] = classes - 1 - a
        else:
            turned[name] = a[..., ::-1] if a.shape[-1:] == (classes,) else a
    return turned


@_relation
def symmetric(subject: Subject, arrays: Arrays) -> Arrays:
    """Prediction and target may be exchanged."""
    one, other = subject.taken.prediction, subject.taken.target
    return {**arrays, one: arrays[other], other: arrays[one]}


@_relation
def mirrored(subject: Subject, arrays: Arrays) -> Arrays:
    """A negated score (or one minus a probability) with the opposite target costs the same."""
    taken = subject.taken
    kinds, (one, other) = taken.kinds, (taken.prediction, taken.target)
    flipped = 1 - arrays[one] if kinds[one] == "probability" else -arrays[one]
    opposite = 1 - arrays[other] if kinds[other] == "binary" else -arrays[other]
    return {**arrays, one: flipped, other: opposite}


@_relation
def moved_together(subject: Subject, arrays: Arrays) -> Arrays:
    """The same number added to prediction and target changes nothing."""
    taken = subject.taken
    return {**arrays, **{name: arrays[name] + 3.0 for name in (taken.prediction, taken.target)}}


@_relation
def scaled_together(subject: Subject, arrays: Arrays) -> Arrays:
    """Prediction and target twice as large change nothing."""
    taken = subject.taken
    return {**arrays, **{name: arrays[name] * 2.0 for name in (taken.prediction, taken.target)}}


NOT_NEGATIVE, ZERO, CONVEX = "not-negative", "zero-at-target", "convex"
RELATIONS[NOT_NEGATIVE] = (None, "It is never below 0")
RELATIONS[ZERO] = (None, "It is 0 where the prediction is the target")
RELATIONS[CONVEX] = (None, "Half-way between two predictions it is at most the mean of theirs")


def relations(subject: Subject) -> Iterator[Checked]:
    """Each relation that was named, on a few draws."""
    for name in subject.relations:
        change, _ = RELATIONS[name]
        try:
            details = [_holds(subject, name, change, seed) for seed in range(4)]
        except (KeyError, ValueError) as error:
            yield subject.told(name, Result.SKIPPED, f"has no such arguments: {error}")
            continue
        told = [detail for detail in details if detail]
        yield subject.told(name, Result.FOUND if told else Result.OK, told[0] if told else "4 draws")


def _holds(subject: Subject, name: str, change: Change | None, seed: int) -> str:
    taken = subject.taken
    arrays = taken.draw(seed, 1.0 + seed, "float64")
    before = widths(subject, arrays)
    if name == NOT_NEGATIVE:
        least = float(before.said.value.min(initial=0.0))
        return f"it is {least:.6g}" if least < 0 else ""
    if name == ZERO:
        if arrays[taken.prediction].shape != arrays[taken.target].shape:
            raise ValueError(f"{taken.target} has another shape than {taken.prediction}")
        there = subject.asking.one(Ask({**arrays, taken.prediction: arrays[taken.target].astype(float)}, "float64"))
        return f"it is {there.total:.6g}" if there.failed or there.total != 0 else ""
    if name == CONVEX:
        return _convex(subject, arrays, seed)
    assert change is not None
    after = subject.asking.one(Ask(change(subject, arrays), "float64"))
    if after.failed:
        return after.failed
    room = ROOM * float(before.value.sum())
    apart = abs(after.total - before.said.total)
    return "" if apart <= room else f"{before.said.total:.9g} becomes {after.total:.9g}"


def _convex(subject: Subject, arrays: Arrays, seed: int) -> str:
    name = subject.taken.prediction
    other = subject.taken.draw(seed + 100, 1.0 + seed, "float64")[name]
    ends = [arrays[name], other, (arrays[name] + other) / 2]
    one, two, middle = subject.asking.ask([Ask({**arrays, name: end}, "float64") for end in ends])
    room = ROOM * (abs(one.total) + abs(two.total))
    mean = (one.total + two.total) / 2
    return (
        ""
        if middle.total <= mean + room
        else f"{middle.total:.9g} half-way between {one.total:.9g} and {two.total:.9g}"
    )


def known() -> Mapping[str, str]:
    """All relations by name, with what each says."""
    return {name: text for name, (_, text) in RELATIONS.items()}
