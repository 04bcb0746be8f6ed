"""A processor that flushes subnormal numbers to zero may put a term on the other side of a kink; nobody is blamed."""

import numpy as np
import pytest

from lossbench.cases.inputs import Inputs
from lossbench.floats import FORMATS
from lossbench.losses import catalogue
from lossbench.reference.answers import Answers
from lossbench.reference.expectation import Expectation, expect

TINY = 2.0**-140  # subnormal in float32, though not in float64


def expected(loss: str, dtype: str, **arrays: list) -> Expectation:
    found = {name: np.array(array, np.float64) for name, array in arrays.items()}
    found |= {name: array.astype(np.int64) for name, array in found.items() if name in ("target",)}
    shape = next(iter(found.values())).shape
    inputs = Inputs(found, np.zeros(catalogue()[loss].term_shape(shape), bool))
    return expect(catalogue()[loss], {}, inputs, shape, Answers(None), FORMATS[dtype])


def test_a_score_that_may_be_flushed_onto_the_kink_has_no_side() -> None:
    scores = {"score": [TINY, -TINY, 16 * TINY, 1.0, -1.0, 2.0**-60], "sign": [1.0] * 6}
    assert expected("perceptron", "float32", **scores).across.tolist() == [True, True, True, False, False, False]
    assert not expected("perceptron", "float64", **scores).across.any()


def test_scores_that_may_be_flushed_into_a_tie_have_no_leader() -> None:
    rows = [[0.0, TINY, -1.0], [1.0, TINY, 0.0]]
    assert expected("multiclass_perceptron", "float32", scores=rows, target=[2, 2]).across.tolist() == [True, False]


@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_a_slope_without_a_jump_is_asked_for_everywhere(loss: str) -> None:
    parameters = {"prediction": [TINY, 1.0], "target": [0.0, 0.0]}
    form = FORMATS["float32"]
    found = {name: np.array(array) for name, array in parameters.items()}
    inputs = Inputs(found, np.zeros(2, bool))
    options = catalogue()[loss].settings()
    assert not expect(catalogue()[loss], options, inputs, (2,), Answers(None), form).across.any()
