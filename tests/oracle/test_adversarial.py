"""The adversarial losses against numbers worked out by hand and slopes by differences."""

from math import exp, hypot, log, log1p

import numpy as np
import pytest

from lossbench.losses import catalogue

LOSSES = catalogue()


def terms(name, *numbers, **options):
    loss = LOSSES[name]
    parameters = {key: p.default for key, p in loss.parameters.items()} | options
    arrays = {key: np.array([number], float) for key, number in zip(loss.arguments, numbers, strict=True)}
    found = loss(arrays, parameters)
    return float(found.value[0]), {key: float(slope[0]) for key, slope in found.slopes.items()}


@pytest.mark.parametrize(
    ("name", "numbers", "value", "slopes"),
    [
        ("gan_minimax_discriminator", (0, 0), 2 * log(2), (-0.5, 0.5)),
        ("gan_minimax_discriminator", (log(3), -log(3)), 2 * log(4 / 3), (-0.25, 0.25)),
        ("gan_minimax_discriminator", (-50, 0), 50 + log(2), (-1, 0.5)),
        ("gan_saturating_generator", (0,), -log(2), (-0.5,)),
        ("gan_saturating_generator", (-log(3),), -log(4 / 3), (-0.25,)),
        ("gan_nonsaturating_generator", (0,), log(2), (-0.5,)),
        ("gan_nonsaturating_generator", (-log(3),), log(4), (-0.75,)),
        ("lsgan_discriminator", (3, 2), 4, (2, 2)),
        ("lsgan_generator", (3,), 2, (2,)),
        ("gan_hinge_discriminator", (0.25, 0.5), 2.25, (-1, 1)),
        ("gan_hinge_discriminator", (2, -3), 0, (0, 0)),
        ("gan_hinge_generator", (3,), -3, (-1,)),
        ("wasserstein_critic", (3, 5), 2, (-1, 1)),
        ("wasserstein_generator", (3,), -3, (-1,)),
    ],
)
def test_by_hand(name, numbers, value, slopes):
    got = terms(name, *numbers)
    assert got[0] == pytest.approx(value, rel=1e-15)
    assert tuple(got[1].values()) == pytest.approx(slopes, rel=1e-15)


def test_a_smoothed_label_asks_for_both_answers():
    of_real = 0.875 * log1p(exp(-2)) + 0.125 * log1p(exp(2))
    value, slopes = terms("gan_minimax_discriminator", 2, -1, real_label=0.875, scale=0.5)
    assert value == pytest.approx((of_real + log1p(exp(-1))) / 2, rel=1e-15)
    assert slopes["real"] == pytest.approx((1 / (1 + exp(-2)) - 0.875) / 2, rel=1e-14)


def test_lsgan_with_other_targets():
    assert terms("lsgan_discriminator", 1, 0.5, fake_target=-1.0, real_target=0.875, scale=0.5)[0] == pytest.approx(
        (0.125**2 + 1.5**2) / 4, rel=1e-15
    )
    assert terms("lsgan_generator", 0.5, target=0.0) == (0.125, {"fake": 0.5})


def test_the_saturating_generator_learns_nothing_from_a_sample_that_is_seen_through():
    """What the other generator learns most from: the reason it was proposed."""
    assert terms("gan_saturating_generator", -40)[1]["fake"] == pytest.approx(-exp(-40), rel=1e-14)
    assert terms("gan_nonsaturating_generator", -40)[1]["fake"] == pytest.approx(-1, rel=1e-15)


# Gradient penalty


def penalty(real, fake, mixture, matrix, weight=10.0):
    arrays = {
        "real": np.array([real], float),
        "fake": np.array([fake], float),
        "mixture": np.array([mixture], float),
        "matrix": np.array(matrix, float),
    }
    return LOSSES["gradient_penalty"](arrays, {"weight": weight})


def test_the_penalty_of_a_slope_of_five_by_hand():
    found = penalty((3, 4), (9, 9), 1.0, ((0, 2), (0, 0)))  # the slope at (3, 4) is (4, 3)
    assert found.value[0] == pytest.approx(160, rel=1e-15)
    assert found.slopes["real"][0] == pytest.approx([48, 64], rel=1e-14)
    assert found.slopes["fake"][0] == pytest.approx([0, 0], abs=0)
    assert found.slopes["matrix"][0] == pytest.approx(np.array([[192, 200], [200, 192]]), rel=1e-14)


def test_a_slope_of_one_costs_nothing_and_one_of_zero_the_weight():
    assert penalty((0.6, 0.8), (5, 5), 1.0, ((1, 0), (0, 1))).value[0] == pytest.approx(0, abs=1e-30)
    flat = penalty((0, 0), (0, 0), 0.5, ((1, 2), (3, 4)))
    assert flat.value[0] == 10
    assert not any(slope.any() for slope in flat.slopes.values())


def test_slopes_of_the_penalty_are_the_limits_of_differences():
    generator = np.random.default_rng(2)
    real, fake, matrix = generator.normal(size=3), generator.normal(size=3), generator.normal(size=(3, 3))

    def value(real, fake, matrix):
        x = 0.25 * real + 0.75 * fake
        # the slope of the critic by differences of the critic, and nothing of the closed form
        steps = np.eye(3) * 1e-3
        slope = [((x + h) @ matrix @ (x + h) - (x - h) @ matrix @ (x - h)) / 2 / 2e-3 for h in steps]
        return 10 * (hypot(*slope) - 1) ** 2

    found = penalty(real, fake, 0.25, matrix)
    assert found.value[0] == pytest.approx(value(real, fake, matrix), rel=1e-9)
    tiny = 1e-5
    for index in range(3):
        h = np.eye(3)[index] * tiny
        by_real = (value(real + h, fake, matrix) - value(real - h, fake, matrix)) / (2 * tiny)
        by_fake = (value(real, fake + h, matrix) - value(real, fake - h, matrix)) / (2 * tiny)
        assert found.slopes["real"][0, index] == pytest.approx(by_real, rel=1e-4, abs=1e-5)
        assert found.slopes["fake"][0, index] == pytest.approx(by_fake, rel=1e-4, abs=1e-5)
        for other in range(3):
            h = np.zeros((3, 3))
            h[index, other] = tiny
            by_matrix = (value(real, fake, matrix + h) - value(real, fake, matrix - h)) / (2 * tiny)
            assert found.slopes["matrix"][0, index, other] == pytest.approx(by_matrix, rel=1e-4, abs=1e-5)
