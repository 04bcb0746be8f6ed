"""What JAX tells of a graphics card: no events, buffers, and counters that cannot be set back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax import numpy as jnp


class JaxDevice:
    """The first graphics card; it is timed by the processor's clock around a wait."""

    def __init__(self, wait: Callable[[], None]) -> None:
        """Wait as the engine does."""
        self.wait = wait
        self._card = jax.devices("gpu")[0]
        self._peak_before = 0

    def mark(self) -> None:
        """JAX offers no events."""

    def between(self, earlier: None, later: None) -> float:
        """Never asked, as there are no marks."""
        raise NotImplementedError

    def finish(self, answer: Any) -> None:
        """Wait for what came last: a card does one computation after the other."""
        jax.block_until_ready(answer)

    def fill(self, size: int) -> Callable[[], object]:
        """Write a new buffer."""
        return lambda: jax.block_until_ready(jnp.zeros(size, jnp.uint8, device=self._card))

    def copy(self, size: int) -> Callable[[], object]:
        """Copy a buffer."""
        source = jnp.zeros(size, jnp.uint8, device=self._card)
        return lambda: jnp.array(source, copy=True)

    def in_use(self) -> int | None:
        """Bytes of live arrays."""
        self._peak_before = self._stat("peak_bytes_in_use")
        return self._stat("bytes_in_use")

    def peak(self) -> int | None:
        """The most bytes of live arrays, where that is more than it ever was before."""
        now = self._stat("peak_bytes_in_use")
        return now if now > self._peak_before else None

    def _stat(self, name: str) -> int:
        stats: dict[str, Any] = self._card.memory_stats() or {}
        return int(stats.get(name, 0))
