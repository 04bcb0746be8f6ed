"""torch's arithmetic: tensors that keep numpy's strides, and its autograd."""

from __future__ import annotations

import functools
import os
import shutil
import warnings
from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor

from lossbench.by_classes import through_classes
from lossbench.framework import Adapter, Framework, Timed, shaped
from lossbench.frameworks.torch.device import TorchDevice
from lossbench.gauges import DeviceGauge, Gauge
from lossbench.graphs import Graphed, captured

COMPILERS = ("g++", "clang++", "c++")
MOST_SHAPES = 10_000  # compiled in one process; torch's own limit of eight would go on uncompiled, and say nothing


class Torch(Framework):
    """torch, on the processor or on a graphics card."""

    name = "torch"
    version = str(torch.__version__)

    def tensor(self, array: np.ndarray, dtype: str, differentiable: bool) -> Tensor:
        """Copy `array`, strides, gaps and what lies before it included; torch knows no negative strides."""
        array = array.copy() if any(step < 0 for step in array.strides) else array
        whole, before = _whole(array)
        seen = torch.from_numpy(array)
        form = torch.bfloat16 if dtype == "bfloat16" else seen.dtype
        memory = torch.from_numpy(whole).untyped_storage().clone().to(device=torch.device(self.device))
        leaf = torch.empty(0, dtype=form, device=self.device).set_(memory, before, seen.shape, seen.stride())
        return leaf.requires_grad_(differentiable)

    def array(self, tensor: Tensor) -> tuple[str, np.ndarray]:
        """The tensor's format and contents."""
        here = tensor.detach().cpu()
        bits = here.view(torch.uint16) if here.dtype == torch.bfloat16 else here
        return str(here.dtype).removeprefix("torch."), bits.numpy()

    def value_and_gradients(
        self, call: Adapter, tensors: Mapping[str, Tensor], wanted: Sequence[str], cotangent: Tensor | None
    ) -> tuple[Tensor, dict[str, Tensor | None]]:
        """Run the call, and `torch.autograd.grad` from its value to the wanted leaves."""
        value = shaped(call(**tensors), cotangent)
        if not wanted or not value.requires_grad:
            return value, dict.fromkeys(wanted)
        above = torch.ones_like(value) if cotangent is None else cotangent
        gradients = torch.autograd.grad(value, [tensors[name] for name in wanted], above, allow_unused=True)
        return value, dict(zip(wanted, gradients, strict=True))

    def timed(self, call: Adapter, tensors: Mapping[str, Tensor], wanted: Sequence[str]) -> Timed:
        """The call and `torch.autograd.grad`; the ones that a value which is no scalar needs are made once."""
        forward, leaves = functools.partial(call, **tensors), [tensors[name] for name in wanted]
        if not leaves:
            return self._graphed(call, lambda: (forward(), ()))
        gradients, none, above = torch.autograd.grad, (None,) * len(leaves), list[Tensor]()

        def run() -> tuple[Tensor, Sequence[Tensor | None]]:
            value = forward()
            if not value.requires_grad:
                return value, none
            if not above:
                above.append(torch.ones_like(value))
            return value, gradients(value, leaves, above, allow_unused=True)

        return self._graphed(call, run)

    def _graphed(self, call: Adapter, run: Timed) -> Timed:
        """What is timed, captured where the mode wants that."""
        wanted = isinstance(getattr(call, "func", call), Graphed)
        return cast("Timed", captured(run, torch.cuda)) if wanted else run

    def wait(self) -> None:
        """Return once the graphics card is done; on the processor every call has waited already."""
        if self.device != "cpu":
            torch.cuda.synchronize()

    def modes(self) -> Sequence[str]:
        """Eager, ``torch.compile``, eager calls captured as CUDA graphs, and eager calls of classes for functions."""
        return ("eager", "compiled", "graph", "classes")

    def mode_lacks(self, mode: str) -> str:
        """``torch.compile`` builds kernels for the processor with a C++ compiler; graphs need a graphics card."""
        if mode == "graph":
            return "" if self.device == "cuda" else "graphs are captured on a graphics card alone (--device cuda)"
        if mode in ("eager", "classes") or self.device != "cpu" or compiler():
            return ""
        return f"torch.compile needs a C++ compiler, and none of {', '.join(COMPILERS)} is found (CXX names another)"

    def compile(self, adapter: Adapter, mode: str) -> Adapter:
        """The adapter under ``torch.compile``, anew for each shape; one it cannot take as a whole is refused."""
        if mode == "classes":
            return through_classes(adapter, torch.nn.functional, torch.nn)
        if mode in ("eager", "graph"):
            return adapter if mode == "eager" else Graphed(adapter)
        torch._dynamo.config.recompile_limit = MOST_SHAPES
        torch._dynamo.config.accumulated_recompile_limit = MOST_SHAPES
        torch._dynamo.config.fail_on_recompile_limit_hit = True
        return cast("Adapter", torch.compile(adapter, fullgraph=True, dynamic=False))

    def gauge(self) -> Gauge:
        """The processor's, or the graphics card's by torch's events."""
        return super().gauge() if self.device == "cpu" else DeviceGauge(TorchDevice())

    def devices(self) -> Sequence[str]:
        """The processor, and ``cuda`` where torch can use a graphics card."""
        return ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)

    def built_for_cuda(self) -> bool:
        """Whether this build of torch has CUDA in it."""
        return bool(torch.backends.cuda.is_built())

    def device_name(self) -> str:
        """What the graphics card calls itself, or the processor in short."""
        return "cpu" if self.device == "cpu" else torch.cuda.get_device_name()


def compiler() -> str:
    """The C++ compiler that ``torch.compile`` would call; empty where there is none."""
    named = os.environ.get("CXX", "")
    return next((path for name in (named, *COMPILERS) if name and (path := shutil.which(name))), "")


def _whole(array: np.ndarray) -> tuple[np.ndarray, int]:
    """The array that owns the memory of this one, and how many numbers lie there before it."""
    whole = array
    while array.size and isinstance(whole.base, np.ndarray) and whole.base.dtype == array.dtype:
        whole = whole.base
    before = array.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    return whole, before // max(array.itemsize, 1)


def _settle() -> None:
    """Take the number of threads from the environment; be silent about read-only arrays, which are only copied."""
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdigit():
        torch.set_num_threads(int(threads))
    warnings.filterwarnings("ignore", message="The given NumPy array is not writable")


_settle()
framework = Torch()
