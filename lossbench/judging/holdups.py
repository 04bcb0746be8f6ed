"""What a sample would have lasted had nobody else wanted the processor.

A sample's wall time is what the call worked, what it waited for of its own (a thread that hands over to another), and
what other programs kept it waiting. The processor's clock tells the first; the least that any sample of the same call
waited bounds the second from above; the rest is the third, and no property of the code. Where several threads work at
once the processor's clock counts them all, and samples stand as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Sampled = tuple[Sequence[float], Sequence[float]]  # seconds by the wall and busy, sample by sample


def least_idle(processes: Iterable[Sampled], known: float | None = None) -> float:
    """The shortest time that any sample waited in all these processes, and in those `known`; 0 where nothing tells."""
    idle = [wall - worked for samples, busy in processes for wall, worked in zip(samples, busy, strict=bool(busy))]
    idle += [] if known is None else [known]
    return max(0.0, min(idle, default=0.0))


def undisturbed(samples: Sequence[float], busy: Sequence[float], idle: float) -> tuple[float, ...]:
    """The samples without what held them up beyond `idle`; as they are where it is unknown how busy they were."""
    if not busy:
        return tuple(samples)
    return tuple(min(wall, worked + idle) for wall, worked in zip(samples, busy, strict=True))
