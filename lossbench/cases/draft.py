"""An everyday draw of a loss's arguments, for a regime to season."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from lossbench.domains import Domain, Kind
from lossbench.floats import Format
from lossbench.loss import Loss
from lossbench.records import Option


@dataclass(slots=True)
class Draft:
    """The arrays of a case while its regime seasons them; floats are still unrounded float64."""

    loss: Loss
    shape: tuple[int, ...]
    parameters: Mapping[str, Option]
    generator: np.random.Generator
    format: Format
    arrays: dict[str, np.ndarray]
    poisoned: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))  # terms whose inputs are not finite

    def floats(self, *kinds: Kind) -> list[tuple[str, Domain]]:
        """The floating arguments present, of these kinds (none given: of any)."""
        return [
            (name, domain)
            for name, domain in ((n, self.loss.arguments[n].domain) for n in self.arrays)
            if not domain.integer and (not kinds or domain.kind in kinds)
        ]

    def some(self, shape: tuple[int, ...], share: float = 0.5) -> np.ndarray:
        """A random mask; of a tensor that is not empty, at least one entry is chosen."""
        mask = np.asarray(self.generator.random(shape) < share)
        if mask.size and not mask.any():
            mask.flat[int(self.generator.integers(mask.size))] = True
        return mask

    def season(self, name: str, values: np.ndarray, share: float = 0.5) -> None:
        """Put `values` (of the argument's shape) in place of a share of argument `name`."""
        array = self.arrays[name]
        self.arrays[name] = np.where(self.some(array.shape, share), values, array)


def ordinary(
    name: str, loss: Loss, shape: tuple[int, ...], parameters: Mapping[str, Option], generator: np.random.Generator
) -> np.ndarray:
    """An everyday draw of one argument: normal scores, probabilities inside (0, 1), a few zero weights."""
    domain = loss.arguments[name].domain
    size = loss.argument_shape(name, shape)
    if domain.kind is Kind.CLASS_INDEX:
        return _class_indices(size, shape[-1], parameters.get("ignore_index"), loss, generator)
    if domain.kind is Kind.SIGN:
        return generator.choice([-1.0, 1.0], size)
    if domain.kind is Kind.BINARY:
        soft = generator.integers(0, 9, size) / 8
        return np.where(generator.random(size) < 0.25, soft, generator.integers(0, 2, size).astype(float))
    if domain.kind is Kind.WEIGHT:
        return generator.choice([0.0, 0.25, 0.5, 1.0, 1.5, 3.0], size, p=[0.1, 0.2, 0.2, 0.2, 0.2, 0.1])
    if domain.kind is Kind.MASK:
        return (generator.random(size) < 0.75).astype(float)
    if domain.kind is Kind.PROBABILITY:
        return generator.uniform(0.01, 0.99, size)
    if domain.kind is Kind.COSINE:
        return generator.uniform(-0.99, 0.99, size)
    draw = generator.normal(size=size)
    if domain.kind is Kind.POSITIVE:
        return portable(np.exp(draw / 2), generator)
    if domain.kind is Kind.UNIT:
        return of_unit_length(portable(draw, generator))
    if domain.kind in (Kind.LOGIT, Kind.LOGITS):
        draw = 2 * draw
        return portable(draw, generator)
    if domain.kind in (Kind.LOG_PROBABILITIES, Kind.PROBABILITIES):
        logs = log_softmax(2 * draw)
        return portable(logs, generator) if domain.kind is Kind.LOG_PROBABILITIES else portable_rows(np.exp(logs))
    return portable(draw, generator)


def portable(values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Numbers near `values` that come out the same on every processor.

    exp, log and powers differ in their last bits between processors. So only the leading 22 bits of a draw are kept,
    and the rest of the float64 significand is drawn anew by arithmetic that is exact everywhere.
    """
    # In place, step by step: the scores of a vocabulary are a gigabyte.
    leading, exponent = map(np.asarray, np.frexp(values))
    np.rint(np.ldexp(leading, 22, out=leading), out=leading)
    np.ldexp(leading, np.subtract(exponent, 22, out=exponent), out=leading)
    rest = np.multiply(generator.integers(0, 1 << 28, np.shape(values)), 2.0**-52)
    return np.asarray(np.multiply(leading, np.add(rest, 1, out=np.asarray(rest)), out=leading))


def portable_rows(probabilities: np.ndarray) -> np.ndarray:
    """Rows of probabilities near these, in whole multiples of 2^-20 whose sum is exactly 1."""
    if not probabilities.size:
        return probabilities
    rows = np.rint(np.ldexp(probabilities, 20))
    leaders = rows.argmax(axis=-1)[..., None]
    rest = 2.0**20 - rows.sum(axis=-1, keepdims=True)
    np.put_along_axis(rows, leaders, np.take_along_axis(rows, leaders, axis=-1) + rest, axis=-1)
    return np.asarray(np.ldexp(rows, -20))


def of_unit_length(vectors: np.ndarray) -> np.ndarray:
    """Rows over their length along the last axis, the same on every processor: the squares are added in order."""
    squares = np.zeros((*vectors.shape[:-1], 1))
    for entry in range(vectors.shape[-1]):
        squares = squares + vectors[..., entry, None] * vectors[..., entry, None]
    return np.asarray(vectors / np.sqrt(squares))


def log_softmax(scores: np.ndarray) -> np.ndarray:
    """Normalize rows along the last axis; rows without classes stay as they are."""
    if not scores.size:
        return scores
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def _class_indices(
    size: tuple[int, ...], classes: int, ignored: Option, loss: Loss, generator: np.random.Generator
) -> np.ndarray:
    indices = generator.integers(0, max(classes, 1), size)
    if ignored is not None and ignored != loss.parameters["ignore_index"].default:
        skipped = generator.random(size) < 0.25
        if skipped.size:
            skipped.flat[-1] = True  # one at least
        indices = np.where(skipped, int(ignored), indices)
    return indices
