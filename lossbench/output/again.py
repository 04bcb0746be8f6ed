"""The command lines that show something again, as one would paste them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from lossbench.records import Verdict


def on_target(verdict: Verdict) -> list[str]:
    """The options that name where a verdict was reached; none where it is the framework's usual place."""
    return ["--target", verdict.target] if verdict.target not in ("", verdict.framework) else []


def repro_of(verdict: Verdict, own: Sequence[str] = (), inputs: Path | None = None) -> str:
    """The command that makes a script of a verdict.

    Args:
        verdict: whose case and implementation the script is to be about.
        own: the options that name a user's own implementation, where the verdict is about such a one.
        inputs: the file of captured tensors that the case speaks of.
    """
    whose = own or ("--framework", verdict.framework, "--impl", verdict.via)
    words = ["lossbench", "repro", verdict.case, *(["--inputs", str(inputs)] if inputs else [])]
    return shlex.join([*words, *whose, *on_target(verdict)])
