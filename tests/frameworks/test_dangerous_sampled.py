"""What a port of a sampled, hierarchical or large-vocabulary loss may get wrong unseen: found, and by how much."""

from __future__ import annotations

import math

import pytest
from alone import alone
from asking_one import Ask, ask, needs, worst

__all__ = ["ask"]

paddle, torch, tensorflow = (needs(name) for name in ("paddle", "torch", "tensorflow"))


# Hierarchical sigmoid

TREE = "paddle.nn.functional.hsigmoid_loss"


@paddle
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_paddle_s_tree_costs_log_2_for_each_level_that_is_missing(dtype: str, ask: Ask) -> None:
    """Of five classes three are two levels deep and two are three; the gradient is right."""
    found = ask(f"hierarchical_sigmoid/none/{dtype}/6x4x5/normal/0", TREE)
    assert found.status == "deviates"
    got, want = worst(found)
    assert got - want == pytest.approx(math.log(2), abs=1e-5)
    assert found.gradient_error is not None
    assert found.gradient_error <= 64


@paddle
def test_paddle_s_tree_is_right_where_all_leaves_are_as_deep(ask: Ask) -> None:
    assert ask("hierarchical_sigmoid/none/float32/6x4x8/normal/0", TREE).status in ("agrees", "imprecise")


@paddle
def test_a_path_of_paddle_s_costs_log_2_for_each_entry_past_its_end(ask: Ask) -> None:
    found = ask("hierarchical_sigmoid_by_path/none/float64/6x4x5/zeros/0", f"{TREE}(path_table=, path_code=)")
    assert found.status == "deviates"
    got, want = worst(found)
    assert got == pytest.approx(3 * math.log(2), abs=1e-5)  # of three entries, however long the path
    assert want == pytest.approx(math.log(2), abs=1e-5)


# Adaptive softmax


@paddle
def test_paddle_s_adaptive_softmax_does_not_register_the_weights_of_its_tails(ask: Ask) -> None:
    """An optimizer never sees four of its five weights, and a checkpoint loses them."""
    del ask
    printed = alone(
        "-c",
        "import paddle\n"
        "made = paddle.nn.AdaptiveLogSoftmaxWithLoss(8, 9, [2, 4], div_value=2.0)\n"
        "print(len(made.parameters()), len(made.state_dict()), sum(len(pair) for pair in made.tail_weights))\n",
    )
    assert printed.split() == ["1", "1", "4"]


@paddle
def test_paddle_s_adaptive_softmax_clips_at_64(ask: Ask) -> None:
    via = "paddle.nn.functional.adaptive_log_softmax_with_loss(...)[0]"
    assert ask("adaptive_log_softmax/none/float64/6x8x9/normal/0", via).status == "by-contract"
    found = ask("adaptive_log_softmax/none/float64/6x8x9/boundary/0", via)
    assert found.status == "deviates"
    assert "64" in found.note


@torch
def test_torch_s_adaptive_softmax_agrees(ask: Ask) -> None:
    via = "torch.nn.AdaptiveLogSoftmaxWithLoss"
    assert ask("adaptive_log_softmax/mean/float64/6x8x9/normal/0", via).status in ("agrees", "imprecise")
    found = ask("adaptive_log_softmax/none/float64/6x8x9/normal/0", f"{via}(...).output")
    assert found.status == "by-contract"
    got, want = worst(found)
    assert got == pytest.approx(-want)


# Linear cross entropy

WHOLE = "torch.nn.LinearCrossEntropyLoss"
CHUNKED = "torch.nn.LinearCrossEntropyLoss(options=)"


@torch
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("via", [WHOLE, CHUNKED])
def test_torch_s_linear_cross_entropy_is_right_whole_and_in_chunks(
    dtype: str, reduction: str, via: str, ask: Ask
) -> None:
    found = ask(f"linear_cross_entropy/linear_bias/{reduction}/{dtype}/6x4x5/normal/0", via)
    assert found.status in ("agrees", "imprecise")


@torch
def test_an_ignored_row_that_holds_nan_reaches_the_value_of_torch_s_chunks_alone(ask: Ask) -> None:
    case = "linear_cross_entropy/ignore_index=1/none/float32/6x4x5/poison/0"
    whole, chunked = ask(case, WHOLE), ask(case, CHUNKED)
    assert (whole.status, chunked.status) == ("differs", "differs")  # of both the gradient
    assert whole.value_error is not None
    assert whole.value_error <= 64
    assert chunked.value_error == math.inf


@torch
def test_with_all_rows_ignored_the_gradient_of_torch_s_chunks_is_nan(ask: Ask) -> None:
    """Without chunks it is 0; both means are 0/0."""
    case = "linear_cross_entropy/ignore_index=1/mean/float32/1x4x5/normal/0"
    assert "0/0 by definition, returned nan" in ask(case, WHOLE).note
    assert "0/0 by definition, returned nan" in ask(case, CHUNKED).note
    printed = alone(
        "-c",
        "import torch\n"
        "F, nn = torch.nn.functional, torch.nn\n"
        "for options in (None, nn.LinearCrossEntropyOptions()):\n"
        "    h, w = (torch.ones(2, 2, requires_grad=True) for _ in range(2))\n"
        "    F.linear_cross_entropy(h, w, torch.tensor([-100, -100]), options=options).backward()\n"
        "    print(h.grad.sum().item(), w.grad.sum().item())\n",
    )
    assert printed.split() == ["0.0", "0.0", "nan", "nan"]


# Sampled losses


@tensorflow
@pytest.mark.parametrize(
    ("loss", "via"), [("nce", "tf.nn.nce_loss"), ("sampled_softmax", "tf.nn.sampled_softmax_loss")]
)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_removing_an_accidental_hit_makes_the_value_nan_in_16_bits(loss: str, via: str, dtype: str, ask: Ask) -> None:
    """Minus the largest float32 is minus infinity there, and is multiplied by a label of 0; the gradient is right."""
    option = "remove_accidental_hits=true/" if loss == "nce" else ""
    found = ask(f"{loss}/{option}none/{dtype}/6x4x9x2x3/normal/0", via)
    assert found.status == "deviates"
    assert math.isnan(worst(found)[0])
    assert found.gradient_error is not None
    assert found.gradient_error <= 8
    assert ask(f"{loss}/{option}none/float32/6x4x9x2x3/normal/0", via).status in ("agrees", "imprecise")


@tensorflow
@pytest.mark.parametrize("true", [1, 2, 3])
def test_nce_labels_each_of_several_true_classes_with_a_share(true: int, ask: Ask) -> None:
    assert ask(f"nce/none/float32/6x4x9x{true}x3/normal/0", "tf.nn.nce_loss").status in ("agrees", "imprecise")


# Modules that own their layer


@torch
def test_torch_s_modules_give_the_bits_of_the_functions(ask: Ask) -> None:
    """The adapters pass the weights as arguments; a module that holds the same weights gives the same."""
    del ask
    assert alone("-c", MODULES).split() == ["True"] * 6


MODULES = """
import torch
from torch import nn
from lossbench.frameworks.torch import framework

def adapter(via, loss):
    return framework.table[f"{loss}:torch.nn.{via}"][1]

torch.manual_seed(0)
h, t = torch.randn(6, 8), torch.tensor([0, 4, 2, 3, 1, 8])
for word, options in (("", None), ("(options=)", nn.LinearCrossEntropyOptions())):
    for reduction in ("mean", "sum"):
        made = nn.LinearCrossEntropyLoss(8, 9, bias=True, reduction=reduction, options=options)
        call = adapter(f"LinearCrossEntropyLoss{word}", "linear_cross_entropy")
        weight, bias = (next(p for p in made.parameters() if p.dim() == n) for n in (2, 1))
        print(torch.equal(call(h, weight, t, bias, reduction=reduction), made(h, t)))
made = nn.AdaptiveLogSoftmaxWithLoss(8, 9, cutoffs=[2, 4], div_value=2.0, head_bias=True)
tails = [layer.weight for cluster in made.tail for layer in cluster]
for word, part in (("", 1), ("(...).output", 0)):
    call = adapter(f"AdaptiveLogSoftmaxWithLoss{word}", "adaptive_log_softmax")
    print(torch.equal(call(h, t, made.head.weight, *tails, made.head.bias), made(h, t)[part]))
"""
