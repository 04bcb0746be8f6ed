"""Right answers to cases, worked out from the expectation itself, for tests to spoil."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lossbench.cases.inputs import build, resolved
from lossbench.cases.suite import parse_case
from lossbench.floats import FORMATS, round_to
from lossbench.judging.judge import Answer, Judgement, Submission, Variants, judge
from lossbench.losses import catalogue
from lossbench.records import Ended, Known, Outcome
from lossbench.reductions import output_shape
from lossbench.reference.answers import Answers
from lossbench.reference.expectation import Expectation, expect, reduced

Spoil = Callable[[Answer], Answer]
ORDINARY = "squared_error/none/float32/6x5/normal/0"


def expectation(text: str) -> Expectation:
    """The expectation of a case given by its name."""
    case = parse_case(text, catalogue())
    loss = catalogue()[case.loss]
    return expect(loss, resolved(case, loss), build(case, loss), case.shape, Answers(None), FORMATS[case.dtype])


def right(text: str) -> Submission:
    """The answers of an implementation that rounds the truth once."""
    case = parse_case(text, catalogue())
    loss, wanted, form = catalogue()[case.loss], expectation(text), FORMATS[case.dtype]
    shape = output_shape(case.reduction, loss.term_shape(case.shape))
    pattern = np.resize([-1.5, 0.5, 2.0, -1.0, 1.5, -0.5, -2.0], int(np.prod(shape))).reshape(shape)
    cotangents, answers = [pattern, np.ones(shape)], []
    for cotangent in cotangents:
        made = reduced(wanted, case.reduction, cotangent)
        gradients = {name: round_to(np.add(*pair), form) for name, pair in made.gradients.items()}
        answers.append(Answer(frozenset({case.dtype}), round_to(np.add(*made.value), form), gradients))
    return Submission(case, wanted, cotangents, Outcome(0, "fake", Ended.ANSWERED), answers)


def spoiled(text: str, spoil: Spoil) -> Submission:
    """The right answers, each of them spoiled."""
    submission = right(text)
    return replace(submission, answers=[spoil(answer) for answer in submission.answers])


def value(change: Callable[[np.ndarray], np.ndarray]) -> Spoil:
    """Spoil the value alone."""
    return lambda answer: replace(answer, value=change(answer.value.copy()))


def gradient(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Spoil:
    """Spoil the gradient of one argument."""
    return lambda answer: replace(answer, gradients={**answer.gradients, name: change(answer.gradients[name].copy())})


def twice(answer: Answer) -> Answer:
    """Double value and gradients."""
    return replace(answer, value=2 * answer.value, gradients={n: 2 * g for n, g in answer.gradients.items()})


def outcome(submission: Submission, ended: Ended, message: str = "") -> Submission:
    """The same question with another end than an answer."""
    return replace(submission, outcome=Outcome(0, "fake", ended, message), answers=[])


def verdict(submission: Submission, *known: Known, variants: Variants = lambda known, form: None) -> Judgement:
    """What the judge says, under its own limits."""
    return judge(submission, known, variants, {})
