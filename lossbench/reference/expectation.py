"""What the answer should be: the float64 reference, and where the size allows it the certified definition.

`expect` works out the unreduced terms once for the inputs of a case; `reduced` turns them into the expected output
and gradients for a reduction and a cotangent.
"""

from __future__ import annotations

import hashlib
import inspect
import math
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import flint
import numpy as np

from lossbench import functions, pairs
from lossbench import loss as anatomy
from lossbench.cases.inputs import Inputs
from lossbench.floats import FORMATS, Format
from lossbench.loss import Denominator, Loss
from lossbench.records import Option
from lossbench.reductions import divide, factors, reduce_value
from lossbench.reference import balls
from lossbench.reference import certify as certify_module
from lossbench.reference.answers import Answers
from lossbench.reference.balls import Undefined
from lossbench.reference.certify import certify

TINY = 32.0  # times the smallest normal number
KINK_SLACK = 8.0  # eps of the tested format, relative to what is subtracted
Corners = dict[tuple[int, ...], np.ndarray]


@dataclass(slots=True)
class Expectation:
    """The terms of a case: value and slopes as (high, low) pairs, with the scale of each.

    `free` marks terms without a right answer (poisoned or 0/0): nothing is asked of them but to stay where they are.
    `across` marks terms that rounding in the tested format may put across a kink: their gradient may be either side's,
    so it is only asked to be no larger than the largest of the argument. `proven` marks terms whose value and
    existing slopes are certified.
    `corners` holds, for terms on a kink, the gradients of all its sides, over the differentiable arguments of the
    slice laid end to end.
    """

    loss: Loss
    smallest_normal: float  # of the tested format
    shape: tuple[int, ...]
    value: pairs.Pair
    magnitude: np.ndarray
    slopes: dict[str, pairs.Pair]
    slope_magnitudes: dict[str, np.ndarray]
    free: np.ndarray
    across: np.ndarray
    nan: np.ndarray  # poisoned terms of which nothing but NaN can come
    proven: np.ndarray
    denominators: Mapping[str, Denominator]
    corners: Corners = field(default_factory=dict)
    certified_arguments: tuple[str, ...] = ()  # in whose order the corners lie
    unannounced: list[tuple[int, ...]] = field(default_factory=list)  # kinks that the closed form does not know of
    worked_out: dict[tuple[str, bytes], Expected] = field(default_factory=dict, init=False)  # by `reduced`

    def slice_shape(self, name: str, index: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the part of argument `name` that the term at `index` depends on."""
        if self.loss.is_shared(name):
            return self.loss.argument_shape(name, self.shape)
        return self.loss.argument_shape(name, self.shape)[len(index) :]

    def slope_magnitude(self, name: str) -> np.ndarray:
        """The size of each slope by argument `name`: its magnitude, and at least its own absolute value."""
        return np.asarray(np.fmax(self.slope_magnitudes[name], np.abs(self.slopes[name][0])))

    def widest(self, sizes: np.ndarray) -> np.ndarray:
        """The largest size within each term's slice, broadcastable to the argument's shape."""
        own = tuple(range(self.value[0].ndim, sizes.ndim))
        return np.asarray(sizes.max(axis=own, keepdims=True, initial=0.0)) if own else sizes

    @property
    def ruler(self) -> str:
        """What the terms rest on: the certified definition, the float64 closed form, or each in part."""
        asked = self.proven[~self.free]
        if not asked.size:
            return ""
        return "certified" if asked.all() else "mixed" if asked.any() else "float64"


@dataclass(slots=True)
class Expected:
    """What a framework should return: value and gradients with their scales, broadcastable to their shapes."""

    value: pairs.Pair
    value_scale: np.ndarray
    gradients: dict[str, pairs.Pair]
    gradient_scales: dict[str, np.ndarray]
    free_value: np.ndarray
    free_gradients: dict[str, np.ndarray]
    bounds: dict[str, np.ndarray]  # see `measures.Wanted`
    centers: dict[str, np.ndarray]
    poisoned_value: np.ndarray
    undefined: bool
    factor: np.ndarray  # of each term's slopes, for the corners


def expect(
    loss: Loss,
    parameters: Mapping[str, Option],
    inputs: Inputs,
    shape: tuple[int, ...],
    answers: Answers,
    form: Format = FORMATS["float64"],
) -> Expectation:
    """Work out the terms for these inputs, to be compared with answers in the format `form`."""
    with np.errstate(all="ignore"):
        terms = loss(inputs.arrays, parameters)
    value = np.asarray(terms.value, float)
    masked = np.zeros(value.shape, bool) if terms.masked is None else terms.masked
    free = (inputs.poisoned if inputs.poisoned.shape == value.shape else np.zeros(value.shape, bool)) & ~masked
    expectation = Expectation(
        loss=loss,
        smallest_normal=form.smallest_normal,
        shape=shape,
        value=(np.array(np.where(masked, 0.0, value), order="C"), np.zeros(value.shape)),
        magnitude=np.abs(value) if terms.magnitude is None else np.asarray(terms.magnitude, float),
        slopes={
            name: (np.array(slope, float, order="C"), np.zeros(np.shape(slope))) for name, slope in terms.slopes.items()
        },
        slope_magnitudes={
            name: np.abs(np.asarray(terms.slope_magnitudes.get(name, slope), float)) * np.ones(np.shape(slope))
            for name, slope in terms.slopes.items()
        },
        free=np.array(free, order="C"),
        across=np.array(
            np.zeros(value.shape) if terms.nearness is None else terms.nearness <= KINK_SLACK * form.eps, bool
        ),
        nan=free & np.isnan(value),
        proven=np.array(masked, order="C"),
        denominators=terms.denominators,
        certified_arguments=tuple(name for name in loss.arguments if name in terms.slopes),
    )
    flushed = _flushed_across(expectation, parameters, inputs, form)
    expectation.across |= flushed
    size = sum(array.size for array in inputs.arrays.values())
    if loss.textbook is not None and value.size and size <= loss.certified_size:
        _certify(expectation, parameters, inputs, free | masked, answers)
        expectation.unannounced = [index for index in expectation.corners if not expectation.across[index]]
        for index in expectation.corners:
            # exactly on the kink: its corners say what is right, unless flushing makes further numbers tie
            lost = terms.nearness is not None and terms.nearness[index] < 0
            expectation.across[index] = flushed[index] or lost
    return expectation


def _flushed_across(
    expectation: Expectation, parameters: Mapping[str, Option], inputs: Inputs, form: Format
) -> np.ndarray:
    """Terms put across a kink by flushing to zero, which is right: their slopes jump as tiny inputs change sign."""
    loss, across = expectation.loss, np.zeros(expectation.free.shape, bool)
    turned = dict(inputs.arrays)
    for name, array in inputs.arrays.items():
        domain = loss.arguments[name].domain
        if not domain.integer and domain.low < 0:
            # a product with an ordinary number may be subnormal though this is not
            turned[name] = np.where(np.abs(array) < TINY * form.smallest_normal, -array, array)
    if all((turned[name] == array).all() for name, array in inputs.arrays.items()):
        return across
    with np.errstate(all="ignore"):
        slopes = loss(turned, parameters).slopes
        for name, (here, _) in expectation.slopes.items():
            # a slope that is continuous moves by about as much as the input did
            jumps = np.abs(np.asarray(slopes[name]) - here) > math.sqrt(form.smallest_normal)
            across |= jumps.any(axis=tuple(range(across.ndim, jumps.ndim)))
    return across


def _certify(
    expectation: Expectation, parameters: Mapping[str, Option], inputs: Inputs, skipped: np.ndarray, answers: Answers
) -> None:
    loss = expectation.loss
    digest = hashlib.blake2b(code_hash(loss), digest_size=16)
    digest.update(repr((sorted(parameters.items()), expectation.shape)).encode())
    for name, array in inputs.arrays.items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(skipped.tobytes() + b"overflowed" * inputs.overflowed)
    key = digest.digest()
    numbers = answers.find(key)
    if numbers is None:
        started = time.process_time()
        numbers = np.array(_proven(expectation, parameters, inputs, skipped), dtype=float)
        answers.keep(key, numbers, time.process_time() - started)
    _enter(expectation, numbers)


@cache
def code_hash(loss: Loss) -> bytes:
    """A hash of everything a certified answer depends on beside its inputs."""
    digest = hashlib.blake2b(digest_size=16)
    home = inspect.getmodule(loss.textbook)
    assert home is not None, f"the definition of {loss.name} has no module whose source could be hashed"
    for module in (balls, certify_module, functions, anatomy, sys.modules[__name__], home):
        digest.update(inspect.getsource(module).encode())
    digest.update(f"{loss.name} {flint.__version__}".encode())
    return digest.digest()


def _proven(
    expectation: Expectation, parameters: Mapping[str, Option], inputs: Inputs, skipped: np.ndarray
) -> list[float]:
    """One flat list: for each term its number, how many slopes (-1: undefined), corners, value and slope pairs."""
    loss = expectation.loss
    assert loss.textbook is not None
    active = [name in expectation.slopes for name in loss.arguments]
    flat: list[float] = []
    for position, index in enumerate(np.ndindex(*skipped.shape)):
        if skipped[index]:
            continue
        parts = [
            loss.slice_of(name, inputs.arrays[name], index) if name in inputs.arrays else None
            for name in loss.arguments
        ]
        try:
            proof = certify(loss.textbook, parts, active, parameters)
        except Undefined:
            # At an infinity a limit may exist that ball arithmetic cannot take: there the closed form stands, unless
            # the infinity is but a number that the format is too narrow for, of which nothing can be asked.
            if inputs.overflowed or not any(np.isinf(part).any() for part in parts if part is not None):
                flat += [position, -1.0, 0.0]
            continue
        if not proof.proven:
            continue
        slopes = [np.concatenate([np.ravel(part[side]) for part in proof.gradients]) for side in (0, 1)]
        many = proof.corners_truncated  # more sides than can be listed: the gradient may be any of them
        flat += [position, slopes[0].size, -1 if many else 0 if proof.corners is None else len(proof.corners)]
        flat += [proof.value_high, proof.value_low, *slopes[0].tolist(), *slopes[1].tolist()]
        if proof.corners is not None and not many:
            flat += proof.corners.ravel().tolist()
    return flat


def _enter(expectation: Expectation, numbers: np.ndarray) -> None:
    """Put proven numbers in the place of those of the closed form."""
    if not len(numbers):
        return
    terms = expectation.value[0].shape
    value, free = [part.reshape(-1) for part in expectation.value], expectation.free.reshape(-1)
    proven = expectation.proven.reshape(-1)
    arguments = [
        tuple(part.reshape(free.size, -1) for part in expectation.slopes[name])
        for name in expectation.certified_arguments
    ]
    at = 0
    while at < len(numbers):
        term, count, corners = (int(n) for n in numbers[at : at + 3].tolist())
        at += 3
        if count < 0:
            free[term] = True
            continue
        value[0][term], value[1][term] = numbers[at], numbers[at + 1]
        proven[term] = True
        highs, lows = numbers[at + 2 : at + 2 + count], numbers[at + 2 + count : at + 2 + 2 * count]
        at += 2 + 2 * count
        begin = 0
        for high, low in arguments:
            end = begin + high.shape[1]
            known = np.isfinite(highs[begin:end])  # elsewhere the definition has no slope, and the closed form stands
            high[term][known], low[term][known] = highs[begin:end][known], lows[begin:end][known]
            begin = end
        if corners < 0:
            expectation.across.reshape(-1)[term] = True
        elif corners:
            index = tuple(int(i) for i in np.unravel_index(term, terms)) if terms else ()
            expectation.corners[index] = numbers[at : at + corners * count].reshape(corners, count)
            at += corners * count


def reduced(expectation: Expectation, reduction: str, cotangent: np.ndarray | None) -> Expected:
    """The output and gradients that `reduction` makes of the terms; `cotangent` None stands for ones."""
    key = (reduction, b"" if cotangent is None else cotangent.tobytes())
    if key not in expectation.worked_out:
        expectation.worked_out[key] = _reduced(expectation, reduction, cotangent)
    return expectation.worked_out[key]


def _reduced(expectation: Expectation, reduction: str, cotangent: np.ndarray | None) -> Expected:
    terms = expectation.value[0].shape
    divided = divide(reduction, terms, expectation.shape, expectation.denominators)
    high, low, scale = reduce_value(divided, *expectation.value, expectation.magnitude)
    output = np.ones(divided.output_shape) if cotangent is None else cotangent
    over, under = factors(divided, output)
    with np.errstate(all="ignore"):
        factor = np.broadcast_to(np.asarray(over / under), terms)
        scalar = divided.denominator
        undefined = bool(np.ndim(scalar.value) == 0 and scalar.value == 0)
        gradients, scales, free, bounds, centers = {}, {}, {}, {}, {}
        for name, (slope_high, slope_low) in expectation.slopes.items():
            wide = (...,) + (None,) * (slope_high.ndim - len(terms))
            gradient = pairs.scale(
                slope_high, slope_low, np.broadcast_to(over, terms)[wide], np.broadcast_to(under, terms)[wide]
            )
            magnitude = expectation.slope_magnitude(name) * np.abs(factor[wide])
            shared = expectation.loss.is_shared(name)
            if shared:
                gradient = pairs.total_first(*(part.reshape(-1, *part.shape[len(terms) :]) for part in gradient))
                magnitude = magnitude.sum(axis=tuple(range(len(terms))))
            if name in scalar.slopes and not undefined:
                shift = -float(high) * np.asarray(scalar.slopes[name]) / float(scalar.value) * output
                gradient = (gradient[0] + shift, gradient[1])
                magnitude = magnitude + np.abs(shift)
            if shared:
                gradients[name] = gradient
                # no slice of a term, but rows of their own: of a matrix, one for each class or unit
                scales[name] = magnitude.max(axis=-1, keepdims=True, initial=0.0) if magnitude.ndim > 1 else magnitude
                free[name] = np.asarray(expectation.free.any()) | np.isnan(slope_high).any(
                    axis=tuple(range(len(terms)))
                )
                if expectation.across.any() or expectation.corners:
                    centers[name], bounds[name] = _unsure(expectation, name, factor)
                continue
            gradients[name] = gradient
            scales[name] = expectation.widest(magnitude)
            nowhere = np.isnan(slope_high) & ~np.isnan(expectation.value[0])[wide]  # a value, and no slope to it
            free[name] = expectation.free[wide] | nowhere
            if expectation.across.any():
                most = np.nanmax(np.fmax(np.abs(slope_high), expectation.slope_magnitudes[name]), initial=1.0)
                bound = np.where(expectation.across, most * np.abs(factor), np.nan)
                bounds[name] = np.broadcast_to(bound[wide], slope_high.shape)
            # a slope below the smallest normal number may be flushed before a cotangent lifts it above
            flushed = (np.abs(slope_high) < expectation.smallest_normal) & (slope_high != 0)
            if flushed.any():
                lifted = np.abs(factor)[wide] * (2 * expectation.smallest_normal)
                bounds[name] = np.where(
                    flushed, np.fmax(bounds.get(name, np.array(np.nan)), lifted), bounds.get(name, np.nan)
                )
    any_free = expectation.free.any(axis=-1) if reduction in ("mean_last", "sum_last") else expectation.free.any()
    return Expected(
        value=(np.asarray(high), np.asarray(low)),
        value_scale=np.asarray(scale),
        gradients=gradients,
        gradient_scales=scales,
        free_value=expectation.free if reduction == "none" else np.asarray(any_free),
        free_gradients=free,
        bounds=bounds,
        centers=centers,
        poisoned_value=expectation.nan if reduction == "none" or not terms else np.zeros((), bool),
        undefined=undefined,
        factor=np.asarray(factor),
    )


def _unsure(expectation: Expectation, name: str, factor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A shared argument's gradient by the terms that are sure, and how far those at or across a kink may move it."""
    unsure = expectation.across.copy()
    for index in expectation.corners:
        unsure[index] = True
    wide = (...,) + (None,) * (expectation.slopes[name][0].ndim - unsure.ndim)
    slopes = np.where(unsure[wide], 0.0, expectation.slopes[name][0])
    center = np.tensordot(factor, slopes, unsure.ndim)
    largest = max((float(np.abs(corners).max(initial=0.0)) for corners in expectation.corners.values()), default=0.0)
    most = max(largest, float(np.nanmax(expectation.slope_magnitude(name), initial=0.0)))
    return np.asarray(center), np.full(np.shape(center), most * np.abs(factor[unsure]).sum())
