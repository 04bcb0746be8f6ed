"""A call captured as a CUDA graph: its kernels handed over all at once, without Python between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lossbench.framework import Adapter, Tensor

BEFORE = 3  # calls before the capture, in a stream of their own, as torch's manual asks for


@dataclass(frozen=True, slots=True)
class Graphed:
    """An adapter whose timed calls are replays of a graph; anywhere else it is called as it stands."""

    adapter: Adapter

    def __call__(self, *arrays: Tensor, **options: Any) -> Tensor:
        """The adapter's own call."""
        return self.adapter(*arrays, **options)


def captured(run: Callable[[], Any], cuda: Any) -> Callable[[], Any]:
    """Capture what `run` does; what comes back replays it and gives the same tensors, filled anew.

    `cuda` is torch.cuda, or what stands in for it.

    Raises:
        RuntimeError: it does something that a graph cannot hold, such as waiting for the device.
    """
    aside = cuda.Stream()
    aside.wait_stream(cuda.current_stream())
    with cuda.stream(aside):
        for _ in range(BEFORE):
            run()
    cuda.current_stream().wait_stream(aside)
    graph = cuda.CUDAGraph()
    with cuda.graph(graph):
        answer = run()

    def replay() -> Any:
        graph.replay()
        return answer

    return replay
