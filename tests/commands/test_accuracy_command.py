"""`lossbench accuracy`: its forms, and how it fails."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from made import VERDICT, timings, write
from running import InProcess

from lossbench.records import Status

FULL = Path("/dev/full")


def test_every_form_says_the_same(lossbench: InProcess, folder: Path) -> None:
    done = lossbench("compare", "huber", "--framework", "fakes", "--impl", "honest")
    assert done.code == 0, done.err
    by_csv = list(csv.DictReader(io.StringIO(lossbench("accuracy", "--format", "csv").out)))
    by_json = json.loads(lossbench("accuracy", "--format", "json").out)
    page, shown = lossbench("accuracy", "--format", "markdown").out, lossbench("accuracy").out
    assert len(by_csv) == len(by_json) == page.count("\n| `fakes.") > 0
    assert [row["case"] for row in by_csv] == [row["case"] for row in by_json]
    for row in by_csv:
        assert row["numbers"]
        assert 0 <= float(row["median_ulps"]) <= float(row["p99_ulps"]) <= float(row["worst_ulps"])
        assert f"`{row['case']}`" in page or float(row["worst_ulps"]) <= 4
    assert "honest" in shown


def test_a_file_can_be_written(lossbench: InProcess, folder: Path) -> None:
    write("r.csv", VERDICT, replace(VERDICT, gradient_error=float("inf"), gradient_ulps=float("inf")))
    done = lossbench("accuracy", "r.csv", "--format", "json", "-o", "new/a.json")
    assert (done.code, "2 rows in new/a.json" in done.out) == (0, True), done
    assert json.loads((folder / "new/a.json").read_text())[1]["worst_ulps"] == "inf"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("r.csv", "--format", "xml"), 2, "--format 'xml'"),
        (("r.csv", "--loss", "hubr"), 2, "did you mean huber"),
        (("r.csv", "--loss", "nll"), 4, "no row of nll in which anything was compared"),
        (("absent.csv",), 4, "no row in which anything was compared"),
        (("t.csv",), 4, "no row in which anything was compared"),
        (("r.csv", "-o", "a.csv"), 2, "-o wants csv, json or markdown"),
        (("r.csv", "--format", "csv", "-o", "r.csv"), 2, "would overwrite the results"),
        (("r.csv", "--format", "csv", "-o", "."), 2, "is a folder"),
        (("r.csv", "--format", "csv", "-o", "r.csv/a"), 2, "cannot write r.csv/a"),
        (("nowhere.csv",), 2, "cannot read nowhere.csv"),
        ((), 4, "there are no results yet"),
    ],
)
def test_what_cannot_be_tabled_is_said(lossbench: InProcess, folder: Path, words, code, says) -> None:
    write("r.csv", VERDICT)
    write("absent.csv", replace(VERDICT, status=Status.ABSENT, compared=0))
    timings("t.csv")
    done = lossbench("accuracy", *words)
    assert (done.code, says in done.err) == (code, True), done


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full, a device that is always full")
def test_a_full_disk_is_said(lossbench: InProcess, folder: Path) -> None:
    write("r.csv", VERDICT)
    done = lossbench("accuracy", "r.csv", "--format", "csv", "-o", FULL)
    assert (done.code, "No space left" in done.err) == (4, True), done
