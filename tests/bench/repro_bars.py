"""Bar: every repro script runs in a fresh process and shows the numbers of the verdict that it is about.

    python tests/bench/repro_bars.py [ROWS.csv ...] [--each 3] [--framework torch] [--no-stored]

All stored cases, by every implementation that takes them; and of the rows given (results/latest/compare.csv unless
named) some of each framework, status and ruler, relations and pairs of ways included. One worker for each target makes
all of its verdicts again, and the scripts run two at a time, isolated (`python -I`). Prints what does not match, and
exits with 1 if anything does not.
"""

from __future__ import annotations

import argparse
import csv
import math
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from lossbench.cases.stored import SHELF
from lossbench.cases.suite import parse_case
from lossbench.commands.repro import LONGEST, plainest
from lossbench.commands.targets import installed_only, parse_target
from lossbench.crew import Crew
from lossbench.judging.comparison import open_answers
from lossbench.judging.witness import Subject, Witness
from lossbench.losses import catalogue
from lossbench.output.script import script

FRAMEWORKS = ("torch", "paddle", "tensorflow", "jax")
STATUSES = ("agrees", "imprecise", "by-contract", "deviates", "differs", "refuses", "rejects", "accepts", "crashes")
SILENT = ("refuses", "rejects", "crashes")
NEAR = 1e-4  # the verdicts are written with six digits
AT_A_TIME = 2
PATIENCE = 300  # seconds
Row = Mapping[str, str]


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a file of verdicts."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def sample(rows: list[dict[str, str]], each: int) -> Iterator[dict[str, str]]:
    """So many rows of each target, status and ruler, spread over what there is."""
    groups: dict[tuple[str, ...], list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        if row["status"] in STATUSES and row["case"]:
            kind = row["reference"] if row["reference"] in ("relation", "path") else ""
            groups[row["target"], row["status"], kind].append(row)
    for mine in groups.values():
        step = max(1, len(mine) / max(each, 1))
        yield from (mine[int(step * (n + 0.5))] for n in range(min(each, len(mine))))


def stored_cases() -> list[str]:
    """The names of all cases that are part of the suites number by number."""
    return [str(found.case) for name in SHELF.shipped() if (found := SHELF.find(name)) is not None]


class Bench:
    """The scripts of one crew: made one after the other, run two at a time."""

    def __init__(self, witness: Witness, folder: Path, pool: ThreadPoolExecutor) -> None:
        """Begin with nothing tried."""
        self.witness, self.folder, self.pool = witness, folder, pool
        self.waiting: list[tuple[Row, Future[str]]] = []
        self.longest = 0

    def make(self, row: Row) -> None:
        """Make the script of a row, and have it run."""
        case = parse_case(row["case"], catalogue())
        for verdict in self.witness.verdicts([case], row["via"]):
            if (verdict.via, verdict.target) == (row["via"], row["target"]) and (
                (verdict.reference == "path") == (row["reference"] == "path")
            ):
                subject = plainest(self.witness, verdict)
                text = script(subject)
                self.longest = max(self.longest, len(text))
                path = self.folder / f"script{len(list(self.folder.iterdir()))}.py"
                path.write_text(text)
                self.waiting.append((row, self.pool.submit(told, row, subject, path)))
                return
        self.waiting.append((row, self.pool.submit(told, row, None, self.folder)))


def told(row: Row, subject: Subject | None, path: Path) -> str:
    """What is wrong with the script of a row, said as soon as it is known; empty where it shows the same."""
    why = unlike(row, subject, path) if subject else "nobody answers"
    if why:
        print(f"{row['target']}: {row['via']} {row['status']} {row['case']}: {why}", flush=True)
    return why


def unlike(row: Row, subject: Subject, path: Path) -> str:
    """What is wrong with the script of a row; empty where it shows the same."""
    again = subject.verdict
    by_chance = "crashes" in (row["status"], str(again.status)) and bool(subject.corrupts)
    if str(again.status) != row["status"] and not by_chance:
        return f"asked alone it {again.status} ({again.worst or again.note})"
    if len(path.read_text()) > LONGEST:
        return f"a script of {path.stat().st_size} bytes"
    begun = time.monotonic()
    command = [sys.executable, "-I", str(path)]
    try:
        alone = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=path.parent)
    except subprocess.TimeoutExpired:
        return f"the script has no end within {PATIENCE} s"
    last = (alone.stderr.strip().splitlines() or [""])[-1][:200]
    ended = f"the script exits with {alone.returncode} after {time.monotonic() - begun:.0f} s: {last}"
    if row["status"] == "crashes":
        return "" if alone.returncode < 0 else ended
    if row["status"] in SILENT:
        return "" if alone.returncode == 1 and row["note"].split(":")[0].split()[-1] in alone.stderr else ended
    if alone.returncode and not (subject.corrupts and alone.returncode < 0):  # which it does once it has shown all
        raises = row["status"] in ("deviates", "by-contract") and not row["value_error"]
        return "" if raises and alone.returncode == 1 else ended
    if subject.invalid:
        match = re.search(r"begins with (\S+)|answers (\S+) to input", row["note"])
        if match is None:
            return "" if "  got " in alone.stdout else "prints nothing"
        wanted = float(match[1] or match[2])
        shown = numbers(alone.stdout.partition("  got ")[2].splitlines()[0])
        return "" if shown and alike(shown[0], wanted) else f"answers {shown[:1]}, the verdict has {wanted}"
    return other_numbers(subject, row, alone.stdout)


def other_numbers(subject: Subject, row: Row, printed: str) -> str:
    """Which number of the verdict a script does not print; empty where it prints what it should."""
    worst = subject.verdict.worst if subject.made_from else row["worst"]
    what, _, rest = worst.partition(": got ")
    if not rest:
        return "" if any(word in printed for word in ("  got ", " numbers", " raises ")) else "prints nothing"
    got = float(rest.split(",")[0])
    title, _, index = what.partition("[")
    lines = printed.splitlines()
    if title not in lines:
        return f"does not show {what}"
    mine = lines[lines.index(title) + 1 :]
    shown = mine[0].removeprefix("  got ")
    if mine[0].endswith(" numbers"):
        place = f"[{', '.join(index.rstrip(']').split(','))}]: got "
        found = [line.partition(place)[2].split(",")[0] for line in mine if place in line]
        if not found:  # where all but a few are the same, those that are off are printed alone
            return "" if alike(got, float(rest.rpartition(" ")[2])) else f"does not point at {what}"
        shown = found[0]
    if any(alike(number, got) for number in numbers(shown)):
        return ""
    return f"{title}: the verdict has {got}, the script {shown[:100]}"


def numbers(text: str) -> list[float]:
    """The numbers in a printed list."""
    return [float(word) for word in re.findall(r"-?(?:inf|nan|[\d.]+(?:e[+-]?\d+)?)", text)]


def alike(one: float, other: float) -> bool:
    """Whether two numbers are the same to so many digits."""
    return (math.isnan(one) and math.isnan(other)) or one == other or abs(one - other) <= NEAR * abs(other)


def tried(target: str, rows: list[Row], stored: bool, report: Counter[str]) -> None:
    """Make and run the scripts of one target's rows, or of a pair of ways, and print what does not match."""
    targets = [parse_target(text, "cpu") for text in reversed(target.split(" beside "))]
    with (
        tempfile.TemporaryDirectory() as folder,
        ThreadPoolExecutor(AT_A_TIME) as pool,
        Crew(targets) as crew,
        open_answers() as answers,
    ):
        witness = Witness(crew, installed_only(crew.greet(), True), answers)
        bench = Bench(witness, Path(folder), pool)
        more: list[Row] = []
        if stored:
            found = witness.verdicts([parse_case(name, catalogue()) for name in stored_cases()])
            kept = ("case", "via", "target", "status", "reference", "worst", "note")
            more = [
                {**{field: str(getattr(v, field)) for field in kept}, "value_error": str(v.value_error or "")}
                for v in found
                if v.status in STATUSES
            ]
        for row in (*more, *rows):
            bench.make(row)
        for row, result in bench.waiting:
            report[f"{targets[0].framework} {row['status']}"] += 1
            report["wrong"] += bool(result.result())
        report["longest"] = max(report["longest"], bench.longest)


def main() -> int:
    """Try the scripts, and say what does not match."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", type=Path, default=[Path("results/latest/compare.csv")])
    parser.add_argument("--each", type=int, default=3, help="rows of each target, status and ruler; 0: stored alone")
    parser.add_argument("--framework", default=",".join(FRAMEWORKS))
    parser.add_argument("--status", default=",".join(STATUSES), help="rows of these alone")
    parser.add_argument("--no-stored", action="store_true", help="without the stored cases")
    options = parser.parse_args()
    wanted = options.framework.split(",")
    everything = [row for path in options.rows if path.is_file() for row in rows_of(path)]
    mine = [row for row in everything if row["framework"] in wanted and row["status"] in options.status.split(",")]
    groups: dict[str, list[Row]] = {} if options.no_stored else {framework: [] for framework in wanted}
    for row in sample(mine, options.each):
        groups.setdefault(row["target"], []).append(row)
    report, begun = Counter[str](), time.monotonic()
    for target, rows in groups.items():
        tried(target, rows, target in wanted and not options.no_stored, report)
    wrong, longest = report.pop("wrong", 0), report.pop("longest", 0)
    print(", ".join(f"{count} {kind}" for kind, count in sorted(report.items())))
    print(
        f"{report.total()} scripts tried in {time.monotonic() - begun:.0f} s, {wrong} unlike their verdicts; "
        f"the longest has {longest} characters"
    )
    return 1 if wrong or not report else 0


if __name__ == "__main__":
    sys.exit(main())
