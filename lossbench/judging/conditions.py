"""Under which conditions times were taken: the processor, its caches and clock, other work, the graphics card."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
STAT = Path("/proc/stat")
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
UNKNOWN_CACHE = 32 << 20  # bytes, where the machine does not say
STEAL = 7  # its place in a line of /proc/stat
CARD_FIELDS = ("driver_version", "clocks.sm", "clocks.mem", "temperature.gpu", "power.draw")
REASONS = ("clocks_event_reasons.active", "clocks_throttle_reasons.active")  # its name now, and that of old drivers
SLOWED = {0x4: "power cap", 0x8: "hardware slowdown", 0x20: "heat", 0x40: "heat", 0x80: "power brake"}  # NVML's bits


def processor() -> str:
    """What the machine calls its processor; empty where it does not say."""
    return next(iter(_said("model name")), "") or platform.processor()


def frequency() -> float | None:
    """MHz of the fastest processor now; unknown where the machine does not say."""
    speeds = []
    for text in _said("cpu MHz"):
        with suppress(ValueError):
            speeds.append(float(text))
    return max(speeds, default=None)


def load_average() -> float | None:
    """How many processes wanted a processor, on average over the last minute; unknown where the system keeps none."""
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return None


def cache_bytes() -> int:
    """The size of the largest cache a processor has."""
    found = [UNKNOWN_CACHE] if not CACHES.is_dir() else []
    for path in CACHES.glob("index*/size"):
        with suppress(OSError, ValueError):
            text = path.read_text(encoding="ascii").strip()
            found.append(int(text.rstrip("KMG")) << {"K": 10, "M": 20, "G": 30}.get(text[-1], 0))
    return max(found, default=UNKNOWN_CACHE)


class Steal:
    """The share of the processors' time that the host gave to others."""

    def __init__(self) -> None:
        """Begin to count."""
        self._before = _ticks()

    def share(self) -> float | None:
        """The share since it was last asked; unknown where the system does not count, or nothing has passed."""
        before, self._before = self._before, _ticks()
        if before is None or self._before is None:
            return None
        stolen, passed = (now - then for now, then in zip(self._before, before, strict=True))
        return round(stolen / passed, 4) if passed > 0 else None


def card(device: str) -> str:
    """Driver, clocks and reasons for throttling of the graphics card now; empty on the processor, or if unknown."""
    tool = shutil.which("nvidia-smi") if device == "cuda" else None
    if tool is None:
        return ""
    mine = os.environ.get("CUDA_VISIBLE_DEVICES", "").partition(",")[0]  # the framework's first card is this one
    for reasons in REASONS:
        fields = (*CARD_FIELDS, reasons)
        command = [tool, f"--query-gpu={','.join(fields)}", "--format=csv,noheader", *(["-i", mine] if mine else [])]
        try:
            found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        except (OSError, subprocess.SubprocessError):
            continue
        values = [value.strip() for value in found.stdout.partition("\n")[0].split(",")]
        return " ".join(f"{name}={value}" for name, value in zip(fields, values, strict=False))
    return ""


def slowed(card: str) -> tuple[str, ...]:
    """Why a card ran slower than it can, in words, by what `card` said of it."""
    word = next((w.partition("=")[2] for w in card.split() if w.partition("=")[0] in REASONS), "")
    try:
        bits = int(word, 16)
    except ValueError:
        return ()
    return tuple(dict.fromkeys(reason for bit, reason in SLOWED.items() if bits & bit))


def _said(name: str) -> list[str]:
    """All that the machine says of its processors under this name."""
    try:
        lines = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == name]


def _ticks() -> tuple[int, int] | None:
    """Ticks of the clock that were stolen, and all of them."""
    try:
        fields = STAT.read_text(encoding="ascii").partition("\n")[0].split()[1:]
        return int(fields[STEAL]), sum(map(int, fields[: STEAL + 1]))
    except (OSError, ValueError, IndexError):
        return None
