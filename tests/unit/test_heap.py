"""What was freed is given back to the system, to the last page, in small pages and in large ones."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes
from lossbench.gauges import resident
from lossbench.heap import give_back, small_pages
SIZE, ANEW = 24 << 20, 3_000_000
library = ctypes.CDLL(None)
library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, (ctypes.c_size_t,)
library.free.argtypes = (ctypes.c_void_p,)
def use():
    block = library.malloc(SIZE)
    ctypes.memset(block, 1, SIZE)
    kept = library.malloc(100)  # behind it, so that it leaves a gap
    return block, kept
give_back()
bare = resident("VmRSS")
block, kept = use()
full = resident("VmRSS")
library.free(block)
give_back()
gap = resident("VmRSS")
library.free(kept)
give_back()
end = resident("VmRSS")
with small_pages():
    grown = library.malloc(ANEW)
    before = resident("VmRSS")
    ctypes.memset(grown, 1, ANEW)
    after = resident("VmRSS")
print(full - bare, gap - bare, end - bare, after - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the C library of Linux")
@pytest.mark.parametrize("tunables", ["", "glibc.malloc.hugetlb=1"])
def test_what_was_freed_is_given_back_and_shows_when_it_is_used_anew(tunables: str) -> None:
    large = str(1 << 30)
    told = {"GLIBC_TUNABLES": tunables, "MALLOC_MMAP_THRESHOLD_": large, "MALLOC_TRIM_THRESHOLD_": large}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={**os.environ, **told}, capture_output=True, text=True, check=True
    )
    full, gap, end, anew = map(int, done.stdout.split())
    assert full >= 24 << 20
    assert abs(gap) < 1 << 20
    assert abs(end) < 1 << 20
    assert 2_700_000 <= anew <= 3_300_000  # the system counts in steps of 64 pages
