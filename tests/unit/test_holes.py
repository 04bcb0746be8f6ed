"""Regimes of NaN and infinity under what does not count: where they put them, and what is then asked."""

import numpy as np
import pytest

from lossbench.cases.inputs import build, resolved
from lossbench.cases.suite import parse_case
from lossbench.floats import FORMATS
from lossbench.losses import catalogue
from lossbench.reference.answers import Answers
from lossbench.reference.expectation import expect

LOSSES = catalogue()


def drawn(text):
    case = parse_case(text, LOSSES)
    loss = LOSSES[case.loss]
    inputs = build(case, loss)
    return inputs, expect(loss, resolved(case, loss), inputs, case.shape, Answers(None), FORMATS[case.dtype])


@pytest.mark.parametrize(
    ("loss", "scores"),
    [("soft_cross_entropy", "logits"), ("kl_div", "log_prediction"), ("binary_cross_entropy_with_logits", "logit")],
)
def test_infinity_and_nan_stand_under_labels_of_zero_alone(loss, scores):
    infinite = 0
    for seed in range(4):
        inputs, expectation = drawn(f"{loss}/none/float32/6x5/unlabelled/{seed}")
        array, target = inputs.arrays[scores], inputs.arrays["target"]
        odd = ~np.isfinite(array)
        assert odd.any()
        assert (target[odd] == 0).all()
        if loss != "binary_cross_entropy_with_logits":
            np.testing.assert_allclose(target.sum(axis=-1), 1)
        rows = odd if expectation.free.ndim == 2 else odd.any(axis=-1)
        assert not (expectation.free & ~rows).any()
        asked = rows & ~expectation.free
        infinite += int(asked.sum())
        assert np.isfinite(expectation.value[0][asked]).all()
        assert (expectation.value[0][asked] >= 0).all()
    assert infinite > 0


def test_nan_stands_where_the_mask_is_zero_and_every_term_is_asked_for():
    inputs, expectation = drawn("listwise_softmax/mask/none/float32/6x5/masked_out/0")
    odd = ~np.isfinite(inputs.arrays["logits"])
    assert (odd == (inputs.arrays["mask"] == 0)).all()
    assert odd.any()
    assert not expectation.free.any()
    assert np.isfinite(expectation.value[0]).all()


@pytest.mark.parametrize(
    ("text", "name", "shape"),
    [
        ("squared_error/none/float32/6/column/0", "target", (6, 1)),
        ("cross_entropy/none/float32/6x5/column/0", "target", (6, 1)),
        ("cosine_embedding/none/float32/6x8/column/0", "sign", (6, 1)),
        ("soft_cross_entropy/none/float32/6x5/column/0", "target", (6, 1, 5)),
        ("triplet_margin/none/float32/6x8/column/0", "positive", (6, 1, 8)),
    ],
)
def test_one_argument_has_an_axis_too_many(text, name, shape):
    case = parse_case(text, LOSSES)
    loss = LOSSES[case.loss]
    wrong = {n: a.shape for n, a in build(case, loss).arrays.items() if a.shape != loss.argument_shape(n, case.shape)}
    assert wrong == {name: shape}
