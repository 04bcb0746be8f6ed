"""What CONTRIBUTING.md says of adding a loss is true: its ten lines are added, asked of a framework, and judged."""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import InProcess, before_others, read

import lossbench.losses
from lossbench.cases.suite import Selection, load
from lossbench.cases.unfolding import unfold
from lossbench.commands import compare
from lossbench.judging.audit import audit
from lossbench.losses import catalogue
from lossbench.records import Target
from lossbench.reference.answers import Answers

PAGE = Path(__file__).parents[2] / "CONTRIBUTING.md"
NAME = "fourth_power"
ADAPTERS = '''
"""One entry of a framework made of numpy: what CONTRIBUTING.md shows, spelled in its words."""

from lossbench.frameworks.fakes.engine import Fakes, numbers, reduced

framework = Fakes()


@framework.implements(via="added.fourth_power")
def fourth_power(prediction, target, *, reduction):
    residual = numbers(prediction) - numbers(target)
    slope = SLOPE * residual**3
    return reduced(residual**4, {"prediction": slope, "target": -slope}, reduction, prediction.dtype)
'''


def shown() -> str:
    """The code that the page shows under its first heading."""
    section = PAGE.read_text(encoding="utf-8").partition("## Adding a loss")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("    ") or not line]
    return textwrap.dedent(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)))


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with those lines, which the catalogue reads as if it were its own."""
    (tmp_path / "losses").mkdir()
    (tmp_path / "losses" / "added_by_a_test.py").write_text(shown())
    monkeypatch.setattr(lossbench.losses, "__path__", [*lossbench.losses.__path__, str(tmp_path / "losses")])
    catalogue.cache_clear()
    yield tmp_path
    catalogue.cache_clear()


def test_ten_lines_are_a_loss() -> None:
    code = [line for line in shown().splitlines() if line and not line.startswith(("from", "import"))]
    assert len(code) == 8
    assert len([line for line in shown().splitlines() if line]) == 10


def test_the_lines_pass_the_oracle(added: Path) -> None:
    """The closed form is held to the definition on every regime, as the oracle tests do with all losses."""
    loss = catalogue()[NAME]
    cases = unfold(load("smoke"), catalogue(), Selection(losses=frozenset([NAME])))
    audits = [audit(case, loss, Answers(None)) for case in cases if case.reduction == "none"]
    assert sum(a.compared for a in audits) > 1000
    assert [f"{a.case}: {a.error}" for a in audits if not a.passed] == []


@pytest.mark.parametrize(("slope", "status"), [("4", "agrees"), ("4.001", "differs")])
def test_an_entry_for_a_framework_is_judged(
    slope: str, status: str, added: Path, lossbench: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    (added / "added").mkdir()
    (added / "added" / "__init__.py").write_text("")
    (added / "added" / "adapters.py").write_text(ADAPTERS.replace("SLOPE", slope))
    monkeypatch.setenv("PYTHONPATH", before_others(added))
    monkeypatch.setattr(compare, "choose", lambda *given: [Target("added.adapters")])
    done = lossbench("compare", NAME, "--regime", "normal", "--dtype", "float64,float32", "--csv", added / "rows.csv")
    assert done.code == 0, done.err
    rows = read(added / "rows.csv")
    assert {row["loss"] for row in rows} == {NAME}
    assert {row["via"] for row in rows} == {"added.fourth_power"}
    assert {row["reduction"] for row in rows} == {"none", "mean", "sum"}
    assert {row["status"] for row in rows} == {status}
    assert all(int(row["compared"]) > 0 for row in rows)


def test_without_the_lines_there_is_no_such_loss() -> None:
    assert NAME not in catalogue()
