"""A formula that an adapter declares is averaged by the weights of the loss, where it has no means of its own."""

import numpy as np
import pytest

from lossbench.cases.suite import parse_case
from lossbench.floats import FORMATS
from lossbench.judging.comparison import Comparison
from lossbench.losses import catalogue
from lossbench.records import Known
from lossbench.reference.answers import Answers
from lossbench.reference.expectation import reduced


@pytest.mark.parametrize("reduction", ["weighted_mean", "nonzero_mean"])
def test_a_variant_without_weighted_means_takes_those_of_the_loss(reduction: str) -> None:
    comparison = Comparison(None, {}, Answers(None), print, {})
    case = parse_case(f"binary_cross_entropy/weight/{reduction}/float32/6x5/boundary/0", catalogue())
    work = comparison._prepare(case, catalogue()[case.loss], 1)
    clipped = Known("clips", definition="binary_cross_entropy_clipped")
    expectation = comparison.variants_of(work)(clipped, FORMATS["float32"])
    assert expectation is not None
    weight = work.inputs.arrays["weight"]
    under = weight.sum() if reduction == "weighted_mean" else np.count_nonzero(weight)
    (high, low), terms = reduced(expectation, reduction, None).value, expectation.value[0]
    assert high + low == pytest.approx(terms.sum() / under, rel=1e-12)
