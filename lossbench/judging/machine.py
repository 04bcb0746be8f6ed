"""Which kind of processor this is: what last bits hinge on, in two words."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

VECTORS = ("avx512f", "avx2", "avx", "sve2", "sve", "asimd", "neon")  # as Linux calls them, the widest first


@cache
def processor_kind() -> str:
    """Architecture and widest vector unit, such as ``x86_64 avx512f``; the latter only where the system tells."""
    return " ".join([platform.machine(), *vectors(Path("/proc/cpuinfo"))])


def vectors(path: Path) -> list[str]:
    """The widest vector unit that a file such as /proc/cpuinfo names, if any."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    told = (line.partition(":")[2].split() for line in lines if line.lower().startswith(("flags", "features")))
    flags = next(told, [])
    return [name for name in VECTORS if name in flags][:1]
