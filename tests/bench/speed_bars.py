"""How far the times of `lossbench speed` can be trusted, measured on this machine. Not a test: it needs a quiet one.

python tests/bench/speed_bars.py spread FILE [N]  N (ten) runs of cross_entropy 4096x1000 more; variation of all in FILE
python tests/bench/speed_bars.py peer             the same calls by torch.utils.benchmark, minimum against minimum
python tests/bench/speed_bars.py record FILE N    N processes' times of the same more, as `pairs` reads them
python tests/bench/speed_bars.py pairs FILE       A/A and planted slow-downs, drawn from recorded times of processes
python tests/bench/speed_bars.py small            all losses at small sizes in four frameworks: how long it takes
python tests/bench/speed_bars.py harness          what a timed call costs beside the same call written by hand

Figures gather in FILE, so that a machine that is quiet for minutes only can be measured on in parts.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lossbench.hand import environment
from lossbench.judging.intervals import compared, percentile
from lossbench.judging.standings import BACKWARD, standings
from lossbench.judging.timing import Settings
from lossbench.results import read
from lossbench.timings import Timing

LOSSBENCH = [sys.executable, "-c", "from lossbench.cli import main; main()"]
CALL = ["speed", "cross_entropy", "--framework", "torch", "--shape", "4096x1000", "--dtype", "float32"]
PAIRS = 100
TWICE = """
schema = 1
losses = ["cross_entropy"]
seeds = [0, 1]
shapes.rows = ["4096x1000"]
[[cases]]
regimes = ["normal"]
dtypes = ["float32"]
reductions = ["mean"]
"""
PEER = """
import itertools, sys, torch
from torch.utils.benchmark import Timer
torch.set_num_threads(1)
torch.manual_seed(0)
sets, seconds = int(sys.argv[1]), float(sys.argv[2])
turns = itertools.cycle(
    [(torch.randn(4096, 1000).requires_grad_(), torch.randint(0, 1000, (4096,))) for _ in range(sets)]
)
step = "x, y = next(turns); torch.autograd.grad(torch.nn.functional.cross_entropy(x, y), [x])"
print(min(Timer(step, globals=globals(), num_threads=1).blocked_autorange(min_run_time=seconds).times))
"""


def speed(*options: str) -> list[Timing]:
    """The rows of one run."""
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "speed.csv"
        subprocess.run([*LOSSBENCH, *CALL, *options, "--csv", str(rows)], check=True, stdout=subprocess.DEVNULL)
        return [row for row in read(rows, Timing) if row.case]


def spread(gathered: Path, runs: int = 10) -> None:
    """The coefficient of variation of the reported figure over runs, and the seconds measured in each."""
    for _ in range(runs):
        rows = speed()
        (found,) = (row for row in standings(rows) if row.case)
        spent = sum(sum(row.samples) * (row.loops or 0) for row in rows)
        wall = percentile([sample for row in rows if row.direction == BACKWARD for sample in row.samples], 0.25)
        add(gathered, [[found.backward, spent, wall]])
        print(
            f"{1e3 * (found.backward or 0):.3f} ms, {spent:.1f} s in samples, {found.processes} processes", flush=True
        )
    figures, seconds, walls = zip(*kept(gathered), strict=True)
    print(
        f"{len(figures)} runs: {variation(figures):.1f} % coefficient of variation (bar: 4 %; by the wall alone ",
        end="",
    )
    print(f"{variation(walls):.1f} %), at most {max(seconds):.1f} s (bar: 3 s)")


def variation(figures: Sequence[float]) -> float:
    """The coefficient of variation in percent."""
    return 100 * statistics.stdev(figures) / statistics.mean(figures) if len(figures) > 1 else 0.0


def kept(gathered: Path) -> list[Any]:
    """What was gathered in a file so far."""
    return json.loads(gathered.read_text(encoding="utf-8")) if gathered.exists() else []


def add(gathered: Path, more: Sequence[Any]) -> None:
    """Put more to what was gathered."""
    gathered.write_text(json.dumps([*kept(gathered), *more]), encoding="utf-8")


def peer() -> None:
    """The smallest time of several processes, ours beside torch.utils.benchmark's in the same environment.

    Both take turns through as many sets of inputs, for as long in each process: the more samples, the smaller the
    smallest of them.
    """
    rows = [row for row in speed() if row.direction == BACKWARD and row.minimum]
    ours = min(row.minimum for row in rows if row.minimum)
    seconds = max(sum(row.samples) * (row.loops or 0) for row in rows)
    command = [sys.executable, "-c", PEER, str(rows[0].sets), str(seconds)]
    said = [
        subprocess.run(command, env=environment("cpu", 1, {}), check=True, capture_output=True, text=True).stdout
        for _ in range(Settings().most)
    ]
    theirs = min(map(float, said))
    print(f"ours {1e3 * ours:.3f} ms, theirs {1e3 * theirs:.3f} ms: {100 * (ours / theirs - 1):+.1f} % (bar: 3 %)")


def record(gathered: Path, processes: int) -> None:
    """Gather two figures of each process, of two calls that differ in their numbers alone, in the order they ran.

    Each is measured as long as it is by default.
    """
    with tempfile.TemporaryDirectory() as folder:
        suite = Path(folder) / "twice.toml"
        suite.write_text(TWICE, encoding="utf-8")
        seconds = Settings().visit * processes
        rows = speed("--suite", str(suite), "--processes", str(processes), "--seconds", str(seconds))
    one, other = (row.figures for row in standings(rows) if row.case)
    add(gathered, list(zip(one, other, strict=True)))
    print(
        f"{len(kept(gathered))} processes; the latest vary by {variation(one):.1f} %, two calls in one process by ",
        end="",
    )
    print(f"{variation([a / b for a, b in zip(one, other, strict=True)]):.1f} %")


def pairs(figures: Sequence[tuple[float, float]]) -> None:
    """Pairs of sides drawn from recorded processes, one of them slowed down by so much: what they are called.

    A pair takes processes as they followed each other, so that what drifts in the record drifts in it, too. Either both
    sides come from the same processes, as two calls of one framework do, or they take turns, as two interpreters do.
    """
    for apart in (False, True):
        generator = random.Random(0)
        for seconds, slower in ((3.0, 1.0), (3.0, 1.15), (60.0, 1.0), (60.0, 1.10), (60.0, 1.05)):
            rounds = Settings(seconds).most
            size = rounds * (1 + apart)
            if size > len(figures):
                print(f"{seconds:.0f} s need {size} recorded processes, there are {len(figures)}")
                continue
            called = Counter[str]()
            for _ in range(PAIRS):
                begin, mine = generator.randrange(len(figures) - size + 1), generator.randrange(2)
                window = figures[begin : begin + size]
                ours = [slower * each[mine] for each in window[:: 1 + apart]]
                theirs = [each[1 - mine] for each in window[apart :: 1 + apart]]
                called[compared(ours, theirs, rounds=list(zip(ours, theirs, strict=True))).relation] += 1
            print(f"{'in turns' if apart else 'together'}, {seconds:.0f} s, {100 * (slower - 1):.0f} %: {dict(called)}")


def harness() -> None:
    """What a timed call costs beside the same call written by hand, in each framework."""
    for framework in ("torch", "paddle", "tensorflow", "jax"):
        command = [sys.executable, str(Path(__file__).with_name("by_hand.py")), framework]
        subprocess.run(command, env=environment("cpu", 1, {}), check=False, stderr=subprocess.DEVNULL)


def small() -> None:
    """Seconds for all losses of all frameworks at small sizes."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*LOSSBENCH, "speed", "--suite", "speed-small", "--csv", f"{folder}/speed.csv"], check=True)
    print(f"{time.monotonic() - begin:.0f} s (bar: 180 s)")


if __name__ == "__main__":
    word, *rest = sys.argv[1:] or ["help"]
    if word == "spread" and rest:
        spread(Path(rest[0]), int(*rest[1:]) or 10)
    elif word == "record" and len(rest) == 2:
        record(Path(rest[0]), int(rest[1]))
    elif word == "pairs" and rest:
        pairs(kept(Path(rest[0])))
    elif word in ("peer", "harness", "small"):
        {"peer": peer, "harness": harness, "small": small}[word]()
    else:
        sys.exit(__doc__)
