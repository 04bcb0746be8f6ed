"""JAX's arithmetic: arrays, and each call compiled together with its backward pass."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

# Read when the backend starts, by the first array. XLA makes as many threads as it believes the machine to have
# processors, whatever OMP_NUM_THREADS says; and one thread more or less must not change a sum.
os.environ["NPROC"] = os.environ["PJRT_NPROC"] = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0] or "1"
os.environ["XLA_FLAGS"] = " ".join(
    [
        *os.environ.get("XLA_FLAGS", "").split(),
        f"--xla_cpu_multi_thread_eigen={str(os.environ['NPROC'] != '1').lower()}",
    ]
)
os.environ.setdefault("JAX_PLATFORMS", "")

import jax
import numpy as np
import optax
from jax import Array
from jax import numpy as jnp

from lossbench.framework import Adapter, Framework, Timed, shaped
from lossbench.frameworks.jax.device import JaxDevice
from lossbench.gauges import DeviceGauge, Gauge

MOST_COMPILED = 500  # functions; each has an executable for every shape and format, of ten mappings or more
Compiled = Callable[..., tuple[Array, tuple[Array, ...]]]


@dataclass(frozen=True, slots=True)
class Eager:
    """An adapter that is called without `jax.jit` around it."""

    adapter: Adapter

    def __call__(self, *arrays: Array, **options: Any) -> Array:
        """The adapter's own call."""
        return cast("Array", self.adapter(*arrays, **options))


class Jax(Framework):
    """JAX with float64 enabled; an adapter runs under `jax.jit`, compiled once for each shape and format."""

    name = "jax"
    version = f"{jax.__version__} (optax {optax.__version__})"

    def __init__(self) -> None:
        """Start with nothing compiled."""
        super().__init__()
        self._forward: dict[tuple[object, ...], Callable[..., Array]] = {}
        self._compiled: dict[tuple[object, ...], Compiled] = {}
        self._timed: dict[tuple[object, ...], Compiled] = {}

    def tensor(self, array: np.ndarray, dtype: str, differentiable: bool) -> Array:
        """Copy `array` to the device. JAX has no strides to keep, and a leaf is what the backward pass is asked for."""
        if dtype == "bfloat16":
            return jax.device_put(np.ascontiguousarray(array).view(jnp.bfloat16.dtype), self._place())
        return jax.device_put(np.array(array), self._place())

    def array(self, tensor: Array) -> tuple[str, np.ndarray]:
        """The tensor's format and contents."""
        here = np.asarray(tensor)
        return tensor.dtype.name, here.view(np.uint16) if tensor.dtype == jnp.bfloat16 else here

    def value_and_gradients(
        self, call: Adapter, tensors: Mapping[str, Array], wanted: Sequence[str], cotangent: Array | None
    ) -> tuple[Array, dict[str, Array | None]]:
        """Run the call and its vector-Jacobian product as one compiled function.

        A gradient that does not flow is zero here: JAX makes no difference between the two.
        """
        value, gradients = self._stepping(call, tuple(wanted), cotangent is None)(dict(tensors), cotangent)
        return value, dict(zip(wanted, gradients, strict=True))

    def _stepping(self, call: Adapter, wanted: tuple[str, ...], ones: bool) -> Compiled:
        """The call with its backward pass, compiled once."""
        key = (*_key(call), wanted, ones)
        if key not in self._compiled:
            self._make_room()
            step = _step(call, wanted, ones)
            self._compiled[key] = step if _is_eager(call) else cast("Compiled", jax.jit(step))
        return self._compiled[key]

    def _make_room(self) -> None:
        """Forget what was compiled, once it is much: each executable takes mappings, of which a process has 65 530."""
        if len(self._compiled) + len(self._forward) >= MOST_COMPILED:
            self._compiled.clear()
            self._forward.clear()
            jax.clear_caches()

    def timed(self, call: Adapter, tensors: Mapping[str, Array], wanted: Sequence[str]) -> Timed:
        """The compiled function on these arrays, one after the other: names would cost half a microsecond a call."""
        names = tuple(tensors)
        key = (*_key(call), names, tuple(wanted))
        if key not in self._timed:
            step = _step(call, tuple(wanted), True) if wanted else _forward(call)

            def run(*arrays: Array) -> tuple[Array, tuple[Array, ...]]:
                return step(dict(zip(names, arrays, strict=True)), None)

            self._timed[key] = run if _is_eager(call) else cast("Compiled", jax.jit(run))
        return functools.partial(self._timed[key], *tensors.values())

    def value(self, call: Adapter, tensors: Mapping[str, Array]) -> Array:
        """The call under `jax.jit`, without its backward pass."""
        if _is_eager(call):
            return cast("Array", call(**tensors))
        key = _key(call)
        if key not in self._forward:
            self._make_room()
            self._forward[key] = jax.jit(call)
        return self._forward[key](**tensors)

    def modes(self) -> Sequence[str]:
        """`jax.jit`, which is the usual one, and calls as they stand."""
        return ("compiled", "eager")

    def compile(self, adapter: Adapter, mode: str) -> Adapter:
        """The adapter as it is, which every call puts under `jax.jit`; or marked to be left as it stands."""
        return Eager(adapter) if mode == "eager" else adapter

    def gauge(self) -> Gauge:
        """The processor's, or the graphics card's by waiting for it."""
        return super().gauge() if self.device == "cpu" else DeviceGauge(JaxDevice(self.wait))

    def wait(self) -> None:
        """Return once the graphics card is done: a new computation on it ends after all earlier ones.

        On the processor every call has waited already (see `_settle`).
        """
        if self.device != "cpu":
            jax.block_until_ready(jax.device_put(0, self._place()) + 0)

    def devices(self) -> Sequence[str]:
        """The processor, and ``cuda`` where JAX sees a graphics card."""
        return ("cpu", "cuda") if any(device.platform == "gpu" for device in jax.devices()) else ("cpu",)

    def built_for_cuda(self) -> bool:
        """Whether a CUDA plugin is installed beside JAX."""
        from importlib.util import find_spec

        return any(find_spec(f"jax_cuda{major}_plugin") is not None for major in (12, 13))

    def device_name(self) -> str:
        """What the graphics card calls itself, or the processor in short."""
        return "cpu" if self.device == "cpu" else str(jax.devices("gpu")[0].device_kind)

    def _place(self) -> Any:
        return jax.devices("cpu" if self.device == "cpu" else "gpu")[0]


def _key(call: Adapter) -> tuple[object, ...]:
    """What makes two calls the same function: the adapter and its options."""
    options = call.keywords if isinstance(call, functools.partial) else {}
    return getattr(call, "func", call), tuple(sorted(options.items()))


def _is_eager(call: Adapter) -> bool:
    return isinstance(getattr(call, "func", call), Eager)


def _step(call: Adapter, wanted: tuple[str, ...], ones: bool) -> Compiled:
    """A function of the tensors and the cotangent that gives the value and the wanted gradients."""

    def run(tensors: dict[str, Array], cotangent: Array | None) -> tuple[Array, tuple[Array, ...]]:
        def forward(*leaves: Array) -> Array:
            return call(**{**tensors, **dict(zip(wanted, leaves, strict=True))})

        value, backward = jax.vjp(forward, *(tensors[name] for name in wanted))
        shaped(value, cotangent)
        above = jnp.ones_like(value) if ones else jnp.asarray(cotangent, value.dtype)
        return value, backward(above)

    return run


def _forward(call: Adapter) -> Compiled:
    """A function of the tensors that gives the value and no gradients."""

    def run(tensors: dict[str, Array], cotangent: None) -> tuple[Array, tuple[Array, ...]]:
        return call(**tensors), ()

    return run


def _settle() -> None:
    """Switch float64 on, and keep compiled functions from one run to the next: they take a worker's whole time."""
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_cpu_enable_async_dispatch", False)  # so that a call on the processor ends when it is over
    if cache := os.environ.get("LOSSBENCH_CACHE"):
        jax.config.update("jax_compilation_cache_dir", f"{cache}/jax")
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


_settle()
framework = Jax()
