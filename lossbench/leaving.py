"""How the command line ends: interrupted, terminated, with an error of its own, or with streams that are gone."""

from __future__ import annotations

import errno
import os
import signal
import sys
from contextlib import suppress

INTERRUPTED, TERMINATED = 130, 143
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)  # nothing more can be written there


class Terminated(BaseException):
    """SIGTERM: end the workers, show what there is, and go."""


def terminate(number: int, frame: object) -> None:
    """What SIGTERM does."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough; what follows takes a second at most
    raise Terminated


def say(code: int, text: str) -> int:
    """Say on standard error why the command ends, and hand back its exit code."""
    with suppress(OSError):  # standard error may be gone, too
        print(text, file=sys.stderr)
    return code


def unexpected(error: Exception) -> int:
    """Usage errors of the option parser end with 2, a full disk with 4, errors of our own with 70."""
    if hasattr(error, "show") and hasattr(error, "exit_code"):
        with suppress(OSError, SystemExit):
            error.show()
        return 2
    if isinstance(error, OSError) and error.errno in FULL:
        return say(4, f"lossbench: cannot write what was found: {error.strerror}")
    import traceback

    lines = "".join(traceback.format_exception(error))
    return say(70, f"{lines}lossbench: this is an error of lossbench's own; please report it with the lines above")


def open_streams() -> None:
    """See that the standard streams are open, and that no letter they lack is an error."""
    for descriptor in range(3):  # a file opened later must not take the place of one that the caller has closed
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def flushed(code: int) -> int:
    """The exit code, with both streams flushed here: a failure at Python's own exit would end with its 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            if code == 0 and stream is sys.stdout and not isinstance(error, BrokenPipeError):
                code = say(4, f"lossbench: cannot write to standard output: {error.strerror}")
    return code
