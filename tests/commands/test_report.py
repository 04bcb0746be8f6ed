"""`lossbench report`: which files it takes, what it packs into the page, and how it fails."""

import csv
import hashlib
import json
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from made import TIMING, VERDICT, many, timings, write
from running import InProcess, run
from running import read as rows_of

from lossbench.output.report_page import PAGE
from lossbench.output.report_times import target_of, times
from lossbench.records import Status

FULL = Path("/dev/full")
MEGABYTE = 1 << 20


def payload(page: Path) -> dict:
    found = re.search(r'<script type="application/json" id="payload">(.*?)</script>', page.read_text(encoding="utf-8"))
    return json.loads(found[1])


def test_latest_results_become_a_page_that_names_nothing_from_elsewhere(lossbench: InProcess, folder: Path) -> None:
    done = lossbench("compare", "huber", "--framework", "fakes")
    assert done.code == 0, done.err
    done = lossbench("report", "-o", "page/report.html")
    assert done.code == 0, done.err
    assert "report in page/report.html" in done.out
    data = payload(folder / "page/report.html")
    verdicts = rows_of(folder / "results/latest/compare.csv")
    assert len(data["rows"]["case"]) == len(verdicts)
    names = [status["name"] for status in data["statuses"]]
    assert [names[number] for number in data["rows"]["status"]] == [row["status"] for row in verdicts]
    text = (folder / "page/report.html").read_text()
    bare = re.sub(r"<script>.*?</script>", "", text, flags=re.S)
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", bare)
    assert data["losses"]["huber"]["doc"].startswith("Quadratic near the target")


def test_numbers_are_packed_as_they_are(lossbench: InProcess, folder: Path) -> None:
    row = replace(VERDICT, value_error=float("inf"), gradient_error=None, value_ulps=0.0, gradient_ulps=1234.56)
    write("r.csv", replace(row, value_spread=("=:3", "-4:2", "40:1", "200:4", "inf:5")))
    assert lossbench("report", "r.csv", "-o", "r.html").code == 0
    data = payload(folder / "r.html")
    assert [data["rows"][name] for name in ("ve", "ge", "vu", "gu")] == [[-1], [None], [0], [1230.0]]
    assert data["texts"][data["rows"]["vs"][0]] == "3,2,0,0,0,0,0,1,0,4,5"


def test_what_a_framework_says_stays_text(lossbench: InProcess, folder: Path) -> None:
    write("r.csv", replace(VERDICT, status=Status.DIFFERS, note="</script><script>alert(1)</script> & 'x' <!--"))
    assert lossbench("report", "r.csv", "-o", "r.html", "--title", "<b>mine</b>").code == 0
    text = (folder / "r.html").read_text()
    assert "<script>alert(1)" not in text
    assert "<b>mine</b>" not in text
    assert "</script><script>alert(1)</script> & 'x' <!--" in payload(folder / "r.html")["texts"]


def test_two_sets_are_compared(lossbench: InProcess, folder: Path) -> None:
    row = replace(VERDICT, value_error=1.0, gradient_error=1.0)
    before = [replace(row, via=via, version="1.0") for via in ("same", "worse", "larger", "smaller", "better", "gone")]
    after = [replace(row, via=via, version="2.0") for via in ("same", "worse", "larger", "smaller", "better", "new")]
    before[3] = replace(before[3], gradient_error=50.0)
    before[4] = replace(before[4], status=Status.DIFFERS)
    after[1] = replace(after[1], status=Status.CRASHES, compared=0)
    after[2] = replace(after[2], gradient_error=50.0)
    write("a.csv", *before)
    write("b.csv", *after)
    done = lossbench("report", "a.csv", "b.csv", "-o", "r.html")
    assert (done.code, "changes: 2 worse, 1 gone, 2 better, 1 new" in done.out) == (0, True), done
    data = payload(folder / "r.html")
    told = {
        data["owners"][o][2]: data["texts"][c]
        for o, c in zip(data["rows"]["owner"], data["rows"]["change"], strict=True)
    }
    assert told == {
        "same": "",
        "worse": "worse",
        "larger": "worse",
        "smaller": "better",
        "better": "better",
        "gone": "gone",
        "new": "new",
    }
    assert data["environment"]["frameworks"] == {"torch": "1.0 → 2.0"}
    done = lossbench("report", "a.csv", "b.csv", "--join", "-o", "r.html")
    assert (done.code, payload(folder / "r.html")["compared"]) == (0, False)
    assert len(payload(folder / "r.html")["rows"]["case"]) == 12


def test_timings_stand_beside_the_verdicts(lossbench: InProcess, folder: Path) -> None:
    write("r.csv", VERDICT)
    timings("t.csv")
    assert lossbench("report", "r.csv", "t.csv", "-o", "r.html").code == 0
    data = payload(folder / "r.html")
    slow = next(entry for entry in data["times"] if entry["via"] == "torch.slow")
    assert (slow["low"], slow["high"]) == pytest.approx((3e-3, 3.3e-3))
    assert (slow["processes"], slow["elements"]) == (2, 4096)
    assert slow["backward"] == pytest.approx(3e-3)
    assert data["roof"] == [{"device": "cpu", "bytes": 1e6, "rate": 10.0}, {"device": "cpu", "bytes": 1e7, "rate": 8.0}]
    assert data["environment"]["timed"]["processor"] == [TIMING["processor"]]
    assert lossbench("report", "t.csv", "-o", "r.html").code == 0


def test_two_targets_of_one_framework_stand_apart(lossbench: InProcess, folder: Path) -> None:
    old = "torch=old/bin/python"
    timings("t.csv")
    rows = rows_of(Path("t.csv"))
    others = [row | {"target": old, "version": "1.13", "p25": "1e-9"} for row in rows if row["case"]]
    with Path("t.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows([*rows, *others])
    lied = replace(VERDICT, target=old, status=Status.DIFFERS, version="1.13")
    write("v.csv", replace(VERDICT, target="torch"), lied)
    assert lossbench("report", "t.csv", "v.csv", "-o", "r.html").code == 0
    data = payload(Path("r.html"))
    assert {each["target"] for each in data["times"]} == {"torch", old}
    assert len(data["times"]) == 8
    assert {owner[3] for owner in data["owners"]} == {"torch", old}
    assert data["environment"]["frameworks"] == {"torch": "2.0", old: "1.13"}


def test_what_changed_is_told_by_target_only_where_there_are_several(lossbench: InProcess, folder: Path) -> None:
    old = "torch=old/bin/python"
    write("a.csv", replace(VERDICT, target=old))
    write("b.csv", replace(VERDICT, target="torch", status=Status.DIFFERS))
    done = lossbench("report", "a.csv", "b.csv", "-o", "r.html")
    assert "changes: 1 worse" in done.out
    write("both.csv", replace(VERDICT, target=old), replace(VERDICT, target="torch", status=Status.DIFFERS))
    done = lossbench("report", "both.csv", "both.csv", "-o", "r.html")
    assert "changes: none" in done.out
    write("then.csv", replace(VERDICT, target=old, status=Status.DIFFERS), VERDICT)
    done = lossbench("report", "then.csv", "both.csv", "-o", "r.html")
    assert "changes: 1 worse, 1 better" in done.out


def test_a_rate_stands_beside_that_of_copying() -> None:
    row = {"loss": "huber", "framework": "torch", "via": "v", "device": "cpu", "dtype": "float32", "shape": "8x8",
           "case": "c", "direction": "forward", "p25": "1e-3", "least_bytes": "1500000",
           "gigabytes_per_second": "5"}  # fmt: skip
    copied = {"loss": "(copy)", "device": "cpu", "least_bytes": str(4**10), "minimum": str(4**10 / 10e9)}
    assert times([row, copied])[0]["roof"] == 0.5
    assert times([row])[0]["roof"] is None
    assert target_of(row) == "torch"
    assert target_of(row | {"mode": "compiled", "interpreter": "old/python"}) == "torch:compiled under old/python"


def test_a_file_of_the_first_schema_becomes_a_page_too(lossbench: InProcess, folder: Path) -> None:
    path = write("r.csv", VERDICT)
    with path.open(newline="") as file:
        lines = [line[:20] for line in csv.reader(file)]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(lines)
    assert lossbench("report", "r.csv", "-o", "r.html").code == 0
    assert payload(folder / "r.html")["rows"]["case"]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("nowhere.csv",), 2, "cannot read nowhere.csv: No such file"),
        (("other.csv",), 2, "holds neither verdicts nor timings: it begins with 'a,b'"),
        (("binary.csv",), 2, "cannot read binary.csv"),
        (("broken.csv",), 2, "line 2: status is 'excellent'"),
        (("empty.csv",), 4, "there is not one row in empty.csv"),
        (("void.csv",), 2, "holds neither"),
        (("hollow",), 2, "a folder without compare.csv or speed.csv"),
        (("good.csv", "-o", "hollow"), 2, "is a folder; give the path of a file, such as hollow/report.html"),
        (("good.csv", "-o", "good.csv"), 2, "would overwrite the results"),
        (("good.csv", "-o", "good.csv/x.html"), 2, "cannot write good.csv/x.html"),
        (("good.csv", "good.csv", "good.csv"), 2, "3 files of verdicts"),
        ((), 4, "there are no results yet"),
    ],
)
def test_what_cannot_be_reported_is_said(lossbench: InProcess, folder: Path, words, code, says) -> None:
    (folder / "other.csv").write_text("a,b\n1,2\n")
    (folder / "binary.csv").write_bytes(b"\xff\xfe\x00")
    (folder / "void.csv").write_text("")
    (folder / "hollow").mkdir()
    good = write("good.csv", VERDICT)
    (folder / "broken.csv").write_text(good.read_text().replace("agrees", "excellent"))
    (folder / "empty.csv").write_text(good.read_text().splitlines()[0] + "\n")
    before = good.read_bytes()
    done = lossbench("report", *words)
    assert (done.code, says in done.err) == (code, True), done
    assert good.read_bytes() == before


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full, a device that is always full")
def test_a_full_disk_is_said(lossbench: InProcess, folder: Path) -> None:
    write("r.csv", VERDICT)
    done = lossbench("report", "r.csv", "-o", FULL)
    assert (done.code, "No space left" in done.err) == (4, True), done


def test_what_was_there_stays_until_all_is_written(lossbench: InProcess, folder: Path, monkeypatch) -> None:
    write("r.csv", VERDICT)
    (folder / "r.html").write_text("before")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    done = lossbench("report", "r.csv", "-o", "r.html")
    assert (done.code, "what was there before is kept" in done.err) == (4, True)
    assert (folder / "r.html").read_text() == "before"
    assert sorted(path.name for path in folder.iterdir()) == ["r.csv", "r.html"]


def test_without_jinja_it_says_what_to_install(folder: Path) -> None:
    write("r.csv", VERDICT)
    code = (
        "import sys; sys.modules['jinja2'] = None; sys.argv[1:] = ['report', 'r.csv']; from lossbench.cli import main"
    )
    code += "; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, "pip install 'lossbench[report]'" in done.stderr) == (3, True), done


def test_a_page_may_go_through_a_pipe(folder: Path) -> None:
    write("r.csv", VERDICT)
    done = run("report", "r.csv", "-o", "/dev/stderr")
    assert (done.code, "<!doctype html>" in done.err) == (0, True)


def test_twenty_thousand_rows_stay_under_five_megabytes(lossbench: InProcess, folder: Path) -> None:
    write("r.csv", *many(20_000))
    assert lossbench("report", "r.csv", "-o", "r.html").code == 0
    assert (folder / "r.html").stat().st_size < 5 * MEGABYTE


def test_the_libraries_are_those_that_were_published() -> None:
    told = tomllib.loads((PAGE / "vendor/versions.toml").read_text())
    assert sorted(told) == sorted(path.name for path in (PAGE / "vendor").glob("*.js"))
    for name, library in told.items():
        content = (PAGE / "vendor" / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == library["sha256"]
        assert f"v{library['version']}".encode() in content[:80]
        assert b"</script" not in content
