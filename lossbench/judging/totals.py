"""Where the time of a run went, and how much was compared."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Totals:
    """Where the time of a run went, in seconds, and how much was compared."""

    cases: int = 0
    verdicts: int = 0
    wall: float = 0.0
    imports: float = 0.0  # CPU seconds of the workers
    frameworks: float = 0.0  # CPU seconds inside the frameworks' calls
    reference: float = 0.0  # CPU seconds of closed forms and certified definitions
    own: float = 0.0  # CPU seconds of everything else in this process
    workers: float = 0.0  # CPU seconds of everything else in the workers
    certified_hits: int = 0
    certified_misses: int = 0
    certified_spared: float = 0.0  # CPU seconds that the cached proofs took when they were worked out
    certified_spent: float = 0.0  # CPU seconds of the proofs of this run
    slowest_reference: float = 0.0
    element_microseconds: list[float] = field(default_factory=list)  # of definitions worked out, one per case
    problems: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)  # declared deviations that no case of theirs has shown
