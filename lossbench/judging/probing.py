"""Cases put to implementations one chooses, with the error of every term in what comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lossbench.cases.inputs import Inputs
from lossbench.crew import Crew, Reply
from lossbench.floats import FORMATS
from lossbench.judging.answered import answers_in
from lossbench.judging.comparison import Comparison, Work
from lossbench.judging.judge import ULPS_LIMITS, Limits
from lossbench.judging.measures import Part, Wanted, everywhere
from lossbench.loss import Loss
from lossbench.records import Case, Greeting, Implementation, Status, Target, Verdict
from lossbench.reference.answers import Answers
from lossbench.reference.expectation import Expected, reduced

Place = tuple[Target, str]  # a target and an implementation's key
OBJECTIVES = ("value_error", "value_ulps", "gradient_error", "gradient_ulps")  # columns of a verdict
GRAVITY = {
    Status.CRASHES: 4,
    Status.HANGS: 4,
    Status.DIFFERS: 3,
    Status.ACCEPTS: 3,
    Status.REFUSES: 3,
    Status.IMPRECISE: 2,
    Status.DEVIATES: 1,
    Status.BY_CONTRACT: 1,
}
Rank = tuple[int, float]


def rank(verdict: Verdict, objective: str) -> Rank:
    """How bad a verdict is in one respect: in kind, if this respect shares in it, then by the error."""
    error = getattr(verdict, objective) or 0.0
    return gravity(verdict, objective, error), error


def gravity(verdict: Verdict, objective: str, error: float) -> int:
    """How grave it is in kind that a verdict has this error; 0 where the error is none."""
    kind = GRAVITY.get(verdict.status, 0)
    if kind >= 3 and not _judged(verdict):
        return kind
    worst = ULPS_LIMITS[verdict.dtype][0]
    if objective.endswith("_ulps"):  # as long as nothing differs, digits alone are what is imprecise
        return min(kind, 2) if error > worst else 0
    if kind == 2:
        return 0
    least = Limits.of(verdict.dtype, None, {}).scale
    return kind if error > least or (kind == 3 and not np.isfinite(error)) else 0


def _judged(verdict: Verdict) -> bool:
    """Whether the numbers alone say what is wrong."""
    figures = [getattr(verdict, name) or 0.0 for name in ("value_error", "gradient_error")]
    return verdict.status is Status.DIFFERS and max(figures) > Limits.of(verdict.dtype, None, {}).scale


@dataclass(slots=True)
class Sighting:
    """What one implementation made of one case."""

    number: int  # the case's place in the run
    place: Place
    verdict: Verdict
    inputs: Inputs
    terms: dict[str, np.ndarray] = field(default_factory=dict)  # by objective: the error of each term


class Prober(Comparison):
    """A comparison that puts each case to the implementations meant for it, and keeps what it sees.

    Args:
        crew, greetings, answers: as for a comparison.
        proving: whether the certified definition judges; else the closed form does, all terms at once.
        in_detail: whether the error of every term is kept.
    """

    def __init__(
        self,
        crew: Crew,
        greetings: Mapping[Target, Greeting],
        answers: Answers,
        losses: Mapping[str, Loss],
        proving: bool,
        in_detail: bool,
    ) -> None:
        """Hold what every case needs."""
        self.said: list[Verdict] = []
        super().__init__(crew, greetings, answers, self.said.append, {})
        self.in_detail = in_detail
        if not proving:
            self.losses = {name: replace(loss, textbook=None) for name, loss in losses.items()}
        self.meant: dict[Case, Callable[[Target, Implementation], bool]] = {}
        self.numbers: dict[int, Work] = {}
        self.sightings: list[Sighting] = []

    def probe(
        self, cases: Sequence[Case], meant: Mapping[Case, Callable[[Target, Implementation], bool]]
    ) -> list[Sighting]:
        """Put the cases to those meant (all others to everybody); what was seen, in an order that nothing disturbs."""
        self.meant, self.sightings = dict(meant), []
        self.deferred, self.built = [], None
        self.said.clear()
        self.run(cases)
        order = {target: number for number, target in enumerate(self.tables)}
        return sorted(self.sightings, key=lambda s: (s.number, order[s.place[0]], s.place[1]))

    def concerned(self, target: Target, case: Case) -> list[Implementation]:
        """Those meant for the case."""
        mine = super().concerned(target, case)
        wanted = self.meant.get(case)
        return mine if wanted is None else [i for i in mine if wanted(target, i)]

    def _judge(self, work: Work, reply: Reply, implementation: Implementation) -> None:
        try:
            super()._judge(work, reply, implementation)
        except (ArithmeticError, ValueError):
            return  # of parameters that the closed form has no answer for
        verdict = self.said.pop()
        self.said.clear()
        seen = Sighting(reply.identity, (reply.target, implementation.key), verdict, work.inputs)
        if self.in_detail and work.case.reduction == "none" and verdict.value_error is not None:
            seen.terms = self._terms(work, reply)
        self.sightings.append(seen)

    def _terms(self, work: Work, reply: Reply) -> dict[str, np.ndarray]:
        expectation = self.expectation_of(work)
        shape = expectation.value[0].shape
        form, slack = FORMATS[work.case.dtype], Limits.of(work.case.dtype, work.loss.scale_limit, {}).scale
        found = {name: np.zeros(shape) for name in OBJECTIVES}
        for cotangent, answer in zip(work.cotangents, answers_in(reply, len(work.cotangents)), strict=True):
            expected = reduced(expectation, "none", None if reply.outcome.against_ones else cotangent)
            if answer.value.shape != shape:
                return {}
            value = Part("", answer.value, Wanted(expected.value, expected.value_scale, expected.free_value))
            _fold(found, "value", value, form.name, slack)
            for name, got in answer.gradients.items():
                part = _gradient(expected, name, got)
                if part is not None and not expectation.loss.is_shared(name) and got.shape[: len(shape)] == shape:
                    _fold(found, "gradient", part, form.name, slack)
        return found


def _gradient(expected: Expected, name: str, got: np.ndarray) -> Part | None:
    want = expected.gradients.get(name)
    if want is None or want[0].shape != got.shape:
        return None
    free = expected.free_gradients[name] | expected.undefined
    bounds, centers = expected.bounds.get(name), expected.centers.get(name)
    return Part("", got, Wanted(want, expected.gradient_scales[name], free, None, bounds, centers))


def _fold(found: dict[str, np.ndarray], what: str, part: Part, dtype: str, slack: float) -> None:
    """Keep the worst error of each term."""
    for name, errors in zip(("error", "ulps"), everywhere(part, FORMATS[dtype], slack), strict=True):
        terms = found[f"{what}_{name}"]
        own = tuple(range(terms.ndim, errors.ndim))
        np.maximum(terms, errors.max(axis=own, initial=0.0) if own else errors, out=terms)
