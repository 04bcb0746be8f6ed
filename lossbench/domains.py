"""Which values an argument of a loss may take, as data; how likely they are is the business of `inputs`.

The names at the foot of this file are what a loss's signature is annotated with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any


class Kind(StrEnum):
    """What sort of values an array argument holds; the regimes season each kind in its own way."""

    REAL = "real"
    POSITIVE = "positive"  # a distance, a variance
    LOGIT = "logit"
    LOGITS = "logits"  # a row of scores along the last axis
    PROBABILITY = "probability"
    COSINE = "cosine"  # of an angle, whose slope is infinite at both ends
    LOG_PROBABILITIES = "log probabilities"  # a normalized row along the last axis
    PROBABILITIES = "probabilities"  # a normalized row along the last axis, also as soft labels
    BINARY = "binary"  # 0 or 1; anything between is a soft label
    SIGN = "sign"  # -1 or +1
    CLASS_INDEX = "class index"
    LABELS = "labels"  # sequences of class indices, padded at the end
    PATH = "path"  # nodes of a tree, or the decisions at them; regimes leave them as they are drawn
    LENGTH = "length"
    BOX = "box"  # (x1, y1, x2, y2) along the last axis, x1 <= x2 and y1 <= y2; the loss draws them
    WEIGHT = "weight"
    MASK = "mask"  # 1 for what counts, 0 for what does not
    UNIT = "unit vectors"  # rows of length 1 along the last axis


class Axes(StrEnum):
    """How an argument's shape follows from the shape of the case."""

    ALL = "all"  # the same shape
    TERMS = "terms"  # one entry for each term of the loss
    BUT_LAST = "all but the last"  # one entry for each row along the last axis, whatever a term runs over
    LAST = "last"  # the last axis alone: one entry for each class, shared by all rows
    TERM = "one for each term"  # for each term an array of a shape that the loss's `shapes` gives
    SHARED = "shared"  # an array that all terms depend on (weights of a layer), of a shape that `shapes` gives


@dataclass(frozen=True, slots=True)
class Domain:
    """The valid values of an array argument: an interval, whole numbers or not, and the axes it runs along."""

    kind: Kind
    low: float = -math.inf
    high: float = math.inf
    axes: Axes = Axes.ALL
    differentiable: bool = False
    integer: bool = False
    strict: bool = False  # whether the formula means nothing at all outside of the interval

    def __post_init__(self) -> None:
        """Refuse an empty interval."""
        if not self.low <= self.high:
            raise ValueError(f"an interval from {self.low!r} to {self.high!r} is empty")

    def __str__(self) -> str:
        """The domain as `lossbench show` prints it."""
        left, right = ("(" if math.isinf(self.low) else "["), (")" if math.isinf(self.high) else "]")
        return f"{self.kind} in {left}{self.low:g}, {self.high:g}{right}{' (whole)' if self.integer else ''}"


@dataclass(frozen=True, slots=True)
class Range:
    """The valid values of a number parameter; an open end excludes its bound."""

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False

    def __str__(self) -> str:
        """The range as `lossbench show` prints it."""
        left, right = ("(" if self.low_open or math.isinf(self.low) else "["), (")" if math.isinf(self.high) else "]")
        return f"{left}{self.low:g}, {self.high:g}{right}"


Real = Annotated[Any, Domain(Kind.REAL, differentiable=True)]
Distance = Annotated[Any, Domain(Kind.POSITIVE, low=0.0, differentiable=True)]
Amount = Annotated[Any, Domain(Kind.POSITIVE, low=0.0, differentiable=True)]  # a count, a rate, a variance
Logit = Annotated[Any, Domain(Kind.LOGIT, differentiable=True)]
Logits = Annotated[Any, Domain(Kind.LOGITS, differentiable=True)]
Probability = Annotated[Any, Domain(Kind.PROBABILITY, low=0.0, high=1.0, differentiable=True)]
LogProbabilities = Annotated[Any, Domain(Kind.LOG_PROBABILITIES, high=0.0, differentiable=True)]
Probabilities = Annotated[Any, Domain(Kind.PROBABILITIES, low=0.0, high=1.0, differentiable=True)]
BinaryTarget = Annotated[Any, Domain(Kind.BINARY, low=0.0, high=1.0, differentiable=True)]
# where the formula takes powers of a mixture by the label, and means nothing outside of [0, 1]
StrictBinaryTarget = Annotated[Any, Domain(Kind.BINARY, low=0.0, high=1.0, differentiable=True, strict=True)]
Sign = Annotated[Any, Domain(Kind.SIGN, low=-1.0, high=1.0)]
SignPerRow = Annotated[Any, Domain(Kind.SIGN, low=-1.0, high=1.0, axes=Axes.TERMS)]
ClassIndex = Annotated[Any, Domain(Kind.CLASS_INDEX, low=0.0, axes=Axes.TERMS, integer=True)]
RowClassIndex = Annotated[Any, Domain(Kind.CLASS_INDEX, low=0.0, axes=Axes.BUT_LAST, integer=True)]
Features = Annotated[Any, Domain(Kind.REAL, axes=Axes.TERM, differentiable=True)]
PerRowFraction = Annotated[Any, Domain(Kind.PROBABILITY, low=0.0, high=1.0, axes=Axes.TERMS)]  # a share, no slope
# whose cubes float64 holds
BoundedReal = Annotated[Any, Domain(Kind.REAL, low=-(2.0**100), high=2.0**100, differentiable=True)]
SharedReal = Annotated[Any, Domain(Kind.REAL, axes=Axes.SHARED, differentiable=True)]  # a layer's weights
SharedBoundedReal = Annotated[
    Any, Domain(Kind.REAL, low=-(2.0**100), high=2.0**100, axes=Axes.SHARED, differentiable=True)
]
Box = Annotated[Any, Domain(Kind.BOX, differentiable=True)]
# What a layer inside a loss takes: so small that three of them multiplied and summed stay within every format.
LayerInput = Annotated[Any, Domain(Kind.REAL, low=-8.0, high=8.0, axes=Axes.TERM, differentiable=True)]
LayerWeight = Annotated[Any, Domain(Kind.REAL, low=-8.0, high=8.0, axes=Axes.SHARED, differentiable=True)]
TermProbabilities = Annotated[
    Any, Domain(Kind.PROBABILITIES, low=0.0, high=1.0, axes=Axes.TERM, differentiable=True)
]  # soft labels of a layer
ClassIndices = Annotated[Any, Domain(Kind.CLASS_INDEX, low=0.0, axes=Axes.TERM, integer=True)]  # several for a term
SharedClassIndices = Annotated[Any, Domain(Kind.CLASS_INDEX, low=0.0, axes=Axes.SHARED, integer=True)]
ExpectedCounts = Annotated[Any, Domain(Kind.POSITIVE, low=2.0**-10, high=64.0, axes=Axes.TERM)]
SharedExpectedCounts = Annotated[Any, Domain(Kind.POSITIVE, low=2.0**-10, high=64.0, axes=Axes.SHARED)]
TreePath = Annotated[Any, Domain(Kind.PATH, low=-1.0, axes=Axes.TERM, integer=True)]  # -1 past its end
Labels = Annotated[Any, Domain(Kind.LABELS, low=0.0, axes=Axes.TERM, integer=True)]
Length = Annotated[Any, Domain(Kind.LENGTH, low=0.0, axes=Axes.TERMS, integer=True)]
Weight = Annotated[Any, Domain(Kind.WEIGHT, low=0.0)]  # one for each element
RowWeight = Annotated[Any, Domain(Kind.WEIGHT, low=0.0, axes=Axes.TERMS)]  # one for each term
Relevance = Annotated[Any, Domain(Kind.WEIGHT, low=0.0, differentiable=True)]
Mask = Annotated[Any, Domain(Kind.MASK, low=0.0, high=1.0)]
UnitVectors = Annotated[Any, Domain(Kind.UNIT, low=-1.0, high=1.0, differentiable=True)]
WeightOfRow = Annotated[Any, Domain(Kind.WEIGHT, low=0.0, axes=Axes.BUT_LAST)]  # one for each row of a batch
ClassWeight = Annotated[Any, Domain(Kind.WEIGHT, low=0.0, axes=Axes.LAST)]
TermWeight = Annotated[Any, Domain(Kind.WEIGHT, low=0.0, axes=Axes.TERMS)]  # one for each term, such as a sample

PositiveNumber = Annotated[float, Range(low=0.0, low_open=True)]
NonNegativeNumber = Annotated[float, Range(low=0.0)]
Number = Annotated[float, Range()]
Fraction = Annotated[float, Range(low=0.0, high=1.0)]
Cosines = Annotated[Any, Domain(Kind.COSINE, low=-1.0, high=1.0, differentiable=True)]
LabelSet = Annotated[Any, Domain(Kind.LABELS, low=-1.0, integer=True)]  # ended by -1, in a row of one for each class

Cosine = Annotated[float, Range(low=-1.0, high=1.0)]
