"""torch's adapters, asked in processes of their own: this one never imports torch."""

from importlib.util import find_spec

import pytest
from alone import alone
from every_framework import *  # noqa: F403  (its tests are this module's, too)

from lossbench.records import Target

pytestmark = [
    pytest.mark.framework("torch"),
    pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed"),
]

TARGET = Target("torch")
FORMATS = ("float64", "float32", "float16", "bfloat16")
SHAPES = {
    "elements": ((3, 4), (2, 3, 4)),
    "rows": ((3, 4), (2, 3, 4), (2, 2, 2, 3)),
    "samples": ((2, 6), (2, 3, 2)),
    "ctc": ((3, 7, 4),),
}
BLOCKS = [("default", FORMATS), ("each", FORMATS), ("together", ("float32",))]


def in_torch(script: str) -> str:
    """What a script prints that runs in a process of its own."""
    return alone("-c", script)


def test_the_classes_give_the_bits_of_the_functions() -> None:
    """An entry under the name of a class calls the function behind it: the class gives the same, bit by bit."""
    assert int(in_torch(CLASSES)) >= 19


CLASSES = """
import torch
from lossbench.frameworks.torch import framework

torch.manual_seed(0)
SCORES, MORE, YET_MORE = torch.randn(3, 6, 5)
ROWS, CHANCES, SIGNS = SCORES.log_softmax(-1), MORE.softmax(-1), torch.where(MORE > 0, 1.0, -1.0)
INDICES = torch.tensor([0, 4, 2, 2, 1, 3])
INPUTS = {
    "prediction": SCORES, "target": MORE, "log_prediction": ROWS, "log_target": MORE.log_softmax(-1),
    "logit": SCORES, "logits": SCORES, "log_probabilities": ROWS, "distance": SCORES.abs(), "sign": SIGNS,
    "first": SCORES, "second": MORE, "anchor": SCORES, "positive": MORE, "negative": YET_MORE,
    "log_rate": SCORES, "rate": SCORES.exp(), "variance": YET_MORE.exp(),
}
SPECIAL = {
    "kl_div": {"target": CHANCES}, "binary_cross_entropy": {"prediction": CHANCES, "target": CHANCES.flip(0)},
    "binary_cross_entropy_with_logits": {"target": CHANCES}, "nll": {"target": INDICES},
    "cross_entropy": {"target": INDICES}, "soft_cross_entropy": {"target": CHANCES},
    "multilabel_soft_margin": {"target": (SIGNS + 1) / 2}, "cosine_embedding": {"sign": SIGNS[:, 0]},
    "poisson_nll": {"target": MORE.exp()}, "poisson_nll_rate": {"target": MORE.exp()},
}
INPUTS |= {"score": SCORES, "scores": SCORES, "labels": torch.tensor([[3, 0, -1, 1, 2]] * 6)}
SPECIAL |= {"multi_margin": {"target": INDICES}}
ALLOWED = {"multi_margin": {"p": 2}}  # where a setting of all others is refused
SETTINGS = {  # other than the defaults, so that a setting which gets lost shows
    "delta": 0.125, "beta": 0.125, "margin": 0.5, "p": 3.0, "epsilon": 0.125, "swap": True, "ignore_index": 2,
    "label_smoothing": 0.125, "full": True,
}
compared = 0
for implementation, adapter in framework.table.values():
    name = implementation.via.partition("(")[0]
    if not name.startswith("torch.nn.") or not name.endswith("Loss") or " + " in name:
        continue
    if "distance_function" in implementation.via:  # named by a word here: see test_dangerous_ranking.py
        continue
    if implementation.loss in ("linear_cross_entropy", "linear_soft_cross_entropy", "adaptive_log_softmax"):
        continue  # of classes that own their weights
    if implementation.loss == "ctc_log_probabilities":  # which is not called like the others
        continue
    given = {**INPUTS, **SPECIAL.get(implementation.loss, {})}
    inputs = {array: given[array] for array in implementation.required}
    allowed = {**SETTINGS, **ALLOWED.get(implementation.loss, {})}
    settings = {parameter: allowed[parameter] for parameter in implementation.parameters}
    weights = {
        array: torch.rand(5) for array in implementation.arrays if array not in implementation.required
    }
    renamed = {{"epsilon": "eps"}.get(key, key): value for key, value in settings.items()}
    renamed |= {"log_target": True} if implementation.loss == "kl_div_log_target" else {}
    renamed |= {"log_input": False} if implementation.loss == "poisson_nll_rate" else {}
    for reduction in implementation.reductions:
        module = getattr(torch.nn, name.rpartition(".")[2])(**renamed, **weights, reduction=reduction)
        here, there = adapter(**inputs, **weights, **settings, reduction=reduction), module(*inputs.values())
        assert torch.equal(here, there), (implementation.key, reduction)
    compared += 1
print(compared)
"""


def test_tensors_hold_what_they_were_given() -> None:
    """Bits, strides and gaps arrive; leaves are fresh, differentiable where asked, and no window on the array."""
    assert in_torch(TENSORS).split() == ["fine"]


TENSORS = """
import numpy as np, torch
from lossbench.frameworks.torch import framework

BITS = {"float64": np.uint64, "float32": np.uint32, "float16": np.uint16, "bfloat16": np.uint16, "int64": np.int64}
for dtype, width in BITS.items():
    plain = np.arange(24).reshape(2, 3, 4).astype(width).view(width if dtype in ("bfloat16", "int64") else dtype)
    wide = np.repeat(plain, 2, axis=-1)
    fixed = plain.copy()
    fixed.flags.writeable = False
    many = [plain, wide[..., ::2], plain.transpose(2, 0, 1), plain[:, :0], np.array(plain[0, 0, 0]), fixed,
            plain[::-1], np.broadcast_to(plain[0], (2, 3, 4))]
    for array in many:
        tensor = framework.tensor(array, dtype, dtype != "int64")
        assert tensor.is_leaf and tensor.requires_grad == (dtype != "int64")
        name, back = framework.array(tensor)
        assert name == dtype and back.dtype == array.dtype and back.shape == array.shape
        assert np.array_equal(back.view(width), array.view(width))
        if min(array.strides, default=0) >= 0:
            assert tensor.stride() == tuple(step // array.itemsize for step in array.strides)
    before = plain.copy()
    framework.tensor(plain, dtype, False).zero_()
    assert np.array_equal(plain.view(width), before.view(width))
print("fine")
"""


def test_gradients_come_to_the_leaves_that_were_reached() -> None:
    """A cotangent of None means ones; a leaf that the value does not depend on gets None."""
    assert in_torch(GRADIENTS).split() == ["fine"]


GRADIENTS = """
import numpy as np, torch
from lossbench.frameworks.torch import framework

numbers = np.array([1.0, 2.0, 4.0])
x, y = (framework.tensor(numbers, "float64", True) for _ in range(2))
above = framework.tensor(np.array([1.0, -1.0, 0.5]), "float64", False)
for _ in range(2):  # nothing is left behind from one call to the next
    value, found = framework.value_and_gradients(lambda x, y: x * x, {"x": x, "y": y}, ["x", "y"], above)
    assert value.tolist() == [1.0, 4.0, 16.0] and found["x"].tolist() == [2.0, -4.0, 4.0] and found["y"] is None
_, found = framework.value_and_gradients(lambda x: x * x, {"x": x}, ["x"], None)
assert found["x"].tolist() == [2.0, 4.0, 8.0]
_, found = framework.value_and_gradients(lambda x, y: (x * y).detach(), {"x": x, "y": y}, ["x", "y"], above)
assert found == {"x": None, "y": None}
_, found = framework.value_and_gradients(lambda x: x * x, {"x": x}, [], None)
assert found == {}
assert torch.get_num_threads() == 1 and "cpu" in framework.devices() and framework.device_name() == "cpu"
framework.wait()
print("fine")
"""


def test_a_tensor_lies_as_unaligned_as_its_array() -> None:
    """What begins behind the start of its memory does so in torch; what was made for itself does not."""
    assert in_torch(OFFSETS).split() == ["1", "0", "0", "1", "True"]


OFFSETS = """
import numpy as np
from lossbench.answering import fresh
from lossbench.frameworks.torch import framework

array = np.arange(12.0).reshape(3, 4)
laid = [framework.tensor(fresh(array, layout), "float64", False) for layout in ("unaligned", "strided", "transposed")]
half = framework.tensor(fresh(np.arange(6, dtype=np.uint16), "unaligned"), "bfloat16", True)
print(*(one.storage_offset() for one in (*laid, half)), all((one.numpy() == array).all() for one in laid))
"""
