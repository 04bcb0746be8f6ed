"""Whom regimes have something to say to, where the kinds of arguments alone do not tell."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from lossbench.domains import Axes, Domain, Kind
from lossbench.loss import Loss, Over, Parameter
from lossbench.records import Option

LINES = (Kind.REAL, Kind.POSITIVE, Kind.BOX)
SCORES = (Kind.LOGIT, Kind.LOGITS)
ROWS = (Kind.PROBABILITIES, Kind.LOG_PROBABILITIES)
LABELS = ("target", "log_target", "relevance")  # what arguments are called that say what is right


def own(loss: Loss) -> dict[str, Domain]:
    """The arguments that a case always has and that each term has a part of."""
    return {
        name: argument.domain
        for name, argument in loss.arguments.items()
        if not argument.optional and argument.domain.axes is not Axes.SHARED
    }


def has(*kinds: Kind) -> Callable[[Loss], bool]:
    """Whether a loss has an argument of one of these kinds that it is asked about, and that is no label."""
    return lambda loss: any(
        d.kind in kinds and d.differentiable and name not in LABELS for name, d in own(loss).items()
    )


def has_pair(loss: Loss) -> bool:
    """Whether two real arguments of the same shape can be held against each other."""
    axes = [domain.axes for domain in own(loss).values() if domain.kind in LINES and domain.differentiable]
    return len(axes) > len(set(axes))


def ties(loss: Loss) -> bool:
    """Whether a loss compares numbers with each other, or has a turning point of its own."""
    kinds = {domain.kind for domain in own(loss).values()}
    rows = loss.over is Over.BATCH and kinds & {Kind.REAL, Kind.UNIT}
    return bool(rows) or has_pair(loss) or bool(kinds & {*SCORES, Kind.PROBABILITY})


def nears(loss: Loss) -> bool:
    """Whether two arguments, or two rows of a batch, can be nearly the same."""
    kinds = [domain.kind for domain in own(loss).values()]
    rows = loss.over is Over.BATCH and (Kind.REAL in kinds or Kind.UNIT in kinds)
    logarithm = Kind.LOGIT in kinds and Kind.POSITIVE in kinds  # a number and the logarithm of what it should be
    return rows or has_pair(loss) or logarithm or sum(kind in ROWS for kind in kinds) > 1


def names_classes(loss: Loss) -> bool:
    """Whether class indices name columns of scores; the labels of rows that are compared are but equal or not."""
    return loss.over is not Over.BATCH


def has_classes(loss: Loss) -> bool:
    """Whether it has one class for each term or row; several for one are drawn so that none comes twice."""
    return any(d.kind is Kind.CLASS_INDEX and d.axes is not Axes.TERM for d in own(loss).values())


def has_plain_layer(loss: Loss) -> bool:
    """Whether its scores are features times weights, and no angles between them."""
    return "linear_weight" in loss.arguments and "scale" not in loss.parameters


def has_soft_target(loss: Loss) -> bool:
    """Whether its target may be any number, as far as the formula goes."""
    domain = loss.arguments["target"].domain if "target" in loss.arguments else None
    return domain is not None and domain.kind in (Kind.BINARY, Kind.PROBABILITIES) and not domain.strict


def shields(loss: Loss) -> bool:
    """Whether the classes that are not the target's can be masked out."""
    target = loss.arguments.get("target")
    rows = any(d.kind in (Kind.LOGITS, *ROWS) and d.axes is Axes.ALL for d in own(loss).values())
    return rows and target is not None and target.domain.axes is Axes.TERMS and loss.over is Over.ROWS


def unlabels(loss: Loss) -> bool:
    """Whether a score, or a class's probability, may stand under a label of zero."""
    target = loss.arguments.get("target")
    if target is None or target.domain.axes is not Axes.ALL:
        return False
    kinds = {domain.kind for name, domain in own(loss).items() if name != "target" and domain.axes is Axes.ALL}
    return bool(kinds & {*SCORES, *ROWS})


def hides(loss: Loss) -> bool:
    """Whether a weight of zero can leave a whole term, or a part of one, without a say."""
    return loss.over is not Over.BATCH and any(
        a.optional and a.domain.kind is Kind.WEIGHT and (a.domain.axes in (Axes.ALL, Axes.TERMS) or _of_rows(loss))
        for a in loss.arguments.values()
    )


def _of_rows(loss: Loss) -> bool:
    target = loss.arguments.get("target")
    return loss.over is Over.ROWS and target is not None and target.domain.kind is Kind.CLASS_INDEX


def has_bounds(loss: Loss) -> bool:
    """Whether a parameter of it is a number with a range that ends somewhere."""
    return any(True for parameter in loss.parameters.values() for _ in beyond(parameter))


def beyond(parameter: Parameter) -> Iterator[float]:
    """Values just outside of a parameter's range: an excluded end itself, and one less or more than each end."""
    span = parameter.range
    if span is None:
        return
    if span.low_open:
        yield span.low
    if math.isfinite(span.low):
        yield span.low - 1
    if math.isfinite(span.high):
        yield span.high + 1


def is_beyond(parameter: Parameter, value: Option) -> bool:
    """Whether a value lies outside of a parameter's range."""
    span = parameter.range
    if span is None or not isinstance(value, int | float):
        return False
    return not span.low <= value <= span.high or (span.low_open and value == span.low)


def takes_columns(loss: Loss) -> bool:
    """Whether one of its arguments can come with an axis too many."""
    return bool(superfluous(loss))


def superfluous(loss: Loss) -> list[str]:
    """The argument that gets an axis too many: a class or sign for each row, else what goes with the first argument."""
    domains = own(loss)
    words = [
        n
        for n, d in domains.items()
        if d.axes in (Axes.TERMS, Axes.BUT_LAST) and d.kind in (Kind.CLASS_INDEX, Kind.SIGN) and n not in ("sampled",)
    ]
    if loss.over is not Over.ELEMENTS and words:
        return words[:1]
    whole = [n for n, d in domains.items() if d.axes is Axes.ALL]
    return ["target"] if "target" in whole else whole[1:2]
