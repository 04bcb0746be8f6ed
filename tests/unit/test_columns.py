"""The documentation of the files of results, and the frames they load into."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest
from test_results import OLD, VERDICT, written

from lossbench.errors import UsageError
from lossbench.frames import dtypes, frame
from lossbench.output.columns import RECORDS, described, page
from lossbench.records import Status, Verdict
from lossbench.results import columns

DOCS = Path(__file__).parents[2] / "docs" / "results.md"


def test_the_page_is_what_the_records_say() -> None:
    assert DOCS.read_text(encoding="utf-8") == page(), "run `make docs`"


@pytest.mark.parametrize("record", [record for record, _ in RECORDS], ids=lambda record: record.__name__)
def test_every_column_is_explained(record) -> None:
    told = described(record)
    assert [name for name, *_ in told] == columns(record)
    assert [name for name, _, _, meaning in told if not meaning.strip()] == []


def test_a_frame_has_the_right_types(tmp_path) -> None:
    rows = [
        VERDICT,
        replace(VERDICT, status=Status.ABSENT, compared=0, value_error=None, note="", value_spread=("=:3",)),
    ]
    found = frame(written(tmp_path / "v.csv", *rows))
    assert {name: str(dtype) for name, dtype in found.dtypes.items()} == dtypes()
    assert found["compared"].tolist() == [31, 0]
    assert math.isnan(found["value_error"][1])
    assert np.isinf(found["gradient_error"][0])
    assert found["note"].tolist() == ["é", ""]
    assert found["value_spread"].tolist() == ["", "=:3"]
    assert found["status"].tolist() == ["agrees", "absent"]
    assert found["schema"].tolist() == [Verdict.SCHEMA] * 2
    assert float(found["value_error"][0]) == 0.1 + 0.2


def test_pandas_alone_reads_the_same(tmp_path) -> None:
    path = written(tmp_path / "v.csv", VERDICT)
    numbers = [name for name, dtype in dtypes().items() if dtype in ("Int64", "float64")]
    alone = pandas.read_csv(path, dtype=dtypes(), keep_default_na=False, na_values={name: [""] for name in numbers})
    pandas.testing.assert_frame_equal(alone, frame(path))


def test_an_old_file_has_the_first_schema(tmp_path) -> None:
    (tmp_path / "old.csv").write_text(OLD)
    found = frame(tmp_path / "old.csv")
    assert (found["schema"].tolist(), str(found["value_error"].dtype)) == ([1], "float64")


def test_what_does_not_read_is_said(tmp_path) -> None:
    path = written(tmp_path / "v.csv", VERDICT)
    later = path.read_text().removesuffix(f",{Verdict.SCHEMA}\n") + ",99\n"
    for text, says in (
        ("", "cannot read"),
        (path.read_text().replace(",31,", ",many,"), "cannot read"),
        (later, "schema 99"),
    ):
        path.write_text(text)
        with pytest.raises(UsageError, match=says):
            frame(path)
    with pytest.raises(UsageError, match="cannot read"):
        frame(tmp_path / "nowhere.csv")
