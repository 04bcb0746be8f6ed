"""TensorFlow's arithmetic, eager, by way of tf.constant and GradientTape."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from lossbench.framework import Adapter, Framework, Tensor, Timed, shaped
from lossbench.frameworks.tensorflow.device import TensorFlowDevice
from lossbench.gauges import DeviceGauge, Gauge

Step = Callable[[dict[str, Tensor], Tensor | None], tuple[Tensor, list[Tensor | None]]]
COMPILED, XLA = "compiled", "xla"


@dataclass(frozen=True, slots=True)
class Compiled:
    """An adapter to be run inside of ``tf.function``, with its backward pass, as in a training step."""

    adapter: Adapter
    by_xla: bool

    def __call__(self, *arrays: Tensor, **options: Any) -> Tensor:
        """The adapter's own call."""
        return self.adapter(*arrays, **options)


class TensorFlow(Framework):
    """TensorFlow and Keras, one call at a time or whole steps as graphs."""

    name = "tensorflow"
    version = f"{tf.__version__} (keras {keras.__version__})"

    def __init__(self) -> None:
        """Start with nothing compiled."""
        super().__init__()
        self._steps: dict[tuple[object, ...], Step] = {}

    def tensor(self, array: np.ndarray, dtype: str, differentiable: bool) -> Tensor:
        """Copy `array` into a constant; the tape makes it a leaf. TensorFlow has no strides to keep."""
        with self._place():
            constant = tf.constant(array)
            return tf.bitcast(constant, tf.bfloat16) if dtype == "bfloat16" else constant

    def array(self, tensor: Tensor) -> tuple[str, np.ndarray]:
        """The tensor's format and contents."""
        stored = tf.bitcast(tensor, tf.uint16) if tensor.dtype == tf.bfloat16 else tensor
        return tensor.dtype.name, np.asarray(stored.numpy())

    def value_and_gradients(
        self, call: Adapter, tensors: Mapping[str, Tensor], wanted: Sequence[str], cotangent: Tensor | None
    ) -> tuple[Tensor, dict[str, Tensor | None]]:
        """Record the call on a tape that watches nothing but the wanted tensors, and ask it for their gradients."""
        with self._place():
            value, gradients = self._step(call, tuple(wanted))(dict(tensors), cotangent)
            return value, dict(zip(wanted, gradients, strict=True))

    def value(self, call: Adapter, tensors: Mapping[str, Tensor]) -> Tensor:
        """The call, as a graph where it is compiled."""
        if _compiled(call) is None:
            return call(**tensors)
        return self._step(call, ())(dict(tensors), None)[0]

    def timed(self, call: Adapter, tensors: Mapping[str, Tensor], wanted: Sequence[str]) -> Timed:
        """The step on these tensors; the device is named only where it is not the one that is there anyway."""
        step = self._step(call, tuple(wanted)) if _compiled(call) else None
        ready = _bare(call, tensors, wanted) if step is None else functools.partial(step, dict(tensors), None)
        if self.device == "cpu":
            return ready

        def run() -> tuple[Tensor, Sequence[Tensor | None]]:
            with self._place():
                return ready()

        return run

    def _step(self, call: Adapter, wanted: tuple[str, ...]) -> Step:
        """Forward and backward pass of a call, in one graph if it is compiled."""

        def step(tensors: dict[str, Tensor], cotangent: Tensor | None) -> tuple[Tensor, list[Tensor | None]]:
            leaves = [tensors[name] for name in wanted]
            if not leaves:
                return call(**tensors), []
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                for leaf in leaves:
                    tape.watch(leaf)
                value = shaped(call(**tensors), cotangent)
            if cotangent is not None:
                cotangent = tf.cast(cotangent, value.dtype)
            return value, [_dense(g) for g in tape.gradient(value, leaves, output_gradients=cotangent)]

        compiled = _compiled(call)
        if compiled is None:
            return step
        options = call.keywords if isinstance(call, functools.partial) else {}
        key = (compiled, tuple(sorted(options.items())), wanted)
        if key not in self._steps:
            self._steps[key] = tf.function(step, jit_compile=compiled.by_xla)
        return self._steps[key]

    def modes(self) -> Sequence[str]:
        """Eager, ``tf.function``, and ``tf.function(jit_compile=True)``."""
        return ("eager", COMPILED, XLA)

    def compile(self, adapter: Adapter, mode: str) -> Adapter:
        """The adapter, marked to become a graph together with its backward pass."""
        return adapter if mode == "eager" else Compiled(adapter, mode == XLA)

    def gauge(self) -> Gauge:
        """The processor's, or the graphics card's by waiting for it."""
        return super().gauge() if self.device == "cpu" else DeviceGauge(TensorFlowDevice())

    def wait(self) -> None:
        """Return once the accelerator is done; on the processor every call has waited already."""
        if self.device != "cpu":
            tf.test.experimental.sync_devices()

    def devices(self) -> Sequence[str]:
        """The processor, and ``cuda`` where TensorFlow sees a graphics card."""
        return ("cpu", "cuda") if tf.config.list_physical_devices("GPU") else ("cpu",)

    def built_for_cuda(self) -> bool:
        """Whether this build of TensorFlow has CUDA in it."""
        return bool(tf.test.is_built_with_cuda())

    def device_name(self) -> str:
        """What the graphics card calls itself, or the processor's name in short."""
        if self.device == "cpu":
            return "cpu"
        card = tf.config.list_physical_devices("GPU")[0]
        return str(tf.config.experimental.get_device_details(card).get("device_name", self.device))

    def _place(self) -> tf.device:
        return tf.device("/CPU:0" if self.device == "cpu" else "/GPU:0")


def _compiled(call: Adapter) -> Compiled | None:
    """What is to become a graph; None where the call is eager."""
    inner = getattr(call, "func", None)
    return inner if isinstance(inner, Compiled) else None


def _bare(call: Adapter, tensors: Mapping[str, Tensor], wanted: Sequence[str]) -> Timed:
    """The eager call and its gradients with no more around them than somebody writes by hand: that costs 5 us."""
    forward, leaves = functools.partial(call, **tensors), [tensors[name] for name in wanted]
    if not leaves:
        return lambda: (forward(), ())

    def run() -> tuple[Tensor, Sequence[Tensor | None]]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            for leaf in leaves:
                tape.watch(leaf)
            value = forward()
        return value, [_dense(gradient) for gradient in tape.gradient(value, leaves)]

    return run


def _dense(gradient: Tensor | None) -> Tensor | None:
    """A gradient that came as rows and their indices, as a whole."""
    return tf.convert_to_tensor(gradient) if isinstance(gradient, tf.IndexedSlices) else gradient


def _settle() -> None:
    """Take the number of threads from the environment, and what a user's own Keras settings could bend from here."""
    threads = int(os.environ.get("OMP_NUM_THREADS", "0") or 0)  # 0: as many as TensorFlow likes
    with suppress(RuntimeError):  # in a process of the user's own TensorFlow may be at work already
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)


_settle()
framework = TensorFlow()
