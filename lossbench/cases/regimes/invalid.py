"""Inputs that no definition covers: an implementation should refuse them, and must not harm its process."""

from __future__ import annotations

import numpy as np

from lossbench.cases.draft import Draft
from lossbench.cases.regimes.reach import has_bounds, has_soft_target, names_classes, superfluous, takes_columns
from lossbench.cases.regimes.registry import SEASONABLE, regime
from lossbench.domains import Kind


@regime(to=has_soft_target, invalid=True)
def odd_labels(draft: Draft) -> None:
    """Soft labels that are no distribution: outside of [0, 1], rows of zeros, rows that sum to 2 or 1/2.

    The formulas still mean something there, so an answer is held to them; refusing is right as well.
    """
    for name, domain in draft.floats(Kind.BINARY, Kind.PROBABILITIES):
        array = draft.arrays[name]
        if name != "target" or domain.strict:
            continue
        if domain.kind is Kind.BINARY:
            draft.season(name, draft.generator.choice([-1.0, -0.5, 1.5, 2.0], array.shape))
        else:
            draft.arrays[name] = array * draft.generator.choice([0.0, 0.5, 1.0, 2.0], array.shape[:-1])[..., None]


@regime(Kind.CLASS_INDEX, Kind.LABELS, to=names_classes, must_reject=True, invalid=True, dangerous=True)
def invalid_classes(draft: Draft) -> None:
    """Class indices, and nodes of a tree, that do not exist: their number, -1, and far out on both sides."""
    classes = max(draft.loss.classes(draft.shape), 1)
    wrong = [c for c in (classes, -1, classes + 1000, -1000) if c != draft.parameters.get("ignore_index")]
    _replace_some(draft, (Kind.CLASS_INDEX, Kind.LABELS), wrong)
    if "nodes" in draft.arrays:  # of which a negative one is past the end of its path
        nodes = draft.arrays["nodes"]
        far = draft.generator.choice([classes, classes + 1000], nodes.shape)
        draft.arrays["nodes"] = np.where((nodes >= 0) & draft.some(nodes.shape), far, nodes)


@regime(
    Kind.CLASS_INDEX, Kind.LABELS, to=names_classes, must_reject=True, invalid=True, dangerous=True, fractional=True
)
def invalid_fractions(draft: Draft) -> None:
    """Class indices that are no whole numbers: half a class too high, and in the format of the scores."""


@regime(Kind.LENGTH, must_reject=True, invalid=True, dangerous=True)
def invalid_lengths(draft: Draft) -> None:
    """Lengths beyond the tensor they are about, and negative ones."""
    _replace_some(draft, (Kind.LENGTH,), [max(draft.shape) + 1, -1, max(draft.shape) + 1000])


@regime(Kind.SIGN, must_reject=True, invalid=True)
def invalid_signs(draft: Draft) -> None:
    """Labels of the other convention, 0 and 1, and such as belong to none, where -1 and 1 are asked for."""
    for name, _ in draft.floats(Kind.SIGN):
        draft.arrays[name] = draft.generator.choice([0.0, 0.5], draft.arrays[name].shape)


@regime(to=has_bounds, must_reject=True, invalid=True, dangerous=True, outside=True)
def invalid_options(draft: Draft) -> None:
    """A parameter just beyond its range, and ordinary inputs: a threshold of 0, a share of 2, a class of -1.

    Some document a limit there; the definition has none.
    """


@regime(
    *SEASONABLE,
    to=takes_columns,
    arrays=2,
    must_reject=True,
    invalid=True,
    superfluous=True,
    dangerous=True,
)
def column(draft: Draft) -> None:
    """A target with one axis too many: (N, 1) against (N,) broadcasts to (N, N) where nobody looks.

    Of rows it is what has one entry for each row, such as a class or a sign; else rows that stand apart, (N, 1, C)
    against (N, C).
    """
    for name in superfluous(draft.loss):
        array = draft.arrays[name]
        draft.arrays[name] = array[..., None, :] if array.shape == draft.shape and array.ndim > 1 else array[..., None]


def _replace_some(draft: Draft, kinds: tuple[Kind, ...], wrong: list[int]) -> None:
    for name, array in draft.arrays.items():
        if draft.loss.arguments[name].domain.kind in kinds and array.size:
            values = draft.generator.choice(wrong, array.shape)
            draft.arrays[name] = np.where(draft.some(array.shape, 0.25), values, array)
