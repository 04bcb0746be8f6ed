"""Relations between answers that hold without knowing any of them: a loss names those it keeps, beside its formula.

A relation asks one implementation once or twice and says how the answers belong together. Everything it does to the
inputs is exact in every format (other orders, parts, powers of two, numbers on a coarse grid), so that two answers may
differ by no more than each may be off. Those that follow from what an argument is (rows that know nothing of each
other, a weight of zero) hold for every loss that has such; the others are named in `@loss(relations=...)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lossbench.domains import Axes, Kind
from lossbench.loss import Loss, Over
from lossbench.records import Case, Option

Arrays = dict[str, np.ndarray]
Change = Callable[[np.ndarray], np.ndarray]
GRID, SHIFT, TIMES = 4.0, 16.0, 4.0  # quarters up to 8, moved by 16, need seven bits: bfloat16 has eight
SCALED = ("delta", "beta", "margin", "epsilon")  # parameters that are lengths like the residual


@dataclass(frozen=True, slots=True)
class Side:
    """One of the questions a relation is about."""

    arrays: Arrays
    shape: tuple[int, ...]
    parameters: Mapping[str, Option]  # those that differ from the case's
    reduction: str


def unchanged(array: np.ndarray) -> np.ndarray:
    """The array itself."""
    return array


@dataclass(frozen=True, slots=True)
class Asked:
    """What a relation asks, and what it says of the answers.

    The second value is `value` of the first, and each of its gradients that of the first by the argument and the
    change in `gradients`; an argument that is missing there keeps its own. `terms` turns what belongs to the first
    side's terms, such as a cotangent, into what belongs to the second's. Where there is no second side, `alone` names
    what is known of the one answer.
    """

    first: Side
    second: Side | None = None
    terms: Change = unchanged
    value: Change = unchanged
    gradients: Mapping[str, tuple[str, Change]] = field(default_factory=dict)
    alone: str = ""  # "not negative" or "sums to zero"
    reduces: bool = False  # the second side is a reduction of the first


@dataclass(frozen=True, slots=True)
class Setting:
    """The case that a relation is applied to."""

    loss: Loss
    shape: tuple[int, ...]
    parameters: Mapping[str, Option]
    reduction: str
    arrays: Arrays
    generator: np.random.Generator

    def side(self, arrays: Arrays | None = None, **other: Option) -> Side:
        """The case itself, with other arrays or parameters."""
        return Side(self.arrays if arrays is None else arrays, self.shape, other, self.reduction)

    def kinds(self, *kinds: Kind) -> list[str]:
        """The arguments present that are of these kinds."""
        return [name for name in self.arrays if self.loss.arguments[name].domain.kind in kinds]

    def by_rows(self) -> list[str]:
        """The arguments with one entry, or several, for each entry of the first axis."""
        whole = (Axes.SHARED, Axes.LAST)
        return [name for name in self.arrays if self.loss.arguments[name].domain.axes not in whole]


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation: its name, its sentence, and the losses that keep it."""

    name: str
    ask: Callable[[Setting], Asked | None]
    keeps: Callable[[Loss], bool]
    reductions: tuple[str, ...]

    @property
    def doc(self) -> str:
        """What it says, in one sentence."""
        return (self.ask.__doc__ or "").strip().splitlines()[0]


RELATIONS: dict[str, Relation] = {}


def relation(
    keeps: Callable[[Loss], bool] | None = None, reductions: tuple[str, ...] = ("none", "mean", "sum")
) -> Callable[[Callable[[Setting], Asked | None]], Callable[[Setting], Asked | None]]:
    """Decorator: enter a relation under its function's name.

    Args:
        keeps: which losses keep it; left out, those that name it.
        reductions: what it is asked under; the first that a loss offers is enough.
    """

    def enter(ask: Callable[[Setting], Asked | None]) -> Callable[[Setting], Asked | None]:
        name = ask.__name__
        RELATIONS[name] = Relation(name, ask, keeps or (lambda loss: name in loss.relations), reductions)
        return ask

    return enter


def kept_by(loss: Loss) -> list[Relation]:
    """The relations that a loss keeps."""
    return [r for r in RELATIONS.values() if r.keeps(loss) and reduction_of(r, loss)]


def reduction_of(relation: Relation, loss: Loss) -> str:
    """The reduction under which a loss is asked about the relation; empty where it has none that will do."""
    return next((word for word in relation.reductions if word in loss.reductions), "")


def about(loss: Loss, words: Sequence[str]) -> Iterator[Case]:
    """A case for each relation that the loss keeps and that is named, under the one reduction that is enough for it.

    Its format, shape, regime and seed are for the caller to set.
    """
    for relation in kept_by(loss):
        if "all" in words or relation.name in words:
            given = _zeroable(loss)[:1] if relation.name == "weight_zero_is_absent" else ()
            # one that is set, because who knows none to ignore cannot take the case
            ignored: tuple[tuple[str, Option], ...] = (("ignore_index", -1),)
            parameters = ignored if relation.name == "ignored_is_absent" else ()
            yield Case(loss.name, given, parameters, reduction_of(relation, loss), "", (), "", 0, (relation.name,))


def _zeroable(loss: Loss) -> tuple[str, ...]:
    """Optional weights that belong to rows: one for each element or term, or one for each class that a row may have."""
    rows = loss.over in (Over.ROWS, Over.SAMPLES) and any(
        a.domain.kind is Kind.CLASS_INDEX and a.domain.axes is Axes.TERMS for a in loss.arguments.values()
    )
    return tuple(
        a.name
        for a in loss.arguments.values()
        if a.optional
        and a.domain.kind is Kind.WEIGHT
        and (a.domain.axes in (Axes.ALL, Axes.TERMS) or (rows and a.domain.axes is Axes.LAST))
    )


def _independent(loss: Loss) -> bool:
    return loss.over is not Over.BATCH


@relation(lambda loss: True)
def rows_permuted(setting: Setting) -> Asked:
    """Another order of the batch is another order of the terms and gradients, and the same mean."""
    order = setting.generator.permutation(setting.shape[0])
    arrays = {**setting.arrays, **{name: setting.arrays[name][order] for name in setting.by_rows()}}
    moved: Change = lambda array: array[order] if array.ndim else array  # noqa: E731
    return Asked(
        setting.side(),
        setting.side(arrays),
        moved,
        moved,
        {name: (name, moved) for name in setting.by_rows()},
    )


@relation(_independent, ("none",))
def first_rows_alone(setting: Setting) -> Asked:
    """The first rows of a batch have the same terms when they come without the others."""
    count = max(1, setting.shape[0] // 3)
    return _some_rows(setting, np.arange(setting.shape[0]) < count)


@relation(lambda loss: "mean" in loss.reductions, ("none",))
def mean_of_none(setting: Setting) -> Asked:
    """The mean is the mean of what comes without a reduction, by the loss's own count or weights."""
    side = Side(setting.arrays, setting.shape, {}, "mean")
    return Asked(setting.side(), side, reduces=True)


@relation(lambda loss: "sum" in loss.reductions, ("none",))
def sum_of_none(setting: Setting) -> Asked:
    """The sum is the sum of what comes without a reduction."""
    side = Side(setting.arrays, setting.shape, {}, "sum")
    return Asked(setting.side(), side, reduces=True)


@relation(
    lambda loss: _independent(loss) and "ignore_index" in loss.parameters and "target" in loss.arguments, ("mean",)
)
def ignored_is_absent(setting: Setting) -> Asked:
    """Ignored rows change nothing: the mean over the others is the same without them, and their gradient is zero."""
    ignored = int(setting.parameters["ignore_index"] or 0)
    target = setting.arrays["target"].copy()
    target.flat[::3] = ignored
    marked = {**setting.arrays, "target": target}
    kept = target != ignored
    flat = setting.shape[kept.ndim :]
    arrays = {name: marked[name][kept] for name in setting.by_rows()}
    shape = (int(kept.sum()), *flat)

    def with_zeros(gradient: np.ndarray) -> np.ndarray:
        whole = np.zeros((*kept.shape, *gradient.shape[1:]))
        whole[kept] = gradient
        return whole

    gradients: dict[str, tuple[str, Change]] = {name: (name, with_zeros) for name in setting.by_rows()}
    part = Side({**marked, **arrays}, shape, {}, setting.reduction)
    return Asked(part, setting.side(marked), gradients=gradients)


@relation(lambda loss: _independent(loss) and bool(_zeroable(loss)), ("sum",))
def weight_zero_is_absent(setting: Setting) -> Asked | None:
    """What weighs nothing adds nothing: the sum over the other rows is the same without it."""
    name = _zeroable(setting.loss)[0]
    weight = setting.arrays[name].copy()
    weight[::3] = 0.0
    kept = np.arange(setting.shape[0]) % 3 != 0
    if setting.loss.arguments[name].domain.axes is Axes.LAST:  # of classes: rows of other shapes are taken in order
        kept = weight[setting.arrays["target"]] != 0
    return _some_rows(setting, kept, {**setting.arrays, name: weight})


def _some_rows(setting: Setting, kept: np.ndarray, arrays: Arrays | None = None) -> Asked:
    """The whole batch, and the rows that are kept alone."""
    whole = setting.arrays if arrays is None else arrays
    part = {**whole, **{name: whole[name][kept] for name in setting.by_rows()}}
    chosen: Change = lambda array: array[kept] if array.ndim else array  # noqa: E731
    gradients: dict[str, tuple[str, Change]] = {name: (name, chosen) for name in setting.by_rows()}
    for name in setting.arrays:
        if setting.loss.is_shared(name) and setting.reduction == "none":
            gradients[name] = ("", unchanged)  # the sum over other rows
    side = Side(part, (int(kept.sum()), *setting.shape[kept.ndim :]), {}, setting.reduction)
    return Asked(setting.side(whole), side, chosen, chosen, gradients)


@relation()
def not_negative(setting: Setting) -> Asked:
    """It is never below zero."""
    return Asked(setting.side(), alone="not negative")


@relation(reductions=("batchmean", "sum"))
def sum_not_negative(setting: Setting) -> Asked:
    """Summed over rows of probabilities it is never below zero, though single terms are."""
    return Asked(setting.side(), alone="not negative")


@relation()
def gradients_sum_to_zero(setting: Setting) -> Asked:
    """The gradients by the scores of a row add up to zero: moving all of them changes nothing."""
    return Asked(setting.side(), alone="sums to zero")


@relation()
def unmoved_by_shift(setting: Setting) -> Asked:
    """Adding the same number to all scores of a row, or to both sides of a residual, changes nothing."""
    names = setting.kinds(Kind.LOGITS) or setting.kinds(Kind.REAL)
    scores = bool(setting.kinds(Kind.LOGITS))
    sizes = (*setting.shape[:-1], 1) if scores else setting.loss.term_shape(setting.shape)
    move = setting.generator.choice([-SHIFT, SHIFT], sizes)
    coarse, moved = dict(setting.arrays), dict(setting.arrays)
    for name in names:
        array = setting.arrays[name]
        coarse[name] = np.clip(np.round(array * GRID) / GRID, -8, 8)
        moved[name] = coarse[name] + move.reshape(move.shape + (1,) * (array.ndim - move.ndim))
    return Asked(setting.side(coarse), setting.side(moved))


@relation()
def labels_mirrored(setting: Setting) -> Asked:
    """Yes for no, and the opposite score or probability, is the same loss, with the opposite gradients."""
    coarse, mirrored = dict(setting.arrays), dict(setting.arrays)
    for name in setting.arrays:
        kind = setting.loss.arguments[name].domain.kind
        if kind is Kind.PROBABILITY:  # on a grid on which 1 - p is exact
            coarse[name] = np.clip(np.round(setting.arrays[name] * 128) / 128, 1 / 128, 127 / 128)
        if kind in (Kind.PROBABILITY, Kind.BINARY):
            mirrored[name] = 1 - coarse[name]
        elif kind in (Kind.LOGIT, Kind.SIGN, Kind.REAL):
            mirrored[name] = -coarse[name]
    turned = setting.kinds(Kind.LOGIT, Kind.REAL, Kind.PROBABILITY, Kind.BINARY)
    return Asked(setting.side(coarse), setting.side(mirrored), gradients={n: (n, np.negative) for n in turned})


@relation()
def arguments_swapped(setting: Setting) -> Asked:
    """Its first two arguments may change places."""
    one, other = list(setting.loss.arguments)[:2]
    arrays = {**setting.arrays, one: setting.arrays[other], other: setting.arrays[one]}
    return Asked(setting.side(), setting.side(arrays), gradients={one: (other, unchanged), other: (one, unchanged)})


@relation()
def classes_permuted(setting: Setting) -> Asked:
    """The classes may be numbered in another order."""
    classes = setting.shape[-1]
    order = setting.generator.permutation(classes)
    number = np.argsort(order)
    arrays = dict(setting.arrays)
    gradients: dict[str, tuple[str, Change]] = {}
    for name, array in setting.arrays.items():
        domain = setting.loss.arguments[name].domain
        if domain.kind in (Kind.CLASS_INDEX, Kind.LABELS):
            arrays[name] = np.where(array >= 0, number[np.maximum(array, 0) % classes], array)
        elif domain.axes in (Axes.ALL, Axes.LAST):
            arrays[name] = array[..., order]
            gradients[name] = (name, lambda g: g[..., order])
    return Asked(setting.side(), setting.side(arrays), gradients=gradients)


@relation()
def unmoved_by_length(setting: Setting) -> Asked:
    """The length of a vector does not matter, and its gradient shrinks as the vector grows."""
    name = next(iter(setting.loss.arguments))
    arrays = {**setting.arrays, name: setting.arrays[name] * TIMES}
    return Asked(setting.side(), setting.side(arrays), gradients={name: (name, lambda g: g / TIMES)})


@relation()
def unmoved_by_unit(setting: Setting) -> Asked:
    """In another unit of length it is the same number."""
    return _in_another_unit(setting, 0)


@relation()
def grows_as_the_unit(setting: Setting) -> Asked:
    """In a unit of length a quarter as long it is four times as much, with its margin or threshold."""
    return _in_another_unit(setting, 1)


@relation()
def grows_as_the_square(setting: Setting) -> Asked:
    """In a unit of length a quarter as long it is sixteen times as much, with its threshold."""
    return _in_another_unit(setting, 2)


def _in_another_unit(setting: Setting, degree: int) -> Asked:
    lengths = setting.kinds(Kind.REAL, Kind.LOGIT, Kind.LOGITS, Kind.BOX)
    arrays = {**setting.arrays, **{name: setting.arrays[name] * TIMES for name in lengths}}
    other: dict[str, Option] = {
        name: float(value) * TIMES
        for name, value in setting.parameters.items()
        if name in SCALED and isinstance(value, int | float)
    }
    return Asked(
        setting.side(),
        setting.side(arrays, **{name: value for name, value in other.items() if value}),
        value=lambda value: value * TIMES**degree,
        gradients={name: (name, lambda g: g * TIMES ** (degree - 1)) for name in lengths},
    )


@relation()
def variance_in_the_same_unit(setting: Setting) -> Asked:
    """A residual in another unit with its variance in that unit squared adds the logarithm of the unit alone."""
    lengths, squares = setting.kinds(Kind.REAL), setting.kinds(Kind.POSITIVE)
    arrays = {**setting.arrays, **{name: setting.arrays[name] * TIMES for name in lengths}}
    arrays |= {name: setting.arrays[name] * TIMES**2 for name in squares}
    added = np.log(TIMES)
    gradients: dict[str, tuple[str, Change]] = {name: (name, lambda g: g / TIMES) for name in lengths}
    gradients |= {name: (name, lambda g: g / TIMES**2) for name in squares}
    return Asked(setting.side(), setting.side(arrays), value=lambda value: value + added, gradients=gradients)
