"""What the C library keeps of memory that was freed, given back to the system so that its use anew can be seen."""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PR_SET_THP_DISABLE = 41  # of <linux/prctl.h>
MADV_DONTNEED = 4  # of <sys/mman.h>
MAPS = Path("/proc/self/maps")
PAGE = mmap.PAGESIZE
HEADER, FLAGS = 32, 7  # bytes of a free chunk that the library uses; bits of its noted size that tell other things


class Mallinfo(ctypes.Structure):
    """`struct mallinfo2` of glibc 2.33 and newer."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    )


@contextmanager
def small_pages() -> Iterator[None]:
    """Have the system give memory in its smallest pages for a while, where it can be told."""

    def told(disabled: int) -> None:
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, disabled, 0, 0, 0)

    told(1)
    try:
        yield
    finally:
        told(0)


def give_back() -> None:
    """Give all that was freed back to the system; the end of the heap, too, of which the library keeps a large page."""
    library = ctypes.CDLL(None)
    with suppress(AttributeError):
        library.malloc_trim(0)
        library.mallinfo2.restype = Mallinfo
        library.sbrk.restype, library.sbrk.argtypes = ctypes.c_size_t, (ctypes.c_ssize_t,)
        library.madvise.argtypes = (ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int)
        size, end = library.mallinfo2().keepcost, library.sbrk(0)
        if not _starts() <= end - size < end:
            return
        noted = ctypes.c_size_t.from_address(end - size + ctypes.sizeof(ctypes.c_size_t)).value
        begin = -(-(end - size + HEADER) // PAGE) * PAGE
        # Where the last chunk does lie there, all of it is free but its header; other threads have heaps of their own.
        if noted & ~FLAGS == size and begin < end:
            library.madvise(begin, (end - begin) // PAGE * PAGE, MADV_DONTNEED)


def _starts() -> int:
    """Where the heap begins; beyond all addresses where nobody tells."""
    with suppress(OSError):
        for line in MAPS.read_text(encoding="utf-8").splitlines():
            if line.endswith("[heap]"):
                return int(line.partition("-")[0], 16)
    return sys.maxsize
