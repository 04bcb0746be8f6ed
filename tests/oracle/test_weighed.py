"""Sample weights and masks: numbers by hand, and that what is left out does not show."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from lossbench.cases.suite import Block, Selection, Suite
from lossbench.cases.unfolding import unfold
from lossbench.loss import Terms
from lossbench.losses import catalogue

LOSSES = catalogue()
RANDOM = np.random.default_rng(3)


def terms(loss: str, arrays: dict[str, Any], **parameters: Any) -> Terms:
    given = {name: np.asarray(array) for name, array in arrays.items()}
    return LOSSES[loss](given, LOSSES[loss].settings(parameters))


def test_a_sample_s_weight_multiplies_its_term_and_divides_the_means_that_say_so() -> None:
    logits, target, weight = RANDOM.normal(size=(4, 3)), np.array([0, 2, 1, 1]), np.array([2.0, 0.0, 0.5, 1.0])
    plain = terms("cross_entropy", {"logits": logits, "target": target}, ignore_index=1)
    made = terms("cross_entropy", {"logits": logits, "target": target, "sample_weight": weight}, ignore_index=1)
    assert made.value.tolist() == (weight * plain.value).tolist()
    assert made.slopes["logits"].tolist() == (weight[:, None] * plain.slopes["logits"]).tolist()
    assert made.denominators["mean"].value == plain.denominators["mean"].value == 2
    assert made.denominators["weighted_mean"].value == 2.0  # of the rows that are not ignored
    assert made.denominators["nonzero_mean"].value == 1


def test_an_infinite_term_that_weighs_nothing_is_0() -> None:
    given = {"prediction": [[1.0, 0.0]], "target": [1], "sample_weight": [0.0]}
    assert terms("sparse_categorical_cross_entropy_prob", given).value.tolist() == [0.0]


def test_the_elements_of_a_divergence_are_weighted_one_by_one() -> None:
    given = {"prediction": [[0.5, 0.25, 0.0]], "target": [[0.25, 0.5, 0.5]], "sample_weight": [[4.0, 0.5, 0.0]]}
    made = terms("kl_div_probability", given)
    assert made.value.tolist() == [[-math.log(2), 0.25 * math.log(2), 0.0]]
    assert made.slopes["prediction"].tolist() == [[-2.0, -1.0, 0.0]]
    assert made.denominators["weighted_mean"].value == 4.5
    clipped = LOSSES["kl_div_probability_clipped"]
    held = {name: np.asarray(array) for name, array in given.items()}
    assert clipped(held, clipped.settings({})).value[0, :2] == pytest.approx(made.value[0, :2], rel=1e-15)
    # in float16 the quotient of 0.5 and 1e-7 is infinite, and a weight of 0 does not undo that
    lost = clipped(held, clipped.settings({"low": 2.0**-23, "overflow": 65520.0}))
    assert np.isnan(lost.value[0, 2])


def test_weights_are_no_class_weights() -> None:
    """Where a loss has both, the means by weights are offered with those of the samples alone."""
    blocks = (Block((), ("normal",), ("float32",), ("all",), "each", (0,), {"rows": ((6, 5),)}),)
    cases = unfold(Suite("made", blocks), LOSSES, Selection(frozenset(["cross_entropy"])))
    means = {case.given for case in cases if case.reduction in ("weighted_mean", "nonzero_mean")}
    assert means == {("sample_weight",)}
    together = (Block((), ("normal",), ("float32",), ("mean",), "together", (0,), {"rows": ((6, 5),)}),)
    cases = unfold(Suite("made", together), LOSSES, Selection(frozenset(["cross_entropy"])))
    assert [case.given for case in cases] == [("weight",)]
    product = (Block((), ("normal",), ("float32",), ("mean",), "product", (0,), {"rows": ((6, 5),)}),)
    cases = unfold(Suite("made", product), LOSSES, Selection(frozenset(["cross_entropy"])))
    assert {case.given for case in cases} == {(), ("weight",), ("mask",), ("sample_weight",)}


def test_the_definition_and_the_documentation_know_of_the_weight() -> None:
    loss = LOSSES["generalized_cross_entropy"]
    assert list(loss.arguments)[-1] == "sample_weight"
    assert "sample_weight multiplies each term" in loss.doc
    assert loss.textbook is not None
    assert loss.textbook([0.25, 0.75], 0, None, exponent=1.0) == 0.75
    assert loss.textbook([0.25, 0.75], 0, 2.0, exponent=1.0) == 1.5


@pytest.mark.parametrize(
    ("loss", "name"),
    [("soft_cross_entropy", "logits"), ("poly1_cross_entropy", "logits"), ("kl_div", "log_prediction")],
)
def test_masked_classes_do_not_show(loss: str, name: str) -> None:
    first, target = RANDOM.normal(size=(5, 4)) - 3, RANDOM.dirichlet(np.ones(4), 5)
    mask = np.array([1.0, 0.0, 1.0, 1.0])[None] * np.ones((5, 1))
    made = terms(loss, {name: first, "target": target, "mask": mask})
    changed = terms(loss, {name: first + 7 * (1 - mask), "target": target + (1 - mask), "mask": mask})
    assert made.value.tolist() == changed.value.tolist()
    assert made.slopes[name].tolist() == changed.slopes[name].tolist()
    assert not made.slopes[name][:, 1].any()
    kept = terms(loss, {name: first[:, [0, 2, 3]], "target": target[:, [0, 2, 3]]})
    alone = made.value if made.value.ndim == 1 else made.value[:, [0, 2, 3]]
    assert alone == pytest.approx(kept.value, rel=1e-14)


def test_a_target_that_is_masked_counts_against_the_classes_that_are_not() -> None:
    given = {"logits": [[1.0, 2.0, 4.0]] * 2, "target": [2, 0], "mask": [[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]}
    found = terms("cross_entropy", given)
    assert found.value.tolist() == pytest.approx([math.log(math.e + math.e**2) - 4, 0.0], rel=1e-14)
    p = 1 / (1 + math.e)
    assert found.slopes["logits"].tolist() == [pytest.approx([p, 1 - p, -1.0], rel=1e-14), [0.0, 0.0, 0.0]]


def test_entries_left_out_of_a_cosine() -> None:
    given = {"first": [[3.0, 4.0, 9.0]], "second": [[4.0, 3.0, -1.0]], "mask": [[1.0, 1.0, 0.0]]}
    assert terms("cosine_similarity", given).value[0] == pytest.approx(24 / 25, rel=1e-15)
    distance = terms("cosine_distance", given)
    assert distance.value[0] == pytest.approx(1 / 25, rel=1e-14)
    assert distance.slopes["first"][0, 2] == 0


def test_the_slope_by_a_weight_is_the_term_without_it() -> None:
    logits, target, weight = RANDOM.normal(size=(4, 3)), np.array([0, 2, 1, 1]), np.array([2.0, 0.0, 0.5, 1.0])
    plain = terms("cross_entropy", {"logits": logits, "target": target}, ignore_index=1)
    made = terms("cross_entropy", {"logits": logits, "target": target, "sample_weight": weight}, ignore_index=1)
    assert made.slopes["sample_weight"].tolist() == plain.value.tolist()
    assert made.denominators["weighted_mean"].slopes["sample_weight"].tolist() == [1, 1, 0, 0]  # ignored: not counted
    given = {"prediction": np.array([3.0, 1.0]), "target": np.zeros(2), "weight": np.array([0.0, 2.0])}
    assert terms("squared_error", given).slopes["weight"].tolist() == [9.0, 1.0]


def test_a_gradient_is_asked_by_the_weights_that_multiply_whole_terms() -> None:
    asked = {name for name, loss in LOSSES.items() if {"weight", "sample_weight"} & set(loss.differentiable)}
    assert asked >= {"squared_error", "absolute_error", "huber", "hinge", "squared_hinge", "cross_entropy", "ctc"}
    assert "binary_cross_entropy" not in asked  # torch has no derivative by its weight, and refuses to be asked
