"""An argument with an axis too many: to answer as if the axis were not there harms nobody, to broadcast it does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lossbench.cases.inputs import Inputs
from lossbench.judging.judge import Answer, Judgement, Submission, judge
from lossbench.records import Implementation, Outcome, Status

if TYPE_CHECKING:
    from lossbench.judging.comparison import Comparison, Work

TAKEN_AWAY = "takes a superfluous axis of length 1 away, and answers rightly"
RIGHT = (Status.AGREES, Status.IMPRECISE, Status.DEVIATES, Status.BY_CONTRACT)


def answered_without(
    comparison: Comparison, work: Work, implementation: Implementation, outcome: Outcome, answers: list[Answer]
) -> Judgement | None:
    """The judgement on an answer that is right once the superfluous axis is gone; None where it is not."""
    loss, shape = work.loss, work.case.shape
    shapes = {name: loss.argument_shape(name, shape) for name in work.inputs.arrays}
    if answers[0].value.size != int(np.prod(work.cotangents[0].shape)):
        return None
    arrays = {name: array.reshape(shapes[name]) for name, array in work.inputs.arrays.items()}
    plain = replace(work, inputs=Inputs(arrays, work.inputs.poisoned), expectation=None, variants={}, ways=None)
    again = [
        Answer(
            answer.dtypes,
            answer.value.reshape(cotangent.shape),
            {n: g.reshape(shapes[n]) if g.size == int(np.prod(shapes[n])) else g for n, g in answer.gradients.items()},
        )
        for answer, cotangent in zip(answers, work.cotangents, strict=True)
    ]
    submission = Submission(plain.case, comparison.expectation_of(plain), plain.cotangents, outcome, again)
    found = judge(submission, implementation.known, comparison.variants_of(plain), comparison.limits)
    if found.status not in RIGHT:
        return None
    found.status = Status.BY_CONTRACT
    found.notes = [TAKEN_AWAY, *found.notes]
    return found
