"""torch's arithmetic: tensors that keep numpy's strides, and its autograd."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from lossbench.framework import Adapter, Framework, shaped


class Torch(Framework):
    """Eager torch, on the processor or on a graphics card."""

    name = "torch"
    version = str(torch.__version__)

    def tensor(self, array: np.ndarray, dtype: str, differentiable: bool) -> Tensor:
        """Copy `array`, strides and the gaps between its numbers included; torch knows no negative strides."""
        seen = torch.from_numpy(array.copy() if any(step < 0 for step in array.strides) else array)
        form = torch.bfloat16 if dtype == "bfloat16" else seen.dtype
        memory = seen.untyped_storage().clone().to(device=torch.device(self.device))
        leaf = torch.empty(0, dtype=form, device=self.device).set_(memory, 0, seen.shape, seen.stride())
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

    def wait(self) -> None:
        """Return once the graphics card is done; on the processor every call has waited already."""
        if self.device != "cpu":
            torch.cuda.synchronize()

    def devices(self) -> Sequence[str]:
        """The processor, and ``cuda`` where torch can use a graphics card."""
        return ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)

    def built_for_cuda(self) -> bool:
        """Whether this build of torch has CUDA in it."""
        return bool(torch.backends.cuda.is_built())

    def device_name(self) -> str:
        """What the graphics card calls itself, or the processor in short."""
        return "cpu" if self.device == "cpu" else torch.cuda.get_device_name()


def _settle() -> None:
    """Take the number of threads from the environment; be silent about read-only arrays, which are only copied."""
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdigit():
        torch.set_num_threads(int(threads))
    warnings.filterwarnings("ignore", message="The given NumPy array is not writable")


_settle()
framework = Torch()
