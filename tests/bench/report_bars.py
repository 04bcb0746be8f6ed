"""How long a report of 20 000 rows takes to write and to open, and how large it is: run by hand, since it takes time.

python tests/bench/report_bars.py
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "commands"))

from browser import Browser, installed
from made import many, write
from running import run

ROWS = 20_000


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = write(str(folder / "r.csv"), *many(ROWS))
        started = time.perf_counter()
        done = run("report", rows, "-o", folder / "r.html")
        wall = time.perf_counter() - started
        assert done.code == 0, done.err
        size = (folder / "r.html").stat().st_size / 2**20
        print(f"{ROWS} rows: written in {wall:.2f} s (5 allowed), {size:.2f} MiB (5 allowed)")
        if installed() is None:
            print("opening was not measured: Chromium is not installed")
            return
        browser = Browser(folder / "browser")
        try:
            for fragment, what in (("", "all losses"), ("#/loss/cross_entropy", "one loss")):
                browser.open(folder / "r.html", fragment)
                spent = browser.js("performance.timing.domComplete - performance.timing.navigationStart") / 1e3
                print(f"{what}: opened in {spent:.2f} s (2 allowed)")
        finally:
            browser.close()


if __name__ == "__main__":
    main()
