"""Timings for the report: what each implementation takes on each case, read by the names of the columns.

Columns that a file lacks (rows of copying, least bytes, the mode) leave out what would be drawn from them.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lossbench.judging.intervals import quiet
from lossbench.judging.traffic import bucket
from lossbench.records import Target

Row = Mapping[str, str]
COPY = "(copy)"
BACKWARD = "forward+backward"
KEYS = ("loss", "target", "case", "framework", "via", "device", "mode", "dtype", "shape", "reduction", "stands_for")


def times(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """One entry for each implementation and case, times in seconds for one call, over all processes."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        if row.get("case"):
            named = {**row, "target": target_of(row)}
            groups.setdefault(tuple(named.get(name) or "" for name in KEYS), []).append(row)
    best = {(each["device"], each["bytes"]): each["rate"] for each in roof(rows)}
    return [_entry(dict(zip(KEYS, key, strict=True)), group, best) for key, group in groups.items()]


def target_of(row: Row) -> str:
    """The name of the target that was timed, which tells two versions of a framework apart."""
    framework, mode = row.get("framework") or "", row.get("mode") or ""
    target = Target(framework, row.get("interpreter") or "", row.get("device") or "cpu", mode)
    return row.get("target") or str(target)


def _entry(named: dict[str, str], rows: list[Row], best: Mapping[tuple[str, float], float]) -> dict[str, Any]:
    sides = {
        side: [number for row in rows if row["direction"] == side and (number := _number(row, "p25")) is not None]
        for side in ("forward", BACKWARD)
    }
    rated = [row for row in rows if row["direction"] == (BACKWARD if sides[BACKWARD] else "forward")]
    figures = sides[BACKWARD] or sides["forward"]
    sized = next((number for row in rated if (number := _number(row, "elements")) is not None), None)
    least, rate = _median(_numbers(rated, "least_bytes")), _median(_numbers(rated, "gigabytes_per_second"))
    copied = best.get((named["device"], bucket(int(least)))) if least else None
    elements = sized or math.prod(int(part) for part in named["shape"].split("x") if part.isdecimal())
    return named | {
        "forward": _quiet(sides["forward"]),
        "backward": _quiet(sides[BACKWARD]),
        "low": min(figures, default=None),
        "high": max(figures, default=None),
        "processes": len(figures),
        "elements": elements,
        "bytes": least,
        "rate": rate,
        "roof": float(f"{rate / copied:.3g}") if rate and copied else None,
        "first": _median(_numbers(rated, "first_call")),
        "memory": _median(_numbers(rated, "memory")),
        "answer": next((row["answer"] for row in rows if row.get("answer")), ""),
        "note": "; ".join(dict.fromkeys(row["note"] for row in rows if row.get("note"))),
    }


def roof(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """What copying so many bytes reaches in GB/s, by device: the best of all processes."""
    best: dict[tuple[str, float], float] = {}
    for row in rows:
        size, seconds = _number(row, "least_bytes"), _number(row, "minimum")
        if row.get("loss") == COPY and size and seconds:
            key = (row.get("device", ""), size)
            best[key] = max(best.get(key, 0.0), size / seconds / 1e9)
    return [{"device": device, "bytes": size, "rate": rate} for (device, size), rate in sorted(best.items())]


def machine(rows: Iterable[Row]) -> dict[str, list[str]]:
    """On what it was timed: every processor, card, Python and number of threads that occurs."""
    names = {"processor": "processor", "device_name": "device", "python": "Python", "threads": "threads"}
    seen: dict[str, dict[str, None]] = {label: {} for label in names.values()}
    for row in rows:
        for name, label in names.items():
            if row.get(name):
                seen[label][row[name]] = None
    return {label: list(values) for label, values in seen.items() if values}


def _number(row: Row, name: str) -> float | None:
    try:
        number = float(row.get(name) or "nan")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _numbers(rows: Iterable[Row], name: str) -> list[float]:
    return [number for row in rows if (number := _number(row, name)) is not None]


def _quiet(figures: list[float]) -> float | None:
    """The mean of the quietest quarter of processes, as `speed` reports it."""
    found = quiet(figures)
    return None if found is None else float(f"{found:.4g}")


def _median(figures: list[float]) -> float | None:
    return float(f"{statistics.median(figures):.4g}") if figures else None
