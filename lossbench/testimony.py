"""In the worker of a guest: that whatever ends the process leaves the user's own line behind, in what it prints.

The parent reads it there. `faulthandler` writes without Python's help, so that a loop in C or a crash tells, too.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

ASK = signal.SIGUSR2  # upon which the worker prints where it is
LOADING = 20.0  # seconds that a user's file may take to be imported and tried


def prepare() -> None:
    """Print where the process is when it crashes, when it is asked, and when somebody ends it from within."""
    out = os.dup(2)  # the user's code may close its own
    os.set_inheritable(out, False)
    faulthandler.enable(out, all_threads=False)
    faulthandler.register(ASK, out, all_threads=True)
    leave = os._exit

    def tell_and_leave(status: int = 0) -> None:
        faulthandler.dump_traceback(out, all_threads=False)
        leave(status)

    os._exit = tell_and_leave


@contextmanager
def limited() -> Iterator[None]:
    """End the process with its testimony where importing the user's file takes too long."""
    faulthandler.dump_traceback_later(LOADING, exit=True, file=sys.__stderr__ or sys.stderr)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
