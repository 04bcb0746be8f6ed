"""Certified values and gradients against closed forms in 60-digit decimals, and the corners of every kind of kink."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lossbench.functions import (
    absolute,
    arccos,
    arctan,
    clip,
    cos,
    cosh,
    exactly,
    exp,
    log,
    logsumexp,
    maximum,
    minimum,
    norm,
    pi,
    power,
    sigmoid,
    sin,
    sqrt,
    tanh,
    total,
    where,
    xlogy,
)
from lossbench.reference import balls
from lossbench.reference.certify import certify

LOGITS = st.lists(st.floats(-30, 30, width=32), min_size=2, max_size=5)


def of(definition, *points, **parameters):
    """The definition certified at the points, all differentiable."""
    points = [np.array(x, np.float64) if isinstance(x, list) else x for x in points]
    return certify(definition, points, [True] * len(points), parameters)


def gradient(certified):
    """The slopes of all leaves in a row, as floats."""
    return [float(x) for high, _ in certified.gradients for x in high.ravel()]


def corner_set(certified):
    """The corners as a set of tuples of floats; None where the gradient is unique."""
    return None if certified.corners is None else {tuple(map(float, row)) for row in certified.corners}


def cross_entropy(logits, label):
    exponentials = [exp(x) for x in logits]
    return -log(exponentials[label] / total(exponentials))


def huber(prediction, target, *, delta):
    r = absolute(prediction - target)
    return where(r <= delta, lambda: r**2 / 2, lambda: delta * (r - delta / 2))


def relu(x):
    return maximum(0, x)


# ---- values and gradients ----------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(logits=LOGITS)
def test_cross_entropy_against_decimals(logits):
    certified = certify(cross_entropy, [np.array(logits), 1], [True, False], {})
    with localcontext() as context:
        context.prec = 60
        exponentials = [Decimal(x).exp() for x in logits]
        softmax = [x / sum(exponentials) for x in exponentials]
        wants = [-softmax[1].ln(), *(p - (i == 1) for i, p in enumerate(softmax))]
        ((high, low),) = certified.gradients
        gots = [(certified.value_high, certified.value_low), *zip(high.tolist(), low.tolist(), strict=True)]
        for (got_high, got_low), want in zip(gots, wants, strict=True):
            assert got_high == float(want)
            assert abs(Decimal(got_high) + Decimal(got_low) - want) <= abs(want) * Decimal(2) ** -69
    assert certified.proven
    assert certified.corners is None


@pytest.mark.parametrize(
    ("definition", "point", "value", "slope"),
    [
        (exp, 1.25, math.exp(1.25), math.exp(1.25)),
        (log, 3.0, math.log(3), 1 / 3),
        (sqrt, 2.0, math.sqrt(2), 0.5 / math.sqrt(2)),
        (tanh, 0.5, math.tanh(0.5), 1 / math.cosh(0.5) ** 2),
        (tanh, 30.0, 1.0, 4 * math.exp(-60)),
        (cosh, -0.5, math.cosh(0.5), -math.sinh(0.5)),
        (sin, 1.0, math.sin(1), math.cos(1)),
        (cos, 1.0, math.cos(1), -math.sin(1)),
        (arctan, 2.0, math.atan(2), 0.2),
        (arccos, 0.5, math.pi / 3, -1 / math.sqrt(0.75)),
        (sigmoid, -800.0, 0.0, 0.0),
        (sigmoid, 2.0, 1 / (1 + math.exp(-2)), math.exp(-2) / (1 + math.exp(-2)) ** 2),
        (absolute, -2.0, 2.0, -1.0),
        (abs, 2.0, 2.0, 1.0),
        (lambda x: x**3, -2.0, -8.0, 12.0),
        (lambda x: x**2.5, 2.0, 2**2.5, 2.5 * 2**1.5),
        (lambda x: power(x, 0), 0.0, 1.0, 0.0),
        (lambda x: power(x, 1), 0.0, 0.0, 1.0),
        (lambda x: power(x, 2.5), 0.0, 0.0, 0.0),
        (lambda x: x**-2, 2.0, 0.25, -0.25),
        (lambda x: x**x, 2.0, 4.0, 4 * (1 + math.log(2))),
        (lambda x: 2**x, 3.0, 8.0, 8 * math.log(2)),
        (lambda x: 2**x, 0.0, 1.0, math.log(2)),
        (lambda x: 3 / x - x / 4 - 1, 2.0, 0.0, -1.0),
        (lambda x: (1 - x) * 2.0 * x + (-x), 3.0, -15.0, -11.0),
        (lambda x: x / (x + 1) + sum([x, x]), 1.0, 2.5, 2.25),
        (lambda x: xlogy(x, x), 2.0, 2 * math.log(2), math.log(2) + 1),
        (lambda x: xlogy(2, x), 4.0, 4 * math.log(2), 0.5),
        (lambda x: logsumexp([x, 0.0]), 0.0, math.log(2), 0.5),
        (lambda x: x, 7.0, 7.0, 1.0),
        (lambda x: 2.5, 7.0, 2.5, 0.0),
    ],
)
def test_closed_forms(definition, point, value, slope):
    certified = of(definition, point)
    assert certified.proven
    assert certified.value_high == pytest.approx(value, rel=1e-15, abs=0)
    assert gradient(certified) == [pytest.approx(slope, rel=1e-15, abs=0)]
    assert certified.corners is None
    assert certified.precision == balls.FIRST_PRECISION or value == 0


def test_confident_logits_keep_their_gradient():
    certified = of(lambda x: cross_entropy(x, 0), [37.43, 0.0])
    softmax = math.exp(-37.43)  # 5.55e-17, gone from 1 - p in float64
    assert gradient(certified) == [pytest.approx(-softmax, rel=1e-14), pytest.approx(softmax, rel=1e-14)]
    assert certified.precision > balls.FIRST_PRECISION


@pytest.mark.parametrize("size", [3e38, 1e300])
def test_logits_at_the_edge_of_the_formats(size):
    certified = of(lambda x: cross_entropy(x, 1), [size, -size])
    assert certified.value_high == 2 * size
    assert gradient(certified) == [1, -1]
    assert certified.proven


def test_beyond_float64_is_infinite_and_far_below_is_zero():
    assert of(exp, 1000.0).value_high == math.inf
    assert gradient(of(lambda x: -exp(x), 1000.0)) == [-math.inf]
    certified = of(lambda x: cross_entropy(x, 0), [800.0, 0.0, -700.0])
    assert (certified.value_high, certified.proven) == (0, True)
    assert gradient(certified) == [0, 0, 0]


def test_low_parts_carry_on_where_float64_ends():
    certified = of(lambda x: x / 3, 1.0)
    with localcontext() as context:
        context.prec = 60
        for high, low in ((certified.value_high, certified.value_low), certified.gradients[0]):
            assert abs(Decimal(float(high)) + Decimal(float(low)) - 1 / Decimal(3)) < Decimal(2) ** -70


def test_constants_and_parameters_are_as_exact_as_the_rest():
    # In float64, 1 - 1e-20 would be 1 and its logarithm 0.
    certified = certify(
        lambda x, t, *, s: x * log(1 - t) + log(2) + log(exactly(1) / s), [1.0, 1e-20], [True, False], {"s": 2.0}
    )
    assert gradient(certified) == [pytest.approx(-1e-20, rel=1e-15)]
    assert certified.value_high == pytest.approx(-1e-20, rel=1e-15)
    assert of(lambda x: sin(x * pi()), 1.0).value_high == 0  # whereas sin(math.pi) is 1.2e-16


def test_gradients_come_in_the_shape_of_each_differentiable_argument():
    def weighted(matrix, scale, labels, weights, nothing):
        assert nothing is None
        assert labels == [[1, 0, 2]]
        return scale * total(x * (i + j) for i, row in enumerate(matrix) for j, x in enumerate(row)) * weights[0]

    arguments = [np.ones((2, 3), np.float32), 2.0, np.array([[1, 0, 2]]), np.array([3.0]), None]
    certified = certify(weighted, arguments, [True, True, False, False, True], {})
    (matrix, _), (scale, _) = certified.gradients
    np.testing.assert_array_equal(matrix, [[0, 6, 12], [6, 12, 18]])
    assert scale.shape == ()
    assert scale == 27
    assert certified.value_high == 54


def test_an_empty_argument_has_an_empty_gradient():
    certified = of(lambda x, y: total(x) + y, np.zeros((0, 3)), 2.0)
    assert certified.gradients[0][0].shape == (0, 3)
    assert gradient(certified) == [1]


# ---- kinks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("definition", "point", "want"),
    [
        (relu, 0.0, {(0,), (1,)}),
        (lambda x: maximum(x, 0.0), 0.0, {(0,), (1,)}),
        (absolute, 0.0, {(-1,), (1,)}),
        (lambda x: minimum(x, -x), 0.0, {(-1,), (1,)}),
        (lambda x: relu(absolute(x)), 0.0, {(-1,), (0,), (1,)}),
        (lambda x: clip(x, -1, 1), 1.0, {(0,), (1,)}),
        (lambda x: clip(x, -1, 1), -1.0, {(0,), (1,)}),
        (lambda x: where(x >= 1, 3 * x, lambda: x + 2), 1.0, {(3,), (1,)}),
        (lambda x: where(x > 0, lambda: log(x), lambda: -x) + where(~(x <= 5), x, 0), 0.0, None),
        (lambda x: where((x > 0) | (x < -1), 2 * x, 0 * x), 0.0, {(0,), (2,)}),
        (lambda x: where((x >= 0) & (x < 1), 2 * x, 0 * x), 0.0, {(0,), (2,)}),
        (lambda x: where((x >= 0) & (x > 1), 2 * x, 0 * x), 0.0, None),
        (lambda x: where(True & (x >= 0), 2 * x, 0 * x), 0.0, {(0,), (2,)}),
        (lambda x: absolute(x) ** 2, 0.0, None),
        (lambda x: maximum(x, x), 1.0, None),
        (lambda x: 0.0 * relu(x) + x, 0.0, None),
        (lambda x: where(x == 0, 5 * x, lambda: 1 / x), 0.0, None),
        (lambda x: where(x >= 0, x, lambda: sqrt(x)), 0.0, None),
    ],
)
def test_corners_of_one_number(definition, point, want):
    certified = of(definition, point)
    assert certified.proven
    assert corner_set(certified) == want
    assert not certified.corners_truncated
    assert certified.precision == balls.FIRST_PRECISION  # exact ties need no more
    if want:
        assert tuple(gradient(certified)) in want


def test_the_value_at_a_tie_is_that_of_ieee():
    assert of(lambda x: where(x <= 1, 10, 20), 1.0).value_high == 10
    assert of(lambda x: where(x < 1, 10, 20), 1.0).value_high == 20
    assert of(lambda x: where(x >= 1, 10, 20), 1.0).value_high == 10
    assert of(lambda x: where(x > 1, 10, 20), 1.0).value_high == 20
    assert of(lambda x: where(x != 1, 10, 20), 1.0).value_high == 20


def test_ties_of_three_give_three_corners():
    for definition, sign in ((maximum, 1), (minimum, 1), (lambda *x: -maximum(*x), -1)):
        certified = of(lambda x, definition=definition: definition(*x), [2.0, 2.0, 2.0])
        assert corner_set(certified) == {(sign, 0, 0), (0, sign, 0), (0, 0, sign)}
    assert corner_set(of(lambda x: maximum(*x), [2.0, 1.0, 2.0])) == {(1, 0, 0), (0, 0, 1)}


def test_huber_has_no_kink_but_a_tie():
    for prediction, slope in ((1.5, 0.5), (0.0, -0.5), (1.25, 0.25)):
        certified = certify(huber, [prediction, 1.0], [True, True], {"delta": 0.5})
        assert gradient(certified) == [slope, -slope]
        assert certified.corners is None
    certified = certify(huber, [1.0, 1.0], [True, True], {"delta": 0.5})
    assert (gradient(certified), certified.corners) == ([0, 0], None)


def test_equal_constants_are_no_kink():
    hinge = lambda x, target: x * maximum(0, target) + where(target <= 1, x, 2 * x)  # noqa: E731
    assert certify(hinge, [3.0, 0.0], [True, False], {}).corners is None
    assert certify(hinge, [3.0, 1.0], [True, False], {}).corners is None
    assert corner_set(certify(hinge, [3.0, 0.0], [True, True], {})) == {(1, 0), (1, 3)}


@pytest.mark.parametrize("p", [2, 3.0, 2.5])
def test_norm_of_the_zero_vector_is_a_kink_around_zero(p):
    certified = of(lambda x: norm(x, p), [0.0, 0.0])
    assert corner_set(certified) == {(1, 0), (-1, 0), (0, 1), (0, -1)}
    assert certified.value_high == 0
    assert tuple(gradient(certified)) in corner_set(certified)
    assert certified.precision == balls.FIRST_PRECISION


def test_norms_elsewhere():
    certified = certify(lambda x, *, p: norm(x, p), [np.array([3.0, -4.0])], [True], {"p": 3.0})
    with localcontext() as context:
        context.prec = 60
        error = (Decimal(certified.value_high) + Decimal(certified.value_low)) ** 3 / 91 - 1
        assert abs(error) < Decimal(2) ** -68
    certified = certify(lambda x, *, p: norm(x, p), [np.array([0.0, 3.0, -4.0] * 5)], [True], {"p": 3.0})
    size = (5 * 91) ** (1 / 3)
    assert certified.value_high == pytest.approx(size, rel=1e-15)
    assert gradient(certified)[:3] == [0, pytest.approx(9 / size**2), pytest.approx(-16 / size**2)]
    assert certified.corners is None
    assert not certified.corners_truncated
    assert corner_set(of(lambda x: norm(x, 1), [0.0, 3.0])) == {(1, 1), (-1, 1)}
    assert corner_set(of(lambda x: norm(x, math.inf), [3.0, -3.0])) == {(1, 0), (0, -1)}


def test_many_corners_are_cut_off_and_said_to_be():
    six = of(lambda x: total(relu(y) for y in x), [0.0] * 6)
    assert six.corners.shape == (64, 6)
    assert not six.corners_truncated
    assert len(corner_set(six)) == 64
    seven = of(lambda x: total(relu(y) for y in x), [0.0] * 7)
    assert seven.corners.shape == (64, 7)
    assert seven.corners_truncated
    hundred = of(lambda x: total(absolute(y) for y in x), [0.0] * 100)
    assert hundred.corners.shape == (64, 100)
    assert hundred.corners_truncated


@pytest.mark.parametrize(
    "definition",
    [
        lambda x: total(absolute(y) ** 2 for y in x),
        lambda x: total(maximum(y, y) for y in x),
        lambda x: (x[0] + 1) * total(maximum(0, exactly(0)) for _ in x),
    ],
)
def test_ties_that_change_nothing_do_not_use_up_the_corners(definition):
    certified = of(definition, [0.0] * 100)
    assert certified.corners is None
    assert not certified.corners_truncated
