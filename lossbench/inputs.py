"""From a case to its arrays: the same bits on any machine, whatever ran before."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from lossbench.domains import Domain, Kind
from lossbench.floats import FORMATS, Format, round_to
from lossbench.loss import Loss
from lossbench.records import Case, Option


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
        mask = self.generator.random(shape) < share
        if mask.size and not mask.any():
            mask.flat[int(self.generator.integers(mask.size))] = True
        return mask

    def season(self, name: str, values: np.ndarray, share: float = 0.5) -> None:
        """Put `values` (of the argument's shape) in place of a share of argument `name`."""
        array = self.arrays[name]
        self.arrays[name] = np.where(self.some(array.shape, share), values, array)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a case is about: float64 carriers holding numbers of the tested format, integers as int64.

    `poisoned` marks terms whose inputs hold NaN or infinity on purpose.
    """

    arrays: dict[str, np.ndarray]
    poisoned: np.ndarray


def resolved(case: Case, loss: Loss) -> dict[str, Option]:
    """All parameters of the loss, as the case sets them."""
    return {name: parameter.default for name, parameter in loss.parameters.items()} | dict(case.parameters)


def seed_of(case: Case) -> int:
    """The seed of a case's generator: one for all its reductions and formats, so that they see the same draw."""
    words = (case.loss, case.given, case.parameters, case.shape, case.regime, case.seed)
    return int.from_bytes(hashlib.blake2b(repr(words).encode(), digest_size=8).digest(), "big")


def build(case: Case, loss: Loss) -> Inputs:
    """Draw ordinary inputs, season them by the case's regime, and round them to the tested format."""
    from lossbench.regimes import REGIMES

    parameters = resolved(case, loss)
    generator = np.random.default_rng(seed_of(case))
    drawn = loss.drawn_by(generator, case.shape, **parameters) if loss.drawn_by else {}
    arrays = {
        name: drawn[name] if name in drawn else ordinary(name, loss, case.shape, parameters, generator)
        for name, argument in loss.arguments.items()
        if not argument.optional or name in case.given
    }
    terms = loss.term_shape(case.shape)
    draft = Draft(loss, case.shape, parameters, generator, FORMATS[case.dtype], arrays, np.zeros(terms, bool))
    REGIMES[case.regime].season(draft)
    return Inputs(
        {name: _rounded(loss.arguments[name].domain, a, draft.format) for name, a in arrays.items()}, draft.poisoned
    )


def _rounded(domain: Domain, array: np.ndarray, form: Format) -> np.ndarray:
    if domain.integer:
        return np.asarray(array, dtype=np.int64)
    with np.errstate(all="ignore"):
        return round_to(np.asarray(np.clip(array, domain.low, domain.high), dtype=float), form)


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
    if domain.kind is Kind.PROBABILITY:
        return generator.uniform(0.01, 0.99, size)
    draw = generator.normal(size=size)
    if domain.kind is Kind.POSITIVE:
        return np.exp(draw / 2)
    if domain.kind in (Kind.LOGIT, Kind.LOGITS):
        return 2 * draw
    if domain.kind in (Kind.LOG_PROBABILITIES, Kind.PROBABILITIES):
        logs = log_softmax(2 * draw)
        return logs if domain.kind is Kind.LOG_PROBABILITIES else np.exp(logs)
    return draw


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
        indices = np.where(generator.random(size) < 0.25, int(ignored), indices)
    return indices
