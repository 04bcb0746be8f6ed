"""JAX's adapters, asked in processes of their own: this one never imports JAX."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from alone import alone
from every_framework import *  # noqa: F403  (its tests are this module's, too)

from lossbench.records import Target

pytestmark = [
    pytest.mark.framework("jax"),
    pytest.mark.skipif(find_spec("jax") is None or find_spec("optax") is None, reason="jax or optax is not installed"),
]

TARGET = Target("jax")
FORMATS = ("float64", "float32", "float16", "bfloat16")
SHAPES = {
    "elements": ((2, 3, 4),),
    "rows": ((2, 3, 4),),
    "samples": ((2, 3, 2),),
    "batch": ((3, 4),),
    "ctc": ((3, 7, 4),),
}
# each format, shape and option is compiled anew: options in float32 alone
BLOCKS = [("default", FORMATS), ("each", ("float32",)), ("together", ("float32",))]


def in_jax(script: str) -> str:
    """What a script prints that runs in a process of its own."""
    return alone("-c", script)


def test_arrays_hold_what_they_were_given() -> None:
    """Bits arrive, whatever the strides; what is on the device is a copy."""
    assert in_jax(ARRAYS).split() == ["fine"]


ARRAYS = """
import numpy as np
from lossbench.frameworks.jax import framework

everything = np.arange(1 << 16, dtype=np.uint16)
plain = np.arange(24.0).reshape(2, 3, 4)
fixed = plain.copy()
fixed.flags.writeable = False
for array, dtype in [
    (everything, "bfloat16"), (everything[::2], "bfloat16"), (everything.view(np.float16), "float16"),
    (plain.astype(np.float32)[..., ::2], "float32"), (plain.transpose(2, 0, 1), "float64"), (plain[:, :0], "float64"),
    (plain[::-1], "float64"), (fixed, "float64"), (np.array(0.1), "float64"), (np.arange(3) - 1, "int64"),
    (np.array([5e-324, -0.0, np.inf]), "float64"), *((np.arange(3).astype(i), i) for i in ("int32", "int8", "uint8")),
]:
    name, back = framework.array(framework.tensor(array, dtype, array.dtype.kind == "f"))
    assert name == dtype and back.dtype == array.dtype and back.shape == array.shape, (name, back.dtype)
    assert back.tobytes() == array.tobytes(), dtype
own = framework.tensor(plain, "float64", True)
plain[:] = -1
assert framework.array(own)[1].min() == 0
print("fine")
"""


def test_gradients_come_to_the_leaves_that_were_reached() -> None:
    """A cotangent of None means ones; a leaf that the value does not depend on gets zeros, as JAX has it."""
    assert in_jax(GRADIENTS).split() == ["fine"]


GRADIENTS = """
import jax, numpy as np
from jax import numpy as jnp
from lossbench.framework import OtherShapeError
from lossbench.frameworks.jax import framework

def square(x, y=None):
    return x * x

def stopped(x, y):
    return jax.lax.stop_gradient(x * y)

def narrow(x):
    return (x * x).astype(jnp.float32)

numbers = np.array([1.0, 2.0, 4.0])
x, y = (framework.tensor(numbers, "float64", True) for _ in range(2))
above = framework.tensor(np.array([1.0, -1.0, 0.5]), "float64", False)

def asked(call, leaves, cotangent=None):
    value, found = framework.value_and_gradients(call, leaves, list(leaves), cotangent)
    return framework.array(value), {name: framework.array(gradient) for name, gradient in found.items()}

for _ in range(2):  # nothing is left behind from one call to the next
    value, found = asked(square, {"x": x, "y": y}, above)
    assert value[1].tolist() == [1, 4, 16]
    assert found["x"][1].tolist() == [2, -4, 4] and found["y"][1].tolist() == [0, 0, 0]
assert asked(square, {"x": x})[1]["x"][1].tolist() == [2, 4, 8]
assert framework.value_and_gradients(square, {"x": x, "y": y}, ["x"], None)[1].keys() == {"x"}
assert framework.value_and_gradients(square, {"x": x}, [], None)[1] == {}
assert [g[1].tolist() for g in asked(stopped, {"x": x, "y": y}, above)[1].values()] == [[0, 0, 0]] * 2
value, found = asked(narrow, {"x": x}, above)  # the cotangent takes the value's format
assert value[0] == "float32" and found["x"][0] == "float64" and found["x"][1].tolist() == [2, -4, 4]
half = framework.tensor(np.array([0x3F80, 0x4000, 0x4080], np.uint16), "bfloat16", True)  # 1, 2, 4
value, found = asked(square, {"x": half})
assert value[0] == "bfloat16" and value[1].tolist() == [0x3F80, 0x4080, 0x4180]
assert found["x"][0] == "bfloat16" and found["x"][1].tolist() == [0x4000, 0x4080, 0x4100]
try:
    asked(square, {"x": x}, above[:2])
except OtherShapeError as error:
    assert "(3,)" in str(error) and "(2,)" in str(error)
else:
    raise AssertionError("a cotangent of another shape was taken")
assert framework.array(framework.value(square, {"x": x}))[1].tolist() == [1, 4, 16]
assert "cpu" in framework.devices() and framework.device_name() == "cpu"
framework.wait()
print("fine")
"""


def test_a_call_is_compiled_once_for_each_shape_format_and_option() -> None:
    """The adapter's Python runs while it is traced, and not again: what is timed is compiled code."""
    assert in_jax(COMPILED).split() == ["fine"]


COMPILED = """
import functools, jax, numpy as np
from lossbench.frameworks.jax import framework

traced = []

def scaled(x, *, factor=1.0):
    traced.append((x.shape, x.dtype.name, factor))
    assert isinstance(x, jax.core.Tracer)
    return factor * x

def ask(shape, dtype, factor, forward=False):
    x = framework.tensor(np.ones(shape, dtype), dtype, True)
    call = functools.partial(scaled, factor=factor)  # a new one each time, as a worker makes it
    if forward:
        return framework.array(framework.value(call, {"x": x}))
    value, found = framework.value_and_gradients(call, {"x": x}, ["x"], None)
    assert framework.array(found["x"])[1].tolist() == np.full(shape, factor).tolist()

for repeat in range(3):
    ask((3,), "float64", 1.0)
assert len(traced) == 1
for number, change in enumerate([((4,), "float64", 1.0), ((3,), "float32", 1.0), ((3,), "float64", 2.0)], start=2):
    ask(*change)
    ask(*change)
    assert len(traced) == number, traced
for repeat in range(3):  # without a backward pass it is another function
    ask((3,), "float64", 1.0, forward=True)
assert len(traced) == 5
print("fine")
"""


def test_float64_is_on_and_one_thread_does_the_work() -> None:
    """A sum must not depend on how many threads share it, nor a float64 come back as float32."""
    assert in_jax(SETTINGS).split() == ["fine"]


SETTINGS = """
import os, jax, numpy as np
from jax import numpy as jnp
from lossbench.frameworks.jax import framework

def squares(x):
    return jnp.tensordot(x, x, axes=1)

x = framework.tensor(np.random.default_rng(0).normal(size=(700, 700)), "float64", True)
assert "--xla_cpu_multi_thread_eigen=false" in os.environ["XLA_FLAGS"].split()
first, second = (framework.array(framework.value(squares, {"x": x})) for _ in range(2))
assert first[0] == "float64" and first[1].tobytes() == second[1].tobytes()
assert jnp.asarray(1.0).dtype == jnp.float64 and jax.config.jax_enable_x64
print("fine")
"""


THREADS = """
import os
os.environ["OMP_NUM_THREADS"] = "{threads}"
from lossbench.worker import load
import numpy as np
framework = load("jax", "cpu", "compiled")
framework.tensor(np.zeros(4), "float64", False) + 1
names = [open(f"/proc/self/task/{{task}}/comm").read() for task in os.listdir("/proc/self/task")]
print(sum("Eigen" in name for name in names))
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="the system does not name its threads")
@pytest.mark.parametrize("threads", [1, 3])
def test_it_computes_with_as_many_threads_as_it_is_told(threads: int) -> None:
    assert int(in_jax(THREADS.format(threads=threads))) == threads


MAPPINGS = """
import functools, gc
import numpy as np
from jax import numpy as jnp
from lossbench.frameworks.jax import engine

def adapter(x, *, k):
    return jnp.log1p(jnp.exp(x * k))

def step(k):
    x = engine.framework.tensor(np.ones((3, 5)), "float64", True)
    value, gradients = engine.framework.value_and_gradients(functools.partial(adapter, k=k), {"x": x}, ["x"], None)
    assert np.allclose(value, np.log1p(np.exp(k))) and gradients["x"].shape == (3, 5)

def mappings():
    gc.collect()
    return len(open("/proc/self/maps").readlines())

engine.MOST_COMPILED = 10
step(0.5)
before = mappings()
for number in range(40):
    step(1.0 + number)
print(mappings() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/maps").is_file(), reason="the system does not tell a process's mappings")
def test_it_forgets_what_was_compiled_before_mappings_run_out() -> None:
    assert int(in_jax(MAPPINGS)) < 250  # of 40 functions with ten each
