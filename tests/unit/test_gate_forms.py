"""The gate's account in every form: JUnit, SARIF, JSON, annotations, the summary, tables at 80 columns."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from lossbench.commands.gate_files import Files
from lossbench.errors import UsageError
from lossbench.judging.accepted import Accepted
from lossbench.output.account import Account, Line, as_data, lines_of, repeat
from lossbench.output.findings_table import findings_table
from lossbench.output.forms import checked_form, written
from lossbench.output.github import MOST_ANNOTATIONS, as_annotations, as_summary
from lossbench.output.junit import as_junit
from lossbench.output.sarif import RULES, as_sarif
from lossbench.records import Finding, Status

VIA = "torch.nn.HuberLoss"


def row(**others: object) -> Accepted:
    base = Accepted(
        "huber", "torch", VIA, "cpu", "eager", "float32", "none", "", "kink", Status.AGREES, 1.3, 0.5, "2.13"
    )
    return replace(base, **others)  # type: ignore[arg-type]


ROWS = [row(), row(regime="tie"), row(regime="ones")]
WORSE = Finding(
    "worse", str(ROWS[0]), "agrees, value 1.3", "crashes", "huber/none/float32/6x5/kink/1",
    "agrees → crashes (100 % | <b>\x1b[31mred\x00 `x`: a,b\n::error::no)", "huber", "torch", VIA,
)  # fmt: skip
BETTER = replace(WORSE, kind="better", key=str(ROWS[1]), case="huber/none/float32/6x5/tie/0", reason="differs → agrees")
MISSING = Finding("missing", "paddle", "7 keys", "", "", "No module named 'paddle'", framework="paddle")
ACCOUNT = Account(
    1, "regressed", "regressed: 1 worse", "1 worse, 1 better", [WORSE, MISSING, BETTER], ROWS, 10, Path("acc/cpu.csv"),
    {str(ROWS[0]): 7}, "suite gate", {"torch": "2.13"}, "x86_64 avx2", 12.5,
)  # fmt: skip
USAGE = Account(2, "usage", "usage: --framework 'torhc'; did you mean torch?")


def test_junit_has_a_test_for_each_key_and_fails_what_the_gate_fails() -> None:
    root = ET.fromstring(as_junit(ACCOUNT))
    assert {name: root.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "4", "failures": "1", "errors": "1",
    }  # fmt: skip
    torch = next(suite for suite in root if suite.get("name") == "torch")
    failing = [test for test in torch.iter("testcase") if test.find("failure") is not None]
    assert [test.get("name") for test in failing] == [f"huber/none/float32/kink by {VIA}"]
    failure = failing[0].find("failure")
    assert failure is not None
    assert failure.get("type") == "worse"
    assert repeat(WORSE) in (failure.text or "")
    assert [property_.get("value") for property_ in torch.iter("property")] == ["2.13", "x86_64 avx2", "suite gate"]
    better = next(test for test in torch.iter("testcase") if test.find("system-out") is not None)
    assert "differs → agrees" in (better.findtext("system-out") or "")


def test_junit_of_a_run_that_could_not_be_has_one_error() -> None:
    root = ET.fromstring(as_junit(USAGE))
    assert (root.get("tests"), root.get("errors")) == ("1", "1")
    error = next(root.iter("error"))
    assert (error.get("type"), "did you mean torch" in (error.get("message") or "")) == ("usage", True)


def test_junit_of_a_strict_run_fails_what_is_better() -> None:
    root = ET.fromstring(as_junit(replace(ACCOUNT, strict_better=True)))
    assert root.get("failures") == "2"


def test_sarif_points_at_the_line_of_the_baseline() -> None:
    run = json.loads(as_sarif(ACCOUNT))["runs"][0]
    assert [(one["ruleId"], one["level"]) for one in run["results"]] == [
        ("worse", "error"), ("missing", "error"), ("better", "note"),
    ]  # fmt: skip
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "acc/cpu.csv"}, "region": {"startLine": 7}}
    rules = run["tool"]["driver"]["rules"]
    assert all(rules[one["ruleIndex"]]["id"] == one["ruleId"] for one in run["results"])
    assert run["invocations"][0]["exitCode"] == 1
    fingerprints = [one["partialFingerprints"]["key/v1"] for one in run["results"]]
    assert len(set(fingerprints)) == 3


def test_sarif_of_a_run_that_could_not_be_says_so() -> None:
    invocation = json.loads(as_sarif(USAGE))["runs"][0]["invocations"][0]
    assert invocation["executionSuccessful"] is False
    assert "did you mean" in invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_every_kind_has_a_rule() -> None:
    from lossbench.judging.baseline import KINDS

    assert tuple(RULES) == KINDS


def test_json_holds_everything_and_no_number_that_is_none() -> None:
    data = json.loads(json.dumps(as_data(ACCOUNT), allow_nan=False))
    assert (data["exit"], data["word"], data["held"], data["covered"]) == (1, "regressed", 3, 10)
    assert data["counts"] == {"worse": 1, "missing": 1, "better": 1}
    assert data["findings"][0]["line"] == 7
    assert data["findings"][0]["repeat"].startswith("lossbench compare --case huber/none/float32/6x5/kink/1 ")


def test_annotations_cannot_be_broken_out_of() -> None:
    lines = as_annotations(ACCOUNT)
    assert all(line.startswith("::error ") and "\n" not in line for line in lines)
    assert lines[0].startswith(
        "::error file=acc/cpu.csv,line=7,title=lossbench%3A worse%2C huber by torch.nn.HuberLoss::"
    )
    assert "100 %25 |" in lines[0]
    assert "%0A::error::no" in lines[0]
    assert lines[-1].endswith("-> exit 1 (regressed: 1 worse)")
    assert as_annotations(replace(ACCOUNT, code=0, findings=[BETTER])) == []


def test_no_more_annotations_than_github_shows() -> None:
    many = [replace(WORSE, via=f"torch.nn.L{n}", key=f"k{n} by torch.nn.L{n} of torch") for n in range(50)]
    assert len(as_annotations(replace(ACCOUNT, findings=many))) == MOST_ANNOTATIONS + 1 == 10


def test_the_summary_has_the_rows_that_matter_and_their_commands() -> None:
    text = as_summary(ACCOUNT)
    assert text.startswith("## ❌ lossbench gate: regressed: 1 worse\n")
    assert "3 of 10 accepted keys held" in text
    assert f"\n{repeat(WORSE)}\n" in text
    assert text.index("| worse |") < text.index("<details>") < text.index("| better |")
    assert "\\<b\\>" in text
    table = [line for line in text.splitlines() if line.startswith("| worse")]
    assert len(table) == 1
    assert table[0].replace("\\|", "").count("|") == 7


def test_a_summary_of_ten_thousand_stays_below_what_github_takes() -> None:
    many = [replace(WORSE, via=f"torch.nn.L{n}", key=f"k{n} by torch.nn.L{n} of torch") for n in range(10_000)]
    text = as_summary(replace(ACCOUNT, findings=many))
    assert len(text.encode()) < 1 << 20
    assert "and 9960 more, not shown" in text


def test_prose_fits_80_columns_and_commands_stay_whole(capsys: pytest.CaptureFixture[str]) -> None:
    long = replace(WORSE, reason="because " * 40, key=f"{'huber/delta=0.125/none/float32/kink'} by {VIA * 4} of torch")
    Console(width=80).print(findings_table([long], 80), soft_wrap=True)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    copied = (f"           {long.case}", f"           {repeat(long)}")
    assert [line for line in lines if len(line) > 80 and line not in copied] == []
    assert set(copied) <= set(lines)


@pytest.mark.parametrize("form", ["csv", "json", "markdown"])
def test_findings_as_rows(form: str) -> None:
    text = written(Line, lines_of(ACCOUNT, ACCOUNT.findings), form)
    assert "lossbench compare --case" in text
    if form == "json":
        assert [one["kind"] for one in json.loads(text)] == ["worse", "missing", "better"]
    if form == "markdown":
        assert len(text.splitlines()) == 5
    with pytest.raises(UsageError, match="did you mean json"):
        checked_form("jsno")


# files


def test_old_files_go_before_the_run_and_new_ones_come_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = tmp_path / "step.md"
    step.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step))
    files = Files(tmp_path / "d" / "j.xml", tmp_path / "s.json", tmp_path / "j.json", None, github=True)
    (tmp_path / "s.json").write_text("of yesterday")
    files.clear()
    assert not (tmp_path / "s.json").exists()
    assert files.write(ACCOUNT) == []
    assert step.read_text().startswith("before\n## ❌")
    assert all(path is None or path.stat().st_size for path in (files.junit, files.sarif, files.json))
    Files(summary=tmp_path / "own.md", github=True).write(ACCOUNT)
    assert (tmp_path / "own.md").exists()
    assert step.read_text().count("## ❌") == 1


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"junit": "."}, "--junit '.*' is a directory"),
        ({"junit": "a", "json": "a"}, "its own"),
        ({"sarif": "file/below"}, "cannot write --sarif"),
    ],
)
def test_paths_that_cannot_be_written_are_refused_before_the_run(
    names: dict[str, str], message: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=message):
        Files(**{option: tmp_path / name for option, name in names.items()}).clear()


def test_a_file_that_cannot_be_written_after_the_run_is_a_problem(tmp_path: Path) -> None:
    problems = Files(junit=tmp_path / "gone" / "j.xml").write(ACCOUNT)
    assert problems == [f"cannot write {tmp_path / 'gone' / 'j.xml'}: No such file or directory"]
