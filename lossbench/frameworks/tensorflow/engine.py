"""TensorFlow's arithmetic, eager, by way of tf.constant and GradientTape."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from lossbench.framework import Adapter, Framework, Tensor, shaped


class TensorFlow(Framework):
    """TensorFlow and Keras, one call at a time."""

    name = "tensorflow"
    version = f"{tf.__version__} (keras {keras.__version__})"

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
        leaves = [tensors[name] for name in wanted]
        with self._place():
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                for leaf in leaves:
                    tape.watch(leaf)
                value = shaped(call(**tensors), cotangent)
            if cotangent is not None:
                cotangent = tf.cast(cotangent, value.dtype)
            gradients = tape.gradient(value, leaves, output_gradients=cotangent)
            return value, dict(zip(wanted, map(_dense, gradients), strict=True))

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
