"""The gate where continuous integration runs it: shards, files, quiet, parts; and its suites."""

import csv
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from running import InProcess

from lossbench.cases.applicability import lacks_device, takers
from lossbench.cases.suite import Selection, load
from lossbench.cases.unfolding import unfold
from lossbench.commands import gate
from lossbench.commands.listing import gather
from lossbench.judging import baseline_file
from lossbench.judging.accepted import recipe_of
from lossbench.losses import catalogue
from lossbench.records import Greeting, Status

FAKES = ("--framework", "fakes", "--baseline", "cpu.csv")
BOTH = ("huber", "soft_dice")


@pytest.fixture
def accepted(lossbench: InProcess, folder: Path) -> Path:
    """A folder with a baseline of the fakes' huber and soft Dice."""
    assert lossbench("gate", *BOTH, *FAKES, "--accept", "-q").code == 0
    return folder


def planted(folder: Path) -> str:
    """Make one accepted row say that a lie agreed; its key."""
    rows = baseline_file.read(folder / "cpu.csv")
    lie = next(row for row in rows if row.status is Status.DIFFERS and row.loss == "huber")
    better = replace(lie, status=Status.AGREES, value_error=1.0, gradient_error=1.0)
    baseline_file.write(folder / "cpu.csv", [better if row == lie else row for row in rows])
    return str(lie)


def test_shards_are_held_each_for_itself_and_merged_they_are_the_whole(accepted: Path, lossbench: InProcess) -> None:
    held = 0
    for number in (1, 2, 3):
        done = lossbench("gate", *BOTH, *FAKES, "--shard", f"{number}/3", "--csv", f"shard-{number}.csv")
        assert done.code == 0, done.out
        held += int(done.out.splitlines()[-2].partition(" of ")[0])
    assert held == len(baseline_file.read(accepted / "cpu.csv"))
    done = lossbench("merge", "shard-1.csv", "shard-2.csv", "shard-3.csv", "-o", "all.csv")
    assert (done.code, "3 files, " in done.out) == (0, True)
    assert lossbench("gate", *BOTH, *FAKES, "--results", "all.csv").code == 0
    lossbench("merge", "shard-1.csv", "shard-3.csv", "-o", "some.csv")
    done = lossbench("gate", *BOTH, *FAKES, "--results", "some.csv")
    assert (done.code, "a shard may be missing" in done.out) == (4, True)


def test_merging_says_what_it_cannot_join(accepted: Path, lossbench: InProcess) -> None:
    lossbench("gate", "huber", *FAKES, "--csv", "a.csv", "-q")
    text = Path("a.csv").read_text()
    Path("b.csv").write_text(text.replace(",agrees,", ",differs,", 1))
    done = lossbench("merge", "a.csv", "b.csv", "-o", "c.csv")
    assert (done.code, "a.csv and b.csv say different things of huber/" in done.err) == (2, True)
    done = lossbench("merge", "a.csv", "-o", "a.csv")
    assert (done.code, "one of the files to be merged" in done.err) == (2, True)
    assert lossbench("merge", "no.csv", "-o", "c.csv").code == 2
    assert lossbench("merge", "cpu.csv", "-o", "c.csv").code == 2
    assert not Path("c.csv").exists()
    assert Path("a.csv").read_text() == text
    Path("empty.csv").write_text(text.splitlines()[0] + "\n")
    assert lossbench("merge", "empty.csv", "-o", "c.csv").code == 4
    assert lossbench("gate", *BOTH, *FAKES, "--results", "empty.csv").code == 3


def test_everything_that_ci_asks_for_in_one_run(
    accepted: Path, lossbench: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = planted(accepted)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(accepted / "step.md"))
    done = lossbench(
        "gate", *BOTH, *FAKES, "huber", "--junit", "j.xml", "--sarif", "s.json", "--json", "g.json", "--github"
    )
    assert done.code == 1
    assert any(line.startswith("::error file=cpu.csv,line=") for line in done.out.splitlines())
    assert ET.parse("j.xml").getroot().get("failures") == "1"
    data = json.loads(Path("g.json").read_text())
    assert (data["exit"], data["word"], data["findings"][0]["key"]) == (1, "regressed", key)
    line = data["findings"][0]["line"]
    assert json.loads(Path("s.json").read_text())["runs"][0]["results"][0]["level"] == "error"
    assert data["findings"][0]["loss"] in Path("cpu.csv").read_text().splitlines()[line - 1]
    assert data["findings"][0]["repeat"] in (accepted / "step.md").read_text()


def test_files_tell_of_a_run_that_could_not_be(lossbench: InProcess, accepted: Path) -> None:
    done = lossbench("gate", "--framework", "torhc", "--junit", "j.xml", "--json", "g.json")
    assert (done.code, "gate: -> exit 2 (usage)" in done.err) == (2, True)
    assert ET.parse("j.xml").getroot().get("errors") == "1"
    assert json.loads(Path("g.json").read_text())["exit"] == 2
    Path("j.xml").write_text("of yesterday")
    done = lossbench("gate", *BOTH, *FAKES, "--device", "cuda", "--junit", "j.xml")
    assert (done.code, "gate: -> exit 3 (environment missing)" in done.err) == (3, True)
    assert "environment missing" in Path("j.xml").read_text()


def test_quiet_says_nothing_where_nothing_fails_and_else_only_that(accepted: Path, lossbench: InProcess) -> None:
    assert lossbench("gate", "huber", *FAKES, "--quiet") == type(lossbench("--version"))(0, "", "")
    planted(accepted)
    done = lossbench("gate", "huber", *FAKES, "-q")
    assert (done.code, done.err) == (1, "")
    lines = done.out.splitlines()
    assert lines[0].startswith("worse ")
    assert lines[-1].startswith("gate: 1 worse")
    assert not any(line.startswith(("new ", "better ")) or "CPU seconds" in line for line in lines)


@pytest.mark.parametrize("form", ["csv", "json", "markdown"])
def test_what_programs_read_stands_alone_on_standard_output(form: str, accepted: Path, lossbench: InProcess) -> None:
    key = planted(accepted)
    done = lossbench("gate", "huber", *FAKES, "--format", form)
    assert (done.code, "-> exit 1 (regressed: 1 worse)" in done.err.replace("\n", " ")) == (1, True)
    if form == "csv":
        assert [row["key"] for row in csv.DictReader(done.out.splitlines())] == [key]
    elif form == "json":
        assert [row["key"] for row in json.loads(done.out)] == [key]
    else:
        assert done.out.startswith("| kind | fails | key |")
    done = lossbench("compare", "huber", "--framework", "fakes", "--format", form, "--csv", "c.csv")
    assert done.code == 0
    assert "fakes.honest.huber" in done.out
    assert "CPU seconds" in done.err
    if form == "json":
        assert {row["status"] for row in json.loads(done.out)} >= {"agrees", "differs"}


def test_a_form_that_does_not_exist_is_refused(lossbench: InProcess) -> None:
    for command in ("gate", "compare"):
        done = lossbench(command, "--format", "jsno")
        assert (done.code, "did you mean json" in done.err) == (2, True)


def test_a_part_is_held_only_where_that_was_asked(accepted: Path, lossbench: InProcess) -> None:
    done = lossbench("gate", "huber", *FAKES, "--suite", "quick")
    assert (done.code, "--part holds only what it asks for" in done.out.replace("\n           ", " ")) == (4, True)
    done = lossbench("gate", "huber", *FAKES, "--suite", "quick", "--part")
    assert done.code == 0, done.out
    assert " 0 new, " in done.out.splitlines()[-1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--reason", "x"), "add --accept"),
        (("--expires", "2027-01-31"), "add --accept"),
        (("--accept", "--expires", "soon"), "2027-01-31"),
        (("--shard", "3/2"), "should read like 2/4"),
        (("--results", "r.csv", "--seed", "1"), "leave out --seed"),
        (("--results", "no.csv"), "cannot read no.csv"),
        (("--accept", "--baseline", "file/below.csv"), "no folder that can be written to"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant(options: tuple[str, ...], words: str, accepted: Path, lossbench: InProcess) -> None:
    Path("file").write_text("")
    done = lossbench("gate", "huber", *FAKES, *options)
    assert (done.code, words in done.err) == (2, True), done.err


def test_a_baseline_that_cannot_be_written_is_known_before_the_run(
    accepted: Path, lossbench: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, text: str) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "write_text", full)
    done = lossbench("gate", "huber", *FAKES, "--accept", "--csv", "never.csv")
    assert (done.code, "cannot write the baseline cpu.csv: Read-only file system" in done.err) == (2, True)
    assert not Path("never.csv").exists()


def test_reason_and_expiry_stand_in_the_baseline_and_fail_when_passed(
    accepted: Path, lossbench: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("cpu.csv").unlink()
    words = ("--accept", "--reason", "until the fix is out", "--expires", "2027-01-31")
    assert lossbench("gate", "huber", *FAKES, *words).code == 0
    rows = baseline_file.read(Path("cpu.csv"))
    assert {(row.reason, row.expires) for row in rows} == {("until the fix is out", "2027-01-31")}
    assert all(row.machine for row in rows)
    monkeypatch.setattr(gate, "today", lambda: date(2027, 1, 31))
    assert lossbench("gate", "huber", *FAKES).code == 0
    monkeypatch.setattr(gate, "today", lambda: date(2027, 2, 1))
    done = lossbench("gate", "huber", *FAKES)
    assert (done.code, "accepted until 2027-01-31: until the fix is out" in done.out) == (1, True)


def test_a_loss_that_does_not_exist_is_noticed_whatever_the_filter(accepted: Path, lossbench: InProcess) -> None:
    rows = baseline_file.read(Path("cpu.csv"))
    baseline_file.write(Path("cpu.csv"), [*rows, replace(rows[0], loss="hubre")])
    done = lossbench("gate", "huber", *FAKES)
    assert (done.code, "the catalogue has no loss hubre" in done.out) == (4, True)
    lossbench("gate", "huber", *FAKES, "--accept")
    assert "hubre" in Path("cpu.csv").read_text()  # a part was asked for


# the suites


def test_of_each_key_that_quick_asks_for_it_asks_all_of_gates_cases() -> None:
    quick, whole = ({str(case) for case in unfold(load(name), catalogue(), Selection())} for name in ("quick", "gate"))
    recipes = {recipe_of(case) for case in quick}
    assert quick == {case for case in whole if recipe_of(case) in recipes}
    assert len(quick) * 5 < len(whole)


def test_the_suite_asks_every_implementation_there_is() -> None:
    words = {target: word for target, word in gather(()).items() if isinstance(word, Greeting)}
    if not words:
        pytest.skip("no framework is installed")
    cases: dict[str, list[object]] = {}
    for case in unfold(load("gate"), catalogue(), Selection()):
        cases.setdefault(case.loss, []).append(case)
    for greeting in words.values():
        for one in greeting.implementations:
            asked = any(takers([one], case, catalogue()[one.loss], "cpu")[0] for case in cases[one.loss])  # type: ignore[arg-type]
            assert asked or lacks_device(one, "cpu"), one.key


def test_it_asks_every_regime_that_has_a_right_answer() -> None:
    regimes = {case.regime for case in unfold(load("gate"), catalogue(), Selection())}
    assert {case.regime for case in unfold(load("smoke"), catalogue(), Selection())} <= regimes


# pytest


def pytested(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "lossbench.pytest_plugin", "-p", "no:cacheprovider", *options]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def suite(folder: Path) -> Path:
    """A suite of two cases, in a folder with a test that would fail."""
    path = folder / "two.toml"
    path.write_text(
        'losses = ["huber"]\n[[cases]]\nregimes = ["normal"]\ndtypes = ["float32", "float16"]\noptions = "each"'
    )
    (folder / "test_other.py").write_text("def test_it():\n    assert False\n")
    return path


def test_cases_are_items_of_pytest(suite: Path) -> None:
    done = pytested(suite.parent, "--lossbench-suite", "two.toml", "--lossbench-framework", "fakes", "-v")
    assert done.returncode == 1
    assert "lossbench-two::huber/delta=3.0/none/float32/6x5/normal/0 FAILED" in done.stdout
    assert "differs: huber/delta=3.0/none/float32/normal by fakes.lies.ignores_delta" in done.stdout
    assert "lossbench compare --case huber/delta=3.0/none/float32/6x5/normal/0 --framework fakes" in done.stdout
    assert "test_other" not in done.stdout
    done = pytested(suite.parent, "--lossbench-suite", "two.toml", "--lossbench-framework", "fakes", "test_other.py")
    assert "test_other.py::test_it" in done.stdout


def test_with_a_baseline_only_what_is_worse_fails(suite: Path, lossbench: InProcess) -> None:
    assert lossbench("gate", "huber", *FAKES, "--suite", "two.toml", "--accept", "-q").code == 0
    options = ("--lossbench-suite", "two.toml", "--lossbench-framework", "fakes", "--lossbench-baseline", "cpu.csv")
    assert pytested(suite.parent, *options).returncode == 0
    key = planted(suite.parent)
    done = pytested(suite.parent, *options)
    assert (done.returncode, f"worse: {key}: agrees" in done.stdout) == (1, True)


def test_nothing_measured_does_not_pass_in_pytest(suite: Path) -> None:
    suite.write_text(suite.read_text().replace("huber", "gaussian_nll").replace('\noptions = "each"', ""))
    done = pytested(suite.parent, "--lossbench-suite", "two.toml", "--lossbench-framework", "fakes")
    assert (done.returncode, "lossbench: nothing was measured" in done.stdout) == (5, True), done.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--lossbench-suite", "smkoe"), "did you mean smoke"),
        (("--lossbench-suite", "smoke", "--lossbench-framework", "torhc"), "did you mean torch"),
        (("--lossbench-shard", "1/2"), "says something of --lossbench-suite"),
    ],
)
def test_pytest_says_what_cannot_be_meant(options: tuple[str, ...], words: str, folder: Path) -> None:
    done = pytested(folder, *options)
    assert (done.returncode, words in done.stderr) == (4, True)


def test_the_plugin_costs_nothing_when_unused(folder: Path) -> None:
    (folder / "test_it.py").write_text(
        "import sys\n\ndef test_it():\n"
        "    mine = {name for name in sys.modules if name.startswith('lossbench')}\n"
        "    assert mine == {'lossbench', 'lossbench.pytest_plugin'}\n"
        "    assert 'numpy' not in sys.modules\n"
    )
    done = pytested(folder)
    assert done.returncode == 0, done.stdout
