"""Bar: every repro script runs in a fresh process and shows the numbers of the verdict that it is about.

    python tests/bench/repro_bars.py [ROWS.csv] [--each 2] [--framework torch]

All stored cases, by every implementation that takes them; and of the rows given (results/latest/compare.csv unless
named) some of each framework and status. Prints what does not match, and exits with 1 if anything does not.
"""

from __future__ import annotations

import argparse
import csv
import math
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

MAIN = "import sys; sys.argv[0] = 'lossbench'; from lossbench.cli import main; main()"
STATUSES = ("agrees", "imprecise", "by-contract", "deviates", "differs", "refuses", "rejects", "accepts", "crashes")
NEAR = 1e-4  # the verdicts are written with six digits


def lossbench(*words: str, seconds: int = 300) -> subprocess.CompletedProcess[str]:
    """Run a command of lossbench."""
    command = [sys.executable, "-c", MAIN, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a file of verdicts."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def stored(framework: str, folder: Path) -> list[dict[str, str]]:
    """The verdicts on all stored cases."""
    path = folder / "worst.csv"
    lossbench("compare", "--suite", "worst", "--framework", framework, "--csv", str(path))
    return [row for row in rows_of(path) if row["status"] in STATUSES]


def sample(rows: list[dict[str, str]], each: int) -> Iterator[dict[str, str]]:
    """So many rows of each framework and status, spread over what there is."""
    groups: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        usual = row["reference"] not in ("relation", "path") and "@" not in row["case"]
        if row["status"] in STATUSES and usual and row["case"]:
            groups[row["framework"], row["status"]].append(row)
    for mine in groups.values():
        step = max(1, len(mine) // each)
        yield from mine[step // 2 :: step][:each]


def unlike(row: Mapping[str, str], folder: Path) -> str:
    """What is wrong with the script of a row; empty where it shows the same."""
    path = folder / "script.py"
    path.unlink(missing_ok=True)
    words = ["--framework", row["framework"], "--impl", row["via"], "-o", str(path), "--no-run"]
    made = lossbench("repro", row["case"], *words)
    if made.returncode or not path.is_file():
        return f"repro exits with {made.returncode}: {made.stderr.strip()[-200:]}"
    source = path.read_text()
    if not source.startswith(f"# {row['via']}: "):
        return f"is about another implementation: {source.splitlines()[0]}"
    command = [sys.executable, "-I", str(path)]
    alone = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=folder)
    if row["status"] in ("refuses", "rejects", "crashes") or not row["value_error"]:
        failed = alone.returncode != 0
        expected = row["status"] in ("refuses", "rejects", "crashes")
        return "" if failed == expected or row["status"] in ("deviates", "by-contract") else _last(alone)
    if alone.returncode:
        return _last(alone)
    what, _, rest = row["worst"].partition(": got ")
    if not rest:
        return "" if "got" in alone.stdout else "prints nothing"
    got = float(rest.split(",")[0])
    lines = alone.stdout.splitlines()
    title = max((line for line in lines if line and what.startswith(line)), key=len, default="")
    if not title:
        return f"does not show {what}"
    shown = lines[lines.index(title) + 1].removeprefix("  got ")
    numbers = [float(word) for word in shown.replace("[", " ").replace("]", " ").replace(",", " ").split()]
    if any(
        (math.isnan(number) and math.isnan(got)) or number == got or abs(number - got) <= NEAR * abs(got)
        for number in numbers
    ):
        return ""
    return f"{title}: the verdict has {got}, the script {shown[:100]}"


def _last(done: subprocess.CompletedProcess[str]) -> str:
    return f"the script exits with {done.returncode}: {(done.stderr.strip().splitlines() or [''])[-1][:200]}"


def main() -> int:
    """Try the scripts, and say what does not match."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="?", type=Path, default=Path("results/latest/compare.csv"))
    parser.add_argument("--each", type=int, default=2, help="rows of each framework and status")
    parser.add_argument("--framework", default="torch,paddle,tensorflow,jax")
    options = parser.parse_args()
    frameworks = options.framework.split(",")
    tried = wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [row for framework in frameworks for row in stored(framework, folder)]
        if options.rows.is_file():
            rows += [row for row in sample(rows_of(options.rows), options.each) if row["framework"] in frameworks]
        for row in rows:
            tried += 1
            if found := unlike(row, folder):
                wrong += 1
                print(f"{row['framework']} {row['via']} {row['status']} {row['case']}: {found}", flush=True)
    print(f"{tried} scripts tried, {wrong} unlike their verdicts")
    return 1 if wrong or not tried else 0


if __name__ == "__main__":
    sys.exit(main())
