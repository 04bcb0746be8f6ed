"""How a hunt changes inputs: bit patterns, steps, scales, thresholds, ties; and the parameters beside them.

Every array stays within the domain of its argument. What is drawn as a whole (paths, boxes, labels with their
lengths) is left as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lossbench.domains import Domain, Kind, Range
from lossbench.floats import Format, decode, round_to
from lossbench.loss import Loss
from lossbench.records import Option

LEFT_ALONE = (Kind.PATH, Kind.LABELS, Kind.LENGTH, Kind.BOX, Kind.UNIT, Kind.LOG_PROBABILITIES)
# Where formulas turn: guards, clips, thresholds of softplus, overflow and underflow of exp in each format.
TURNS = (
    *(0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 11.0, 12.0, 16.635532, 17.0, 20.0, 30.0, 32.0, 36.7368, 50.0, 64.0, 80.0),
    *(87.33655, 88.72284, 100.0, 103.97208, 128.0, 255.0, 256.0, 512.0, 640.0, 708.3964, 709.78271, 745.13322),
    *(1e-45, 1e-38, 1e-30, 1e-20, 1e-16, 1e-15, 1e-14, 1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01),
    *(0.1, 0.9, 0.99, 0.999, 1e3, 2048.0, 4096.0, 65504.0, 1e5, 1e6, 1e8, 1.6777216e7, 1e10, 1e15, 1e20, 1e30, 3e38),
)
MOST_STEPS = 1 << 12
# Beyond three quarters of the exponents a product of ordinary numbers and one input overflows on its way to a result
# that does not: true of everybody's arithmetic, and news to nobody. Half precision has no such room.
MOST_HALF = 65504.0
MOST_PARAMETER = 1e8  # beyond it formulas overflow as their authors would expect


def scattered(
    arrays: Mapping[str, np.ndarray], loss: Loss, form: Format, generator: np.random.Generator
) -> dict[str, np.ndarray]:
    """Every float anew: any bit pattern the domain holds, or any within a range of scales that matters."""
    changed = dict(arrays)
    for name, array in arrays.items():
        domain = loss.arguments[name].domain
        if _is_free(domain) and generator.random() < 0.8:
            fresh = patterns(array.shape, domain, form, generator)
            if generator.random() < 0.5:  # ordinary exponents, all significands
                scale = np.ldexp(1.0 + generator.random(array.shape), generator.integers(-12, 8, array.shape))
                fresh = np.where(generator.random(array.shape) < 0.5, scale, -scale)
            changed[name] = settle(fresh, domain, form)
        elif domain.kind is Kind.BINARY and generator.random() < 0.5:
            changed[name] = generator.choice([0.0, 1.0], array.shape)
    return changed


def patterns(shape: tuple[int, ...], domain: Domain, form: Format, generator: np.random.Generator) -> np.ndarray:
    """Numbers whose bits are drawn evenly; the sign is one that the domain has."""
    bits = generator.integers(0, 1 << form.bits, shape, dtype=np.uint64, endpoint=False) if form.bits < 64 else None
    raw = generator.integers(0, (1 << 64) - 1, shape, dtype=np.uint64, endpoint=True) if bits is None else bits
    values = decode(np.asarray(raw.astype(f"u{form.bits // 8}")).view(form.storage), form)
    values = np.abs(values) if domain.low >= 0 else values
    # many patterns lie outside of a short interval: there their significands stand at a scale inside
    outside = (values > domain.high) | (values < domain.low)
    significand = np.abs(np.frexp(np.where(np.isfinite(values), values, 0.75))[0])
    inside = np.ldexp(significand, -generator.geometric(0.25, shape) + 1)
    return np.where(outside, inside if domain.low >= 0 else inside * generator.choice([-1.0, 1.0], shape), values)


def nudged(
    arrays: Mapping[str, np.ndarray], loss: Loss, form: Format, generator: np.random.Generator, first: bool
) -> dict[str, np.ndarray]:
    """About one number in three changed by a move of its own; of the first term none, if `first` says so."""
    changed = dict(arrays)
    for name, array in arrays.items():
        domain = loss.arguments[name].domain
        if not array.size or domain.kind in LEFT_ALONE:
            continue
        fresh = _moved(name, array, arrays, domain, form, generator)
        if fresh is None:
            continue
        chosen = generator.random(array.shape) < generator.choice([0.05, 0.3, 1.0])
        if first and array.ndim and array.shape[0] > 1:
            chosen[0] = False
        changed[name] = np.where(chosen, fresh, array)
        if domain.kind is Kind.PROBABILITIES:  # rows stay rows
            changed[name] = np.where(chosen.any(axis=-1, keepdims=True), fresh, array)
    return changed


def _moved(
    name: str,
    array: np.ndarray,
    arrays: Mapping[str, np.ndarray],
    domain: Domain,
    form: Format,
    generator: np.random.Generator,
) -> np.ndarray | None:
    if domain.kind is Kind.CLASS_INDEX:
        scores = next((a for a in arrays.values() if a.ndim > array.ndim), array[..., None])
        return np.asarray(generator.integers(0, max(1, scores.shape[-1]), array.shape))
    if domain.kind is Kind.SIGN:
        return np.asarray(generator.choice([-1.0, 1.0], array.shape))
    if domain.kind is Kind.MASK:
        return np.asarray(generator.choice([0.0, 1.0], array.shape))
    if domain.kind is Kind.BINARY and generator.random() < 0.7:
        return np.asarray(generator.choice([0.0, 1.0], array.shape))
    if domain.kind is Kind.PROBABILITIES:
        return _leaning(array, generator)
    if domain.integer:
        return None
    return settle(_shifted(name, array, arrays, domain, form, generator), domain, form)


def _shifted(
    name: str,
    array: np.ndarray,
    arrays: Mapping[str, np.ndarray],
    domain: Domain,
    form: Format,
    generator: np.random.Generator,
) -> np.ndarray:
    """Each number by one of these moves, chosen anew for each."""
    size = array.shape
    with np.errstate(all="ignore"):
        ulps = np.ldexp(form.eps, np.frexp(np.where(np.isfinite(array), array, 1.0))[1] - 1)
        stepped = array + ulps * generator.integers(-MOST_STEPS, MOST_STEPS, size) ** 3 / MOST_STEPS**2
        scaled = np.ldexp(array, generator.integers(-6, 7, size))
        turned = generator.choice(TURNS, size) * generator.choice([-1.0, 1.0], size)
        near = turned * (1 + form.eps * generator.integers(-8, 9, size))
        drifted = array * (1 + generator.normal(size=size) / 8)
        twin = _twin(name, arrays, generator)
        tied = twin + ulps * generator.choice([0, 0, 1, -1, 2], size) if twin is not None else -array
        any_bits = patterns(size, domain, form, generator)
        moves = [stepped, scaled, turned, near, drifted, tied, -array, any_bits]
        which = generator.integers(0, len(moves), size)
        return np.asarray(np.choose(which, moves))


def _twin(name: str, arrays: Mapping[str, np.ndarray], generator: np.random.Generator) -> np.ndarray | None:
    others = [a for n, a in arrays.items() if n != name and a.shape == arrays[name].shape and a.dtype.kind == "f"]
    return others[int(generator.integers(len(others)))] if others else None


def _leaning(rows: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Each row moved towards one class by a power of two, in whole multiples of 2^-20."""
    if not rows.shape[-1]:
        return rows
    classes = generator.integers(0, rows.shape[-1], rows.shape[:-1])
    one = (np.arange(rows.shape[-1]) == classes[..., None]).astype(float)
    share = np.ldexp(1.0, -generator.integers(0, 12, rows.shape[:-1]))[..., None]
    mixed = np.rint(np.ldexp(rows * (1 - share), 20)) * 2.0**-20
    return np.asarray(mixed + one * (1 - mixed.sum(axis=-1, keepdims=True)))


def settle(values: np.ndarray, domain: Domain, form: Format) -> np.ndarray:
    """Finite numbers of the format, inside of the domain."""
    with np.errstate(all="ignore"):
        most = min(form.largest, max(MOST_HALF, 2.0 ** (0.75 * form.largest_exponent)))
        finite = np.where(np.isnan(values), 1.0, np.clip(values, -most, most))
        if most > MOST_HALF:  # subnormal inputs may be flushed to zero, which is right
            finite = np.where(np.abs(finite) < form.smallest_normal, 0.0, finite)
        return np.asarray(round_to(np.clip(finite, domain.low, domain.high), form))


def _is_free(domain: Domain) -> bool:
    return not domain.integer and domain.kind not in (
        *LEFT_ALONE,
        Kind.SIGN,
        Kind.MASK,
        Kind.BINARY,
        Kind.PROBABILITIES,
    )


def settings(
    loss: Loss, held: Mapping[str, Option], offered: tuple[str, ...], generator: np.random.Generator
) -> tuple[tuple[str, Option], ...]:
    """The parameters with one or several of those offered at another value, sorted, defaults left out."""
    chosen = dict(held)
    names = [name for name in loss.parameters if name in offered]
    for name in names:
        if generator.random() < max(0.35, 1 / len(names)):
            chosen[name] = _setting(loss, name, generator)
    return loss.departures(chosen)


def _setting(loss: Loss, name: str, generator: np.random.Generator) -> Option:
    parameter, listed = loss.parameters[name], loss.also.get(name, ())
    values: list[Option] = [*listed, parameter.default]
    span = parameter.range
    if listed and (span is None or not isinstance(listed[0], float) or generator.random() < 0.6):
        return values[int(generator.integers(len(values)))]
    if span is None or not isinstance(parameter.default, float):
        return parameter.default
    return _inside(span, parameter.default, generator)


def _inside(span: Range, usual: float, generator: np.random.Generator) -> float:
    """A number of the range: near the usual one, at a turn, or of any scale."""
    near = (usual or 1.0) * float(np.ldexp(1.0, int(generator.integers(-10, 11))))
    turn = float(generator.choice([turn for turn in TURNS if turn <= MOST_PARAMETER]))
    bounded = span.low + (min(span.high, 1e6) - span.low) * float(generator.random()) if span.low > -1e6 else near
    value = [near, turn, bounded, -near][int(generator.integers(4))]
    value = float(np.float32(min(max(value, span.low), span.high)))
    value = min(max(value, span.low), span.high)
    return usual if span.low_open and value == span.low else value
