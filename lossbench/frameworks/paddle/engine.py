"""Paddle's arithmetic in dynamic mode: fresh leaves, and a backward pass from the value."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

os.environ.setdefault("GLOG_minloglevel", "2")  # errors only

import numpy as np
import paddle
from paddle import Tensor

from lossbench.by_classes import through_classes
from lossbench.framework import Adapter, Framework, Timed, shaped
from lossbench.frameworks.paddle.device import PaddleDevice
from lossbench.gauges import DeviceGauge, Gauge

# On the processor Paddle lacks kernels for the 16-bit formats: no loss runs in them from end to end.
DTYPES = ("float64", "float32")
INTEGERS = ("int64", "int32", "int16", "int8", "uint8")  # it has no others: what it calls uint16 is bfloat16


class Static:
    """An adapter under ``paddle.jit.to_static``, as whole graphs: tensors in, and options fixed in each graph.

    Paddle is told to leave the sources of adapters as they are: they hold no control flow that it would have to turn
    into a graph's, and it cannot read their decorators.
    """

    def __init__(self, adapter: Adapter) -> None:
        """Start without graphs."""
        self._adapter = adapter
        self._graphs: dict[tuple[object, ...], Callable[[list[Tensor]], Tensor]] = {}

    def __call__(self, **given: Any) -> Tensor:
        """Run the graph for the options given."""
        arrays = {name: value for name, value in given.items() if isinstance(value, Tensor)}
        options = {name: value for name, value in given.items() if name not in arrays}
        key = (*arrays, *options.items())
        if key not in self._graphs:
            self._graphs[key] = self._graph(tuple(arrays), options)
        return self._graphs[key](list(arrays.values()))

    def _graph(self, names: tuple[str, ...], options: dict[str, Any]) -> Callable[[list[Tensor]], Tensor]:
        paddle.jit.ignore_module([module for name, module in sys.modules.items() if name.startswith("lossbench.")])
        adapter = self._adapter

        def graph(arrays: list[Tensor]) -> Tensor:
            return adapter(**dict(zip(names, arrays)), **options)  # noqa: B905  (Paddle reads this, and knows no strict)

        return cast("Callable[[list[Tensor]], Tensor]", paddle.jit.to_static(graph, full_graph=True))


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

    def timed(self, call: Adapter, tensors: Mapping[str, Tensor], wanted: Sequence[str]) -> Timed:
        """The call and its value's backward pass."""
        forward, leaves = functools.partial(call, **tensors), [tensors[name] for name in wanted]
        if not leaves:
            return lambda: (forward(), ())

        def run() -> tuple[Tensor, Sequence[Tensor | None]]:
            for leaf in leaves:
                leaf.clear_gradient(False)
            value = forward()
            if not value.stop_gradient:
                value.backward()
            return value, [leaf.grad for leaf in leaves]

        return run

    def wait(self) -> None:
        """Return once the graphics card is done; on the processor every call has waited already."""
        if self.device != "cpu":
            paddle.device.synchronize()

    def modes(self) -> Sequence[str]:
        """Eager, ``paddle.jit.to_static``, and eager calls of classes for functions."""
        return ("eager", "compiled", "classes")

    def compile(self, adapter: Adapter, mode: str) -> Adapter:
        """The adapter as a static graph, built anew for each shape, or by the classes of its functions."""
        if mode == "classes":
            return through_classes(adapter, paddle.nn.functional, paddle.nn)
        return adapter if mode == "eager" else Static(adapter)

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
