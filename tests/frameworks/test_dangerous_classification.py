"""What people trip over when they carry a loss of classes from one framework to another: status and size of each.

Where a case can show it, the comparison is asked; what lies outside of every domain is asked of the framework alone.
"""

import json
import math
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec

import pytest
from alone import alone

from lossbench.cases.suite import parse_case
from lossbench.crew import Crew
from lossbench.judging.comparison import Comparison
from lossbench.losses import catalogue
from lossbench.records import Greeting, Status, Target, Verdict
from lossbench.reference.answers import Answers

EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "bfloat16": 2.0**-7}
Ask = Callable[[str, str], Verdict]


def needs(framework: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorator: a test of a framework, skipped where it is not installed; `ask` puts cases to it."""

    def mark(test: Callable[..., None]) -> Callable[..., None]:
        marks = [pytest.mark.framework(framework), pytest.mark.skipif(find_spec(framework) is None, reason="missing")]
        for each in marks:
            test = each(test)
        return test

    return mark


@pytest.fixture(scope="module")
def crews() -> Iterator[Callable[[str], tuple[Crew, Target, Greeting]]]:
    """One worker for each framework, started when it is first asked for."""
    started: dict[str, tuple[Crew, Target, Greeting]] = {}

    def start(framework: str) -> tuple[Crew, Target, Greeting]:
        if framework not in started:
            target = Target(framework)
            crew = Crew([target], deadline=60)
            crew.__enter__()
            greeting = crew.greet()[target]
            assert isinstance(greeting, Greeting), greeting
            started[framework] = crew, target, greeting
        return started[framework]

    yield start
    for crew, _, _ in started.values():
        crew.__exit__(None, None, None)


@pytest.fixture
def ask(request: pytest.FixtureRequest, crews: Callable[[str], tuple[Crew, Target, Greeting]]) -> Ask:
    """The verdict on one implementation in one case."""
    mark = request.node.get_closest_marker("framework")
    crew, target, greeting = crews(mark.args[0])

    def verdict(via: str, case: str) -> Verdict:
        found: list[Verdict] = []
        listed = {name: loss for name, loss in catalogue().items() if not loss.variant}
        chosen = Comparison(crew, {target: greeting}, Answers(None), found.append, {}, lambda i: i.via == via)
        chosen.run([parse_case(case, listed)])
        (one,) = found
        return one

    return verdict


def got_and_want(verdict: Verdict) -> tuple[float, float]:
    """The two numbers at the place of the worst error."""
    got, want = verdict.worst.partition("got ")[2].split(", want ")
    return float(got), float(want)


def relative(error: float | None, verdict: Verdict) -> float:
    """An error by scale, as a fraction of the scale."""
    assert error is not None
    return error * EPS[verdict.dtype]


# Means, weights and labels


@needs("paddle")
def test_paddle_counts_ignored_rows_where_the_ignored_index_is_negative(ask: Ask) -> None:
    case = "cross_entropy/ignore_index={}/mean/float64/6x5/normal/0"
    counted = ask("paddle.nn.CrossEntropyLoss", case.format(-1))
    assert counted.status is Status.DEVIATES
    got, want = got_and_want(counted)
    assert got / want == pytest.approx(5 / 6, rel=1e-5)  # one row of six is ignored
    assert ask("paddle.nn.CrossEntropyLoss", case.format(1)).status in (Status.AGREES, Status.IMPRECISE)


@needs("paddle")
def test_paddle_weighs_rows_where_labels_are_soft(ask: Ask) -> None:
    row = ask("paddle.nn.CrossEntropyLoss(soft_label=True)", "soft_cross_entropy/weight/mean/float64/6x5/normal/0")
    assert row.status is Status.BY_CONTRACT
    assert 0.05 < relative(row.value_error, row) < 10
    plain = ask("paddle.nn.CrossEntropyLoss(soft_label=True)", "soft_cross_entropy/mean/float64/6x5/normal/0")
    assert relative(plain.value_error, plain) < 1e-14


@needs("paddle")
def test_paddle_s_label_smoothing_costs_half_the_digits(ask: Ask) -> None:
    row = ask("paddle.nn.CrossEntropyLoss", "cross_entropy/label_smoothing=0.125/mean/float64/6x5/normal/0")
    assert row.status is Status.DEVIATES
    assert 1e-11 < relative(row.value_error, row) < 1e-7
    assert "float32" in row.note


@needs("paddle")
def test_paddle_mixes_up_the_axes_of_smoothed_labels_and_of_weights(ask: Ask) -> None:
    """Refused where the axes differ in length, and silently another result where they do not."""
    row = ask("paddle.nn.CrossEntropyLoss(axis=-2)", "cross_entropy/label_smoothing=0.125/none/float64/6x5/normal/0")
    assert row.status is Status.DEVIATES
    assert not row.value_error
    last, first, weighted_last, weighted_first = json.loads(alone("-c", SQUARE).splitlines()[-1])
    assert last == pytest.approx([1.77262332, 1.77262332, 0.7915164])
    assert first == pytest.approx([2.71219552, 0.73290258, 0.47578943])
    assert weighted_last == pytest.approx([2.39900484, 2.50552594, 11.32611472])
    assert weighted_first == pytest.approx([0.79966828, 4.38467039, 9.70809833])


SQUARE = """
import json, numpy as np, paddle, paddle.nn.functional as F
x = paddle.to_tensor(np.log(np.array([[1., 2, 4], [8, 16, 32], [64, 128, 3]])).T.copy())
t, y = paddle.to_tensor(np.array([0, 0, 1])), paddle.to_tensor(np.array([[.5, .5, 0], [0, 1, 0], [0, .25, .75]]))
w = paddle.to_tensor(np.array([1., 2., 4.]))
print(json.dumps([found.flatten().tolist() for found in (
    F.cross_entropy(x.T, t, label_smoothing=.25, reduction="none"),
    F.cross_entropy(x, t, label_smoothing=.25, reduction="none", axis=0),
    F.cross_entropy(x.T, y, weight=w, soft_label=True, reduction="none"),
    F.cross_entropy(x, y.T, weight=w, soft_label=True, reduction="none", axis=0),
)]))
"""


@needs("tensorflow")
def test_compat_v1_s_default_mean_divides_by_the_weights_that_are_not_zero(ask: Ask) -> None:
    via, case = "tf.compat.v1.losses.sigmoid_cross_entropy", "binary_cross_entropy_with_logits/weight/{}/float32/{}"
    for reduction in ("mean", "weighted_mean", "nonzero_mean"):
        assert ask(via, case.format(reduction, "6x5/normal/0")).status is Status.AGREES


@needs("tensorflow")
def test_compat_v1_reduces_in_float32(ask: Ask) -> None:
    row = ask("tf.compat.v1.losses.sparse_softmax_cross_entropy", "cross_entropy/sum/float64/6x5/normal/0")
    assert row.status is Status.DEVIATES
    assert 1e-10 < relative(row.value_error, row) < 1e-6


@needs("tensorflow")
def test_keras_rounds_class_indices_to_its_format(ask: Ask) -> None:
    via = "keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype=)"
    row = ask(via, "cross_entropy/none/bfloat16/8x600/normal/0")
    assert row.status is Status.DEVIATES
    assert relative(row.gradient_error, row) == pytest.approx(1, rel=0.1)  # the slope of one class went to another
    by_function = ask(
        "keras.losses.sparse_categorical_crossentropy(from_logits=True)",
        "cross_entropy/none/bfloat16/8x600/normal/0",
    )
    assert by_function.status in (Status.AGREES, Status.IMPRECISE)


# Clips


@pytest.mark.parametrize(
    ("via", "case", "most"),
    [
        pytest.param(*row, marks=[pytest.mark.framework(f), pytest.mark.skipif(find_spec(f) is None, reason="missing")])
        for f, *row in (
            ("torch", "torch.nn.BCELoss", "binary_cross_entropy/none/float64/6x5/boundary/0", 100),
            ("paddle", "paddle.nn.BCELoss", "binary_cross_entropy/none/float64/6x5/boundary/0", 100),
            (
                "paddle",
                "paddle.nn.functional.log_loss of x.reshape(-1, 1)",
                "binary_cross_entropy/none/float32/6x5/boundary/0",
                -math.log(1e-4),
            ),
            (
                "tensorflow",
                "tf.compat.v1.losses.log_loss",
                "binary_cross_entropy/none/float32/6x5/boundary/0",
                -math.log(1e-7),
            ),
            (
                "tensorflow",
                "keras.losses.SparseCategoricalCrossentropy(dtype=)",
                "sparse_categorical_cross_entropy_prob/none/float64/6x5/boundary/0",
                -math.log(1e-7),
            ),
            (
                "paddle",
                "paddle.nn.CrossEntropyLoss(use_softmax=False)",
                "sparse_categorical_cross_entropy_prob/none/float64/6x5/boundary/0",
                1e20,
            ),
        )
    ],
)
def test_a_probability_of_0_costs_no_more_than_the_clip_lets_it(ask: Ask, via: str, case: str, most: float) -> None:
    row = ask(via, case)
    assert row.status is Status.BY_CONTRACT
    got, want = got_and_want(row)
    assert got == pytest.approx(most, rel=1e-5)
    assert want == math.inf


@needs("tensorflow")
def test_keras_clips_its_focal_loss_even_from_logits(ask: Ask) -> None:
    """The gradient vanishes where a confident row is wrong; with alpha = 1/4 and a gap of 40 it is 4.03, not 10."""
    via = "keras.losses.CategoricalFocalCrossentropy(from_logits=True, dtype=)"
    row = ask(via, "categorical_focal/none/float64/6x5/confident/0")
    assert row.status is Status.BY_CONTRACT
    got, want = got_and_want(row)
    assert got == 0
    assert abs(want) > 0.1
    assert "1e-7" in row.note


@needs("tensorflow")
def test_keras_takes_the_logits_behind_a_softmax_and_a_sigmoid() -> None:
    """From the same probability: 16.118 clipped, 40 where Keras has seen what it was made from."""
    assert json.loads(alone("-c", SUBSTITUTED).splitlines()[-1]) == pytest.approx([16.118095, 40, 16.118095, 40])


SUBSTITUTED = """
import json, keras, tensorflow as tf
x, y = tf.constant([[0., 40.]], tf.float64), tf.constant([[1., 0.]], tf.float64)
one, no = tf.constant([[40.]], tf.float64), tf.constant([[0.]], tf.float64)
rows = keras.losses.CategoricalCrossentropy(dtype="float64")
binary = keras.losses.BinaryCrossentropy(dtype="float64")
print(json.dumps([float(loss) for loss in (
    rows(y, tf.nn.softmax(x)), rows(y, keras.ops.softmax(x)),
    binary(no, tf.sigmoid(one)), binary(no, keras.ops.sigmoid(one)),
)]))
"""


# Gradients


@needs("tensorflow")
def test_tf_nn_weighted_cross_entropy_has_the_wrong_gradient_at_logit_0(ask: Ask) -> None:
    via = "tf.nn.weighted_cross_entropy_with_logits"
    row = ask(via, "binary_cross_entropy_with_logits/pos_weight/none/float64/6x5/tie/0")
    assert row.status is Status.DEVIATES
    assert relative(row.value_error, row) < 1e-14
    assert relative(row.gradient_error, row) > 0.1
    assert row.worst.startswith("gradient of logit")


@pytest.mark.parametrize(
    ("framework", "exact"), [("torch", True), ("jax", True), ("tensorflow", False), ("paddle", False)]
)
def test_labels_that_do_not_sum_to_1(framework: str, exact: bool) -> None:
    """Of y = (0.5, 1) and x = (0, 1) the slope is (Σy) p - y = ∓0.0966; p - y is (-0.2311, -0.2689)."""
    if find_spec(framework) is None:
        pytest.skip(f"{framework} is not installed")
    slope = json.loads(alone("-c", UNNORMALIZED[framework]).splitlines()[-1])
    want = [-0.0965878, 0.0965878] if exact else [-0.2310586, -0.2689414]
    assert slope == pytest.approx(want, abs=1e-6)


UNNORMALIZED = {
    "torch": """
import json, torch
x = torch.tensor([[0., 1.]], requires_grad=True)
torch.nn.functional.cross_entropy(x, torch.tensor([[.5, 1.]])).backward()
print(json.dumps(x.grad[0].tolist()))
""",
    "paddle": """
import json, paddle
x = paddle.to_tensor([[0., 1.]], stop_gradient=False)
paddle.nn.functional.cross_entropy(x, paddle.to_tensor([[.5, 1.]]), soft_label=True).backward()
print(json.dumps(x.grad[0].tolist()))
""",
    "tensorflow": """
import json, tensorflow as tf
x = tf.constant([[0., 1.]])
with tf.GradientTape() as tape:
    tape.watch(x)
    value = tf.nn.softmax_cross_entropy_with_logits([[.5, 1.]], x)
print(json.dumps(tape.gradient(value, x)[0].numpy().tolist()))
""",
    "jax": """
import json, jax, optax, jax.numpy as jnp
slope = jax.grad(lambda x: optax.losses.softmax_cross_entropy(x, jnp.array([.5, 1.])))(jnp.array([0., 1.]))
print(json.dumps(slope.tolist()))
""",
}


@needs("jax")
def test_optax_s_focal_loss_loses_half_of_its_slope_by_a_hard_label(ask: Ask) -> None:
    """At logit 0 the definition's slope by the label is 0; optax's is log(2)/2 up or down, times the cotangent."""
    row = ask("optax.losses.sigmoid_focal_loss", "binary_focal/none/float64/6x5/zeros/0")
    assert row.status is Status.DEVIATES
    assert relative(row.value_error, row) < 1e-14
    got, want = got_and_want(row)
    assert want == 0
    assert abs(got) / (math.log(2) / 2) in [pytest.approx(c, rel=1e-5) for c in (0.5, 1, 1.5, 2)]
    slopes = json.loads(alone("-c", FOCAL).splitlines()[-1])
    assert slopes == pytest.approx([-0.34657359, 0.0, 0.34657359, 0.0], abs=1e-6)


FOCAL = """
import json, jax, optax, jax.numpy as jnp
slope, x = jax.grad(optax.losses.sigmoid_focal_loss, 1), jnp.array(0.)
print(json.dumps([float(slope(x, jnp.array(label))) for label in (0., 1e-6, 1., 1 - 1e-6)]))
"""


@needs("tensorflow")
def test_keras_s_generalized_cross_entropy_poisons_the_row_of_an_impossible_target(ask: Ask) -> None:
    via = "keras.losses.CategoricalGeneralizedCrossEntropy(dtype=)"
    row = ask(via, "generalized_cross_entropy/none/float64/6x5/boundary/0")
    assert row.status is Status.DEVIATES
    assert math.isnan(got_and_want(row)[0])
    assert relative(row.value_error, row) < 1e-14


@needs("torch")
def test_torch_lets_what_is_under_an_ignored_row_into_the_gradient(ask: Ask) -> None:
    row = ask("torch.nn.CrossEntropyLoss", "cross_entropy/ignore_index=-1/none/float32/6x5/poison/0")
    assert row.status is Status.DIFFERS
    got, want = got_and_want(row)
    assert (math.isnan(got), want) == (True, 0)
    assert row.worst.startswith("gradient of logits")


# Class indices that are none


@needs("jax")
def test_optax_takes_minus_1_for_the_last_class_and_answers_others_with_nan() -> None:
    last, third, outside, slope = json.loads(alone("-c", INDICES).splitlines()[-1])
    assert last == third == pytest.approx(0.40760596)
    assert math.isnan(outside)
    assert slope == pytest.approx([0.09003057, 0.24472847, 0.66524096])  # the softmax, without its target


INDICES = """
import json, jax, optax, jax.numpy as jnp
loss = optax.losses.softmax_cross_entropy_with_integer_labels
x = jnp.array([0., 1., 2.])
print(json.dumps([*(float(loss(x, jnp.array(t))) for t in (-1, 2, 3)), jax.grad(loss)(x, jnp.array(3)).tolist()]))
"""


@pytest.mark.parametrize(
    ("framework", "refused"),
    [
        ("torch", ("int32", "int16", "int8")),
        ("paddle", ("int16", "int8", "uint8")),
        ("jax", ()),
    ],
)
def test_formats_of_class_indices(
    framework: str, refused: tuple[str, ...], crews: Callable[[str], tuple[Crew, Target, Greeting]]
) -> None:
    """What the adapters of cross entropy declare, and what comes of it."""
    if find_spec(framework) is None:
        pytest.skip(f"{framework} is not installed")
    crew, target, greeting = crews(framework)
    names = {"torch": "torch.nn.CrossEntropyLoss", "paddle": "paddle.nn.CrossEntropyLoss"}
    via = names.get(framework, "optax.losses.softmax_cross_entropy_with_integer_labels")
    listed = {name: loss for name, loss in catalogue().items() if not loss.variant}
    found: list[Verdict] = []
    comparison = Comparison(crew, {target: greeting}, Answers(None), found.append, {}, lambda i: i.via == via)
    parse = partial(parse_case, losses=listed)
    formats = ("int32", "int16", "int8", "uint8")
    comparison.run([parse(f"cross_entropy/@{form}/none/float32/6x5/normal/0") for form in formats])
    statuses = {verdict.case.split("@")[1].split("/")[0]: verdict.status for verdict in found}
    for form in formats:
        wanted = (Status.ABSENT,) if form in refused else (Status.AGREES, Status.IMPRECISE)
        assert statuses[form] in wanted, form
