"""`--impl FILE.py:NAME`: a user's own loss is judged in a worker of its own, whatever it does there."""

import csv
import sys
from pathlib import Path

import pytest
from running import InProcess

from lossbench.commands import compare
from lossbench.commands.targets import choose

ENGINE = "from lossbench.frameworks.fakes.engine import numbers, reduced\n"
HONEST = """
def terms(a, b):
    d = numbers(a) - numbers(b)
    return d * d, {"prediction": 2 * d, "target": -2 * d}
def _pipe(number):
    import fcntl, os, stat
    try: return stat.S_ISFIFO(os.fstat(number).st_mode) and fcntl.fcntl(number, fcntl.F_GETFL) & 3 == os.O_WRONLY
    except OSError: return False
def squared(prediction, target, reduction="mean"):
    value, slopes = terms(prediction, target)
    return reduced(value, slopes, reduction, prediction.dtype)
"""
NARROW = ("--framework", "fakes", "--regime", "normal", "--dtype", "float32")


@pytest.fixture
def judged(lossbench: InProcess, folder: Path, monkeypatch: pytest.MonkeyPatch):
    """Compares a file's function as the squared error; gives the statuses of ours and of others, notes, and output.

    The fakes themselves stay at home: some of them take as long as a deadline.
    """
    monkeypatch.setattr(compare, "choose", lambda *given: [target for target in choose(*given) if target.guest])

    def judge(text: str, name: str = "own", *further: str):
        (folder / "mine.py").write_text(ENGINE + HONEST + text)
        done = lossbench("compare", "--impl", f"mine.py:{name}", "--as", "squared_error", *NARROW, *further)
        if done.code:
            return done, set(), set(), ""
        with (folder / "results/latest/compare.csv").open() as file:
            rows = [row for row in csv.DictReader(file) if row["status"] != "absent"]
        mine = [row for row in rows if row["via"].startswith("mine.py")]
        others = {row["status"] for row in rows if row not in mine and "honest" in row["via"]}
        return done, {row["status"] for row in mine}, others, " ".join(row["note"] for row in mine)

    return judge


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("own = squared", "its reduction tried: none='none', mean='mean', sum='sum'"),
        ("def own(y_true, y_pred): return squared(y_pred, y_true, 'sum')", "twice as much"),
        ("def own(a, b): return {'loss': squared(a, b), 'other': 1}", "the same for a batch given twice: read as mean"),
        ("def own(predicts, batch): return squared(predicts, batch[1], 'none')", "batch=[_, target]"),
        (
            "class own:\n"
            "    def __init__(self, size_average=True): self.average = size_average\n"
            "    def forward(self, x, t): return squared(x, t, 'mean' if self.average else 'sum')\n"
            "    def __call__(self, x, t): return self.forward(x, t)\n",
            "size_average=False is sum, size_average=True is mean",
        ),
    ],
)
def test_whatever_its_form_it_is_called_and_agrees(judged, text: str, says: str) -> None:
    done, mine, _others, _ = judged(text)
    assert mine == {"agrees"}, done.out + done.err
    assert says in " ".join(done.out.split())


def test_names_and_order_that_are_told(judged) -> None:
    own = "def own(p1, p2, scale, how): return squared(p2, p1, how)"
    done, *_ = judged(own)
    assert done.code == 2
    assert "--map" in done.err
    _, mine, *_ = judged(own, "own", "--order", "target,prediction", "--map", "scale=1,how='sum'")
    assert mine == {"agrees"}


@pytest.mark.parametrize(
    ("body", "status", "notes"),
    [
        ("import os; os._exit(3)", "crashes", ["exited with code 3", "in own: import os; os._exit(3)"]),
        ("import sys; sys.exit(3)", "refuses", ["SystemExit", "in own: import sys"]),
        ("return {}['a']", "refuses", ["KeyError: 'a' (mine.py, line 14, in own: return {}['a'])"]),
        ("import ctypes; ctypes.string_at(0)", "crashes", ["SIGSEGV", "in own: import ctypes"]),
        ("return None", "refuses", ["returned None"]),
        ("return 1.0", "refuses", ["plain float"]),
        (
            "import os; [os.write(n, b'x' * 99) for n in range(3, 40) if _pipe(n)]; return squared(a, b)",
            "crashes",
            ["nonsense"],
        ),
        ("a.data[...] = 0; return squared(a, b)", "differs", ["wrote-into-input"]),
    ],
)
def test_what_it_does_is_a_verdict_with_its_own_line(judged, body: str, status: str, notes: list[str]) -> None:
    done, mine, _others, said = judged(f"def own(a, b):\n    {body}\n")
    assert done.code == 0
    assert mine == {status}, said
    for note in notes:
        assert note in said


def test_a_loop_without_end_and_memory_without_end_are_stopped(judged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lossbench.crew.GUESTS_DEADLINE", 0.5)
    loop = "def own(a, b):\n    while a.shape == (6, 5): pass\n    return squared(a, b)\n"
    _, mine, _, said = judged(loop)
    assert "hangs" in mine
    assert "no answer within 0.5 s (mine.py, line 14, in own: while a.shape == (6, 5): pass)" in said
    monkeypatch.setattr("lossbench.watch.MOST_MEMORY", 600 << 20)
    _, mine, _others, said = judged(
        "kept = []\ndef own(a, b):\n    while True: kept.append(bytearray(b'x') * (1 << 24))"
    )
    assert mine == {"crashes"}
    assert "0.6 GB of memory" in said
    assert "in own: while True: kept.append" in said


def test_replaced_functions_are_remarked(judged) -> None:
    done, mine, _, said = judged("import numpy\ndef own(a, b):\n    numpy.exp = numpy.sin\n    return squared(a, b)")
    assert mine == {"agrees"}
    assert "has replaced numpy.exp" in said
    assert "has replaced numpy.exp" in done.out


def test_a_file_that_raises_while_it_is_imported(judged) -> None:
    _, mine, _others, said = judged("def own(a, b): ...\nraise ValueError('no data')")
    assert mine == {"refuses"}
    assert "ValueError: no data (mine.py, line 14: raise ValueError('no data'))" in said


def test_two_interpreters_are_told_apart(lossbench: InProcess, folder: Path) -> None:
    other = f"fakes={sys.executable}"
    done = lossbench("compare", "huber", "--target", "fakes", "--target", other, "--regime", "normal")
    assert done.code == 0, done.err
    with (folder / "results/latest/compare.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["target"] for row in rows} == {"fakes", other}
    assert "cases in common, 0 with other errors" in " ".join(done.out.split())
