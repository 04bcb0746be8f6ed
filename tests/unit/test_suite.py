"""Suites: what TOML may say, what it unfolds to, and case names that parse back."""

import pytest

from lossbench.cases.suite import Selection, load, parse_case, suites_folder
from lossbench.cases.unfolding import unfold
from lossbench.errors import UsageError
from lossbench.floats import FORMATS
from lossbench.losses import catalogue
from lossbench.records import Case, option_text, option_value

LOSSES = catalogue()
SHIPPED = sorted(path.stem for path in suites_folder().glob("*.toml"))


def suite(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return load(str(path))


def cases(tmp_path, text, **selection):
    return [str(case) for case in unfold(suite(tmp_path, text), LOSSES, Selection(**selection))]


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_suite_measures_something_and_its_cases_parse_back(name):
    found = unfold(load(name), LOSSES, Selection())
    assert found
    assert len(set(found)) == len(found)
    for case in found:
        assert parse_case(str(case), LOSSES) == case


def test_smoke_has_every_loss_and_every_format():
    found = unfold(load("smoke"), LOSSES, Selection())
    assert {case.loss for case in found} == {loss.name for loss in LOSSES.values() if not loss.variant}
    assert {case.dtype for case in found} == set(FORMATS)


def test_a_negative_index_is_not_asked_in_an_unsigned_format(tmp_path):
    """It would come out as 255, a class that nobody ignores."""
    text = """
schema = 1
[[cases]]
losses = ["nll"]
regimes = ["normal"]
dtypes = ["float32"]
options = "each"
how = ["int8", "uint8"]
"""
    found = [name.split("/")[1] for name in cases(tmp_path, text)]
    assert {"ignore_index=-1,@int8", "ignore_index=1,@int8", "ignore_index=1,@uint8", "weight,@uint8"} <= set(found)
    assert "ignore_index=-1,@uint8" not in found


def test_a_block_unfolds_to_a_product(tmp_path):
    found = cases(
        tmp_path,
        """
        losses = ["huber"]
        seeds = [1, 2]
        shapes.elements = ["3x4", "7"]
        [[cases]]
        regimes = ["normal", "kink"]
        dtypes = ["float32"]
        reductions = ["none", "mean"]
        """,
    )
    assert len(found) == 2 * 2 * 2 * 2
    assert "huber/none/float32/3x4/normal/1" in found
    assert "huber/mean/float32/7/kink/2" in found


def test_a_loss_has_its_own_shapes_before_those_of_its_kind(tmp_path):
    text = 'losses = ["huber", "smooth_l1"]\n[shapes]\nelements = ["3x4"]\nhuber = ["9"]\n'
    found = cases(tmp_path, text + '[[cases]]\nregimes = ["normal"]\ndtypes = ["float32"]')
    assert found == ["huber/none/float32/9/normal/0", "smooth_l1/none/float32/3x4/normal/0"]


def test_options_each_and_together(tmp_path):
    head = 'losses = ["cross_entropy"]\nshapes.rows = ["6x5"]\n[[cases]]\nregimes = ["normal"]\ndtypes = ["float32"]\n'
    assert cases(tmp_path, head + 'options = "each"') == [
        f"cross_entropy/{option}/none/float32/6x5/normal/0"
        for option in ("weight", "mask", "sample_weight", "ignore_index=1", "ignore_index=-1", "label_smoothing=0.125")
    ]
    together = "cross_entropy/weight,ignore_index=1,label_smoothing=0.125/none/float32/6x5/normal/0"
    assert cases(tmp_path, head + 'options = "together"') == [together]


def test_reductions_that_need_weights_come_only_with_weights(tmp_path):
    head = 'losses = ["huber"]\n[[cases]]\nregimes = ["normal"]\ndtypes = ["float32"]\nreductions = ["all"]\n'
    plain = [parse_case(text, LOSSES).reduction for text in cases(tmp_path, head)]
    assert set(plain) == {"none", "mean", "sum", "mean_last"}
    weighted = [parse_case(text, LOSSES) for text in cases(tmp_path, head + 'options = "each"')]
    assert {"weighted_mean", "nonzero_mean"} <= {case.reduction for case in weighted if case.given}
    assert not {"weighted_mean", "nonzero_mean"} & {case.reduction for case in weighted if not case.given}


def test_the_command_line_narrows_a_suite_down():
    everything = unfold(load("smoke"), LOSSES, Selection())
    narrow = Selection(frozenset(["huber"]), ("float32",), ("kink",), (5, 6))
    found = unfold(load("smoke"), LOSSES, narrow)
    assert found
    assert {(c.loss, c.dtype, c.regime) for c in found} == {("huber", "float32", "kink")}
    assert {case.seed for case in found} == {5, 6}
    assert {str(case)[:-1] for case in found} <= {str(case)[:-1] for case in everything}


def test_a_block_may_have_shapes_of_its_own(tmp_path):
    text = 'losses = ["huber"]\nshapes.elements = ["3x4"]\n[[cases]]\nregimes = ["normal"]\ndtypes = ["float32"]\n'
    assert cases(tmp_path, text + 'shapes.elements = ["7"]') == ["huber/none/float32/7/normal/0"]


@pytest.mark.parametrize(("regime", "rows"), [("empty", 0), ("one_row", 1)])
def test_regimes_may_set_the_length_of_the_batch(tmp_path, regime, rows):
    text = f'losses = ["huber"]\nshapes.elements = ["4x5"]\n[[cases]]\nregimes = ["{regime}"]\ndtypes = ["float32"]'
    assert cases(tmp_path, text) == [f"huber/none/float32/{rows}x5/{regime}/0"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", r"no \[\[cases\]\] block"),
        ("[[cases]]\nregimes = ['kinks']", "did you mean kink"),
        ("[[cases]]\ndtypes = ['float33']", "did you mean float32"),
        ("[[cases]]\nreductions = ['avg']", "reductions has 'avg'"),
        ("[[cases]]\noptions = 'all'", "it may be one of: default, each, together"),
        ("[[cases]]\nregime = ['kink']", "did you mean regimes"),
        ("case = 1\n[[cases]]", "did you mean cases"),
        ("[[cases]]\n[shapes]\nelements = ['3by4']", "should read like 64x10"),
        ("[[cases]]\n[shapes]\nelements = ['3x-4']", "negative length"),
        ("[[cases]]\n[limits]\nscales = 3", "did you mean scale"),
        ("[[cases]", "cannot read the suite"),
    ],
)
def test_what_cannot_be_meant_is_said(tmp_path, text, says):
    with pytest.raises(UsageError, match=says) as caught:
        suite(tmp_path, text)
    assert "mine.toml" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "losses = 'huber'\n[[cases]]",
        "losses = ['hubber']\n[[cases]]",
        "seeds = ['one']\n[[cases]]",
        "seeds = 3\n[[cases]]",
        "shapes = 3\n[[cases]]",
        "[shapes]\nelements = '3x4'\n[[cases]]",
        "[shapes]\nhubber = ['3x4']\n[[cases]]",
        "[limits]\nscale = 'low'\n[[cases]]",
        "[[cases]]\nregimes = 'kink'",
        "cases = 3",
        "schema = 99\n[[cases]]",
    ],
)
def test_a_suite_of_the_wrong_kind_is_refused_and_not_run(tmp_path, text):
    with pytest.raises(UsageError):
        unfold(suite(tmp_path, text), LOSSES, Selection())


def test_an_unknown_suite_is_suggested():
    with pytest.raises(UsageError, match="did you mean smoke"):
        load("smok")


@pytest.mark.parametrize(
    ("text", "case"),
    [
        ("huber/mean/float32/64x10/kink/2", Case("huber", (), (), "mean", "float32", (64, 10), "kink", 2)),
        (
            "huber/delta=0.1/mean/float32/64x10/kink/2",
            Case("huber", (), (("delta", 0.1),), "mean", "float32", (64, 10), "kink", 2),
        ),
        (
            "cross_entropy/weight,ignore_index=1/none/bfloat16/0x5/empty/-3",
            Case("cross_entropy", ("weight",), (("ignore_index", 1),), "none", "bfloat16", (0, 5), "empty", -3),
        ),
        (
            "triplet_margin/p=inf,swap=true/none/float64/6x8/normal/0",
            Case("triplet_margin", (), (("p", float("inf")), ("swap", True)), "none", "float64", (6, 8), "normal", 0),
        ),
    ],
)
def test_cases_parse_and_print(text, case):
    assert parse_case(text, LOSSES) == case
    assert str(case) == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("huber", "should read like"),
        ("huber/a/b/c/d/e/f/g", "should read like"),
        ("hubber/mean/float32/6x5/kink/2", "did you mean huber"),
        ("huber/delt=1/mean/float32/6x5/kink/2", "did you mean delta"),
        ("huber/weigth/mean/float32/6x5/kink/2", "did you mean weight"),
        ("huber/average/float32/6x5/kink/2", "'average' is unknown"),
        ("huber/mean/float31/6x5/kink/2", "did you mean float32"),
        ("huber/mean/float32/6by5/kink/2", "should read like 64x10"),
        ("huber/mean/float32/6x5/kinks/2", "did you mean kink"),
        ("huber/mean/float32/6x5/kink/two", "should be a whole number"),
    ],
)
def test_what_does_not_read_like_a_case_is_said(text, says):
    with pytest.raises(UsageError, match=says):
        parse_case(text, LOSSES)


@pytest.mark.parametrize("value", [True, False, None, 0, -100, 0.125, 1e-6, float("inf"), "euclidean"])
def test_options_print_and_parse_back(value):
    found = option_value(option_text(value))
    assert found == value
    assert type(found) is type(value)
