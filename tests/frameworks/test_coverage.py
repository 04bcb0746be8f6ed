"""docs/coverage.md says what the frameworks that are installed offer: `make docs` writes it anew."""

from pathlib import Path

import pytest
from installed import each_of

from lossbench.crew import Crew
from lossbench.losses import catalogue
from lossbench.output.coverage import as_markdown, offers
from lossbench.records import Greeting, Target

PAGE = (Path(__file__).parents[2] / "docs" / "coverage.md").read_text(encoding="utf-8")
LOSSES = [loss for loss in catalogue().values() if not loss.variant]
FRAMEWORKS = ("torch", "paddle", "tensorflow", "jax")
STALE = "docs/coverage.md is out of date; `make docs` writes it anew"


def cells(line: str) -> list[str]:
    """The cells of a line of a table."""
    return [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def column(page: str, framework: str) -> dict[str, str]:
    """What the matrix says of a framework, by loss; its heading with the version as the entry of ``loss``."""
    rows = [cells(line) for line in page.partition("\n## ")[0].splitlines() if line.startswith("| ")]
    (number,) = (n for n, cell in enumerate(rows[0]) if cell.startswith(f"{framework} "))
    return {row[0]: row[number] for row in rows}


def section(page: str, framework: str) -> str:
    """The table of a framework's callables."""
    return page.partition(f"\n## {framework}\n")[2].partition("\n## ")[0].strip()


@pytest.mark.parametrize("framework", each_of(*FRAMEWORKS))
def test_the_page_says_what_a_framework_offers_today(framework: str) -> None:
    with Crew([Target(framework)]) as crew:
        (greeting,) = crew.greet().values()
    assert isinstance(greeting, Greeting)
    rows = list(offers(LOSSES, {framework: greeting.implementations}))
    today = as_markdown(rows, {framework: greeting.version}, whole=True)
    assert section(today, framework).count("\n") >= len(greeting.implementations)
    assert column(PAGE, framework) == column(today, framework), STALE
    assert section(PAGE, framework) == section(today, framework), STALE


def test_the_page_has_every_loss_and_every_framework() -> None:
    for framework in FRAMEWORKS:
        assert [name for name in column(PAGE, framework) if name not in ("loss", "---")] == [
            loss.name for loss in LOSSES
        ], STALE
