"""Answer against expectation: the verdict, and the limits it rests on.

An answer agrees if every error by scale is within `SCALE_LIMITS`; it is `imprecise` if it agrees but single
components are far off in units in the last place. There is no absolute tolerance anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from lossbench.cases.regimes import REGIMES
from lossbench.floats import FORMATS, Format
from lossbench.judging.measures import Hull, Measured, Part, Wanted, measure, misshapen
from lossbench.records import CORRUPTS, Case, Ended, Known, Outcome, Status, Symptom
from lossbench.reference.expectation import Expectation, Expected, reduced

# Eps by scale; a loss may declare another with its reason. Of 16-bit formats so many eps as 1.6 % and 6 % allow:
# 64 eps of bfloat16 would let an answer pass that is half as large as it should be.
SCALE_LIMITS = {"float64": 64.0, "float32": 64.0, "float16": 16.0, "bfloat16": 8.0}
# A wide format that keeps fewer than ten good bits of a component, or six of one in a hundred, is imprecise; of a
# 16-bit format, with 8 or 11 bits in all, four and two bits may be lost.
ULPS_LIMITS = {"float64": (1024.0, 64.0), "float32": (1024.0, 64.0), "float16": (16.0, 4.0), "bfloat16": (16.0, 4.0)}
SYMPTOMS = tuple(Symptom)


@dataclass(frozen=True, slots=True)
class Limits:
    """How far an answer may be off: eps by scale, and ulps (worst, and of the 99th percentile)."""

    scale: float
    ulps: float
    ulps_p99: float

    @classmethod
    def of(cls, dtype: str, declared: float | None, tighter: Mapping[str, float]) -> Limits:
        """The limits of a format, a loss's own limit by scale if it has one; a suite can only tighten them."""
        worst, percentile = ULPS_LIMITS[dtype]
        return cls(
            min(declared or SCALE_LIMITS[dtype], tighter.get("scale", np.inf)),
            min(worst, tighter.get("ulps", np.inf)),
            min(percentile, tighter.get("ulps_p99", np.inf)),
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one cotangent: the value and each gradient given, as float64 carriers, and their formats."""

    dtypes: frozenset[str]
    value: np.ndarray
    gradients: Mapping[str, np.ndarray]


@dataclass(slots=True)
class Judgement:
    """The judgement on one outcome, before it becomes a row."""

    status: Status
    value: Measured = field(default_factory=Measured)
    gradient: Measured = field(default_factory=Measured)
    compared: int = 0
    worst: str = ""
    notes: list[str] = field(default_factory=list)
    explained_by: tuple[Known, ...] = ()  # the declarations that account for the difference
    accepted: bool = False  # a number came back for inputs of which only NaN can come

    def notes_that_differ(self) -> bool:
        """Whether one of the symptoms says that the answer is not what was asked for."""
        return any(note in SYMPTOMS for note in self.notes)


@dataclass(frozen=True, slots=True)
class Submission:
    """What is judged: a case with the terms expected of it, and what one implementation made of it.

    `cotangents` and `answers` go together, one answer for each cotangent of the output.
    """

    case: Case
    expectation: Expectation
    cotangents: list[np.ndarray]
    outcome: Outcome
    answers: list[Answer]


Variants = Callable[[Known | None, Format], Expectation | None]


def judge(
    submission: Submission, known: tuple[Known, ...], variants: Variants, tighter: Mapping[str, float]
) -> Judgement:
    """Judge what one implementation answered to one case.

    Args:
        submission: the case and the answers.
        known: what the implementation's adapter declares.
        variants: gives the expectation by the formula that a declaration names (None: the loss's own), for inputs
            rounded to the format it computes in.
        tighter: limits of the suite.
    """
    case = submission.case
    declared = [k for k in known if applies(k, case)]
    if submission.outcome.ended is not Ended.ANSWERED:
        return unanswered(case, submission.outcome, known)
    limits = Limits.of(case.dtype, submission.expectation.loss.scale_limit, tighter)
    found = compare(submission, FORMATS[case.dtype], limits)
    if found.status in (Status.AGREES, Status.IMPRECISE):
        return found
    for candidate in _explanations(declared):
        if _explained(submission, candidate, limits, found, variants):
            formulas = [k for k in candidate if k.definition or k.error is not None] or candidate
            chosen = all(k.contract for k in formulas)
            found.status = Status.BY_CONTRACT if chosen else Status.DEVIATES
            found.explained_by = tuple(candidate)
            reasons = dict.fromkeys(k.reason for k in candidate)
            found.notes = [*reasons, *(note for note in found.notes if note not in SYMPTOMS)]
            break
    return found


def answered_the_invalid(answer: Answer) -> Judgement:
    """The judgement on an answer to input that only a refusal is right for."""
    return Judgement(Status.ACCEPTS, compared=1, notes=[f"answers {_convention([answer])} to input that is invalid"])


def applies(known: Known, case: Case) -> bool:
    """Whether a declaration speaks of this case."""
    options = {*case.given, *(name for name, _ in case.parameters)}
    return (
        (not known.dtypes or case.dtype in known.dtypes)
        and (not known.regimes or case.regime in known.regimes or REGIMES[case.regime].literal is not None)
        and (not known.reductions or case.reduction in known.reductions)
        and (not known.options or bool(options & set(known.options)))
    )


def _explanations(declared: list[Known]) -> list[list[Known]]:
    """Each formula with all the excuses beside it, then the excuses alone."""
    formulas = [k for k in declared if k.definition or k.error is not None]
    excuses = [k for k in declared if not k.definition and k.error is None]
    return [*([excuses] if excuses else []), *([formula, *excuses] for formula in formulas)]


def unanswered(case: Case, outcome: Outcome, known: tuple[Known, ...]) -> Judgement:
    """The judgement on an outcome that holds no answer, for which nothing needs to be worked out."""
    declared = [k for k in known if applies(k, case)]
    if outcome.ended is Ended.RAISED:
        if REGIMES[case.regime].invalid:
            return Judgement(Status.REJECTS, notes=[outcome.message])
        excuse = next((k for k in declared if k.raises), None)
        if excuse:
            status = Status.BY_CONTRACT if excuse.contract else Status.DEVIATES
            notes = [excuse.reason, outcome.message]
            return Judgement(status, compared=1, notes=notes, explained_by=(excuse,))
        return Judgement(Status.REFUSES, notes=[outcome.message])
    if outcome.ended is Ended.LACKED:
        return Judgement(Status.ABSENT, notes=[outcome.message])
    status = Status.CRASHES if outcome.ended is Ended.DIED else Status.HANGS
    foreseen = [k.reason for k in declared if k.corrupts]
    return Judgement(status, notes=[*foreseen, *([CORRUPTS] if foreseen else []), outcome.message])


def _explained(
    submission: Submission, declared: list[Known], limits: Limits, found: Judgement, variants: Variants
) -> bool:
    """Whether the declarations, taken together, account for the difference."""
    excused = {note for k in declared for note in k.notes}
    missing = {
        name for k in declared for name in k.no_gradient if all(name not in a.gradients for a in submission.answers)
    }
    band = next((k.error for k in declared if k.error is not None), None)
    if band is not None:
        unexcused = [note for note in found.notes if note in SYMPTOMS and note not in excused]
        return max(found.value.scale, found.gradient.scale) <= band and not unexcused
    tested = FORMATS[submission.case.dtype]
    declared_format = next((FORMATS[k.computes_in] for k in declared if k.computes_in), tested)
    form = max(tested, declared_format, key=lambda f: f.eps)
    formula = next((k for k in declared if k.definition), None)
    wanted = submission.expectation if formula is None and form is tested else variants(formula, form)
    if wanted is None:
        return False
    wanted = replace(wanted, slopes={n: s for n, s in wanted.slopes.items() if n not in missing})
    again = compare(replace(submission, expectation=wanted), form, limits)
    unexcused = [note for note in again.notes if note in SYMPTOMS and note not in excused]
    return max(again.value.scale, again.gradient.scale) <= limits.scale and not unexcused


def compare(submission: Submission, form: Format, limits: Limits) -> Judgement:
    """Hold the answers against the expectation, in eps and ulps of `form`."""
    found = Judgement(Status.DIFFERS, notes=[n for n in submission.outcome.notes if n in SYMPTOMS])
    undefined = False
    values: list[Part] = []
    gradients: list[Part] = []
    for cotangent, answer in zip(submission.cotangents, submission.answers, strict=True):
        above = None if submission.outcome.against_ones else cotangent
        expected = reduced(submission.expectation, submission.case.reduction, above)
        undefined = undefined or expected.undefined
        values += _value(expected, answer, submission.case, found)
        gradients += _gradients(submission.expectation, expected, answer, form, limits, found)
    found.value.include(measure(values, form, limits.scale))
    found.gradient.include(measure(gradients, form, limits.scale))
    found.notes = list(dict.fromkeys(found.notes))
    found.compared = found.value.compared + found.gradient.compared
    if undefined:
        found.notes.append(f"0/0 by definition, returned {_convention(submission.answers)}")
    if not found.compared and submission.answers:
        found.compared = 1  # the shape, which was held against the rule: there are no numbers, or none that are right
        if not undefined and submission.answers[0].value.size:
            found.notes.append(f"no right answer by definition, returned {_convention(submission.answers)}")
    found.worst = max(found.value, found.gradient, key=lambda m: m.rank).worst
    if max(found.value.scale, found.gradient.scale) <= limits.scale and not found.notes_that_differ():
        precise = max(found.value.ulps, found.gradient.ulps) <= limits.ulps
        typical = max(found.value.ulps_p99, found.gradient.ulps_p99) <= limits.ulps_p99
        found.status = Status.AGREES if precise and typical else Status.IMPRECISE
        if found.accepted:
            found.status = Status.ACCEPTS
            found.notes.append("answers NaN with a number")
    return found


def _convention(answers: list[Answer]) -> str:
    value = answers[0].value if answers else np.zeros(0)
    if value.size > 1:
        return f"an array of shape {value.shape} that begins with {float(value.flat[0]):g}"
    return f"{float(value.flat[0]):g}" if value.size else f"an empty array of shape {value.shape}"


def _value(expected: Expected, answer: Answer, case: Case, found: Judgement) -> list[Part]:
    """The value to be measured, if it has the size it should have."""
    if answer.dtypes != {case.dtype}:
        found.notes.append(Symptom.OTHER_DTYPE)
    value, shape = answer.value, expected.value[0].shape
    if value.shape != shape and not (expected.undefined and value.size <= 1):
        found.notes.append(Symptom.OTHER_SHAPE)
        if value.size != int(np.prod(shape)):
            found.value.include(misshapen(f"value of shape {value.shape}, want {shape}"))
            return []
        value = value.reshape(shape)
    if expected.undefined:
        return []
    if not REGIMES[case.regime].either and np.isfinite(value[np.broadcast_to(expected.poisoned_value, shape)]).any():
        found.accepted = True
    return [Part("value", value, Wanted(expected.value, expected.value_scale, expected.free_value))]


def _gradients(
    expectation: Expectation, expected: Expected, answer: Answer, form: Format, limits: Limits, found: Judgement
) -> list[Part]:
    """The gradients to be measured; one that is missing or of another shape is noted."""
    parts = []
    mixed = _between_corners(expectation, expected, answer, form, limits) if expectation.corners else None
    for name, want in expected.gradients.items():
        got = answer.gradients.get(name)
        if got is None:
            found.notes.append(Symptom.NO_GRADIENT)
            continue
        if got.shape != want[0].shape:
            found.notes.append(Symptom.OTHER_SHAPE)
            if got.size != want[0].size:
                found.gradient.include(misshapen(f"gradient of {name} of shape {got.shape}, want {want[0].shape}"))
                continue
            got = got.reshape(want[0].shape)
        free = expected.free_gradients[name] | expected.undefined
        own = None if expectation.loss.is_shared(name) else mixed
        forgiven = None if own is None else own.reshape(own.shape + (1,) * (got.ndim - own.ndim))
        wanted = Wanted(
            want, expected.gradient_scales[name], free, forgiven, expected.bounds.get(name), expected.centers.get(name)
        )
        parts.append(Part(f"gradient of {name}", got, wanted))
    return parts


def _between_corners(
    expectation: Expectation, expected: Expected, answer: Answer, form: Format, limits: Limits
) -> np.ndarray:
    """Terms whose gradient, over all arguments together, lies in the convex hull of its corner gradients."""
    mixed = np.zeros(expectation.value[0].shape, bool)
    for index, corners in expectation.corners.items():
        mixed[index] = _hull(expectation, expected, answer, index, corners, form, limits).holds()
    return mixed


def _hull(
    expectation: Expectation,
    expected: Expected,
    answer: Answer,
    index: tuple[int, ...],
    corners: np.ndarray,
    form: Format,
    limits: Limits,
) -> Hull:
    """The corners of the slice at `index` beside what came back for it, over the gradients that are judged."""
    corners = corners * expected.factor[index]
    begin, got, unit, columns = 0, [], [], []
    for name in expectation.certified_arguments:
        size = int(np.prod(expectation.slice_shape(name, index), dtype=int))
        mine = answer.gradients.get(name)
        judged = name in expected.gradients and not expectation.loss.is_shared(name)  # a sum over terms has no slice
        if judged and mine is not None and mine.shape == expected.gradients[name][0].shape:
            scale = np.broadcast_to(expected.gradient_scales[name], mine.shape)[index]
            largest = max(np.abs(corners[:, begin : begin + size]).max(initial=0.0), np.max(scale, initial=0.0))
            got.append(np.ravel(mine[index]))
            unit.append(np.full(size, form.eps * max(float(largest), form.smallest_normal)))
            columns.append(np.arange(begin, begin + size))
        begin += size
    chosen = np.concatenate(columns) if columns else np.arange(0)
    return Hull(
        corners[:, chosen], np.concatenate(got) if got else np.zeros(0), np.concatenate([*unit, []]), limits.scale
    )
