"""A case too long for a bug report, as a smaller one with the same verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from lossbench.cases.inputs import build
from lossbench.cases.regimes import REGIMES
from lossbench.cases.stored import SHELF, Literal
from lossbench.judging.probing import OBJECTIVES, Prober, rank
from lossbench.judging.shrinking import Defect, Shrinker
from lossbench.judging.witness import Subject, Witness
from lossbench.records import LAYOUTS, Case, Status, Verdict
from lossbench.reference.answers import Answers

PATIENCE = 20.0  # seconds of looking for the smallest
DEFECTS = (Status.DIFFERS, Status.DEVIATES, Status.BY_CONTRACT, Status.IMPRECISE, Status.ACCEPTS)


def condensed(witness: Witness, subject: Subject, fits: Callable[[Subject], bool]) -> Subject:
    """The subject, or one about a smaller case by the same implementation, with the same verdict, that `fits`.

    A defect is made as small as it can be. Where nothing is wrong, or a relation is asked, the same recipe is tried
    for smaller shapes. The subject itself comes back where no smaller one has the verdict.
    """
    for small in (*_shrunk(witness, subject), *_lesser_shapes(witness, subject)):
        if fits(small):
            return replace(small, made_from=str(subject.case))
    return subject


def again(witness: Witness, subject: Subject, case: Case) -> Subject | None:
    """The subject about another case by the same implementation; None where its verdict is another in kind."""
    was = subject.verdict
    for row in witness.verdicts([case], was.via):
        if (row.via, row.target, row.status, row.reference) == (was.via, was.target, was.status, was.reference):
            return witness.subject(row)
    return None


def _shrunk(witness: Witness, subject: Subject) -> Iterator[Subject]:
    """The smallest that shows the defect, where there is one of which a part can be shown."""
    regime = REGIMES[subject.case.regime]
    if subject.verdict.status not in DEFECTS or subject.held or subject.beside or regime.must_reject:
        return
    literal = _literal(witness, subject)
    prober = Prober(witness.crew, witness.greetings, Answers(None), witness.losses, proving=False, in_detail=False)
    place = (subject.target, subject.implementation.key)

    def ask(literals: Sequence[Literal]) -> list[Verdict | None]:
        cases = [SHELF.remember(one) for one in literals]
        try:
            meant = {case: lambda target, one: (target, one.key) == place for case in cases}
            found = {seen.verdict.case: seen.verdict for seen in prober.probe(cases, meant)}
        finally:
            for case in cases:
                SHELF.forget(case.regime.partition("=")[2])
        return [found.get(str(case)) for case in cases]

    (found,) = ask([literal])
    if found is None or found.status is not subject.verdict.status:
        return
    objective = max(OBJECTIVES, key=lambda name: rank(found, name))
    until = time.monotonic() + PATIENCE
    small = Shrinker(literal, subject.loss, Defect.of(found, objective), ask, lambda: time.monotonic() > until).shrunk()
    case = SHELF.remember(small)
    if (shown := again(witness, subject, case)) is not None:
        yield shown


def _literal(witness: Witness, subject: Subject) -> Literal:
    """The case's inputs, number by number."""
    (call,), case = subject.calls, subject.case
    work = witness.work_of(subject.verdict)
    how = tuple(word for word in case.how if word not in LAYOUTS)
    return Literal(
        loss=case.loss,
        given=case.given,
        parameters=case.parameters,
        reduction=case.reduction,
        dtype=case.dtype,
        shape=case.shape,
        how=(*how, *([call.layout] if call.layout else [])),
        arrays=dict(work.inputs.arrays),
        poisoned=tuple(np.flatnonzero(work.inputs.poisoned).tolist()),
    )


def _lesser_shapes(witness: Witness, subject: Subject) -> Iterator[Subject]:
    """The same recipe, its longest axes shortened by and by."""
    case = subject.case
    if REGIMES[case.regime].literal is not None or REGIMES[case.regime].captured:
        return
    shape = list(case.shape)
    while max(shape, default=1) > 8:
        longest = shape.index(max(shape))
        shape[longest] = max(2, shape[longest] // 2)
        smaller = replace(case, shape=tuple(shape))
        try:
            build(smaller, subject.loss)
        except (ArithmeticError, ValueError, IndexError):
            return  # no shape of this loss
        if (shown := again(witness, subject, smaller)) is not None:
            yield shown
