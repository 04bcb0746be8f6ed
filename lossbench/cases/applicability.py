"""Which implementation can take which case, and what it lacks where it cannot."""

from __future__ import annotations

from collections.abc import Iterable

from lossbench.loss import Loss
from lossbench.records import INTEGERS, Case, Implementation


def lacks(implementation: Implementation, case: Case, loss: Loss, device: str) -> str:
    """What keeps the implementation from taking the case on that device: empty where nothing does."""
    if elsewhere := lacks_device(implementation, device):
        return elsewhere
    if case.dtype not in implementation.dtypes:
        return f"has no {case.dtype}"
    if case.reduction not in implementation.reductions:
        return f"has no reduction {case.reduction}"
    for name in case.given:
        if name not in implementation.arrays:
            return f"takes no {name}"
    for name, _ in case.parameters:
        if name not in implementation.parameters:
            return f"has no parameter {name}"
    for word in case.how:
        if word in INTEGERS and word not in implementation.integers:
            return f"takes no {word}"
    present = {a.name for a in loss.arguments.values() if not a.optional} | set(case.given)
    present |= {name for name, _ in case.parameters}  # a guest may need one set that has no default for it
    missing = [name for name in implementation.required if name not in present]
    return f"needs {missing[0]}" if missing else ""


def lacks_device(implementation: Implementation, device: str) -> str:
    """What keeps the implementation from running there, whatever the case: empty where nothing does."""
    if device not in implementation.devices:
        return f"runs on {' and '.join(implementation.devices)} alone"
    return implementation.lacks


def takers(
    implementations: Iterable[Implementation], case: Case, loss: Loss, device: str
) -> tuple[list[Implementation], str]:
    """Those that can take the case on that device; and if none can, why not."""
    taking: list[Implementation] = []
    reasons: dict[str, None] = {}
    for implementation in implementations:
        if implementation.loss != case.loss:
            continue
        reason = lacks(implementation, case, loss, device)
        if reason:
            reasons[reason] = None
        else:
            taking.append(implementation)
    if taking:
        return taking, ""
    return [], "; ".join(reasons) or "has no such loss"
