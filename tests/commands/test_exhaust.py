"""`lossbench exhaust`: all bit patterns, on the fakes."""

import csv
import json

from running import InProcess


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_all_patterns_of_an_honest_implementation(lossbench: InProcess, folder) -> None:
    done = lossbench("exhaust", "huber", "--framework", "fakes", "--dtype", "float16", "--impl", "honest")
    assert done.code == 0, done.err
    rows = rows_of(folder / "results/latest/exhaust.csv")
    assert {row["what"] for row in rows} == {"value", "gradient of prediction", "gradient of target"}
    for row in rows:
        counts = [int(row[n]) for n in ("exact", "one_step", "two_steps", "three_steps", "more_steps", "wrong")]
        assert sum(counts) == int(row["compared"]) > 100_000
        assert row["wrong"] == "0"


def test_a_lie_is_found_and_its_input_named(lossbench: InProcess, folder) -> None:
    done = lossbench("exhaust", "binary_cross_entropy_with_logits", "--framework", "fakes")
    assert done.code == 0, done.err
    rows = rows_of(folder / "results/latest/exhaust.csv")
    liars = {row["via"] for row in rows if int(row["worst_steps"]) > 1000}
    assert liars
    assert "certified" in done.out


def test_what_cannot_be_exhausted_is_said(lossbench: InProcess) -> None:
    for words, says in (
        (("cross_entropy",), "not one element at a time"),
        (("huber", "--dtype", "float64"), "float64 has more patterns"),
        (("huber", "--argument", "predicton"), "did you mean prediction"),
        (("huber", "--resume"), "cannot be read"),
    ):
        done = lossbench("exhaust", *words, "--framework", "fakes")
        assert done.code == 2
        assert says in " ".join(done.err.split())


def test_an_interrupted_run_goes_on(lossbench: InProcess, folder) -> None:
    words = ("exhaust", "huber", "--framework", "fakes", "--impl", "honest", "--dtype", "float16")
    whole = lossbench(*words)
    assert whole.code == 0
    everything = rows_of(folder / "results/latest/exhaust.csv")
    state = folder / "results/latest/exhaust.state.json"
    known = json.loads(state.read_text())
    known["done"] -= 2  # as if it had been stopped before the last two
    before = sum(sum(entry[-1]["counts"]) for entry in known["tallies"])
    state.write_text(json.dumps(known))
    again = lossbench(*words, "--resume")
    assert again.code == 0, again.err
    after = rows_of(folder / "results/latest/exhaust.csv")
    assert sum(int(row["compared"]) for row in after) > before
    assert {row["what"] for row in after} == {row["what"] for row in everything}
    other = lossbench("exhaust", "squared_error", *words[2:], "--resume")
    assert other.code == 2
    assert "about another run" in " ".join(other.err.split())
