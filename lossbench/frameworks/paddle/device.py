"""What Paddle tells of a graphics card: events, buffers and its allocator's counters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import paddle


class PaddleDevice:
    """The current CUDA device and stream."""

    def mark(self) -> Any:
        """An event in the stream."""
        event = paddle.device.Event(enable_timing=True)
        event.record()
        return event

    def between(self, earlier: Any, later: Any) -> float:
        """Seconds between two events."""
        return float(earlier.elapsed_time(later)) / 1000

    def wait(self) -> None:
        """Synchronize with the device."""
        paddle.device.synchronize()

    def finish(self, answer: object) -> None:
        """Synchronize with the device."""
        self.wait()

    def fill(self, size: int) -> Callable[[], object]:
        """Zero a buffer."""
        buffer = paddle.empty([size], dtype="uint8")
        zero: Callable[[], object] = buffer.zero_
        return zero

    def copy(self, size: int) -> Callable[[], object]:
        """Copy a buffer."""
        source = paddle.zeros([size], dtype="uint8")
        clone: Callable[[], object] = source.clone
        return clone

    def in_use(self) -> int | None:
        """Bytes of live tensors."""
        paddle.device.cuda.reset_max_memory_allocated()
        return int(paddle.device.cuda.memory_allocated())

    def peak(self) -> int | None:
        """The most bytes of live tensors."""
        return int(paddle.device.cuda.max_memory_allocated())
