"""Relations hold for the float64 closed forms, and not for closed forms that are bent."""

from dataclasses import replace

import numpy as np
import pytest

from lossbench.cases.inputs import Inputs, resolved
from lossbench.cases.relations import RELATIONS, kept_by
from lossbench.cases.suite import Selection, load
from lossbench.cases.unfolding import unfold
from lossbench.floats import FORMATS, round_to
from lossbench.judging.judge import Answer, Judgement, Limits
from lossbench.judging.relating import Kept, asked_of, cotangents_of, hold
from lossbench.loss import Loss, Terms
from lossbench.losses import catalogue
from lossbench.records import Case, Status
from lossbench.reference.answers import Answers
from lossbench.reference.expectation import expect, reduced

LOSSES = {name: loss for name, loss in catalogue().items() if not loss.variant}
LIMITS = Limits(64.0, 1024.0, 64.0)


def cases_of(name: str) -> list[Case]:
    return unfold(load("relations"), LOSSES, Selection(losses=frozenset([name])))


def held(case: Case, answering: Loss, right: Loss) -> Judgement | None:
    """What the judge says where `answering` is the implementation, in float64."""
    asked, cases = asked_of(case, right)
    if asked is None:
        return None
    sides = [side for side in (asked.first, asked.second) if side]
    kept = []
    for side, own, cotangent in zip(sides, cases, cotangents_of(case, asked, cases, right), strict=True):
        inputs = Inputs(side.arrays, np.zeros(right.term_shape(side.shape), bool))
        parameters = resolved(own, right)
        told = reduced(expect(answering, parameters, inputs, side.shape, Answers(None)), own.reduction, cotangent)
        answer = Answer(frozenset(["float64"]), told.value[0], {n: pair[0] for n, pair in told.gradients.items()})
        expectation = expect(right, parameters, inputs, side.shape, Answers(None))
        expected = reduced(expectation, own.reduction, cotangent)
        kept.append(Kept(expectation, expected, cotangent, answer, own.reduction))
    found = hold(asked, kept, "float64", LIMITS)
    if found.status is Status.DIFFERS:
        given = [
            (Inputs(side.arrays, np.zeros(0)), resolved(own, right)) for side, own in zip(sides, cases, strict=True)
        ]
        kept = [one.with_ties(*its) for one, its in zip(kept, given, strict=True)]
        found = hold(asked, kept, "float64", LIMITS)
    return found


@pytest.mark.parametrize("name", LOSSES)
def test_every_relation_that_a_loss_keeps_holds_for_its_closed_form(name: str) -> None:
    loss = replace(LOSSES[name], textbook=None)  # the closed form alone
    for case in cases_of(name):
        found = held(case, loss, loss)
        assert found is not None, case
        assert found.status is Status.AGREES, f"{case}: {found.worst} {found.notes}"
        assert found.compared > 0, case


@pytest.mark.parametrize("name", LOSSES)
def test_what_a_relation_does_to_the_inputs_is_exact_in_every_format(name: str) -> None:
    loss = LOSSES[name]
    for case in cases_of(name):
        for dtype in ("float32", "bfloat16"):
            asked, _ = asked_of(replace(case, dtype=dtype), loss)
            for side in () if asked is None else (asked.first, asked.second):
                for argument, array in (side.arrays if side else {}).items():
                    if not loss.arguments[argument].domain.integer:
                        assert np.array_equal(round_to(array, FORMATS[dtype]), array), f"{case} {argument}"


def test_every_loss_keeps_some_relation_and_every_relation_is_kept_by_some_loss() -> None:
    kept = {name: {relation.name for relation in kept_by(loss)} for name, loss in LOSSES.items()}
    assert not [name for name, relations in kept.items() if not relations and LOSSES[name].over != "batch"]
    assert set.union(*kept.values()) == set(RELATIONS)
    assert not [(n, w) for n, loss in LOSSES.items() for w in loss.relations if w not in RELATIONS]


def bent(loss: Loss, how: str) -> Loss:
    """The loss with a closed form that is wrong in one way."""

    def function(*arguments: np.ndarray, **parameters: object) -> Terms:
        terms = loss.function(*arguments, **parameters)
        if how == "by position":
            wrong = np.arange(terms.value.size).reshape(terms.value.shape)
            return replace(terms, value=terms.value * (1 + wrong * 1e-9), magnitude=None)
        if how == "negative":
            return replace(terms, value=terms.value - 10, magnitude=None)
        if how == "uneven":
            return replace(terms, slopes={n: s * (1 + 1e-9 * (s > 0)) for n, s in terms.slopes.items()})
        factor = 1 + 1e-9 * np.abs(np.asarray(arguments[0])).max(initial=0.0)
        return replace(terms, value=terms.value * factor, slopes={n: s * factor for n, s in terms.slopes.items()})

    return replace(loss, function=function, textbook=None)


BENDS = {
    "rows_permuted": ("cross_entropy", "by position"),
    "unmoved_by_shift": ("cross_entropy", "by size"),
    "not_negative": ("squared_error", "negative"),
    "gradients_sum_to_zero": ("cross_entropy", "uneven"),
    "labels_mirrored": ("binary_cross_entropy_with_logits", "by position"),
    "arguments_swapped": ("huber", "by size"),
    "classes_permuted": ("multi_margin", "uneven"),
    "unmoved_by_length": ("cosine_similarity", "by size"),
    "unmoved_by_unit": ("iou", "by size"),
    "grows_as_the_unit": ("smooth_l1", "by size"),
    "grows_as_the_square": ("huber", "by size"),
    "variance_in_the_same_unit": ("gaussian_nll", "by size"),
    "first_rows_alone": ("absolute_error", "by size"),
    "ignored_is_absent": ("nll", "by position"),
    "weight_zero_is_absent": ("squared_error", "by position"),
    "sum_not_negative": ("kl_div", "negative"),
}

# Beyond what their arguments imply: softmaxes do not move with their scores, divergences are not negative, and so on.
KEPT = {
    "unmoved_by_shift": ("cross_entropy", "listwise_softmax", "ctc", "rnnt", "triplet_margin_with_distance"),
    "gradients_sum_to_zero": ("cross_entropy", "categorical_focal", "multi_margin", "generalized_dice"),
    "not_negative": ("ntxent", "npair", "generalized_kl", "class_dice", "margin_softmax", "poly1_cross_entropy"),
    "sum_not_negative": ("kl_div", "kl_div_log_target", "kl_div_probability"),
    "unmoved_by_length": ("cosine_similarity", "ntxent", "margin_softmax_of_features"),
    "labels_mirrored": ("binary_cross_entropy", "hinge", "soft_margin", "margin_ranking"),
    "rows_permuted": ("squared_error", "npair", "circle", "checked_mse", "generalized_dice"),
    "ignored_is_absent": ("cross_entropy", "nll", "linear_cross_entropy"),
    "weight_zero_is_absent": ("squared_error", "cross_entropy", "linear_cross_entropy", "cosine_distance"),
    "mean_of_none": ("huber", "cross_entropy", "ctc"),
}


@pytest.mark.parametrize("relation", KEPT)
def test_losses_keep_the_relations_that_mathematics_gives_them(relation: str) -> None:
    for name in KEPT[relation]:
        assert relation in {kept.name for kept in kept_by(LOSSES[name])}, name
        assert [case for case in cases_of(name) if relation in case.how], name


@pytest.mark.parametrize("name", [name for name in BENDS if name not in ("labels_mirrored", "classes_permuted")])
def test_a_relation_that_is_broken_is_reported(name: str) -> None:
    loss, how = BENDS[name]
    right = replace(LOSSES[loss], textbook=None)
    (case, *_) = [case for case in cases_of(loss) if name in case.how]
    good, bad = held(case, right, right), held(case, bent(right, how), right)
    assert good is not None
    assert good.status is Status.AGREES
    assert bad is not None
    assert bad.status is Status.DIFFERS
    assert bad.worst
