"""What a port of a loss of sequences may get wrong unseen: found, and by how much."""

from __future__ import annotations

import math

import pytest
from asking_one import Ask, ask, needs, relative, worst

__all__ = ["ask"]

paddle, torch, tensorflow, jax = (needs(name) for name in ("paddle", "torch", "tensorflow", "jax"))


# Transducer

RAW = "paddle.nn.RNNTLoss(fastemit_lambda=0)"
NORMALIZED = f"paddle.nn.functional.log_softmax + {RAW}"
DEFAULT = "paddle.nn.functional.log_softmax + paddle.nn.RNNTLoss"


@paddle
def test_paddle_s_transducer_takes_no_softmax(ask: Ask) -> None:
    found = ask("rnnt/none/float64/3x5x4x4/normal/0", RAW)
    assert found.status == "by-contract"
    assert relative(found, found.value_error) > 0.5
    assert relative(found, found.gradient_error) > 0.01
    assert ask("rnnt/none/float64/3x5x4x4/normal/0", NORMALIZED).status == "agrees"


@paddle
def test_paddle_s_transducer_scales_the_gradient_of_labels_by_default(ask: Ask) -> None:
    """By 1.001, and leaves the value as it is: the gradient is not that of the value."""
    found = ask("rnnt/none/float64/3x5x4x4/normal/0", DEFAULT)
    assert found.status == "by-contract"
    assert found.value_error is not None
    assert found.value_error <= 1
    got, want = worst(found)
    assert 0 < abs(got / want - 1) < 2e-3
    assert abs(got - want) > 1e-4


# Connectionist temporal classification

KINK = "ctc/none/float32/3x7x4/kink/0"


@jax
@pytest.mark.parametrize("via", ["optax.losses.ctc_loss", "optax.losses.ctc_loss_with_forward_probs"])
def test_labels_that_do_not_fit_cost_100000_in_optax(via: str, ask: Ask) -> None:
    found = ask(KINK, via)
    assert found.status == "by-contract"
    got, want = worst(found)
    assert want == math.inf
    assert got == pytest.approx(1e5, rel=1e-3)
    assert ask("ctc/none/float64/3x7x4/normal/0", via).status in ("agrees", "imprecise")


@tensorflow
@pytest.mark.parametrize("via", ["tf.nn.ctc_loss(dense labels)", "keras.ops.ctc_loss"])
def test_labels_that_do_not_fit_cost_707_in_tensorflow(via: str, ask: Ask) -> None:
    found = ask(KINK, via)
    assert found.status == "deviates"
    got, want = worst(found)
    assert want == math.inf
    assert 700 < got < 730


@tensorflow
def test_the_old_ctc_batch_cost_adds_an_epsilon(ask: Ask) -> None:
    found = ask("ctc/none/float32/2x7x4/normal/0", "tf.nn.softmax + tf.keras.backend.ctc_batch_cost")
    assert found.status in ("agrees", "imprecise", "by-contract")
    found = ask("ctc/none/float32/1x7x4/confident/0", "tf.nn.softmax + tf.keras.backend.ctc_batch_cost")
    assert found.status == "by-contract"
    got, want = worst(found)
    assert abs(got) < abs(want)


@paddle
def test_labels_that_do_not_fit_cost_nothing_in_paddle(ask: Ask) -> None:
    found = ask(KINK, "paddle.nn.CTCLoss")
    assert found.status == "deviates"
    assert worst(found) == (0, math.inf)


@torch
def test_labels_that_do_not_fit_cost_infinity_in_torch(ask: Ask) -> None:
    """As they should; the gradient is NaN."""
    found = ask(KINK, "torch.nn.functional.log_softmax + torch.nn.CTCLoss")
    assert found.status == "deviates"
    assert found.value_error is not None
    assert found.value_error <= 64
    assert math.isnan(worst(found)[0])


@paddle
def test_paddle_s_norm_by_times_divides_the_gradient_alone(ask: Ask) -> None:
    found = ask("ctc/none/float64/1x7x4/normal/0", "paddle.nn.CTCLoss(norm_by_times)")
    assert found.status == "by-contract"
    assert found.value_error is not None
    assert found.value_error <= 64
    got, want = worst(found)
    assert got == pytest.approx(want / 7, rel=1e-5)


@tensorflow
@pytest.mark.parametrize("via", ["tf.nn.ctc_loss(sparse labels)", "tf.compat.v1.nn.ctc_loss"])
def test_a_confident_frame_costs_infinity_in_tensorflow_s_sparse_kernel(via: str, ask: Ask) -> None:
    """A probability below the smallest normal float32 is taken for 0, where dense labels are right."""
    case = "ctc/none/float32/2x7x4/confident/0"
    found = ask(case, via)
    assert found.status == "deviates"
    got, want = worst(found)
    assert got == math.inf
    assert 87 < want < 1000
    assert ask(case, "tf.nn.ctc_loss(dense labels)").status in ("agrees", "imprecise")
