"""The parent's watch over a process that runs a user's own file: how much memory it holds, how much it prints.

A limit on the address space would not do: frameworks reserve more of it than any machine has. So the pages that are
really held are read off the system's tables, many times a second.
"""

from __future__ import annotations

import linecache
import os
import re
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

EVERY = 0.05  # seconds
MOST_MEMORY = 4 << 30  # bytes
MOST_PRINTED = 16 << 20  # bytes kept of what it prints
FRAME = re.compile(r'File "([^"]+)", line (\d+),? in (\S+)')
WORDY = 1 << 16  # characters of the testimony that are searched


class Watch:
    """A thread beside one worker; it ends the worker that takes too much."""

    def __init__(self, process: int, captured: int, testimony: Path) -> None:
        """Begin to watch; `captured` is the descriptor that the worker's output goes to."""
        self.ending = ""  # why it was ended
        self._process, self._captured, self._testimony = process, captured, testimony
        self._printed = 0  # bytes that were thrown away
        self._limit = min(MOST_MEMORY, available() // 2)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lossbench-watch", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop watching."""
        self._over.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def remark(self) -> str:
        """What is to be said of its talk; empty where it was not excessive."""
        return f"it printed {self._printed / 1e9:.2g} GB, which were thrown away" if self._printed else ""

    def _run(self) -> None:
        while not self._over.wait(EVERY):
            self._trim()
            held = resident(self._process)
            if held > self._limit:
                self.ending = f"took more than {self._limit / 1e9:.1f} GB of memory and was ended"
                with suppress(ProcessLookupError, PermissionError):
                    ask_where(self._process, self._testimony)
                    os.killpg(self._process, signal.SIGKILL)
                return

    def _trim(self) -> None:
        with suppress(OSError):
            size = os.fstat(self._captured).st_size
            if size > MOST_PRINTED:
                os.ftruncate(self._captured, 0)
                self._printed += size


def resident(process: int) -> int:
    """Bytes of memory that a process and its children hold; 0 where the system does not tell."""
    total = 0
    try:
        with open(f"/proc/{process}/statm", "rb") as file:
            fields = file.read().split()
        total = (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")  # without files that are mapped
        for task in os.listdir(f"/proc/{process}/task"):
            with suppress(OSError), open(f"/proc/{process}/task/{task}/children", "rb") as file:
                total += sum(resident(int(child)) for child in file.read().split())
    except (OSError, ValueError, IndexError):
        return total
    return total


def available() -> int:
    """Bytes of memory that could be had now."""
    with suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) << 10
    return 2 * MOST_MEMORY


def ask_where(process: int, testimony: Path) -> None:
    """Have the worker write where it is, and wait a moment for it."""
    if not testimony.exists():  # it has not come so far as to listen
        return
    before = testimony.stat().st_size
    with suppress(ProcessLookupError, PermissionError):
        os.kill(process, signal.SIGUSR2)
    for _ in range(20):
        time.sleep(0.01)
        if testimony.stat().st_size > before:
            time.sleep(0.01)
            return


def timed_out(testimony: Path) -> str:
    """How long the user's file was given to be imported or tried, where it took longer."""
    with suppress(OSError):
        found = re.search(r"^Timeout \((?:\d+:)*(\d+)\)", testimony.read_text(errors="replace"), re.MULTILINE)
        return f"no end within {int(found[1])} s" if found else ""
    return ""


def where(testimony: Path, place: str) -> str:
    """The user's own line in what the worker wrote last: ``losses.py, line 7, in focal: while True:``."""
    try:
        text = testimony.read_text(errors="replace")[-WORDY:]
    except OSError:
        return ""
    text = text[text.rfind("most recent call first") :] if "most recent call first" in text else ""
    home = str(Path(place).parent) if place.endswith(".py") else place.replace(".", os.sep)
    for path, line, name in FRAME.findall(text):
        if path == place or (home in path and "site-packages" not in path and "lossbench" not in Path(path).parts):
            linecache.checkcache(path)  # it may have been edited since
            code = linecache.getline(path, int(line)).strip()
            return f"{os.path.basename(path)}, line {line}, in {name}: {code[:120]}"
    return ""
