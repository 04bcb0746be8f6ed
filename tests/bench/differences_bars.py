"""Bar: the suite `full`, or else a hunt of a minute, shows every dangerous difference by its numbers.

    lossbench compare --suite full --csv full.csv
    python tests/bench/differences_bars.py full.csv [--only 4 21] [--no-hunts] [--seconds 60]

Prints for each difference of tests/frameworks/dangerous.toml, and for some further ones, which row shows it (how
`differences.toml` says what the numbers are), and exits with 1 if one is not shown. Whether an adapter declares it
counts for nothing: a row counts by how far the answer is off, or by what became of the process.
"""

from __future__ import annotations

import argparse
import csv
import math
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
MAIN = "import sys; sys.argv[0] = 'lossbench'; from lossbench.cli import main; main()"
LONGEST = 600  # seconds for one command
FOUND = ("imprecise", "by-contract", "deviates", "differs", "accepts", "crashes", "hangs")
EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
PLACE = re.compile(r": got (?P<got>\S+), want (?P<want>\S+)$")
Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """One of the ways in which a difference shows."""

    says: str
    framework: str
    loss: str
    via: str
    status: tuple[str, ...] = FOUND
    side: str = ""  # value or gradient, whose error counts
    least: float = 0.0  # the error, as a share of the scale
    got: float | None = None
    want: float | None = None
    near: float = 1e-3  # how near, as a share, got and want are to those numbers
    small: float | None = None  # what is wanted is no larger than this
    place: str = ""  # a pattern of the worst place, such as an argument's name
    case: str = ""  # a pattern of its name
    regime: str = ""  # what a hunt has found stands for itself
    dtype: str = ""
    note: str = ""  # a pattern
    reference: str = ""
    check: str = ""  # of a row of `check`: the check that has found it
    asks: tuple[str, ...] = ()  # the command that makes the rows, where it is not the suite

    def shown_by(self, row: Row) -> bool:
        """Whether the row shows it by its numbers."""
        if self.check:
            return (row["function"], row["check"], row["result"]) == (self.via, self.check, "found")
        mine = (row["framework"], row["loss"]) == (self.framework, self.loss)
        return (
            mine
            and (row["via"] == self.via or row["via"].endswith(f":{self.via}"))
            and row["status"] in self.status
            and self.dtype in ("", row["dtype"])
            and (self.regime in ("", row["regime"]) or row["regime"].startswith("stored="))
            and self.reference in ("", row["reference"])
            and re.search(self.case, row["case"]) is not None
            and re.search(self.note, row["note"]) is not None
            and self._measured(row)
        )

    def _measured(self, row: Row) -> bool:
        if not self.side:
            return True
        error = row[f"{self.side}_error"]
        if not error or not float(error) * EPS[row["dtype"]] >= self.least:
            return False
        worst = row[f"{self.side}_worst"]
        place = PLACE.search(worst)
        small = self.small is None or (place is not None and abs(float(place["want"])) <= self.small)
        if not (small and re.search(self.place, worst)):
            return False
        wanted = {"got": self.got, "want": self.want}
        return all(number is None or _alike(place, name, number, self.near) for name, number in wanted.items())


def _alike(place: re.Match[str] | None, name: str, number: float, near: float) -> bool:
    if place is None:
        return False
    found = float(place[name])
    if math.isnan(number) or not math.isfinite(number):
        return math.isnan(found) if math.isnan(number) else found == number
    return abs(found - number) <= near * abs(number)


def parts_of(entry: Mapping[str, object]) -> list[Part]:
    """The parts of a difference, as the file has them."""
    made = []
    for table in entry["part"]:  # type: ignore[attr-defined]
        framework, loss, via = table["row"]
        rest = {key: tuple(v) if isinstance(v, list) else v for key, v in table.items() if key != "row"}
        made.append(Part(framework=framework, loss=loss, via=via, **rest))
    return made


def differences() -> list[tuple[str, list[Part]]]:
    """All of them: what each is, and how it shows."""
    table = tomllib.loads((HERE / "differences.toml").read_text(encoding="utf-8"))
    return [(entry["what"], parts_of(entry)) for entry in (*table["difference"], *table["further"])]


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a file of verdicts; none where it was not written."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def asked(words: Sequence[str], folder: Path, made: dict[tuple[str, ...], list[dict[str, str]]]) -> list[Row]:
    """The rows that a command of lossbench writes; each command runs once."""
    key = tuple(words)
    if key not in made:
        path = folder / f"{len(made)}.csv"
        command = [sys.executable, "-c", MAIN, *words, "--csv", str(path)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
            ended = f"exits with {done.returncode}: {done.stderr.strip()[-300:]}"
        except subprocess.TimeoutExpired:
            ended = f"did not end within {LONGEST} s"
        made[key] = rows_of(path)
        if not made[key]:
            print(f"   lossbench {' '.join(words)} {ended}")
    return list(made[key])


def worst(part: Part, rows: Iterable[Row]) -> Row | None:
    """The row that shows it best: the simplest case, by its length."""
    showing = [row for row in rows if part.shown_by(row)]
    return min(showing, key=lambda row: (len(row.get("case", "")), row.get("case", "")), default=None)


def line(row: Row, side: str) -> str:
    """A row in words."""
    if "check" in row:
        return f"{row['result']} by check, {row['check']}: {row['detail']}"
    place = row.get(f"{side}_worst", "") if side else row["worst"]
    return f"{row['status']} {row['case']} by {row['via']}: {place or row['worst']}; {row['note']}"[:400]


def main() -> int:
    """Look for all of them, and say what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="?", type=Path, default=Path("results/latest/compare.csv"))
    parser.add_argument("--only", type=int, nargs="*", default=[], help="numbers of differences")
    parser.add_argument("--no-hunts", action="store_true", help="the suite alone")
    parser.add_argument("--hunts-alone", action="store_true", help="as if the suite had shown nothing")
    parser.add_argument("--seconds", default="60", help="for each hunt")
    options = parser.parse_args()
    rows = [] if options.hunts_alone else rows_of(options.rows)
    if not rows and not options.hunts_alone:
        print(f"there are no rows in {options.rows}; `lossbench compare --suite full --csv {options.rows}` makes them")
        return 2
    missing, count = [], 0
    made: dict[tuple[str, ...], list[dict[str, str]]] = {}
    whole = False
    with tempfile.TemporaryDirectory() as name, suppress(KeyboardInterrupt):
        for number, (what, parts) in enumerate(differences(), 1):
            if options.only and number not in options.only:
                continue
            print(f"{number}. {what}", flush=True)
            for part in parts:
                by, row = "", worst(part, asked(part.asks, Path(name), made) if part.asks else rows)
                if row is None and not part.asks and not options.no_hunts:
                    hunt = ("hunt", part.loss, "--framework", part.framework, "--impl", part.via)
                    hunt += ("--seconds", options.seconds, *(("--dtype", part.dtype) if part.dtype else ()))
                    by, row = "by a hunt: ", worst(part, asked(hunt, Path(name), made))
                count += 1
                if row is None:
                    missing.append(f"{number}. {part.says}")
                print(f"   {part.says}: {by + line(row, part.side) if row else 'NOT SHOWN'}", flush=True)
        whole = True
    print(f"{count - len(missing)} of {count} parts shown" + "".join(f"\nnot shown: {each}" for each in missing))
    return 0 if whole and count and not missing else 1


if __name__ == "__main__":
    sys.exit(main())
