"""What arithmetic loses: huge and tiny scales, small differences, large offsets, large counts."""

from __future__ import annotations

import math

import numpy as np

from lossbench.cases.draft import Draft
from lossbench.cases.regimes.registry import LINES, SCORES, regime
from lossbench.cases.regimes.rows import harden_labels, onehot_rows
from lossbench.domains import Kind
from lossbench.loss import Over

HALF_SATURATES = 4.0  # beyond this gap the smaller of two probabilities loses digits in half precision
EXP_OVERFLOWS = 709.0  # exp of more than this exceeds float64
LENGTHS = ("delta", "beta", "margin")  # parameters that residuals are held against


@regime(*SCORES)
def confident_wrong(draft: Draft) -> None:
    """Saturated scores that contradict their labels: gaps from where half precision saturates to where exp overflows.

    Labels are hard; where there are none to contradict, any class leads.
    """
    harden_labels(draft)
    for name, domain in draft.floats(*SCORES):
        array = draft.arrays[name]
        shape = array.shape[:-1] if domain.kind is Kind.LOGITS else array.shape
        gap = draft.generator.uniform(HALF_SATURATES, 1.02 * EXP_OVERFLOWS, shape)
        near = draft.generator.uniform(HALF_SATURATES, 64.0, shape)
        gap = np.where(draft.generator.random(shape) < 0.5, near, gap)
        if domain.kind is Kind.LOGIT:
            draft.arrays[name] = gap * _against(draft, shape)
        else:
            leads = onehot_rows(draft, array.shape)
            target = next((t for n, t in draft.arrays.items() if _is_class(draft, n) and t.shape == shape), None)
            if target is not None:  # any class but the target's
                wrong = (target + draft.generator.integers(1, max(2, array.shape[-1]), shape)) % max(1, array.shape[-1])
                leads = np.asarray(np.arange(array.shape[-1]) == wrong[..., None], dtype=float)
            draft.arrays[name] = array + gap[..., None] * leads


@regime(*LINES)
def scaled(draft: Draft) -> None:
    """All real arguments of a term times one power of two, from the smallest to the largest half of the exponents."""
    terms = draft.loss.term_shape(draft.shape)
    reach = int(math.log2(draft.format.largest) / 2.2)
    exponent = draft.generator.integers(-reach, reach + 1, terms)
    for name, _ in draft.floats(*LINES):
        array = draft.arrays[name]
        if array.shape[: len(terms)] == terms and not draft.loss.is_shared(name):
            draft.arrays[name] = np.ldexp(array, exponent.reshape(terms + (1,) * (array.ndim - len(terms))))


@regime(*LINES)
def to_scale(draft: Draft) -> None:
    """Real arguments in units of delta, beta or margin, so that residuals lie on both sides of it however small it is.

    Where there is none, in units of a power of two; a variance in that unit squared.
    """
    units = [v for n, v in draft.parameters.items() if n in LENGTHS and isinstance(v, int | float) and v]
    unit = float(abs(units[0])) if units else 2.0 ** draft.generator.integers(-12, 12)
    for name, _ in draft.floats(*LINES):
        if not draft.loss.is_shared(name):
            power = 2 if name == "variance" else 1
            draft.arrays[name] = draft.arrays[name] * unit**power


@regime(*LINES)
def near(draft: Draft) -> None:
    """Real arguments that differ by a few units in the last place, and so nearly parallel vectors."""
    lines = [name for name, _ in draft.floats(*LINES) if not draft.loss.is_shared(name)]
    for name in lines[1:]:
        first = draft.arrays[lines[0]]
        if draft.arrays[name].shape == first.shape:
            steps = draft.generator.choice([-64, -2, -1, 0, 1, 2, 8, 1024], first.shape)
            draft.arrays[name] = first * (1 + steps * draft.format.eps)


@regime(*LINES, Kind.LOGITS)
def offset(draft: Draft) -> None:
    """A large common offset under a small spread: rows of logits, and real arguments that belong together."""
    terms = draft.loss.term_shape(draft.shape)
    common = draft.generator.choice([-1.0, 1.0], terms) * 2.0 ** draft.generator.integers(4, 10, terms)
    for name, domain in draft.floats(*LINES, Kind.LOGITS):
        array = draft.arrays[name]
        if array.shape[: len(terms)] == terms and not draft.loss.is_shared(name):
            shift = common.reshape(terms + (1,) * (array.ndim - len(terms)))
            draft.arrays[name] = array + (np.abs(shift) if domain.kind is Kind.POSITIVE else shift)


@regime(Kind.CLASS_INDEX)
def last_class(draft: Draft) -> None:
    """Class indices at the far end, where 16-bit formats cannot hold them."""
    for name, array in draft.arrays.items():
        if _is_class(draft, name):
            last = max(draft.shape[-1], 1)
            draft.arrays[name] = np.maximum(0, last - 1 - draft.generator.integers(0, 3, array.shape))


@regime(rows=70_000, over=(Over.ELEMENTS, Over.ROWS))
def many_rows(draft: Draft) -> None:
    """More rows than float16 can count: 70 000."""


def _is_class(draft: Draft, name: str) -> bool:
    return draft.loss.arguments[name].domain.kind is Kind.CLASS_INDEX


def _against(draft: Draft, shape: tuple[int, ...]) -> np.ndarray:
    """The sign that contradicts the label: -1 where it says yes."""
    for name, domain in draft.floats(Kind.BINARY, Kind.SIGN):
        label = draft.arrays[name]
        if label.shape == shape:
            return np.where(label > (0.5 if domain.kind is Kind.BINARY else 0.0), -1.0, 1.0)
    return draft.generator.choice([-1.0, 1.0], shape)
