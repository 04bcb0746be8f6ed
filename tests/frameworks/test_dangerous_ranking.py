"""What porting a ranking or metric loss can silently change: found by the default suite, at the size it really has.

Sizes that the rows do not hold are asked of the framework alone, in a process of its own.
"""

import csv
import json
import math
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from alone import alone

THOROUGH = ("--suite", str(Path(__file__).with_name("thorough.toml")))
MAIN = "import sys; sys.argv[0] = 'lossbench'; from lossbench.cli import main; main()"
EPS = {"float64": 2.0**-52, "float32": 2.0**-23}
LOSSES = {
    "torch": ("margin_ranking", "cosine_similarity", "triplet_margin_with_distance"),
    "paddle": ("margin_ranking", "cosine_similarity", "triplet_margin_with_distance", "npair"),
    "jax": ("cosine_similarity", "cosine_distance", "triplet_margin", "ntxent", "listwise_softmax"),
    "tensorflow": ("cosine_similarity", "cosine_distance", "circle"),
}
Rows = list[dict[str, str]]


def needs(framework: str) -> list[pytest.MarkDecorator]:
    missing = pytest.mark.skipif(find_spec(framework) is None, reason=f"{framework} is not installed")
    return [pytest.mark.framework(framework), missing]


def only(framework: str):
    """A test that looks at one framework's rows, and is skipped by name where it is not installed."""

    def mark(test):
        for one in needs(framework):
            test = one(test)
        return pytest.mark.parametrize("rows", [framework], indirect=True)(test)

    return mark


@pytest.fixture(scope="module")
def runs() -> dict[str, Rows]:
    """The rows of each framework that was asked already."""
    return {}


@pytest.fixture
def rows(request: pytest.FixtureRequest, runs: dict[str, Rows], tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """What `lossbench compare` writes of a framework's losses of this family, each run made once."""
    framework = request.param
    if framework not in runs:
        folder: Path = tmp_path_factory.mktemp(framework)
        path = folder / "rows.csv"
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                MAIN,
                "compare",
                *LOSSES[framework],
                *THOROUGH,
                "--framework",
                framework,
                "--csv",
                str(path),
            ],
            env={**os.environ, "XDG_CACHE_HOME": str(folder)},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        with path.open(newline="") as file:
            runs[framework] = [row for row in csv.DictReader(file) if row["status"] not in ("absent", "skipped")]
    return runs[framework]


def of(rows: Rows, via: str, *words: str) -> Rows:
    """The rows of an implementation whose case has all these words, options among them."""
    found = [row for row in rows if row["via"] == via and set(words) <= set(row["case"].split("/"))]
    assert found, f"{via} was never asked about {words}"
    return found


def plain(rows: Rows) -> Rows:
    """Those without options."""
    return [row for row in rows if row["case"].count("/") == 5]


def got_and_want(row: dict[str, str]) -> tuple[float, float]:
    got, want = row["worst"].partition("got ")[2].split(", want ")
    return float(got), float(want)


# Cosines


@only("tensorflow")
@pytest.mark.parametrize("via", ["keras.losses.CosineSimilarity(dtype=)", "keras.losses.CosineSimilarity"])
def test_keras_returns_minus_the_cosine(via, rows):
    for row in of(rows, via, "none", "float32", "normal"):
        assert row["status"] == "by-contract", row
        assert "minus the cosine" in row["note"]
        got, want = got_and_want(row)
        assert got == pytest.approx(-want, rel=1e-5)
        assert float(row["value_error"]) * EPS["float32"] > 1  # of what the terms add up to


@only("tensorflow")
def test_the_cosine_distance_of_version_1_does_not_normalize(rows):
    for row in plain(of(rows, "tf.compat.v1.losses.cosine_distance", "none", "float32", "normal")):
        assert row["status"] == "by-contract", row
        assert float(row["value_error"]) * EPS["float32"] > 0.5
        assert "does not normalize" in row["note"]
    normalized = "tf.math.l2_normalize + tf.compat.v1.losses.cosine_distance"
    for row in of(rows, normalized, "float32", "normal"):
        assert row["status"] in ("agrees", "imprecise"), row


@pytest.mark.framework("tensorflow")
@pytest.mark.skipif(find_spec("tensorflow") is None, reason="tensorflow is not installed")
def test_the_cosine_distance_of_version_1_is_one_minus_the_scalar_product():
    script = (
        "import tensorflow as tf; print(float(tf.compat.v1.losses.cosine_distance([[3., 4.]], [[1., 1.]], axis=-1)))"
    )
    assert float(alone("-c", script).split()[-1]) == 1 - 7


@only("jax")
def test_optax_s_cosine_distance_is_one_minus_the_cosine(rows):
    for via in ("optax.losses.cosine_distance", "optax.losses.cosine_similarity"):
        for row in of(rows, via, "float64", "normal"):
            assert row["status"] in ("agrees", "imprecise"), row
        (row,) = of(rows, via, "float64", "zeros")
        assert "no right answer" in row["note"], row
        assert "nan" in row["note"]


@only("torch")
def test_torch_s_cosine_agrees_on_ordinary_vectors(rows):
    for row in of(rows, "torch.nn.CosineSimilarity", "normal"):
        assert row["status"] in ("agrees", "imprecise"), row


@pytest.mark.framework("paddle")
@pytest.mark.skipif(find_spec("paddle") is None, reason="paddle is not installed")
def test_paddle_s_cosine_guards_the_product_of_the_lengths():
    """Of lengths 1e-5 that product is below its 1e-8, and of 1e20 its square is infinite: no cosine comes of either."""
    script = """
import json, paddle
pairs = (([1e-5, 0.0], [1e-5, 1e-5]), ([1e20, 1e20], [1.0, 0.0]), ([1.0, 1.0], [1.0, 0.0]))
cosines = [paddle.nn.functional.cosine_similarity(*map(paddle.to_tensor, ([a], [b])), axis=-1) for a, b in pairs]
print(json.dumps([one.item() for one in cosines]))
"""
    short, long, ordinary = json.loads(alone("-c", script).splitlines()[-1])
    assert ordinary == pytest.approx(math.sqrt(0.5), rel=1e-6)
    assert short == pytest.approx(0.01, rel=1e-5)
    assert long > 5


# Triplets


@only("jax")
def test_optax_s_triplet_loss_takes_no_absolute_value(rows):
    """Of p = 3 it gives no number, of p = 1 a signed sum; its epsilon stands inside the root."""
    for row in of(rows, "optax.losses.triplet_margin_loss", "p=3.0", "none", "normal"):
        assert row["status"] == "deviates", row
        assert row["worst"].partition("got ")[2].startswith("nan")
    for row in of(rows, "optax.losses.triplet_margin_loss", "p=1.0", "none", "normal"):
        assert row["status"] == "deviates", row
        assert float(row["value_error"]) * EPS[row["dtype"]] > 0.01
    for row in plain(of(rows, "optax.losses.triplet_margin_loss", "none", "float64", "normal")):
        assert row["status"] == "deviates", row
        assert 1e-9 < float(row["value_error"]) * EPS["float64"] < 1e-5
        assert "under the root" in row["note"]


@only("paddle")
def test_paddle_s_layer_ignores_its_distance_function(rows):
    layer = "paddle.nn.TripletMarginWithDistanceLoss(distance_function)"
    function = "paddle.nn.functional.triplet_margin_with_distance_loss(distance_function)"
    for word in ("manhattan", "squared", "cosine"):
        for row in of(rows, layer, f"distance={word}", "none", "normal"):
            assert row["status"] == "deviates", row
            assert "ignores the distance function" in row["note"]
            assert max(float(row["value_error"]), float(row["gradient_error"])) * EPS[row["dtype"]] > 0.1
        for row in of(rows, function, f"distance={word}", "none", "normal"):
            assert row["status"] in ("agrees", "imprecise"), row


@only("paddle")
def test_the_slope_of_paddle_s_norm_is_short_by_1e_12(rows):
    function = "paddle.nn.functional.triplet_margin_with_distance_loss(distance_function)"
    (row,) = plain(of(rows, function, "none", "float64", "normal"))
    assert row["status"] == "deviates"
    assert float(row["value_error"]) <= 64
    assert 1e-14 < float(row["gradient_error"]) * EPS["float64"] < 1e-11


BY_CLASS = {
    "torch": """
import torch, torch.nn as nn
from lossbench.frameworks.torch import framework
from lossbench.frameworks.torch.ranking import DISTANCES as distances
a, p, n = torch.randn(3, 6, 5)
key = "triplet_margin_with_distance:torch.nn.TripletMarginWithDistanceLoss(distance_function)"
""",
    "paddle": """
import paddle; from paddle import nn
from lossbench.frameworks.paddle import framework
from lossbench.frameworks.paddle.ranking import DISTANCES as distances
a, p, n = paddle.randn([3, 6, 5])
key = "triplet_margin_with_distance:paddle.nn.TripletMarginWithDistanceLoss(distance_function)"
""",
}
HELD = """
implementation, adapter = framework.table[key]
for word, function in distances.items():
    for reduction in implementation.reductions:
        layer = nn.TripletMarginWithDistanceLoss(distance_function=function, margin=0.5, swap=True, reduction=reduction)
        here = adapter(a, p, n, margin=0.5, distance=word, swap=True, reduction=reduction)
        assert bool((here == layer(a, p, n)).all()), (word, reduction)
print(len(distances))
"""


@pytest.mark.parametrize("framework", [pytest.param(name, marks=needs(name)) for name in BY_CLASS])
def test_the_classes_with_a_distance_function_give_the_bits_of_the_adapters(framework):
    assert alone("-c", BY_CLASS[framework] + HELD).split()[-1] == "4"


# Order


@only("paddle")
def test_paddle_s_margin_ranking_answers_nan_with_a_number(rows):
    for row in of(rows, "paddle.nn.MarginRankingLoss", "none", "poison"):
        assert row["status"] == "accepts", row
    for row in of(rows, "paddle.nn.MarginRankingLoss", "normal") + of(rows, "paddle.nn.MarginRankingLoss", "kink"):
        assert row["status"] == "agrees", row


@only("torch")
def test_torch_s_margin_ranking_agrees_everywhere(rows):
    for row in of(rows, "torch.nn.MarginRankingLoss"):
        assert row["status"] == "agrees", row


@only("jax")
def test_optax_s_listwise_softmax_agrees_with_weights_and_masks(rows):
    for given in ("weight", "mask", "weight,mask"):
        for row in of(rows, "optax.losses.ranking_softmax_loss", given):
            assert row["status"] in ("agrees", "imprecise"), row
    reductions = {row["reduction"] for row in of(rows, "optax.losses.ranking_softmax_loss", "mask")}
    assert reductions == {"none", "mean", "sum"}


# Whole batches


@only("paddle")
def test_paddle_s_npair_loss_is_for_float32_and_clips_at_64(rows):
    via = "paddle.nn.functional.npair_loss"
    for row in of(rows, via, "float64", "normal"):
        assert row["status"] == "deviates", row
        assert "float32" in row["note"]
    for row in plain(of(rows, via, "float32", "normal")):
        assert row["status"] == "agrees", row
    (row,) = of(rows, via, "float32", "log_uniform")
    assert row["status"] == "deviates", row
    assert "clips scores at 64" in row["note"]


@pytest.mark.framework("paddle")
@pytest.mark.skipif(find_spec("paddle") is None, reason="paddle is not installed")
def test_paddle_s_npair_loss_is_never_more_than_64_above_a_uniform_row():
    """Anchors at right angles to their positives, in the direction of the other's: 100 is right, but for e^-100."""
    script = """
import paddle
anchor = paddle.to_tensor([[10.0, 0.0], [0.0, 10.0]])
print(float(paddle.nn.functional.npair_loss(anchor, anchor.flip(0), paddle.to_tensor([0, 1]), l2_reg=0.0)))
"""
    assert float(alone("-c", script).split()[-1]) == 64


@only("jax")
def test_optax_s_ntxent_agrees_and_gives_nan_without_a_pair(rows):
    via = "optax.losses.ntxent"
    for row in of(rows, via, "normal") + of(rows, via, "tie"):
        assert row["status"] in ("agrees", "imprecise"), row
    (row,) = of(rows, via, "one_row", "float32")
    assert "0/0 by definition, returned nan" in row["note"]


@pytest.mark.framework("jax")
@pytest.mark.skipif(find_spec("optax") is None, reason="optax is not installed")
def test_optax_s_ntxent_takes_short_vectors_for_shorter():
    """In float32 lengths below 3.5e-4 count as that: scaling all vectors changes what does not depend on scale."""
    script = """
import json, optax, jax.numpy as jnp
rows, labels = jnp.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, 1.0]], jnp.float32), jnp.array([0, 0, 1, 1])
print(json.dumps([float(optax.losses.ntxent(scale * rows, labels, 1.0)) for scale in (1.0, 1e-2, 1e-4)]))
"""
    ordinary, short, shorter = json.loads(alone("-c", script))
    assert ordinary == pytest.approx(short, rel=1e-5) == pytest.approx(1.2764, rel=1e-4)
    assert shorter == pytest.approx(1.0868, rel=1e-4)


@only("tensorflow")
def test_keras_s_circle_agrees_and_averages_the_rows_that_have_both(rows):
    for row in of(rows, "keras.losses.Circle(dtype=)"):
        if row["regime"] != "empty":
            assert row["status"] in ("agrees", "imprecise"), row


@pytest.mark.framework("tensorflow")
@pytest.mark.skipif(find_spec("tensorflow") is None, reason="tensorflow is not installed")
def test_keras_s_circle_rounds_labels_to_its_format():
    """Labels 256 and 257 are one class in bfloat16, 2048 and 2049 in float16, 2^24 and the next in float32."""
    script = """
import json, tensorflow as tf, keras
rows = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
found = []
for dtype, label in (("bfloat16", 256), ("float16", 2048), ("float32", 2**24)):
    for base in (0, label):
        loss = keras.losses.Circle(dtype=dtype)
        found.append(float(loss(tf.constant([base, base, base + 1, base + 1]), tf.constant(rows, dtype))))
print(json.dumps(found))
"""
    found = json.loads(alone("-c", script).splitlines()[-1])
    right = 80 * 1.4 * 0.6 * 2
    assert found[::2] == pytest.approx([right] * 3, rel=1e-2)
    assert found[1::2] == [0.0] * 3


@pytest.mark.framework("tensorflow")
@pytest.mark.skipif(find_spec("tensorflow") is None, reason="tensorflow is not installed")
def test_keras_s_circle_gives_the_mean_of_two_rows_out_of_three():
    script = """
import json, tensorflow as tf, keras
rows, labels = tf.constant([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), tf.constant([0, 0, 1])
both = [keras.losses.Circle(reduction=word)(labels, rows) for word in ("sum_over_batch_size", "sum")]
print(json.dumps([float(one) for one in both]))
"""
    mean, summed = json.loads(alone("-c", script).splitlines()[-1])
    assert (mean, summed) == (pytest.approx(94.4, rel=1e-5), pytest.approx(188.8, rel=1e-5))
    assert not math.isclose(mean, summed / 3)
