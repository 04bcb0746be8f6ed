"""How inputs are seasoned: each regime is a few lines here and nowhere else.

A regime changes a share of an ordinary draw rather than all of it, so that what is rare stands beside what is
common. `needs` names the kinds of argument without which it has nothing to do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossbench.cases.draft import Draft, log_softmax, portable, portable_rows
from lossbench.domains import Axes, Kind
from lossbench.loss import Loss

LINES = (Kind.REAL, Kind.POSITIVE)
SCORES = (Kind.LOGIT, Kind.LOGITS)
ROWS = (Kind.PROBABILITIES, Kind.LOG_PROBABILITIES)
SEASONABLE = (*LINES, *SCORES, Kind.PROBABILITY, *ROWS)


@dataclass(frozen=True, slots=True)
class Regime:
    """A way of seasoning: its name, what it does, and to which losses it has something to say."""

    name: str
    season: Callable[[Draft], None]
    needs: tuple[Kind, ...]
    kinks: bool = False
    rows: int | None = None  # the length it gives the first axis, where it sets one
    repeat: bool = False  # whether each answer is asked for twice, to be compared bit by bit
    invalid: bool = False  # whether its inputs lie outside of every domain, so that refusing them is right

    @property
    def doc(self) -> str:
        """What it does, in one sentence."""
        return (self.season.__doc__ or "").strip().splitlines()[0]

    def applies(self, loss: Loss) -> bool:
        """Whether the loss has an argument to season."""
        if self.kinks:
            return loss.kinks_at is not None
        return not self.needs or any(a.domain.kind in self.needs for a in loss.arguments.values())


REGIMES: dict[str, Regime] = {}


def regime(*needs: Kind, **properties: Any) -> Callable[[Callable[[Draft], None]], Callable[[Draft], None]]:
    """Decorator: enter a seasoning under its function's name, with the further properties of a `Regime`."""

    def enter(season: Callable[[Draft], None]) -> Callable[[Draft], None]:
        name = season.__name__
        REGIMES[name] = Regime(name, season, needs, **properties)
        return season

    return enter


@regime(repeat=True)
def normal(draft: Draft) -> None:
    """Ordinary inputs: normal scores, probabilities inside (0, 1), mostly hard labels."""


@regime(*SEASONABLE)
def log_uniform(draft: Draft) -> None:
    """Magnitudes spread evenly over many powers of ten of the tested format, both signs."""
    low = math.log10(draft.format.smallest_normal) / 3
    high = math.log10(draft.format.largest) / 5
    for name, domain in draft.floats(*SEASONABLE):
        size = draft.arrays[name].shape
        sign = draft.generator.choice([-1.0, 1.0], size)
        if domain.kind is Kind.PROBABILITY:
            small = 10.0 ** draft.generator.uniform(low, 0, size)
            small = portable(small, draft.generator)
            values = np.where(sign > 0, small, 1 - small)
        elif domain.kind in ROWS:
            values = log_softmax(sign * 10.0 ** draft.generator.uniform(-2, 2, size))
            logs = domain.kind is Kind.LOG_PROBABILITIES
            draft.arrays[name] = portable(values, draft.generator) if logs else portable_rows(np.exp(values))
            continue
        else:
            values = portable(sign * 10.0 ** draft.generator.uniform(low, high, size), draft.generator)
        draft.season(name, np.abs(values) if domain.kind is Kind.POSITIVE else values)


@regime(*SEASONABLE)
def boundary(draft: Draft) -> None:
    """The ends of each domain and the thresholds of the format: 0, 1, 1-u, subnormals, the largest numbers."""
    form = draft.format
    tiny = [form.smallest_subnormal, form.smallest_normal]
    overflow = math.log(form.largest)
    scores = [0.0, -0.0, *tiny, -tiny[1], overflow, -overflow, 1.02 * overflow, -1.02 * overflow]
    choices = {
        Kind.REAL: [0.0, -0.0, 1.0, -1.0, *tiny, -tiny[0], math.sqrt(form.largest) / 4, form.largest, -form.largest],
        Kind.POSITIVE: [0.0, 1.0, *tiny, form.largest],
        Kind.PROBABILITY: [0.0, 1.0, 1 - form.unit_roundoff, 0.5, *tiny, *(10.0**-k for k in (2, 4, 7, 8, 12, 16))],
        Kind.LOGIT: scores,
        Kind.LOGITS: scores,
    }
    for name, domain in draft.floats(*choices):
        draft.season(name, draft.generator.choice(choices[domain.kind], draft.arrays[name].shape))
    for name, domain in draft.floats(*ROWS):
        onehot = _onehot(draft, draft.arrays[name].shape)
        rows = onehot if domain.kind is Kind.PROBABILITIES else np.where(onehot == 1, 0.0, -overflow)
        chosen = draft.some(onehot.shape[:-1])[..., None]
        draft.arrays[name] = np.where(chosen, rows, draft.arrays[name])
    _hard_labels(draft)


@regime(*SCORES, Kind.PROBABILITY)
def confident(draft: Draft) -> None:
    """Saturated scores, right and wrong: margins from half of -ln u of the format up to the underflow of exp."""
    certain = -math.log(draft.format.unit_roundoff)
    underflow = -math.log(draft.format.smallest_subnormal)
    for name, domain in draft.floats(*SCORES, Kind.PROBABILITY):
        array = draft.arrays[name]
        last = array.shape[:-1] if domain.kind is Kind.LOGITS else array.shape
        near = draft.generator.uniform(0.5 * certain, 2 * certain, last)
        far = draft.generator.uniform(certain, underflow, last)
        margin = np.where(draft.generator.random(last) < 0.5, near, far)
        if domain.kind is Kind.LOGITS:
            draft.arrays[name] = array + margin[..., None] * _leader(draft, array.shape)
        elif domain.kind is Kind.LOGIT:
            draft.arrays[name] = draft.generator.choice([-1.0, 1.0], last) * margin
        else:
            small = portable(np.exp(-margin), draft.generator)
            draft.arrays[name] = np.where(draft.generator.random(last) < 0.5, small, 1 - small)
    _hard_labels(draft)


@regime(kinks=True)
def kink(draft: Draft) -> None:
    """Exactly on the points where the derivative jumps, on a grid that every format holds."""
    for name, _ in draft.floats(*LINES, *SCORES):
        draft.arrays[name] = np.clip(np.round(draft.arrays[name] * 8) / 8, -4, 4)
    assert draft.loss.kinks_at is not None
    replacements = list(draft.loss.kinks_at(dict(draft.arrays), **draft.parameters))
    chosen = draft.generator.integers(-1, len(replacements), draft.loss.term_shape(draft.shape))
    for number, replaced in enumerate(replacements):
        for name, values in replaced.items():
            if draft.loss.is_shared(name):
                draft.arrays[name] = values
                continue
            array = draft.arrays[name]
            here = (chosen == number).reshape(chosen.shape + (1,) * (array.ndim - chosen.ndim))
            draft.arrays[name] = np.where(here, values, array)


@regime(*LINES, *SCORES, Kind.PROBABILITY)
def tie(draft: Draft) -> None:
    """Equal numbers where a loss compares: identical pairs, repeated maxima, logits of exactly 0."""
    lines = [(name, domain) for name, domain in draft.floats(*LINES) if not draft.loss.is_shared(name)]
    if len(lines) > 1:
        first = draft.arrays[lines[0][0]]
        same = draft.some(draft.loss.term_shape(draft.shape))
        for name, _ in lines[1:]:
            if draft.arrays[name].shape == first.shape:
                here = same.reshape(same.shape + (1,) * (first.ndim - same.ndim))
                draft.arrays[name] = np.where(here, first, draft.arrays[name])
    for name, domain in draft.floats(*SCORES, Kind.PROBABILITY):
        array = draft.arrays[name]
        if domain.kind is Kind.LOGITS:
            draft.season(name, np.broadcast_to(array.max(axis=-1, keepdims=True, initial=0.0), array.shape))
        else:
            draft.season(name, np.full(array.shape, 0.5 if domain.kind is Kind.PROBABILITY else 0.0))


@regime()
def zeros(draft: Draft) -> None:
    """All zeros: fresh weights, empty masks, uniform rows."""
    _constant(draft, 0.0)


@regime()
def ones(draft: Draft) -> None:
    """All ones."""
    _constant(draft, 1.0)


@regime(*LINES, *SCORES, Kind.PROBABILITY, Kind.LOG_PROBABILITIES, invalid=True)
def poison(draft: Draft) -> None:
    """NaN or infinity in some slices (under ignored rows, where there are any): the neighbours must not notice."""
    terms = draft.loss.term_shape(draft.shape)
    ignored = draft.parameters.get("ignore_index")
    hit = draft.some(terms, 0.25)
    for name, domain in draft.floats():
        array = draft.arrays[name]
        if domain.axes in (Axes.ALL, Axes.TERM) and domain.differentiable and array.size:
            venom = draft.generator.choice([math.nan, math.inf, -math.inf], terms)
            # an infinity that the domain ends before would be clipped to a valid number
            venom = np.where(np.isfinite(np.clip(venom, domain.low, domain.high)), math.nan, venom)
            if ignored is not None and "target" in draft.arrays and (draft.arrays["target"] == ignored).any():
                hit = draft.arrays["target"] == ignored
            spot = np.zeros(array.shape[len(terms) :], bool)
            spot.flat[0] = True
            here = hit.reshape(hit.shape + (1,) * spot.ndim) & spot
            draft.arrays[name] = np.where(here, venom.reshape(venom.shape + (1,) * spot.ndim), array)
            draft.poisoned = hit
            return


@regime(rows=0)
def empty(draft: Draft) -> None:
    """A batch of nothing."""


@regime(rows=1)
def one_row(draft: Draft) -> None:
    """A batch of one."""


def _constant(draft: Draft, value: float) -> None:
    for name, domain in draft.floats():
        array = draft.arrays[name]
        if domain.kind in ROWS:
            classes = array.shape[-1]
            rows = np.full(array.shape, 1 / classes) if value == 0 else _onehot(draft, array.shape)
            with np.errstate(divide="ignore"):
                logs = np.maximum(np.log(rows), -100.0)
            draft.arrays[name] = rows if domain.kind is Kind.PROBABILITIES else logs
        elif domain.kind is Kind.SIGN:
            draft.arrays[name] = np.full(array.shape, 1.0 if value == 0 else -1.0)
        elif domain.kind is Kind.WEIGHT:
            draft.arrays[name] = np.ones(array.shape)
        else:
            draft.arrays[name] = np.full(array.shape, value)


def _onehot(draft: Draft, shape: tuple[int, ...]) -> np.ndarray:
    leaders = draft.generator.integers(0, max(shape[-1], 1), shape[:-1])
    return np.asarray(np.arange(shape[-1]) == leaders[..., None], dtype=float)


def _leader(draft: Draft, shape: tuple[int, ...]) -> np.ndarray:
    """A one-hot row for each row: the target's class where there is one and chance says so, else any class."""
    onehot = _onehot(draft, shape)
    target = draft.arrays.get("target")
    if target is None or target.shape != shape[:-1] or target.dtype.kind != "i":
        return onehot
    right = draft.generator.random(target.shape) < 0.5
    return np.asarray(np.where(right[..., None], (np.arange(shape[-1]) == target[..., None]).astype(float), onehot))


def _hard_labels(draft: Draft) -> None:
    for name, _ in draft.floats(Kind.BINARY):
        draft.arrays[name] = np.round(draft.arrays[name])
