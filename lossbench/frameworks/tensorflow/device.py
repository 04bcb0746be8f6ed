"""What TensorFlow tells of a graphics card: no events, but buffers and its allocator's counters."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

CARD = "GPU:0"


class TensorFlowDevice:
    """The first graphics card; it is timed by the processor's clock around a wait."""

    def mark(self) -> None:
        """TensorFlow offers no events."""

    def between(self, earlier: None, later: None) -> float:
        """Never asked, as there are no marks."""
        raise NotImplementedError

    def wait(self) -> None:
        """Synchronize with the device."""
        tf.test.experimental.sync_devices()

    def finish(self, answer: object) -> None:
        """Synchronize with the device."""
        self.wait()

    def fill(self, size: int) -> Callable[[], object]:
        """Write a new buffer; what only copies would hand on the old one instead."""
        return self.copy(size)

    def copy(self, size: int) -> Callable[[], object]:
        """Read a buffer and write its opposite to another."""
        with tf.device(CARD):
            source = tf.zeros([max(1, size // tf.float32.size)])
        return lambda: tf.negative(source)

    def in_use(self) -> int | None:
        """Bytes of live tensors."""
        tf.config.experimental.reset_memory_stats(CARD)
        return int(tf.config.experimental.get_memory_info(CARD)["current"])

    def peak(self) -> int | None:
        """The most bytes of live tensors."""
        return int(tf.config.experimental.get_memory_info(CARD)["peak"])
