"""TensorFlow's adapters, asked in processes of their own: this one never imports TensorFlow."""

from importlib.util import find_spec

import pytest
from alone import alone
from every_framework import *  # noqa: F403  (its tests are this module's, too)

from lossbench.records import Target, Verdict

pytestmark = [
    pytest.mark.framework("tensorflow"),
    pytest.mark.skipif(find_spec("tensorflow") is None, reason="tensorflow is not installed"),
]

TARGET = Target("tensorflow")
FORMATS = ("float64", "float32", "float16", "bfloat16")
SHAPES = {
    "elements": ((3, 4), (2, 3, 4)),
    "rows": ((3, 4), (2, 3, 4)),
    "samples": ((2, 6), (2, 3, 2)),
    "ctc": ((2, 7, 4), (3, 7, 4)),  # the third sample has no labels
}
BLOCKS = [("default", FORMATS), ("each", FORMATS), ("together", ("float32",))]


def explained(verdict: Verdict) -> bool:
    """No declaration says so: the quotient p/q has the slope -p/q² by q, which overflows in float16."""
    return (verdict.loss, verdict.dtype) == ("kl_div_probability", "float16")


def in_tensorflow(script: str) -> str:
    """What a script prints that runs in a process of its own."""
    return alone("-c", script)


def test_tensors_hold_what_they_were_given() -> None:
    assert in_tensorflow(TENSORS).split() == ["fine"]


TENSORS = """
import numpy as np
from lossbench.frameworks.tensorflow import framework

everything = np.arange(1 << 16, dtype=np.uint16)
plain = np.arange(24.0).reshape(2, 3, 4)
for array, dtype in [
    (everything, "bfloat16"), (everything[::2], "bfloat16"), (everything.view(np.float16), "float16"),
    (plain.astype(np.float32)[..., ::2], "float32"), (plain.transpose(2, 0, 1), "float64"), (plain[:, :0], "float64"),
    (np.array(0.1), "float64"), (np.arange(3) - 1, "int64"),
]:
    name, back = framework.array(framework.tensor(array, dtype, dtype != "int64"))
    assert name == dtype and back.dtype == array.dtype and back.shape == array.shape
    assert back.tobytes() == array.tobytes()
own = framework.tensor(plain, "float64", True)
plain[:] = -1  # the tensor is a copy, not a window on the array
assert framework.array(own)[1].min() == 0
print("fine")
"""


def test_gradients_come_to_the_leaves_that_were_reached() -> None:
    assert in_tensorflow(GRADIENTS).split() == ["fine"]


GRADIENTS = """
import numpy as np, tensorflow as tf
from lossbench.frameworks.tensorflow import framework

numbers = np.array([1.0, 2.0, 4.0])
x, y = (framework.tensor(numbers, "float64", True) for _ in range(2))
above = framework.tensor(np.array([1.0, -1.0, 0.5]), "float64", False)

def asked(call, leaves, cotangent=None):
    value, found = framework.value_and_gradients(lambda **_: call(), leaves, list(leaves), cotangent)
    return framework.array(value), {n: None if g is None else framework.array(g) for n, g in found.items()}

for _ in range(2):  # nothing is left behind from one call to the next
    value, found = asked(lambda: x * x, {"x": x, "y": y}, above)
    assert value[1].tolist() == [1, 4, 16] and found["x"][1].tolist() == [2, -4, 4] and found["y"] is None
assert asked(lambda: x * x, {"x": x})[1]["x"][1].tolist() == [2, 4, 8]
assert asked(lambda: tf.reduce_sum(x), {"x": x})[0][1].shape == ()
assert asked(lambda: tf.gather(x, [2, 2, 0]), {"x": x})[1]["x"][1].tolist() == [1, 0, 2]  # not as rows with indices
assert asked(lambda: tf.stop_gradient(x * y), {"x": x, "y": y}, above)[1] == {"x": None, "y": None}
assert asked(lambda: x * x, {})[1] == {}
value, found = asked(lambda: tf.cast(x * x, tf.float32), {"x": x}, above)  # the cotangent takes the value's format
assert value[0] == "float32" and found["x"][0] == "float64" and found["x"][1].tolist() == [2, -4, 4]
assert tf.config.threading.get_intra_op_parallelism_threads() == 1
assert "cpu" in framework.devices() and framework.device_name() == "cpu"
framework.wait()
print("fine")
"""
