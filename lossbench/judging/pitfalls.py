"""What goes wrong with a loss, derived from what it is and from what was measured of its implementations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from lossbench.domains import Kind
from lossbench.judging.accepted import LEVELS, Accepted, described
from lossbench.loss import Loss, Over
from lossbench.records import Implementation, Status

CONFIDENT = 8.0  # a score by which the right answer leads: a model that is as good as done
VISIBLE = 64.0  # eps by scale: up to here numbers agree
DECLARED = (Status.BY_CONTRACT, Status.DEVIATES)
HARMLESS = (Status.AGREES, Status.REJECTS, Status.IMPRECISE)
INPUTS = (Kind.LOGIT, Kind.LOGITS, Kind.PROBABILITY, Kind.PROBABILITIES, Kind.LOG_PROBABILITIES)
SIZES = {
    Over.ELEMENTS: "number in the batch",
    Over.ROWS: "row in the batch",
    Over.SAMPLES: "sample in the batch",
}


def pitfalls(loss: Loss) -> Iterator[str]:
    """What to mind whatever the framework: what the loss takes, and what a mean does."""
    kinds = {argument.domain.kind: argument for argument in loss.arguments.values()}
    kind = next((argument.domain.kind for argument in loss.arguments.values()), None)
    if kind in (Kind.LOGIT, Kind.LOGITS):
        yield from _activated_twice(loss, "sigmoid" if kind is Kind.LOGIT else "softmax")
    elif kind in INPUTS:
        name = kinds[kind].name
        before = "log_softmax" if kind is Kind.LOG_PROBABILITIES else "softmax or sigmoid"
        yield f"takes {kind}: raw scores need a {before} first" + _raw_scores(loss, name)
    if Kind.SIGN in kinds:
        yield f"{kinds[Kind.SIGN].name} is -1 or +1: labels of 0 and 1 have to become 2 y - 1"
    if Kind.BINARY in kinds and kind is not Kind.BINARY:
        yield f"{kinds[Kind.BINARY].name} is 0 or 1, or a share between; labels of -1 and +1 have to become (y + 1) / 2"
    if Kind.CLASS_INDEX in kinds:
        yield f"{kinds[Kind.CLASS_INDEX].name} holds numbers of classes, whole and counted from 0; no one-hot rows"
    if "mean" in loss.reductions and "sum" in loss.reductions and loss.over in SIZES:
        yield (
            f"a mean divides by every {SIZES[loss.over]}, a sum does not: its gradient grows with the batch, so going "
            "from one to the other, or to another batch size under a sum, asks for another learning rate"
        )
    if Kind.LENGTH in kinds and "count_mean" in loss.reductions:
        yield (
            "its mean divides each sample's loss by the number of its labels first, and so weighs short ones more; who "
            "divides by the number of samples alone has a count_mean: the two are not to be compared"
        )


def _activated_twice(loss: Loss, name: str) -> Iterator[str]:
    """What a second softmax costs, measured on an example that the model is already sure and right about."""
    given = example(loss)
    if given is None:
        yield f"takes raw scores: no {name} in front of it"
        return
    first = next(iter(loss.arguments))
    twice = {**given, first: activated(given[first], name)}
    parameters = loss.settings()
    with np.errstate(all="ignore"):
        right, wrong = loss(given, parameters), loss(twice, parameters)
    costs, instead = (float(np.ravel(terms.value)[0]) for terms in (right, wrong))
    yield (
        f"takes raw scores: with a {name} in front, a score of {CONFIDENT:g} for the right answer costs "
        f"{instead:.2g} instead of {costs:.2g}, and no score can bring that down"
    )


def example(loss: Loss) -> dict[str, np.ndarray] | None:
    """One example that is right and sure, where the loss's arguments are of the kinds that this can be said for."""
    arrays: dict[str, np.ndarray] = {}
    for argument in loss.arguments.values():
        if argument.optional:
            continue
        values = {
            Kind.LOGIT: [[CONFIDENT]],
            Kind.LOGITS: [[CONFIDENT, 0.0, 0.0]],
            Kind.LOG_PROBABILITIES: [[CONFIDENT, 0.0, 0.0]],  # on purpose: raw scores in their place
            Kind.BINARY: [[1.0]] if Kind.LOGIT in kinds(loss) else [[1.0, 0.0, 0.0]],
            Kind.PROBABILITIES: [[1.0, 0.0, 0.0]],
            Kind.CLASS_INDEX: [0],
        }.get(argument.domain.kind)
        if values is None:
            return None
        arrays[argument.name] = np.array(values, dtype=np.int64 if argument.domain.integer else float)
    return arrays


def kinds(loss: Loss) -> list[Kind]:
    """The kinds of values that the loss's arguments hold."""
    return [argument.domain.kind for argument in loss.arguments.values()]


def activated(scores: np.ndarray, name: str) -> np.ndarray:
    """Scores as probabilities."""
    if name == "sigmoid":
        return np.asarray(1 / (1 + np.exp(-scores)))
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def _raw_scores(loss: Loss, name: str) -> str:
    """What comes of raw scores in the place of log-probabilities."""
    given = example(loss) if loss.arguments[name].domain.kind is Kind.LOG_PROBABILITIES else None
    if given is None:
        return ""
    with np.errstate(all="ignore"):
        terms = loss(given, loss.settings())
    value = float(np.ravel(terms.value)[0])
    return f"; a raw score of {CONFIDENT:g} would cost {value:.2g}" if np.isfinite(value) else ""


def of_implementation(one: Implementation) -> list[str]:
    """The declared deviations of an implementation, each reason once; what only rare formats show comes last."""
    ordered = sorted(one.known, key=lambda known: (bool(known.regimes), bool(known.dtypes)))
    return list(dict.fromkeys(known.reason for known in ordered))


def accepted(rows: Sequence[Accepted], losses: Iterable[str], framework: str = "") -> list[str]:
    """The worst numbers that were accepted of each implementation of these losses, on ordinary inputs if it can be."""
    wanted, worst = frozenset(losses), dict[tuple[str, str], Accepted]()
    for row in rows:
        if row.loss not in wanted or row.status in HARMLESS or (framework and row.framework != framework):
            continue
        if row.status in DECLARED and error(row) <= VISIBLE:
            continue  # it deviates in what no number of it shows, such as a gradient that is not given
        key = (row.framework, row.via)
        if key not in worst or badness(row) > badness(worst[key]):
            worst[key] = row
    return [f"{row.via} {described(row)} eps off ({where(row)})" for row in worst.values()]


def badness(row: Accepted) -> tuple[bool, int, float]:
    """What to show first: ordinary inputs before others, then the worse kind, then the larger error."""
    return row.regime == "normal", LEVELS[row.status], error(row)


def error(row: Accepted) -> float:
    """The larger of a row's errors by scale."""
    return max((figure for figure in (row.value_error, row.gradient_error) if figure is not None), default=0.0)


def where(row: Accepted) -> str:
    """The case of a row in words."""
    return ", ".join(part for part in (row.options, row.reduction, row.dtype, f"{row.regime} inputs") if part)
