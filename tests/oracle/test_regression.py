"""Losses of a residual, a count or a measure: against hand calculations, brute force and identities."""

from __future__ import annotations

import itertools
import math
from statistics import NormalDist

import numpy as np
import pytest

from lossbench.domains import Kind
from lossbench.loss import Terms
from lossbench.losses import catalogue

GENERATOR = np.random.default_rng(11)
NAMES = (
    "half_squared_error",
    "log_cosh",
    "checked_mse",
    "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error",
    "mean_pairwise_squared_error",
    "poisson_nll",
    "poisson_nll_rate",
    "gaussian_nll",
    "generalized_kl",
)


def terms(name: str, *arrays: object, **parameters: object) -> Terms:
    """A loss of the catalogue on plain numbers, with its defaults."""
    loss = catalogue()[name]
    defaults = loss.settings()
    return loss.function(*(np.asarray(array, float) for array in arrays), **(defaults | parameters))


def value(name: str, *arrays: object, **parameters: object) -> float:
    return float(terms(name, *arrays, **parameters).value)


def slope(name: str, by: str, *arrays: object, **parameters: object) -> float:
    return float(terms(name, *arrays, **parameters).slopes[by])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("options", [{}, {"full": True, "epsilon": 0.125}], ids=["default", "options"])
def test_slopes_are_those_of_central_differences(name: str, options: dict[str, object]) -> None:
    """``(L(x + h) - L(x - h)) / 2h`` with h the cube root of eps, away from the kinks."""
    loss = catalogue()[name]
    options = {key: given for key, given in options.items() if key in loss.parameters}
    arrays = {}
    for key, argument in loss.arguments.items():
        if not argument.optional:
            positive = argument.domain.kind is Kind.POSITIVE
            arrays[key] = GENERATOR.uniform(0.5, 3.0, (3, 4)) * (1 if positive else GENERATOR.choice([-1, 1], (3, 4)))

    def total() -> float:
        return float(terms(name, *arrays.values(), **options).value.sum())

    given = terms(name, *arrays.values(), **options)
    assert set(given.slopes) == set(arrays)
    step = np.finfo(float).eps ** (1 / 3)
    for key, array in arrays.items():
        for index in itertools.product(range(3), range(4)):
            middle = array[index]
            values = []
            for moved in (middle + step, middle - step):
                array[index] = moved
                values.append(total())
            array[index] = middle
            numeric = (values[0] - values[1]) / (2 * step)
            size = max(1.0, abs(numeric), abs(total()))
            assert given.slopes[key][index] == pytest.approx(numeric, abs=1e-8 * size), (key, index)


def test_half_of_a_square() -> None:
    assert value("half_squared_error", 3.0, 1.0) == 2.0
    assert slope("half_squared_error", "prediction", 3.0, 1.0) == 2.0
    assert slope("half_squared_error", "target", 3.0, 1.0) == -2.0


@pytest.mark.parametrize("distance", [1e-12, 1e-9, 1e-4, 1e-3])
def test_log_cosh_of_small_numbers_by_its_series(distance: float) -> None:
    """d²/2 - d⁴/12 + d⁶/45; the form that subtracts log 2 gives 0 at 1e-9."""
    series = distance**2 / 2 - distance**4 / 12 + distance**6 / 45
    for side in (distance, -distance):
        assert value("log_cosh", side, 0.0) == pytest.approx(series, rel=1e-15)
        assert slope("log_cosh", "prediction", side, 0.0) == pytest.approx(side - side**3 / 3, rel=1e-11)


def test_log_cosh_of_ordinary_and_large_numbers() -> None:
    for distance in (0.25, 0.99, 1.0, 1.01, 5.0, 30.0):
        assert value("log_cosh", distance, 0.0) == pytest.approx(math.log(math.cosh(distance)), rel=4e-15)
    assert value("log_cosh", 800.0, 0.0) == 800 - math.log(2)  # where cosh has long overflowed
    assert value("log_cosh", 0.0, 1e300) == 1e300
    assert slope("log_cosh", "prediction", -800.0, 0.0) == -1.0


def test_percentage_error() -> None:
    name = "mean_absolute_percentage_error"
    assert value(name, 90.0, 100.0) == 10.0
    assert value(name, -90.0, -100.0) == 10.0
    assert value(name, 0.5, 0.0) == pytest.approx(5e8)
    assert slope(name, "prediction", 0.5, 0.0) == pytest.approx(1e9)
    assert slope(name, "target", 0.5, 0.0) == pytest.approx(-1e9)  # the denominator stands still below epsilon
    assert slope(name, "prediction", 90.0, 100.0) == -1.0
    assert slope(name, "target", 90.0, 100.0) == pytest.approx(1.0 - 10.0 / 100)


def test_squared_logarithmic_error() -> None:
    name = "mean_squared_logarithmic_error"
    assert value(name, math.e - 1, 0.0) == pytest.approx((1 - math.log1p(1e-7)) ** 2, rel=1e-14)
    assert value(name, 3.0, 7.0) == value(name, 7.0, 3.0) == pytest.approx(math.log(2) ** 2, rel=1e-15)
    near = 0.3 + 2.0**-48  # the difference of two logarithms has five digits left here
    assert value(name, near, 0.3) == pytest.approx(((near - 0.3) / 1.3) ** 2, rel=1e-13)
    for clamped in (-2.0, -0.5, 0.0):
        assert value(name, clamped, 1.0) == value(name, 1e-7, 1.0)
        assert slope(name, "prediction", clamped, 1.0) == 0.0


def test_pairs_by_brute_force() -> None:
    prediction, target = GENERATOR.normal(size=(2, 3, 2, 2))
    weight = np.array([0.5, 2.0, 0.0])
    got = terms("mean_pairwise_squared_error", prediction, target, weight)
    for b in range(3):
        errors = (prediction - target)[b].ravel()
        pairs = [(first - second) ** 2 for first, second in itertools.combinations(errors, 2)]
        assert got.value[b] == pytest.approx(weight[b] * sum(pairs) / len(pairs), rel=1e-14)
        twice = 2 * weight[b] * errors.var(ddof=1)
        assert got.value[b] == pytest.approx(twice, rel=1e-14)


def test_pairs_do_not_see_what_all_share() -> None:
    """An offset of 1e11 leaves the two-term formula no digit."""
    errors = np.array([[0.0, 1.0, 3.0]])
    zeros = np.zeros((1, 3))
    want = 2 * ((1 - 0) ** 2 + (3 - 0) ** 2 + (3 - 1) ** 2) / 6
    for offset in (0.0, 1e11):
        assert terms("mean_pairwise_squared_error", errors + offset, zeros).value.item() == pytest.approx(
            want, rel=1e-9
        )
    assert terms("mean_pairwise_squared_error", errors[:, :1], zeros[:, :1]).value.tolist() == [0.0]


def test_pairs_by_the_count_of_the_batch() -> None:
    """For m = 6 elements in the batch: ``2 Σ d²/5 - 2 (Σ d)²/30``, as eager TensorFlow has it."""
    errors = np.array([[1.0, 2.0, 4.0], [0.0, -1.0, 3.0]])
    want = 2 * (errors**2).sum(axis=1) / 5 - 2 * errors.sum(axis=1) ** 2 / 30
    got = terms("mean_pairwise_squared_error_by_batch_count", errors, np.zeros((2, 3)))
    assert got.value == pytest.approx(want, rel=1e-14)
    assert got.slopes["prediction"][0] == pytest.approx(4 * errors[0] / 5 - 4 * errors[0].sum() / 30, rel=1e-13)


def test_poisson_of_hand_sized_numbers() -> None:
    assert value("poisson_nll", 0.0, 2.0) == 1.0
    assert value("poisson_nll", 1.0, 2.0) == pytest.approx(math.e - 2)
    assert value("poisson_nll_rate", 0.0, 2.0) == pytest.approx(-2 * math.log(1e-8))  # 36.84
    assert slope("poisson_nll_rate", "rate", 0.0, 2.0) == pytest.approx(-2e8)
    assert value("poisson_nll_rate", 0.0, 2.0, epsilon=1e-7) == pytest.approx(32.24, abs=0.01)
    assert value("poisson_nll_rate", 0.0, 0.0) == 0.0
    assert slope("poisson_nll_rate", "rate", 0.0, 0.0) == 1.0


def test_poisson_from_a_rate_and_from_its_logarithm() -> None:
    log_rate, target = GENERATOR.normal(size=5), GENERATOR.uniform(0, 4, 5)
    one, other = terms("poisson_nll", log_rate, target), terms("poisson_nll_rate", np.exp(log_rate), target, epsilon=0)
    assert one.value == pytest.approx(other.value, rel=1e-13)
    assert one.slopes["log_rate"] == pytest.approx(other.slopes["rate"] * np.exp(log_rate), rel=1e-12)


@pytest.mark.parametrize("count", [2, 5, 20, 150])
def test_the_full_poisson_loss_is_the_likelihood_up_to_stirling_s_error(count: int) -> None:
    """The approximation of log(count!) is too small, by less than 1/(12 count)."""
    likelihood = math.exp(0.5) - count * 0.5 + math.lgamma(count + 1)
    missing = likelihood - value("poisson_nll", 0.5, float(count), full=True)
    assert 0 < missing < 1 / (12 * count)


@pytest.mark.parametrize("count", [0.0, 0.5, 1.0])
def test_stirling_s_part_is_left_out_up_to_a_count_of_one(count: float) -> None:
    for name in ("poisson_nll", "poisson_nll_rate"):
        full, plain = (terms(name, 0.5, count, full=word) for word in (True, False))
        assert (full.value, full.slopes["target"]) == (plain.value, plain.slopes["target"])


def test_parts_that_both_overflow() -> None:
    """e^724 is 1e314, above count times log rate; e^709.9 is 2e308, below."""
    assert value("poisson_nll", 724.0, 1.7e308) == math.inf
    assert value("poisson_nll", 709.9, 1.7e308) == -math.inf
    assert value("generalized_kl", 724.0, 1.7e308) == math.inf
    assert value("generalized_kl", -724.0, 1.7e308) == math.inf


@pytest.mark.parametrize("variance", [0.25, 1.0, 9.0])
def test_the_full_gaussian_loss_is_the_likelihood(variance: float) -> None:
    density = NormalDist(0.5, math.sqrt(variance)).pdf(2.0)
    assert value("gaussian_nll", 0.5, 2.0, variance, full=True) == pytest.approx(-math.log(density), rel=1e-14)


def test_a_variance_below_epsilon() -> None:
    """Of the clamped formula the slope is 0; torch gives that at epsilon, -5e11."""
    assert value("gaussian_nll", 1.0, 0.0, 0.0) == pytest.approx(499_993.0922, abs=1e-3)
    assert slope("gaussian_nll", "prediction", 1.0, 0.0, 0.0) == pytest.approx(1e6)
    assert slope("gaussian_nll", "variance", 1.0, 0.0, 0.0) == 0.0
    through = "gaussian_nll_slope_through_clamp"
    assert slope(through, "variance", 1.0, 0.0, 0.0) == pytest.approx(-5e11, rel=1e-5)
    assert slope(through, "variance", 0.0, 0.0, 0.0) == pytest.approx(5e5)
    assert slope(through, "variance", 1.0, 0.0, 4.0) == slope("gaussian_nll", "variance", 1.0, 0.0, 4.0)


def test_the_generalized_divergence_is_the_divergence_of_distributions() -> None:
    logs, others = (np.log(GENERATOR.dirichlet(np.ones(5), 4)) for _ in range(2))
    general, plain = (terms(name, logs, np.exp(others)).value for name in ("generalized_kl", "kl_div"))
    assert general.sum(axis=-1) == pytest.approx(plain.sum(axis=-1), rel=1e-12)
    assert (general >= 0).all()
    assert not (plain >= 0).all()
    assert terms("generalized_kl", others, np.exp(others)).value == pytest.approx(0, abs=1e-15)
    assert value("generalized_kl", 0.5, 0.0) == math.exp(0.5)


def test_checked_mse_is_the_mean_of_the_squares() -> None:
    prediction, target = np.array([[1.0, 4.0], [0.0, 2.0]]), np.zeros((2, 2))
    got = terms("checked_mse", prediction, target)
    assert got.value.shape == ()
    assert got.value == 21 / 4
    assert got.slopes["prediction"].tolist() == (prediction / 2).tolist()


def test_variants_deviate_only_where_they_say() -> None:
    """On ordinary inputs each is the loss itself, or as far from it as its docstring says."""
    prediction, target = GENERATOR.normal(size=(2, 4, 3))
    count, rate = GENERATOR.uniform(0.1, 4, (2, 4, 3))
    pairs: list[tuple[str, str, tuple[np.ndarray, ...], dict[str, object]]] = [
        ("huber_slope_by_subtraction", "huber", (prediction, target, np.ones((4, 3))), {}),
        ("huber_undefined_far_out", "huber", (prediction, target, np.ones((4, 3))), {}),
        ("gaussian_nll_of_infinite_squares", "gaussian_nll", (prediction, target, rate), {}),
        ("poisson_nll_undefined_at_zero", "poisson_nll", (prediction, count), {"full": True}),
        ("poisson_nll_rate_undefined_at_zero", "poisson_nll_rate", (rate, count), {"full": True}),
        ("poisson_nll_rate_by_reciprocal", "poisson_nll_rate", (rate, count), {"epsilon": 1e-7}),
        ("gaussian_nll_slope_through_clamp", "gaussian_nll", (prediction, target, rate), {"full": True}),
        ("generalized_kl_undefined_at_zero", "generalized_kl", (prediction, count), {}),
        ("kl_div_log_target_flushed", "kl_div_log_target", (-rate, -count), {}),
    ]
    for variant, original, arrays, options in pairs:
        one, other = terms(variant, *arrays, **options), terms(original, *arrays, **options)
        assert one.value.tolist() == other.value.tolist(), variant
        assert one.slopes.keys() == other.slopes.keys()
        for name in one.slopes:
            assert one.slopes[name] == pytest.approx(other.slopes[name], rel=1e-14), (variant, name)
    shifted = terms("log_cosh_with_log_2_of_float32", prediction, target).value
    assert shifted - terms("log_cosh", prediction, target).value == pytest.approx(-1.9046543e-9, rel=1e-6)


def test_what_overflows_far_from_the_target() -> None:
    """In float16 the square of 300 does, and twice 40000."""
    far = terms("gaussian_nll_of_infinite_squares", 300.0, 0.0, 1e4, overflow=65520.0)
    assert (far.value, far.slopes["variance"], far.slopes["prediction"]) == (math.inf, -math.inf, 0.03)
    near = terms("gaussian_nll_of_infinite_squares", 200.0, 0.0, 1e4, overflow=65520.0)
    assert near.value == value("gaussian_nll", 200.0, 0.0, 1e4)
    far = terms("huber_undefined_far_out", [40000.0, 30000.0], [0.0, 0.0], np.ones(2), overflow=65520.0)
    assert np.isnan(far.slopes["prediction"]).tolist() == [True, False]
    assert far.slopes["prediction"][1] == 1.0


def test_what_is_undefined_at_zero() -> None:
    for name, first in (("poisson_nll_undefined_at_zero", 0.5), ("poisson_nll_rate_undefined_at_zero", 0.5)):
        assert math.isnan(slope(name, "target", first, 0.0, full=True))
        assert not math.isnan(slope(name, "target", first, 0.0))
    lost = terms("poisson_nll_rate_undefined_at_zero", 0.0, 0.0, epsilon=0.0)
    assert np.isnan([lost.value, lost.slopes["rate"]]).all()
    assert math.isnan(slope("poisson_nll_rate_by_reciprocal", "rate", 0.0, 0.0, epsilon=2.0**-23, overflow=65520.0))
    assert math.isnan(slope("generalized_kl_undefined_at_zero", "target", 0.5, 0.0))
    assert value("kl_div_log_target_flushed", -1.0, -88.0) == 0.0
    assert value("kl_div_log_target", -1.0, -88.0) == pytest.approx(-87 * math.exp(-88))
