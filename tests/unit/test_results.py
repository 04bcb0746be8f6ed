"""Records to CSV and back, and what happens when a file is not what it should be."""

import csv
import math
from dataclasses import fields, replace
from pathlib import Path

import pytest

from lossbench.errors import ResultsNotWritten, UsageError
from lossbench.records import Status, Verdict
from lossbench.results import Writer, cell, columns, read
from lossbench.timings import Timing

FULL = Path("/dev/full")
VERDICT = Verdict(
    case="huber/mean/float32/6x5/kink/0",
    loss="huber",
    framework="fakes",
    version="2.0",
    via='fakes.honest, "quoted"\nand broken',
    device="cpu",
    mode="eager",
    dtype="float32",
    reduction="mean",
    shape="6x5",
    regime="kink",
    status=Status.AGREES,
    compared=31,
    value_error=0.1 + 0.2,
    gradient_error=math.inf,
    value_ulps=0.0,
    gradient_ulps=None,
    reference="certified",
    worst="value[1]: got 1, want 2",
    note="é",
)


def written(path, *records):
    writer = Writer(path, type(records[0]))
    for record in records:
        writer.write(record)
    writer.close()
    return path


def test_verdicts_come_back_as_they_were(tmp_path):
    bad = replace(VERDICT, status=Status.ABSENT, compared=0, value_error=None)
    assert read(written(tmp_path / "new" / "v.csv", VERDICT, bad), Verdict) == [VERDICT, bad]


def test_timings_come_back_with_their_samples(tmp_path):
    empty = dict.fromkeys((field.name for field in fields(Timing)), "")
    numbers = dict.fromkeys([field.name for field in fields(Timing) if "None" in field.type])
    timing = Timing(
        **{**empty, **numbers, "process": 1, "threads": 1, "sets": 1, "samples": (1e-7, 0.1 + 0.2), "busy": ()}
    )
    assert read(written(tmp_path / "t.csv", timing), Timing) == [timing]
    none = replace(timing, samples=())
    assert read(written(tmp_path / "u.csv", none), Timing) == [none]


def test_the_columns_are_the_fields(tmp_path):
    path = written(tmp_path / "v.csv", VERDICT)
    with path.open(newline="") as file:
        assert next(csv.reader(file)) == [*columns(Verdict), "schema"]
    assert columns(Verdict) == [field.name for field in fields(Verdict)]


OLD = """case,loss,framework,version,via,device,mode,dtype,reduction,shape,regime,status,compared,value_error,\
gradient_error,value_ulps,gradient_ulps,reference,worst,note
huber/mean/float32/6x5/kink/0,huber,fakes,2.0,fakes.honest,cpu,eager,float32,mean,6x5,kink,agrees,31,0.5,,1.0,,certified,,
"""


def test_a_file_of_the_first_schema_still_reads(tmp_path):
    (tmp_path / "old.csv").write_text(OLD)
    (row,) = read(tmp_path / "old.csv", Verdict)
    assert (row.value_error, row.value_ulps_p99, row.value_spread, row.gradient_worst) == (0.5, None, (), "")


def test_a_file_of_a_later_schema_is_refused(tmp_path):
    path = written(tmp_path / "v.csv", VERDICT)
    path.write_text(path.read_text().removesuffix(f",{Verdict.SCHEMA}\n") + ",99\n")
    with pytest.raises(UsageError, match=f"schema 99, and this lossbench reads up to {Verdict.SCHEMA}; update"):
        read(path, Verdict)


def test_spreads_come_back(tmp_path):
    row = replace(
        VERDICT, value_ulps_p99=0.5, value_worst="value: got 1, want 2", value_spread=("=:3", "-4:2", "inf:1")
    )
    assert read(written(tmp_path / "v.csv", row), Verdict) == [row]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (0.0, "0.0"), (0.1, "0.1"), ((1, 2.5), "1 2.5"), (Status.DIFFERS, "differs"), (0, "0")],
)
def test_cells(value, text):
    assert cell(value) == text


def test_unknown_is_empty_and_never_zero(tmp_path):
    row = (tmp_path / "v.csv", VERDICT)
    with written(*row).open(newline="") as file:
        (found,) = csv.DictReader(file)
    assert (found["gradient_ulps"], found["value_ulps"]) == ("", "0.0")


def test_rows_are_there_before_the_file_is_closed(tmp_path):
    writer = Writer(tmp_path / "v.csv", Verdict)
    writer.write(VERDICT)
    assert len(read(tmp_path / "v.csv", Verdict)) == 1
    writer.close()


def test_a_new_run_begins_a_new_file(tmp_path):
    written(tmp_path / "v.csv", VERDICT, VERDICT)
    assert len(read(written(tmp_path / "v.csv", VERDICT), Verdict)) == 1


def test_columns_that_are_missing_take_the_default(tmp_path):
    path = tmp_path / "v.csv"
    names = [name for name in columns(Verdict) if name not in ("note", "value_ulps")]
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow([*names, "unheard_of"])
        table.writerow([*(cell(getattr(VERDICT, name)) for name in names), "x"])
    assert read(path, Verdict) == [replace(VERDICT, note="", value_ulps=None)]


@pytest.mark.parametrize(
    ("column", "text"), [("status", "excellent"), ("compared", "many"), ("value_error", "small"), ("compared", "0")]
)
def test_a_row_that_does_not_read_is_named_by_its_line(tmp_path, column, text):
    path = tmp_path / "v.csv"
    rows = [cell(getattr(replace(VERDICT, via="plain"), name)) for name in columns(Verdict)]
    rows[columns(Verdict).index(column)] = text
    path.write_text(",".join(columns(Verdict)) + "\n" + ",".join(f'"{each}"' for each in rows) + "\n")
    with pytest.raises(UsageError, match="line 2"):
        read(path, Verdict)


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "v.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match="lacks the column"):
        read(path, Verdict)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError):
        read(path, Verdict)
    with pytest.raises(UsageError, match="cannot read"):
        read(tmp_path / "nowhere.csv", Verdict)


def test_a_file_of_nothing_but_columns_holds_no_records_and_an_empty_one_is_refused(tmp_path):
    path = tmp_path / "v.csv"
    path.write_text("\ufeff" + ",".join(columns(Verdict)) + "\n", encoding="utf-8")  # as a spreadsheet writes it
    assert read(path, Verdict) == []
    path.write_text("")
    with pytest.raises(UsageError, match="lacks the column 'case'"):
        read(path, Verdict)


def test_a_folder_in_the_place_of_a_file_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="is a directory"):
        Writer(tmp_path, Verdict)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write"):
        Writer(tmp_path / "file" / "v.csv", Verdict)


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full, a device that is always full")
def test_a_full_disk_is_said(tmp_path):
    writer = Writer(tmp_path / "v.csv", Verdict)
    writer.close()
    writer.file = FULL.open("w", newline="")
    writer.table = csv.writer(writer.file)
    with pytest.raises(ResultsNotWritten, match="No space left"):
        writer.write(VERDICT)
    writer.close()
