"""In the worker: what is told of an exception that a user's own code raised, with the line of theirs."""

from __future__ import annotations

import linecache
import os
import traceback
from collections.abc import Sequence
from pathlib import Path

OWN_FOLDER = str(Path(__file__).parent)


class UserFileError(Exception):
    """Something of the user's that cannot be used as it is; the message says what."""


def complaint(error: BaseException, own: Sequence[str]) -> str:
    """What is told of an exception that a guest raised."""
    return str(error) if isinstance(error, UserFileError) else said(error, own)


def said(error: BaseException, own: Sequence[str]) -> str:
    """An exception in a line, with the line of the user's own that it came from."""
    text = " ".join(str(error).split())
    head = f"{type(error).__name__}: {text}"[:300] if text else type(error).__name__
    return f"{head}{located(error, own)}"


def located(error: BaseException, own: Sequence[str]) -> str:
    """Where in the user's own lines an exception came from: `` (losses.py, line 7, in focal: ...)``, or nothing."""
    chain: list[BaseException] = []
    step: BaseException | None = error
    while step is not None and step not in chain:
        chain.append(step)
        step = step.__cause__ or step.__context__
    for each in chain:
        if isinstance(each, SyntaxError) and each.filename and _is_own(each.filename, own):
            return f" ({os.path.basename(each.filename)}, line {each.lineno}: {(each.text or '').strip()})"
        frames = [f for f in traceback.extract_tb(each.__traceback__) if _is_own(f.filename, own)]
        if frames:
            frame = frames[-1]
            line = linecache.getline(frame.filename, frame.lineno or 0).strip()
            inside = "" if frame.name == "<module>" else f", in {frame.name}"
            return f" ({os.path.basename(frame.filename)}, line {frame.lineno}{inside}: {line[:120]})"
    return ""


def _is_own(path: str, own: Sequence[str]) -> bool:
    if path.startswith(OWN_FOLDER):
        return False
    foreign = "site-packages" in path and not any("site-packages" in each for each in own)
    return not foreign and any(path == each or (each.endswith(os.sep) and path.startswith(each)) for each in own)
