"""Every reduction against the arithmetic its name promises, and the chain rule through it against differences."""

import numpy as np
import pytest

from lossbench.cases.inputs import Inputs, build, resolved
from lossbench.cases.suite import parse_case
from lossbench.loss import Denominator
from lossbench.losses import catalogue
from lossbench.reductions import MEANINGS, PER_ROW, divide, factors, output_shape, reduce_value
from lossbench.reference.answers import Answers
from lossbench.reference.expectation import expect, reduced

TERMS = np.array([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]])
WANT = {
    "none": TERMS,
    "sum": 63.0,
    "mean": 63 / 6,
    "count_mean": 63 / 6,
    "batchmean": 63 / 2,
    "mean_last": [7 / 3, 56 / 3],
    "sum_last": [7.0, 56.0],
    "weighted_mean": 63 / 5,
    "nonzero_mean": 63 / 4,
}
OWN = {"weighted_mean": Denominator(5.0), "nonzero_mean": Denominator(4.0)}


def test_every_reduction_has_a_meaning_and_a_test():
    assert set(WANT) == set(MEANINGS)
    assert set(PER_ROW) <= set(MEANINGS)


@pytest.mark.parametrize("name", MEANINGS)
def test_values(name):
    divided = divide(name, TERMS.shape, TERMS.shape, OWN)
    high, low, magnitude = reduce_value(divided, TERMS, np.zeros(TERMS.shape), np.abs(TERMS))
    assert np.shape(high) == output_shape(name, TERMS.shape) == divided.output_shape
    assert np.allclose(high, WANT[name], rtol=1e-15)
    assert np.allclose(magnitude, WANT[name], rtol=1e-15)
    assert np.abs(low).max() <= np.spacing(np.abs(high).max())


@pytest.mark.parametrize("name", MEANINGS)
def test_the_share_of_each_term(name):
    divided = divide(name, TERMS.shape, TERMS.shape, OWN)
    random = np.random.default_rng(2)
    cotangent = random.normal(size=divided.output_shape)
    over, under = factors(divided, cotangent)
    share = np.broadcast_to(over / under, TERMS.shape)
    for index in np.ndindex(TERMS.shape):
        moved = TERMS.copy()
        moved[index] += 0.5
        before = reduce_value(divided, TERMS, np.zeros(TERMS.shape), TERMS)[0]
        after = reduce_value(divided, moved, np.zeros(TERMS.shape), TERMS)[0]
        assert share[index] == pytest.approx(((after - before) * cotangent).sum() / 0.5, rel=1e-12)


def test_the_magnitude_of_a_sum_does_not_cancel():
    divided = divide("sum", (2,), (2,), {})
    high, _, magnitude = reduce_value(divided, np.array([1.0, -1.0]), np.zeros(2), np.ones(2))
    assert (float(high), float(magnitude)) == (0.0, 2.0)


def test_a_losss_own_mean_comes_before_the_count():
    own = {"mean": Denominator(10.0)}
    high, _, _ = reduce_value(divide("mean", (2, 3), (2, 3), own), TERMS, np.zeros((2, 3)), TERMS)
    assert float(high) == pytest.approx(6.3)
    assert divide("count_mean", (2, 3), (2, 3), own).denominator.value == 6.0


def test_terms_may_have_a_divisor_each():
    own = {"mean": Denominator(np.array([2.0, 4.0]))}
    divided = divide("mean", (2,), (2,), own)
    high, _, magnitude = reduce_value(divided, np.array([1.0, -1.0]), np.zeros(2), np.ones(2))
    assert (float(high), float(magnitude)) == (0.25, 0.75)
    over, under = factors(divided, np.array(3.0))
    assert np.allclose(over / under, [1.5, 0.75])


@pytest.mark.parametrize("name", ["mean", "count_mean", "batchmean"])
def test_a_mean_over_nothing_is_nan_and_a_sum_zero(name):
    empty = np.zeros((0, 3))
    assert np.isnan(reduce_value(divide(name, (0, 3), (0, 3), {}), empty, empty, empty)[0])
    assert reduce_value(divide("sum", (0, 3), (0, 3), {}), empty, empty, empty)[0] == 0.0


@pytest.mark.parametrize("name", ["weighted_mean", "nonzero_mean"])
def test_a_denominator_that_the_loss_lacks_is_an_error(name):
    with pytest.raises(KeyError):
        divide(name, (2, 3), (2, 3), {})


def test_a_scalar_loss_has_one_term():
    for name in ("mean", "sum", "none", "count_mean"):
        divided = divide(name, (), (), {})
        assert (divided.output_shape, float(reduce_value(divided, np.array(3.0), np.array(0.0), np.array(3.0))[0])) == (
            (),
            3.0,
        )


@pytest.mark.parametrize(
    "text",
    [
        "squared_error/weight/weighted_mean/float64/3x4/normal/0",
        "squared_error/weight/nonzero_mean/float64/3x4/normal/0",
        "huber/mean_last/float64/3x4/normal/0",
        "cross_entropy/weight,ignore_index=1/mean/float64/5x4/normal/0",
        "cross_entropy/label_smoothing=0.125/mean/float64/5x4/normal/0",
        "soft_dice/sum/float64/3x4/normal/0",
        "ctc/mean/float64/2x6x4/normal/0",
    ],
)
def test_expected_gradients_are_the_slopes_of_expected_values(text):
    case = parse_case(text, catalogue())
    loss = catalogue()[case.loss]
    inputs, parameters = build(case, loss), resolved(case, loss)

    def value(arrays):
        terms = expect(loss, parameters, Inputs(arrays, inputs.poisoned), case.shape, Answers(None))
        return reduced(terms, case.reduction, None)

    made, step = value(inputs.arrays), 1e-5
    for name, (high, _) in made.gradients.items():
        flat = np.ravel(high)
        for position in np.linspace(0, flat.size - 1, 5).astype(int):
            ends = []
            for sign in (1, -1):
                moved = inputs.arrays[name].copy()
                moved.flat[position] += sign * step
                ends.append(float(np.sum(value({**inputs.arrays, name: moved}).value[0])))
            assert flat[position] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5, abs=1e-7), name


def test_a_mean_is_finite_though_its_sum_is_beyond_float64() -> None:
    terms = np.array([1e308, 1.5e308, 0.5e308])
    divided = divide("mean", (3,), (3,), {})
    high, low, _ = reduce_value(divided, terms, np.zeros(3), terms)
    assert abs(float(high) + float(low) - 1e308) <= 1e293
    high, _, _ = reduce_value(divide("sum", (3,), (3,), {}), terms, np.zeros(3), terms)
    assert not np.isfinite(high)
