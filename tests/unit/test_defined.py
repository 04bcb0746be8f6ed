"""A loss made of its definition alone agrees with the same loss's closed form."""

import numpy as np
import pytest

from lossbench.cases.inputs import build, resolved
from lossbench.cases.suite import Selection, load
from lossbench.cases.unfolding import unfold
from lossbench.defined import defined
from lossbench.domains import BinaryTarget, ClassWeight, Logit, PositiveNumber, Real
from lossbench.functions import absolute, log, sigmoid, where
from lossbench.loss import Loss
from lossbench.losses import catalogue
from lossbench.reference.answers import Answers
from lossbench.reference.expectation import expect


@defined(over="elements")
def huber_again(prediction: Real, target: Real, *, delta: PositiveNumber = 1.0):
    """Huber's."""
    r = absolute(prediction - target)
    return where(r <= delta, lambda: r**2 / 2, lambda: delta * (r - delta / 2))


@pytest.mark.parametrize("regime", ["normal", "kink", "log_uniform", "zeros", "poison"])
def test_it_gives_the_same_terms_and_slopes(regime: str) -> None:
    huber = catalogue()["huber"]
    chosen = Selection(frozenset(["huber"]), ("float32",), (regime,))
    case = next(c for c in unfold(load("smoke"), catalogue(), chosen) if not c.given and not c.parameters)
    inputs, parameters = build(case, huber), resolved(case, huber)
    one, other = (expect(loss, parameters, inputs, case.shape, Answers(None)) for loss in (huber, huber_again))
    np.testing.assert_array_equal(one.value[0], other.value[0])
    for name in one.slopes:
        np.testing.assert_array_equal(one.slopes[name][0], other.slopes[name][0])
    assert one.corners.keys() == other.corners.keys()


def test_its_scale_is_what_a_rounding_of_the_inputs_moves() -> None:
    @defined(over="elements")
    def cross_entropy_again(logit: Logit, target: BinaryTarget):
        """Binary cross entropy."""
        return -(target * log(sigmoid(logit)) + (1 - target) * log(sigmoid(-logit)))

    terms = cross_entropy_again({"logit": np.array([20.0]), "target": np.array([1.0])}, {})
    assert terms.slopes["logit"][0] == pytest.approx(-2.06e-9, rel=1e-2)
    assert terms.slope_magnitudes["logit"][0] == pytest.approx(1.0, rel=1e-3)  # sigmoid minus target cancels


def test_a_definition_whose_shape_nobody_tells_is_refused() -> None:
    with pytest.raises(TypeError, match="one argument must have the shape of the case"):

        @defined(over="elements")
        def nameless(weight: ClassWeight):
            return weight


def test_it_is_a_loss_like_any_other() -> None:
    assert isinstance(huber_again, Loss)
    assert huber_again.doc == "Huber's."
    assert list(huber_again.parameters) == ["delta"]
