"""The suite of relations on the fakes: lies that it finds, honest ones that it lets through, and what it is asked."""

from pathlib import Path

import pytest
from running import run

from lossbench.cases.suite import parse_case
from lossbench.errors import UsageError
from lossbench.losses import catalogue
from lossbench.records import Verdict
from lossbench.results import read


def test_relations_find_lies_and_blame_no_honest_fake(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    done = run("compare", "cross_entropy", "huber", "--framework", "fakes", "--suite", "relations", "--csv", str(path))
    assert done.code == 0, done.err
    rows = read(path, Verdict)
    assert rows
    assert {row.reference for row in rows if row.compared} == {"relation"}
    honest = [row for row in rows if row.via.startswith(("fakes.honest.", "fakes.odd."))]
    assert {row.status for row in honest} <= {"agrees", "absent"}, [r.case for r in honest if r.status == "differs"]
    found = {(row.via.removeprefix("fakes.lies."), row.case.split("/")[1]) for row in rows if row.status == "differs"}
    assert ("drops_last_row", "@rows_permuted") in found
    assert ("learns_from_ignored", "ignore_index=-1,@ignored_is_absent") in found


def test_a_relation_that_a_loss_does_not_keep_is_refused() -> None:
    with pytest.raises(UsageError, match="keeps no relation unmoved_by_length"):
        parse_case("huber/@unmoved_by_length/none/float32/6x5/normal/0", catalogue())


def test_a_relation_is_named_in_the_case_and_read_back() -> None:
    text = "huber/@rows_permuted/none/float32/6x5/normal/0"
    assert str(parse_case(text, catalogue())) == text
