"""What torch tells of a graphics card: events, buffers and its allocator's counters."""

from __future__ import annotations

from collections.abc import Callable

import torch


class TorchDevice:
    """The current CUDA device and stream."""

    def mark(self) -> torch.cuda.Event:
        """An event in the stream."""
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def between(self, earlier: torch.cuda.Event, later: torch.cuda.Event) -> float:
        """Seconds between two events."""
        return float(earlier.elapsed_time(later)) / 1000

    def wait(self) -> None:
        """Synchronize with the device."""
        torch.cuda.synchronize()

    def finish(self, answer: object) -> None:
        """Synchronize with the device."""
        self.wait()

    def fill(self, size: int) -> Callable[[], object]:
        """Zero a buffer."""
        buffer = torch.empty(size, dtype=torch.uint8, device="cuda")
        zero: Callable[[], object] = buffer.zero_
        return zero

    def copy(self, size: int) -> Callable[[], object]:
        """Copy one buffer to another."""
        source = torch.zeros(size, dtype=torch.uint8, device="cuda")
        goal = torch.empty_like(source)
        return lambda: goal.copy_(source)

    def in_use(self) -> int | None:
        """Bytes of live tensors."""
        torch.cuda.reset_peak_memory_stats()
        return int(torch.cuda.memory_allocated())

    def peak(self) -> int | None:
        """The most bytes of live tensors."""
        return int(torch.cuda.max_memory_allocated())
