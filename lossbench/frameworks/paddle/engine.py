"""Paddle's arithmetic in dynamic mode: fresh leaves, and a backward pass from the value."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import cast

os.environ.setdefault("GLOG_minloglevel", "2")  # errors only

import numpy as np
import paddle
from paddle import Tensor

from lossbench.framework import Adapter, Framework, shaped
from lossbench.frameworks.paddle.device import PaddleDevice
from lossbench.gauges import DeviceGauge, Gauge

# On the processor Paddle lacks kernels for the 16-bit formats: no loss runs in them from end to end.
DTYPES = ("float64", "float32")


class Paddle(Framework):
    """Paddle, on the processor or on a graphics card."""

    name = "paddle"
    version = str(paddle.__version__)

    def tensor(self, array: np.ndarray, dtype: str, differentiable: bool) -> Tensor:
        """Copy `array`; one that is strided is shared on the processor, as a copy would be contiguous."""
        if dtype != "bfloat16" and self.device == "cpu" and _is_strided(array):
            leaf = paddle.from_dlpack(array)
        else:
            leaf = paddle.to_tensor(array)  # uint16 is bfloat16
        leaf.stop_gradient = not differentiable
        return leaf

    def array(self, tensor: Tensor) -> tuple[str, np.ndarray]:
        """The tensor's format and contents."""
        return str(tensor.dtype).removeprefix("paddle."), tensor.numpy()

    def value_and_gradients(
        self, call: Adapter, tensors: Mapping[str, Tensor], wanted: Sequence[str], cotangent: Tensor | None
    ) -> tuple[Tensor, dict[str, Tensor | None]]:
        """Run the call and its value's backward pass, which leaves each gradient with its leaf until the next call."""
        for name in wanted:
            tensors[name].clear_gradient(False)
        value = shaped(call(**tensors), cotangent)
        if not value.stop_gradient:
            value.backward(cotangent)
        return value, {name: tensors[name].grad for name in wanted}

    def wait(self) -> None:
        """Return once the graphics card is done; on the processor every call has waited already."""
        if self.device != "cpu":
            paddle.device.synchronize()

    def modes(self) -> Sequence[str]:
        """Eager, and ``paddle.jit.to_static``."""
        return ("eager", "compiled")

    def compile(self, adapter: Adapter, mode: str) -> Adapter:
        """The adapter as a static graph, traced anew for each shape."""
        if mode == "eager":
            return adapter
        return cast("Adapter", paddle.jit.to_static(adapter, full_graph=True))

    def gauge(self) -> Gauge:
        """The processor's, or the graphics card's by Paddle's events."""
        return super().gauge() if self.device == "cpu" else DeviceGauge(PaddleDevice())

    def devices(self) -> Sequence[str]:
        """The processor, and ``cuda`` where this build can use a graphics card."""
        return ("cpu", "cuda") if paddle.is_compiled_with_cuda() and paddle.device.cuda.device_count() else ("cpu",)

    def built_for_cuda(self) -> bool:
        """Whether this build of Paddle has CUDA in it."""
        return bool(paddle.is_compiled_with_cuda())

    def device_name(self) -> str:
        """What the graphics card calls itself, or the processor in short."""
        return "cpu" if self.device == "cpu" else str(paddle.device.cuda.get_device_name())

    @property
    def device(self) -> str:
        """Where tensors are placed and made: ``cpu`` or ``cuda``."""
        return self._device

    @device.setter
    def device(self, device: str) -> None:
        self._device = device
        if device in self.devices():
            paddle.set_device("gpu" if device == "cuda" else device)


def _is_strided(array: np.ndarray) -> bool:
    return array.size > 0 and not array.flags.c_contiguous and min(array.strides) > 0


paddle.disable_signal_handler()  # a worker that dies says so itself, without a page of Paddle's own
framework = Paddle()
