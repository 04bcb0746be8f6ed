"""In the worker of a guest: that whatever ends the process leaves the user's own line behind, in a file of its own.

The parent reads it there. `faulthandler` writes without Python's help, so that a loop in C or a crash tells, too.
"""

from __future__ import annotations

import faulthandler
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

ASK = signal.SIGUSR2  # upon which the worker writes where it is
FILE = "array-testimony"  # cleared away with the arrays beside it
LOADING, TRYING = 20.0, 8.0  # seconds that a user's file may take to be imported, and then to be tried


class Testimony:
    """The file that the worker of a guest writes where it is when it crashes, is asked, or is ended from within."""

    def __init__(self, folder: Path | None) -> None:
        """Open the file, and see that all of these write to it."""
        place = os.devnull if folder is None else str(folder / FILE)
        self._out = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        faulthandler.enable(self._out, all_threads=False)
        faulthandler.register(ASK, self._out, all_threads=True)
        leave, out = os._exit, self._out

        def tell_and_leave(status: int) -> NoReturn:
            faulthandler.dump_traceback(out, all_threads=False)
            leave(status)

        os._exit = tell_and_leave

    @contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """End the process, with its testimony, where the body takes longer."""
        faulthandler.dump_traceback_later(seconds, exit=True, file=self._out)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
