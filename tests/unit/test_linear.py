"""Relations between two answers as plain numbers: the script's own arithmetic does what the relation says."""

from dataclasses import replace
from string import Template

import numpy as np
import pytest

from lossbench.cases.inputs import Inputs, resolved
from lossbench.cases.relations import RELATIONS, about
from lossbench.floats import FORMATS
from lossbench.judging.judge import Answer
from lossbench.judging.linear import Linear, from_the_first, linear
from lossbench.judging.relating import Kept, asked_of, cotangents_of, divisor_of
from lossbench.losses import catalogue
from lossbench.output.script_ends import MOST_SHOWN, MOVED, SHOW
from lossbench.output.two_answers import moved
from lossbench.output.written_arrays import PLAIN, needed
from lossbench.records import Case
from lossbench.reference.answers import Answers
from lossbench.reference.expectation import expect, reduced

LOSSES = ("huber", "cross_entropy", "binary_cross_entropy_with_logits", "cosine_similarity", "gaussian_nll", "kl_div")


def asked(case: Case) -> tuple[object, list[Kept]]:
    loss = replace(catalogue()[case.loss], textbook=None)  # the closed form is exact enough
    found, cases = asked_of(case, loss)
    assert found is not None
    sides = [side for side in (found.first, found.second) if side]
    kept = []
    for side, own, cotangent in zip(sides, cases, cotangents_of(case, found, cases, loss), strict=True):
        inputs = Inputs(side.arrays, np.zeros(loss.term_shape(side.shape), bool))
        terms = expect(loss, resolved(own, loss), inputs, own.shape, Answers(None), FORMATS[own.dtype])
        expected = reduced(terms, own.reduction, cotangent)
        answer = Answer(frozenset(), expected.value[0], {n: g[0] for n, g in expected.gradients.items()})
        kept.append(Kept(terms, expected, cotangent, answer, own.reduction))
    return found, kept


def computed(got: np.ndarray, change: Linear) -> np.ndarray:
    """What a script makes of the first answer."""
    text = moved("got", change)
    show = Template(SHOW).substitute(most=MOST_SHOWN, slack=0, tiny=0, plain=PLAIN)
    imports, functions = needed(text)
    space: dict[str, object] = {"got": got.tolist(), "nan": float("nan"), "inf": float("inf")}
    exec("\n".join([*imports, *functions, show, MOVED, f"found = {text}"]), space)
    return np.array(space["found"], float).reshape(-1)


@pytest.mark.parametrize("name", LOSSES)
def test_a_script_makes_of_the_first_answer_what_the_relation_makes_of_it(name: str) -> None:
    loss = catalogue()[name]
    seen = 0
    for case in about(loss, ["all"]):
        whole = Case(case.loss, case.given, case.parameters, case.reduction, "float64", (6, 5), "normal", 0, case.how)
        relation, kept = asked(whole)
        if len(kept) == 1:
            continue
        value, gradients = from_the_first(relation, *kept)
        first = kept[0].answer
        want = (first.value / divisor_of(*kept)).sum() if relation.reduces else relation.value(first.value)
        assert computed(first.value, value) == pytest.approx(np.ravel(want), rel=1e-12)
        for argument, (source, change) in gradients.items():
            right = kept[1].answer.gradients[argument]
            scale = np.abs(right).max()
            assert computed(first.gradients[source], change) == pytest.approx(right.reshape(-1), abs=1e-9 * scale)
            seen += 1
    assert seen > 3
    assert RELATIONS


def test_other_places_factors_and_what_is_added_are_told_apart() -> None:
    order = np.array([2, 0, 1])
    assert linear(lambda array: array[order] * 4 + 1.5, (3,)) == Linear((2, 0, 1), 4.0, 1.5)
    assert linear(lambda array: array, (2, 3)).is_same
    assert linear(lambda array: np.concatenate([array, [0.0]]), (2,)).order == (0, 1, -1)
    assert linear(lambda array: array * np.array([1.0, 2.0]), (2,)).times == (1.0, 2.0)


def test_a_script_has_factors_places_and_sums_of_its_own() -> None:
    change = Linear(order=(1, -1, 0), times=(1.0, 2.0, 3.0), plus=0.5)
    assert computed(np.array([[4.0, 5.0]]), change).tolist() == [5.5, 0.5, 12.5]
    assert computed(np.array([4.0, 5.0]), Linear(times=(1.0, 2.0), summed=True)).tolist() == [14.0]
