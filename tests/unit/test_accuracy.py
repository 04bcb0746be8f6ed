"""The table of accuracies: what is counted, what is worst, and the input that shows it."""

import math
from dataclasses import replace

import numpy as np
import pytest

from lossbench.cases.inputs import build
from lossbench.cases.suite import parse_case
from lossbench.floats import FORMATS, round_to
from lossbench.judging.accuracy import shown_input, silent, table
from lossbench.losses import catalogue
from lossbench.output.accuracy_table import as_markdown
from lossbench.records import Status, Verdict

CASE = "huber/delta=3.0/none/float32/6x5/normal/0"
ROW = Verdict(
    case=CASE,
    loss="huber",
    framework="torch",
    version="2.0",
    via="torch.nn.HuberLoss",
    device="cpu",
    mode="eager",
    dtype="float32",
    reduction="none",
    shape="6x5",
    regime="normal",
    status=Status.AGREES,
    compared=90,
    value_error=0.5,
    gradient_error=0.25,
    value_ulps=3.0,
    gradient_ulps=1.5,
    value_worst="value[2,1]: got 0.1, want 0.2",
    gradient_worst="gradient of prediction[1,1]: got 1, want 1",
    value_spread=("=:90", "0:8", "7:2"),
    gradient_spread=("=:30",),
)


def test_percentiles_are_those_of_all_numbers_together():
    other = replace(ROW, case=CASE[:-1] + "1", value_ulps=400.0, value_error=200.0, value_spread=("=:99", "36:1"))
    value, gradient = table([ROW, other], catalogue())
    assert (value.of, gradient.of) == ("value", "gradient")
    assert (value.numbers, value.cases, gradient.numbers) == (200, 2, 60)
    assert (value.worst_ulps, value.worst_eps, value.case) == (400.0, 200.0, CASE[:-1] + "1")
    assert value.median_ulps == 0.0
    assert value.p99_ulps == 2 ** (7 / 4)  # 198 of 200 are no worse
    assert gradient.case == CASE[:-1] + "1"


def test_no_percentile_exceeds_the_worst():
    (value, _) = table([replace(ROW, value_spread=("7:3",))], catalogue())
    assert value.p99_ulps == value.median_ulps == value.worst_ulps == 3.0


def test_formats_and_implementations_stand_apart():
    rows = [ROW, replace(ROW, dtype="float16"), replace(ROW, via="torch.other"), replace(ROW, device="cuda")]
    rows += [replace(ROW, version="2.1"), replace(ROW, mode="compiled")]
    made = table(rows, catalogue())
    assert len(made) == 12
    page = as_markdown(made)
    assert "`torch.nn.HuberLoss` 2.1 cpu eager |" in page
    assert "`torch.nn.HuberLoss` |" in as_markdown(table([ROW], catalogue()))


def test_what_did_not_answer_does_not_count():
    silent = [replace(ROW, status=status, compared=0) for status in (Status.CRASHES, Status.ABSENT, Status.REJECTS)]
    assert table(silent, catalogue()) == []
    wrong = [
        replace(ROW, status=status) for status in (Status.DEVIATES, Status.DIFFERS, Status.IMPRECISE, Status.AGREES)
    ]
    value = table([*silent, *wrong], catalogue())[0]
    assert (value.cases, value.agrees, value.explained, value.differs) == (4, 2, 1, 1)


def test_a_nan_where_a_number_belongs_is_the_worst():
    value = table([ROW, replace(ROW, value_ulps=math.inf, value_error=math.inf, value_spread=("inf:1",))], catalogue())[
        0
    ]
    assert (value.worst_ulps, value.worst_eps) == (math.inf, math.inf)


def test_rows_of_the_first_schema_have_worst_errors_but_no_percentiles():
    old = replace(
        ROW, value_spread=(), gradient_spread=(), value_worst="", gradient_worst="", worst="value[2,1]: got 1, want 2"
    )
    value, gradient = table([old], catalogue())
    assert (value.worst_ulps, value.p99_ulps, value.median_ulps, value.numbers) == (3.0, None, None, None)
    assert value.shown == "value[2,1]: got 1, want 2"
    assert (gradient.shown, gradient.input) == ("", "")


@pytest.mark.parametrize("dtype", list(FORMATS))
def test_the_input_is_the_one_of_the_case(dtype):
    name = f"huber/delta=3.0/none/{dtype}/6x5/log_uniform/0"
    losses = catalogue()
    arrays = build(parse_case(name, losses), losses["huber"]).arrays
    words = dict(part.split("=") for part in shown_input(name, "value[2,1]: got 1, want 2", losses).split())
    assert words["delta"] == "3.0"
    for argument in ("prediction", "target"):
        read = round_to(np.array(float(words[argument])), FORMATS[dtype])
        assert float(read) == arrays[argument][2, 1]


def test_rows_are_shown_whole_and_long_ones_by_their_shape():
    losses = catalogue()
    text = shown_input("cross_entropy/none/float32/6x5/normal/0", "gradient of logits[3,2]: got 1, want 2", losses)
    arrays = build(parse_case("cross_entropy/none/float32/6x5/normal/0", losses), losses["cross_entropy"]).arrays
    words = dict(part.split("=") for part in text.split())
    assert int(words["target"]) == arrays["target"][3]
    assert [np.float32(x) for x in words["logits"].strip("[]").split(",")] == list(
        arrays["logits"][3].astype(np.float32)
    )
    wide = shown_input("cross_entropy/none/float32/8x600/normal/0", "gradient of logits[3,2]: got 1, want 2", losses)
    assert wide.split()[0] == "logits=(600)"


def test_nothing_that_was_handed_over_is_left_out_of_the_input():
    """Of a mean over a batch every argument counts: what is too long to be read is there by its shape."""
    losses = catalogue()
    text = shown_input("adaptive_log_softmax/mean/float32/6x8x9/normal/0", "value: got 1, want 2", losses)
    words = [part.partition("=")[0] for part in text.split()]
    arguments = losses["adaptive_log_softmax"].arguments.values()
    assert set(words) == {argument.name for argument in arguments if not argument.optional}
    assert "features=(6x8)" in text
    text = shown_input("huber/mean/float32/6x5/normal/0", "value: got 1, want 2", losses)
    assert text == "prediction=(6x5) target=(6x5)"


def test_what_is_held_against_other_answers_is_no_accuracy():
    """A relation or a second way to run a call has its own ruler: errors there are no errors of the loss."""
    others = [replace(ROW, reference=ruler, value_ulps=1e9, status=Status.DIFFERS) for ruler in ("relation", "path")]
    (value, _) = table([ROW, *others], catalogue())
    assert (value.cases, value.worst_ulps, value.differs) == (1, 3.0, 0)
    assert table(others, catalogue()) == []


@pytest.mark.parametrize("name", ["unheard_of/none/float32/6x5/normal/0", "not a case"])
def test_a_case_of_another_catalogue_shows_no_input(name):
    assert shown_input(name, "value: got 1, want 2", catalogue()) == ""


def test_who_was_asked_and_gave_no_number_is_said_at_the_end_of_the_page():
    mute = replace(ROW, via="torch.mute", status=Status.REFUSES, compared=0, value_ulps=None, gradient_ulps=None)
    mute = replace(mute, note="TypeError: never; mind", reference="")
    rows = [ROW, mute, replace(mute, dtype="float16"), replace(mute, via=ROW.via), replace(mute, status=Status.ABSENT)]
    rows += [
        replace(mute, via="torch.none", status=Status.ABSENT),
        replace(mute, via="torch.right", status=Status.REJECTS),
    ]
    found = silent(rows)
    assert [(one.via, one.dtype, one.status) for one in found] == [
        ("torch.mute", "float32", "refuses"),
        ("torch.mute", "float16", "refuses"),
    ]
    page = as_markdown(table(rows, catalogue()), found)
    assert "- huber by torch.mute in float32, float16: refuses, TypeError: never" in page
    assert "Without a number" not in as_markdown(table([ROW], catalogue()))
