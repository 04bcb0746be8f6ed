"""The closed form of a loss held to its certified definition: the ruler measured before it measures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lossbench.cases.inputs import Inputs, build, resolved
from lossbench.floats import FORMATS
from lossbench.judging.measures import Hull, Part, Wanted, measure
from lossbench.loss import Loss
from lossbench.records import Case
from lossbench.reference.answers import Answers
from lossbench.reference.expectation import Expectation, expect

LIMIT = 8.0  # eps of float64, by scale


@dataclass(frozen=True, slots=True)
class Audit:
    """The worst disagreement of value and slopes on one case, in eps of float64 by scale, and where it stands.

    `unproven` counts terms that were asked for and that the definition could not be proven for, though their inputs are
    numbers: nothing holds the closed form there. (At infinities it stands for limits that balls cannot take, and under
    a mask NaN counts as little as any number.) `unannounced` counts terms on a kink whose closed form claims not to be
    near one: where a case is too large for the definition, either side's gradient would be blamed.
    """

    case: Case
    error: float
    compared: int
    unproven: int
    unannounced: int
    worst: str

    @property
    def passed(self) -> bool:
        """Whether the closed form may be trusted there."""
        return self.error <= LIMIT


def audit(case: Case, loss: Loss, answers: Answers) -> Audit:
    """Hold the float64 terms of a case to the certified ones, term by term; kinks by their corner gradients.

    Raises:
        ValueError: the loss has no definition to be held to.
    """
    if loss.textbook is None:
        raise ValueError(f"{loss.name} has no certified definition")
    inputs, parameters, form = build(case, loss), resolved(case, loss), FORMATS["float64"]
    proven = expect(loss, parameters, inputs, case.shape, answers)
    with np.errstate(all="ignore"):
        plain = loss(inputs.arrays, parameters)
    masked = np.zeros(proven.free.shape, bool) if plain.masked is None else plain.masked
    unproven = ~proven.proven & ~proven.free & ~masked
    free = proven.free | masked | unproven
    value = np.asarray(plain.value, float)
    parts = [Part("value", value, Wanted(proven.value, proven.magnitude, free))]
    forgiven = _forgiven(proven, {name: np.asarray(slope, float) for name, slope in plain.slopes.items()})
    for name, slope in plain.slopes.items():
        wide = (...,) + (None,) * (np.ndim(slope) - free.ndim)
        pardoned = np.broadcast_to(forgiven[wide], np.shape(slope))
        wanted = Wanted(
            proven.slopes[name],
            proven.widest(proven.slope_magnitude(name)),
            np.broadcast_to((free | proven.across)[wide], np.shape(slope)) | np.isnan(proven.slopes[name][0]),
            pardoned,
        )
        parts.append(Part(f"slope of {name}", np.asarray(slope, float), wanted))
    found = measure(parts, form, LIMIT)
    asked = sum(not _not_finite(loss, inputs, index) for index, lacks in np.ndenumerate(unproven) if lacks)
    return Audit(case, found.scale, found.compared, asked, len(proven.unannounced), found.worst)


def _not_finite(loss: Loss, inputs: Inputs, index: tuple[int, ...]) -> bool:
    """Whether a term has an infinity or NaN among its inputs."""
    return not all(np.isfinite(loss.slice_of(name, array, index)).all() for name, array in inputs.arrays.items())


def _forgiven(proven: Expectation, slopes: dict[str, np.ndarray]) -> np.ndarray:
    """Terms on a kink whose slopes are a mixture of the corner gradients."""
    forgiven = np.zeros(proven.free.shape, bool)
    for index, corners in proven.corners.items():
        got = np.concatenate([np.ravel(slopes[name][index]) for name in proven.certified_arguments])
        unit = np.full(got.size, 2.0**-52 * max(float(np.abs(corners).max(initial=0.0)), 2.0**-1022))
        forgiven[index] = Hull(corners, got, unit, LIMIT).holds()
    return forgiven
