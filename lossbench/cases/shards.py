"""Shards: a suite split among machines, so that each case and each accepted row is in one of them.

The split hangs on the recipe alone, not on the order of a suite nor on who is installed: adding a case moves no other.
What differs in its reduction, shape or seed alone stays together, because it shares inputs and certified answers.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from lossbench.errors import UsageError
from lossbench.records import Case


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several parts; they count from 1."""

    number: int
    of: int

    def has(self, recipe: Sequence[str]) -> bool:
        """Whether it is this shard that has the recipe: loss, options, reduction, format and regime."""
        loss, options, _, dtype, regime = recipe
        return zlib.crc32(f"{loss}/{options}/{dtype}/{regime}".encode()) % self.of == self.number - 1

    def has_case(self, case: Case) -> bool:
        """Whether it is this shard that has the case."""
        parts = str(case).split("/")
        options = parts[1] if len(parts) == 7 else ""
        return self.has((case.loss, options, case.reduction, case.dtype, case.regime))

    def __str__(self) -> str:
        """As on the command line."""
        return f"{self.number}/{self.of}"


def read_shard(text: str) -> Shard | None:
    """Read ``2/4``; empty is no shard at all.

    Raises:
        UsageError: it does not read like one.
    """
    if not text:
        return None
    number, slash, of = text.partition("/")
    digits = all(part.isascii() and part.isdigit() and len(part) < 6 for part in (number, of))
    if not (slash and digits and 1 <= int(number) <= int(of)):
        raise UsageError(f"--shard {text!r} should read like 2/4, the second of four; they count from 1")
    return Shard(int(number), int(of))
