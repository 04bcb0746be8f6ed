"""The command lines that show something again, as one would paste them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from lossbench.judging.paths import RULER
from lossbench.records import Verdict


def on_target(verdict: Verdict) -> list[str]:
    """The options that name where a verdict was reached; none where it is the framework's usual place.

    One on two ways to run an implementation was reached in both, of which the first is named first.
    """
    both = verdict.target.split(" beside ") if verdict.reference == RULER else [verdict.target]
    if both in ([""], [verdict.framework]):
        return []
    return [word for target in reversed(both) for word in ("--target", target)]


def repro_of(verdict: Verdict, own: Sequence[str] = (), inputs: Path | None = None) -> str:
    """The command that makes a script of a verdict.

    Args:
        verdict: whose case and implementation the script is to be about.
        own: the options that name a user's own implementation, where the verdict is about such a one.
        inputs: the file of captured tensors that the case speaks of.
    """
    where = on_target(verdict)
    whose = own or (*([] if where else ["--framework", verdict.framework]), "--impl", verdict.via)
    words = ["lossbench", "repro", verdict.case, *(["--inputs", str(inputs)] if inputs else [])]
    return shlex.join([*words, *whose, *where])
