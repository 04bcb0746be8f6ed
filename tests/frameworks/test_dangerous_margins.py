"""What silently goes wrong with margins and hinges when one ports a model: each difference found, and of its size."""

from functools import cache
from importlib.util import find_spec

import pytest
from alone import alone

from lossbench.cases.suite import parse_case
from lossbench.crew import Crew
from lossbench.judging.comparison import Comparison
from lossbench.losses import catalogue
from lossbench.records import Greeting, Status, Target, Verdict
from lossbench.reference.answers import Answers

EPS = {"float64": 2.0**-52, "float32": 2.0**-23}


def needs(framework: str) -> pytest.MarkDecorator:
    """A mark for tests of one framework."""
    installed = find_spec(framework) is not None
    return pytest.mark.skipif(not installed, reason=f"{framework} is not installed")


torch = needs("torch")
paddle = needs("paddle")
tensorflow = needs("tensorflow")
optax = needs("optax")


@cache
def judged(framework: str, *cases: str) -> dict[tuple[str, str], Verdict]:
    """The verdicts on cases by their names, by case and public name."""
    found: list[Verdict] = []
    target = Target(framework)
    with Crew([target], deadline=60) as crew:
        greeting = crew.greet()[target]
        assert isinstance(greeting, Greeting), greeting
        asked = [parse_case(case, catalogue()) for case in cases]
        Comparison(crew, {target: greeting}, Answers(None), found.append, {}).run(asked)
    return {(verdict.case, verdict.via): verdict for verdict in found}


def got_and_want(verdict: Verdict) -> tuple[float, float]:
    """What came back at the worst place, and what is right there."""
    got, want = verdict.worst.partition("got ")[2].split(", want ")
    return float(got), float(want)


def relative_error(verdict: Verdict) -> float:
    """The error of the value, over its scale."""
    assert verdict.value_error is not None
    return verdict.value_error * EPS[verdict.dtype]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("framework", "via"),
    [
        pytest.param("torch", "torch.nn.SoftMarginLoss", marks=torch),
        pytest.param("paddle", "paddle.nn.SoftMarginLoss", marks=paddle),
    ],
)
def test_soft_margin_overflows_where_a_score_is_confidently_wrong(framework: str, via: str, dtype: str) -> None:
    case = f"soft_margin/none/{dtype}/6x5/confident/0"
    verdict = judged(framework, case)[case, via]
    assert verdict.status is Status.DEVIATES
    got, want = got_and_want(verdict)
    assert got == float("inf")
    assert (709 if dtype == "float64" else 88) < want < 1100
    assert "overflows" in verdict.note
    recipe = judged(framework, case)[case, f"lossbench.frameworks.{framework}.recipes_margins.soft_margin"]
    assert recipe.status in (Status.AGREES, Status.IMPRECISE)


@paddle
def test_paddle_s_multi_margin_is_as_exact_as_float32() -> None:
    case = "multi_margin/none/float64/6x5/normal/0"
    verdict = judged("paddle", case)[case, "paddle.nn.MultiMarginLoss"]
    assert verdict.status is Status.DEVIATES
    assert 1e-10 < relative_error(verdict) < 1e-8
    assert verdict.gradient_error is not None
    assert verdict.gradient_error <= 64


@paddle
def test_paddle_s_multi_margin_takes_a_negative_margin_off_without_having_added_it() -> None:
    """It is too large by 1/C, for each row: 0.2 with five classes, where the loss is 0."""
    case = "multi_margin/margin=-1.0/none/float32/6x5/normal/0"
    verdict = judged("paddle", case)[case, "paddle.nn.MultiMarginLoss"]
    assert verdict.status is Status.DEVIATES
    got, want = got_and_want(verdict)
    assert got - want == pytest.approx(0.2, rel=1e-5)


@torch
@pytest.mark.parametrize(
    ("case", "via"),
    [
        ("multi_margin/margin=-1.0/none/float32/6x5/normal/0", "torch.nn.MultiMarginLoss"),
        ("multi_margin/none/float64/6x5/normal/0", "torch.nn.MultiMarginLoss"),
        ("multilabel_margin/none/float64/6x5/kink/0", "torch.nn.MultiLabelMarginLoss"),
    ],
)
def test_torch_s_margins_agree(case: str, via: str) -> None:
    assert judged("torch", case)[case, via].status is Status.AGREES


@torch
@pytest.mark.parametrize("loss", ["multi_margin", "multilabel_margin"])
def test_torch_s_margins_of_an_empty_batch_were_never_written_to(loss: str) -> None:
    """The memory may hold a zero by chance: what is asked for here is that no other number passes for right."""
    script = f"""
import torch
from torch.nn import functional as F
seen = set()
for size in range(1, 200):
    spoiled = [torch.full((1,), size + 0.5) for _ in range(64)]
    del spoiled
    targets = torch.zeros((0,) if "{loss}" == "multi_margin" else (0, 5), dtype=torch.int64)
    call = F.multi_margin_loss if "{loss}" == "multi_margin" else F.multilabel_margin_loss
    seen.add(call(torch.zeros(0, 5), targets, reduction="sum").item())
print(len(seen))
"""
    assert int(alone("-c", script)) > 1  # a sum over nothing has one value


@tensorflow
def test_keras_reads_0_as_minus_1_only_if_the_whole_batch_is_0_and_1() -> None:
    script = """
import os
os.environ["KERAS_BACKEND"] = "tensorflow"
from keras import losses
scores = [[0.25], [-2.0]]
for labels in ([[0.0], [1.0]], [[0.0], [-1.0]], [[0.0], [0.5]], [[-1.0], [1.0]]):
    print(*losses.hinge(labels, scores).numpy())
"""
    rows = [[float(word) for word in line.split()] for line in alone("-c", script).splitlines()[-4:]]
    assert rows == [[1.25, 3.0], [1.0, 0.0], [1.0, 2.0], [1.25, 3.0]]


@tensorflow
@pytest.mark.parametrize(
    ("reduction", "via"),
    [
        ("mean_last", "keras.losses.Hinge(dtype=)"),
        ("mean_last", "keras.losses.Hinge(dtype=) of labels 0 and 1"),
        ("none", "tf.compat.v1.losses.hinge_loss"),
    ],
)
def test_hinges_agree_on_labels_as_each_wants_them(reduction: str, via: str) -> None:
    case = f"hinge/{reduction}/float32/6x5/normal/0"
    assert judged("tensorflow", case)[case, via].status is Status.AGREES


@tensorflow
def test_compat_v1_reads_signs_as_other_labels() -> None:
    """It takes labels of 0 and 1 alone: a sign of -1 becomes -3."""
    script = """
import tensorflow as tf
for labels in ([0.0, 1.0], [-1.0, 1.0]):
    print(*tf.compat.v1.losses.hinge_loss(labels, [0.25, 0.25], reduction="none").numpy())
"""
    assert alone("-c", script).splitlines()[-2:] == ["1.25 0.75", "1.75 0.75"]


@tensorflow
def test_keras_s_categorical_hinge_competes_with_zero() -> None:
    """With all other scores below 0 the margin is taken against 0, as the definition has it."""
    script = """
import os
os.environ["KERAS_BACKEND"] = "tensorflow"
from keras import losses
print(*losses.categorical_hinge([[1.0, 0.0, 0.0]], [[0.25, -2.0, -3.0]]).numpy())
"""
    assert alone("-c", script).splitlines()[-1] == "0.75"
    case = "categorical_hinge/none/float32/6x5/normal/0"
    assert judged("tensorflow", case)[case, "keras.losses.CategoricalHinge"].status is Status.AGREES


@optax
@pytest.mark.parametrize("loss", ["multiclass_hinge", "multiclass_perceptron"])
def test_optax_answers_narrow_scores_in_the_default_format(loss: str) -> None:
    narrow, wide = (f"{loss}/none/{dtype}/6x5/normal/0" for dtype in ("float32", "float64"))
    verdicts = judged("jax", narrow, wide)
    assert verdicts[narrow, f"optax.losses.{loss}_loss"].status is Status.DEVIATES
    assert verdicts[wide, f"optax.losses.{loss}_loss"].status is Status.AGREES


@optax
def test_optax_s_sparsemax_has_a_gradient_in_one_format_alone() -> None:
    narrow, wide = (f"multiclass_sparsemax/none/{dtype}/6x5/normal/0" for dtype in ("float32", "float64"))
    verdicts = judged("jax", narrow, wide)
    refused = verdicts[narrow, "optax.losses.multiclass_sparsemax_loss"]
    assert (refused.status, "JVP" in refused.note) == (Status.DEVIATES, True)
    assert verdicts[wide, "optax.losses.multiclass_sparsemax_loss"].status is Status.AGREES


@optax
def test_optax_s_sparsemax_gradient_drowns_in_a_far_target() -> None:
    """The gradient is 0.7, 0.2, 0, 0.1, -1 however far the target's score is, and does not sum to 0 at 1e15."""
    script = """
import jax
jax.config.update("jax_enable_x64", True)
import optax
from jax import numpy as jnp
for far in (1e2, 1e15):
    scores = jnp.array([[0.5, 0.0, -3.5, -0.1, -far]])
    print(*jax.grad(lambda x: optax.losses.multiclass_sparsemax_loss(x, jnp.array([4]))[0])(scores)[0])
"""
    near, far = ([float(word) for word in line.split()] for line in alone("-c", script).splitlines()[-2:])
    assert near == pytest.approx([0.7, 0.2, 0.0, 0.1, -1.0], abs=1e-13)
    assert abs(sum(far)) > 0.1
    case = "multiclass_sparsemax/none/float64/6x5/log_uniform/8"
    verdict = judged("jax", case)[case, "optax.losses.multiclass_sparsemax_loss"]
    assert (verdict.status, "projection" in verdict.note) == (Status.DEVIATES, True)


@paddle
def test_an_angular_margin_by_paddle_s_softmax_is_wrong_and_the_recipe_is_not() -> None:
    """Scaled by 64, two cosines may lie 128 apart, of which the softmax on the processor keeps 64."""
    script = """
import paddle
import paddle.nn.functional as F
logits = 64 * paddle.to_tensor([[-1.0, 1.0]], dtype="float64")
print(-F.log_softmax(logits)[0, 0].item(), (paddle.logsumexp(logits) - logits[0, 0]).item())
"""
    assert alone("-c", script).split()[-2:] == ["64.0", "128.0"]
    case = "margin_softmax/none/float64/6x5/normal/0"
    verdict = judged("paddle", case)[case, "lossbench.frameworks.paddle.recipes_margins.margin_softmax"]
    assert verdict.status in (Status.AGREES, Status.IMPRECISE)
    assert verdict.value_error is not None
    assert verdict.value_error < 1


@paddle
def test_paddle_s_own_angular_margin_is_absent_on_the_processor() -> None:
    case = "margin_softmax/none/float32/6x5/normal/0"
    verdict = judged("paddle", case)[case, "paddle.nn.functional.margin_cross_entropy"]
    assert (verdict.status, verdict.note) == (Status.ABSENT, "paddle runs on cuda alone")


@paddle
def test_paddle_refuses_a_batch_without_any_label() -> None:
    """One row without labels costs 0; a batch of such rows raises."""
    script = """
import paddle
import paddle.nn.functional as F
scores = paddle.to_tensor([[0.25, 0.5, -2.0]] * 2)
print(*F.multi_label_margin_loss(scores, paddle.to_tensor([[1, 1, -1], [-1, 0, 1]]), reduction="none").tolist())
try:
    F.multi_label_margin_loss(scores, paddle.to_tensor([[-1, -1, -1]] * 2))
except ValueError:
    print("refused")
"""
    assert alone("-c", script).splitlines()[-2:] == ["0.5 0.0", "refused"]


@optax
def test_optax_takes_a_class_that_is_not_there_for_a_row_without_one() -> None:
    """The one-hot row is all zeros: the margin is taken against a score of 0, and nobody says so."""
    script = """
import optax
from jax import numpy as jnp
scores = jnp.array([[0.5, 0.0, 2.0]])
for target in (-1, 3):
    print(*(f(scores, jnp.array([target]))[0].item() for f in (
        optax.losses.multiclass_hinge_loss, optax.losses.multiclass_perceptron_loss)))
"""
    assert alone("-c", script).splitlines()[-2:] == ["3.0 2.0", "3.0 2.0"]
