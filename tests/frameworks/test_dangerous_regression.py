"""What silently changes when a regression loss or a likelihood moves from one framework to another, and by how much.

Statuses and sizes are those of the rows that `lossbench compare` writes; where the danger is a whole convention, the
framework is asked by itself.
"""

import json
from importlib.util import find_spec

import pytest
import test_known_truths as truths
from alone import alone
from test_known_truths import Found, compared, number

found, runs = truths.found, truths.runs  # the fixtures
EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}

torch = compared("torch", "gaussian_nll", "poisson_nll")
paddle = compared("paddle", "gaussian_nll", "poisson_nll")
tensorflow = compared(
    "tensorflow",
    *("mean_pairwise_squared_error", "log_cosh", "absolute_error", "huber", "poisson_nll", "half_squared_error"),
)
jax = compared("jax", "huber", "log_cosh", "kl_div", "half_squared_error", "checked_mse")


def alone_in(framework: str, script: str) -> dict[str, float]:
    """What a script prints as JSON in a process of its own; skipped where the framework is missing."""
    if find_spec(framework) is None:
        pytest.skip(f"{framework} is not installed")
    return json.loads(alone("-c", f"import json\n{script}").splitlines()[-1])


# tf.compat.v1


@tensorflow
def test_pairwise_error_by_default_counts_the_whole_batch(found: Found) -> None:
    """Executed eagerly; in a graph, or with a weight for each sample, it is right."""
    via = "tf.compat.v1.losses.mean_pairwise_squared_error"
    (row,) = found.of(via, "float32", "normal")
    assert row["status"] == "deviates"
    assert number(row, "value_error") * EPS["float32"] > 0.1
    assert "as many elements as the batch" in row["note"]
    (row,) = found.of(f"tf.function + {via}", "float32", "normal")
    assert row["status"] == "agrees"
    rows = found.of(f"{via}(weights=)", "float32", "normal", options=True)
    assert {row["status"] for row in rows} == {"agrees"}


@pytest.mark.framework("tensorflow")
def test_the_size_of_the_pairwise_error_s_mistake() -> None:
    """Two samples whose pairs differ by 1, 2, 1 and by 2, 4, 2: means of 2 and 8, where 6 elements are counted."""
    got = alone_in("tensorflow", PAIRS)
    assert got["graph"] == got["weights"] == pytest.approx(10, rel=1e-6)
    # 2 Σ d²/5 - 2 (Σ d)²/30 with d = 0, 1, 2 and 0, 2, 4
    assert got["eager"] == pytest.approx(2 * 5 / 5 - 2 * 9 / 30 + 2 * 20 / 5 - 2 * 36 / 30, rel=1e-6)


PAIRS = """
import tensorflow as tf
x, y = tf.constant([[0.0, 1.0, 2.0], [0.0, 2.0, 4.0]]), tf.zeros((2, 3))
loss = tf.compat.v1.losses.mean_pairwise_squared_error
print(json.dumps({
    "eager": float(loss(y, x)), "graph": float(tf.function(loss)(y, x)),
    "weights": float(loss(y, x, weights=tf.ones((2, 1)))),
}))
"""


@tensorflow
def test_compat_computes_in_float32_whatever_it_is_given(found: Found) -> None:
    for row in found.of("tf.compat.v1.losses.absolute_difference", "none", "float64", "normal"):
        assert row["status"] == "by-contract", row
        assert 1e-9 < number(row, "value_error") * EPS["float64"] < 1e-6
        assert "float32" in row["note"]


# Keras


@tensorflow
def test_keras_s_log_cosh_is_1_9e_9_too_small_in_float64(found: Found) -> None:
    """And so negative near the target; log 2 is that of float32."""
    via = "keras.losses.LogCosh(dtype=) of x[..., None]"
    (row,) = found.of(via, "none", "float64", "6x5", "zeros")
    assert row["status"] == "deviates"
    assert number(row, "value_error") * EPS["float64"] * 2 * 0.6931 == pytest.approx(1.9046e-9, rel=1e-3)
    (row,) = found.of(via, "none", "float32", "6x5", "normal")
    assert row["status"] in ("agrees", "imprecise")


@tensorflow
def test_keras_s_poisson_adds_1e_7_to_the_rate(found: Found) -> None:
    """Against 1e-8 in torch and Paddle: 32.24 instead of 36.84 for a rate of 0 and a count of 2."""
    (row,) = found.of("keras.losses.Poisson(dtype=) of x[..., None]", "none", "float64", "6x5", "normal")
    assert row["status"] == "by-contract"
    assert 1e-9 < number(row, "value_error") * EPS["float64"] < 1e-6
    assert "1e-7" in row["note"]


@tensorflow
def test_tf_nn_takes_the_counts_first_and_half_of_the_sum_of_squares(found: Found) -> None:
    """As the adapters hand them over, both are right; that is all there is to it."""
    for via in ("tf.nn.log_poisson_loss", "tf.subtract + tf.nn.l2_loss"):
        assert {row["status"] for row in found.of(via, "float32", "normal")} == {"agrees"}


# Paddle and torch


@paddle
def test_paddle_s_gaussian_never_trains_a_variance(found: Found) -> None:
    for row in found.of("paddle.nn.GaussianNLLLoss", "normal", options=True):
        assert row["status"] == "deviates", row
        assert "no gradient to the variance" in row["note"]
        assert number(row, "value_error") <= 64


@torch
def test_torch_s_gaussian_gives_a_gradient_through_its_clamp(found: Found) -> None:
    for row in found.of("torch.nn.GaussianNLLLoss", "float64", "zeros"):
        assert row["status"] == "by-contract", row
        assert "clamp" in row["note"]
        got, want = (float(word) for word in row["worst"].partition("got ")[2].split(", want "))
        assert abs(got) > 1e5
        assert want == 0
    for row in found.of("torch.nn.GaussianNLLLoss", "float32", "normal"):
        assert row["status"] == "agrees", row


@pytest.mark.framework("torch")
def test_torch_s_weighted_means_divide_by_different_things() -> None:
    """With weights 1 and 3: mse_loss by their sum, huber_loss by the number of elements."""
    got = alone_in("torch", WEIGHTED)
    assert got == {"mse": (1 + 3 * 4) / 4, "l1": (1 + 3 * 2) / 4, "huber": (0.5 + 3 * 1.5) / 2}


WEIGHTED = """
import torch, torch.nn.functional as F
x, y, w = torch.tensor([1.0, 2.0]), torch.zeros(2), torch.tensor([1.0, 3.0])
print(json.dumps({
    "mse": F.mse_loss(x, y, weight=w).item(), "l1": F.l1_loss(x, y, weight=w).item(),
    "huber": F.huber_loss(x, y, weight=w).item(),
}))
"""


# optax


@jax
def test_optax_s_huber_loses_small_gradients(found: Found) -> None:
    """Below half an eps of delta nothing is left; larger ones carry an error of that size."""
    (row,) = found.of("optax.losses.huber_loss", "none", "float64", "log_uniform")
    assert row["status"] == "deviates"
    assert number(row, "value_error") <= 64
    assert number(row, "gradient_error") * EPS["float64"] >= 1  # all of it
    assert "got 0, want" in row["worst"]
    (row,) = found.of("optax.losses.huber_loss", "none", "float32", "6x5", "normal")
    assert row["status"] in ("agrees", "imprecise")


@jax
def test_optax_s_log_cosh_loses_what_is_near_the_target(found: Found) -> None:
    (row,) = found.of("optax.losses.log_cosh", "none", "float64", "log_uniform")
    assert row["status"] == "imprecise"
    assert number(row, "value_error") <= 64
    assert number(row, "value_ulps") > 1e15


@jax
def test_optax_s_divergence_has_no_gradient_at_a_target_of_zero(found: Found) -> None:
    (row,) = found.of("optax.losses.kl_divergence of x[..., None]", "none", "float64", "boundary")
    assert row["status"] == "deviates"
    assert number(row, "value_error") <= 64
    assert "got nan" in row["worst"]


@jax
def test_optax_s_l2_loss_has_a_factor_of_one_half(found: Found) -> None:
    """It agrees with half the squared error, which is not what torch and Keras call MSE."""
    assert {row["status"] for row in found.of("optax.losses.l2_loss", "none", "normal")} == {"agrees"}


@pytest.mark.parametrize(
    ("framework", "value"), [("torch", "nan"), ("paddle", "0.0"), ("jax", "nan")], ids=["torch", "paddle", "jax"]
)
def test_what_a_target_of_zero_costs_where_the_prediction_is_impossible(framework: str, value: str) -> None:
    assert alone_in(framework, IMPOSSIBLE[framework]) == {"loss": value}


IMPOSSIBLE = {
    "torch": """
import torch
loss = torch.nn.functional.kl_div(torch.tensor([float("-inf")]), torch.tensor([0.0]), reduction="sum")
print(json.dumps({"loss": str(loss.item())}))
""",
    "paddle": """
import paddle
loss = paddle.nn.functional.kl_div(paddle.to_tensor([float("-inf")]), paddle.to_tensor([0.0]), reduction="sum")
print(json.dumps({"loss": str(abs(loss.item()))}))
""",
    "jax": """
import optax
from jax import numpy as jnp
print(json.dumps({"loss": str(float(optax.losses.kl_divergence(jnp.array([-jnp.inf]), jnp.array([0.0]))))}))
""",
}

# What the checked mean squared error refuses


@jax
def test_what_is_not_finite_is_refused_from_compiled_code(found: Found) -> None:
    via = "lossbench.frameworks.jax.recipes_regression.checked_mse"
    assert {row["status"] for row in found.of(via, "poison")} == {"rejects"}
    assert {row["status"] for row in found.of(via, "empty")} == {"by-contract"}
    assert {row["status"] for row in found.of(via, "normal")} == {"agrees"}


@pytest.mark.parametrize("framework", ["torch", "paddle", "tensorflow", "jax"])
def test_shapes_that_would_be_broadcast_are_refused(framework: str) -> None:
    """The library's own mean squared error of a column and a row of equal numbers is 4/3 in torch and Paddle."""
    got = alone_in(framework, BROADCAST.replace("FRAMEWORK", framework))
    assert got["refused"] == 1
    if framework in ("torch", "paddle"):
        assert got["own"] == pytest.approx(4 / 3, rel=1e-6)


BROADCAST = """
import importlib, warnings, numpy as np
warnings.simplefilter("ignore")
framework = importlib.import_module("lossbench.frameworks.FRAMEWORK").framework
recipes = importlib.import_module("lossbench.frameworks.FRAMEWORK.recipes_regression")
numbers = np.array([1.0, 2.0, 3.0])
column, row = (framework.tensor(array, "float64", False) for array in (numbers[:, None], numbers))
refused = 0
try:
    recipes.checked_mse(column, row)
except ValueError as error:
    refused = int("(3, 1)" in str(error).replace("[", "(").replace("]", ")"))
own = None
if "FRAMEWORK" in ("torch", "paddle"):
    F = importlib.import_module("FRAMEWORK.nn.functional")
    own = float(F.mse_loss(column, row))
print(json.dumps({"refused": refused, "own": own}))
"""
