"""Whether somebody's code has replaced functions of numpy or of the framework in its process.

Such code is judged all the same, by what comes back; but its verdicts say so.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

MODULES: Mapping[str, tuple[str, ...]] = {
    "torch": ("torch", "torch.nn.functional", "torch.autograd", "torch.special", "torch.nn"),
    "paddle": ("paddle", "paddle.nn.functional", "paddle.autograd", "paddle.nn"),
    "tensorflow": ("tensorflow", "tensorflow.math", "tensorflow.nn", "keras.losses", "keras.ops"),
    "jax": ("jax", "jax.numpy", "jax.nn", "optax", "optax.losses"),
}
CLASSES = ("torch.Tensor", "paddle.Tensor")
Seen = dict[tuple[str, str], Any]


def snapshot(framework: str) -> Seen:
    """The public functions and classes of numpy and the framework as they are now."""
    seen: Seen = {}
    for place in ("numpy", *MODULES.get(framework, ()), *CLASSES):
        owner = _owner(place)
        for name, value in list(vars(owner).items()) if owner is not None else ():
            if callable(value) and (not name.startswith("_") or place in CLASSES):
                seen[place, name] = value
    return seen


def replaced(before: Seen) -> str:
    """What is no longer what it was, as a remark; empty where nothing is."""
    changed = []
    for (place, name), value in before.items():
        now = vars(_owner(place)).get(name)
        if now is not value and not _is_their_own(now, name, place):
            changed.append(f"{place}.{name}")
    return f"its file has replaced {', '.join(changed[:4])}{' and more' if len(changed) > 4 else ''}" if changed else ""


def _is_their_own(now: Any, name: str, place: str) -> bool:
    """Whether the framework itself has put something else there, as torch does when its compiler is first used."""
    root = place.partition(".")[0]
    code = getattr(now, "__code__", None)
    home = os.path.dirname(getattr(sys.modules.get(root), "__file__", "") or "/nowhere")
    if code is not None:
        return bool(code.co_filename.startswith(home))
    return getattr(now, "__name__", "") == name and str(getattr(now, "__module__", "")).startswith(root)


def _owner(place: str) -> Any:
    if place in CLASSES:
        module, _, name = place.partition(".")
        return getattr(sys.modules.get(module), name, None)
    return sys.modules.get(place)
