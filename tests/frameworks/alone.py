"""Python in a process of its own, where a framework may be imported."""

import os
import subprocess
import sys


def alone(*arguments: str, dies: bool = False) -> str:
    """What Python prints with these arguments and one thread; it must die of a signal if it is expected to."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode < 0 if dies else done.returncode == 0, done.stderr[-3000:]
    return done.stdout
