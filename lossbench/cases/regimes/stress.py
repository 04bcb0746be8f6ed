"""What arithmetic loses: huge and tiny scales, small differences, large offsets, large counts."""

from __future__ import annotations

import math

import numpy as np

from lossbench.cases.draft import Draft, of_unit_length, portable
from lossbench.cases.regimes.reach import has, has_classes, names_classes, nears
from lossbench.cases.regimes.registry import LINES, ROWS, SCORES, regime
from lossbench.cases.regimes.rows import harden_labels, onehot_rows
from lossbench.domains import Axes, Kind
from lossbench.loss import Over

HALF_SATURATES = 4.0  # beyond this gap the smaller of two probabilities loses digits in half precision
EXP_OVERFLOWS = 709.0  # exp of more than this exceeds float64
BEYOND_HALF = 2**11 + 5
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


@regime(to=nears)
def near(draft: Draft) -> None:
    """What differs by a few units in the last place: real arguments, boxes, distributions, and rows of a batch."""
    lines = [n for n, d in draft.floats(*LINES, Kind.BOX, *ROWS) if _has_own(draft, n) and d.axes is Axes.ALL]
    lines = lines or [name for name, _ in draft.floats(*LINES) if _has_own(draft, name)]
    for name in lines[1:]:
        first = draft.arrays[lines[0]]
        if draft.arrays[name].shape == first.shape:
            draft.arrays[name] = _as_parametrized(draft, name, _steps_from(draft, first), lines[0])
    for name, _ in draft.floats(Kind.LOGIT) if lines else ():  # the logarithm of what stands beside it
        other = draft.arrays[lines[0]]
        if draft.loss.arguments[lines[0]].domain.kind is Kind.POSITIVE and draft.arrays[name].shape == other.shape:
            with np.errstate(divide="ignore"):
                logs = np.where(other > 0, np.log(other), draft.arrays[name])
            draft.arrays[name] = _steps_from(draft, portable(logs, draft.generator))
    if draft.loss.over is Over.BATCH and len(lines) < 2:
        for name, domain in draft.floats(Kind.REAL, Kind.UNIT):
            rows = draft.arrays[name]
            if rows.shape[0] > 1:
                beside = _steps_from(draft, np.broadcast_to(rows[:1], rows.shape))
                chosen = draft.some(rows.shape[:1]).reshape(-1, *(1,) * (rows.ndim - 1))
                mixed = np.where(chosen, beside, rows)
                draft.arrays[name] = of_unit_length(mixed) if domain.kind is Kind.UNIT else mixed


def _steps_from(draft: Draft, array: np.ndarray) -> np.ndarray:
    """Numbers a few units in the last place away."""
    steps = draft.generator.choice([-64, -2, -1, 0, 1, 2, 8, 1024], array.shape)
    return np.asarray(array * (1 + steps * draft.format.eps))


def _has_own(draft: Draft, name: str) -> bool:
    argument = draft.loss.arguments[name]
    return not draft.loss.is_shared(name) and not argument.optional


def _as_parametrized(draft: Draft, name: str, values: np.ndarray, source: str) -> np.ndarray:
    """Values of one argument as those of another: the same, or a probability and its logarithm."""
    kinds = draft.loss.arguments[source].domain.kind, draft.loss.arguments[name].domain.kind
    if kinds == (Kind.LOG_PROBABILITIES, Kind.PROBABILITIES):
        return portable(np.exp(values), draft.generator)
    return values


@regime(*LINES, *SCORES, to=has(*LINES, *SCORES))
def one_scaled(draft: Draft) -> None:
    """In each term one argument, or weight, times a power of ten from the small half of the exponents to the large."""
    terms = draft.loss.term_shape(draft.shape)
    names = [
        name
        for name, _ in draft.floats(*LINES, *SCORES, Kind.WEIGHT)
        if draft.arrays[name].shape[: len(terms)] == terms and not draft.loss.is_shared(name)
    ]
    if not names:
        return
    reach = int(math.log10(draft.format.largest) / 2.2)
    which = draft.generator.integers(0, len(names), terms)
    tens = draft.generator.integers(-reach, reach + 1, terms)
    powers = np.array([float(f"1e{k}") for k in range(-reach, reach + 1)])[np.asarray(tens) + reach]
    for number, name in enumerate(names):
        array = draft.arrays[name]
        factor = np.where(which == number, powers, 1.0)
        draft.arrays[name] = array * factor.reshape(terms + (1,) * (array.ndim - len(terms)))


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


@regime(Kind.CLASS_INDEX, to=has_classes)
def last_class(draft: Draft) -> None:
    """Class indices at the far end, where 16-bit formats cannot hold them.

    Labels that are but equal or not stand side by side beyond 2^11, where those formats take neighbours for the same.
    """
    for name, array in draft.arrays.items():
        if _is_class(draft, name):
            last = draft.loss.classes(draft.shape) if names_classes(draft.loss) else BEYOND_HALF
            last = max(last, 1)
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
