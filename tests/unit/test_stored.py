"""Stored cases: written down, read back to the same bits, and guarded against another meaning of the same name."""

from dataclasses import replace

import numpy as np
import pytest

from lossbench.cases import stored
from lossbench.cases.inputs import build
from lossbench.cases.stored import SHELF, Literal, parsed, read, text_of, worst_folder, write
from lossbench.cases.suite import Selection, load, parse_case
from lossbench.cases.unfolding import unfold
from lossbench.errors import UsageError
from lossbench.floats import FORMATS, round_to
from lossbench.judging.specimens import spread, taken, term_of
from lossbench.losses import catalogue

LOSSES = catalogue()
SHIPPED = SHELF.shipped()


def some(dtype="float32", shape=(2, 3), **more):
    numbers = np.random.default_rng(0).normal(size=shape)
    arrays = {"logits": round_to(numbers, FORMATS[dtype]), "target": np.array([1, 2])[: shape[0]]}
    one = Literal("cross_entropy", (), (("label_smoothing", 0.1),), "none", dtype, shape, ("strided",), arrays)
    return replace(one, slug="some", **more)


@pytest.mark.parametrize("dtype", FORMATS)
def test_what_is_written_reads_back_to_the_same_bits(dtype, tmp_path):
    odd = round_to(np.array([[0.1, -0.0, np.inf], [np.nan, 1e-30, -65504.0]]), FORMATS[dtype])
    one = some(dtype)
    one = replace(one, arrays={**one.arrays, "logits": odd}, poisoned=(1,), shows=('says "so"\\', "and a ∞"))
    again = read(write(one, tmp_path))
    assert again.digest == one.digest
    assert again.shows == one.shows
    assert again.arrays["logits"].tobytes() == odd.tobytes()
    assert again.case == one.case


def test_long_arrays_are_written_in_short(tmp_path):
    logits = np.zeros((1, 1025))
    logits[0, 7], logits[0, 8] = -0.0, 3.5
    one = some(shape=(1, 1025), arrays={"logits": logits, "target": np.array([7])})
    path = write(one, tmp_path)
    assert len(path.read_text()) < 500
    assert read(path).arrays["logits"].tobytes() == logits.tobytes()


def test_an_empty_batch_keeps_its_shape():
    one = some(shape=(0, 3), arrays={"logits": np.zeros((0, 3)), "target": np.zeros(0, np.int64)})
    assert {n: a.shape for n, a in parsed(text_of(one)).arrays.items()} == {"logits": (0, 3), "target": (0,)}


def test_a_file_that_was_changed_is_refused_and_told_its_name(tmp_path):
    path = write(some(), tmp_path)
    path.write_text(path.read_text().replace("@strided", "@transposed"))
    with pytest.raises(UsageError, match=r"should be called some-[0-9a-f]{8}\.toml"):
        read(path)


@pytest.mark.parametrize("text", ["", "schema = 2", "loss = [", "schema = 1\nloss = 'huber'\nreduction = 3\n"])
def test_a_file_that_is_none_is_refused(tmp_path, text):
    path = tmp_path / "x-00000000.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match="stored case"):
        read(path)


def test_a_stored_case_builds_what_is_written_in_any_format(monkeypatch, tmp_path):
    monkeypatch.setattr(stored, "FOUND", tmp_path)
    one = some()
    write(one, tmp_path)
    case = parse_case(str(one.case), LOSSES)
    assert case == one.case
    inputs = build(case, LOSSES["cross_entropy"])
    assert inputs.arrays["logits"].tobytes() == one.arrays["logits"].tobytes()
    half = build(replace(case, dtype="float16"), LOSSES["cross_entropy"])
    assert np.array_equal(half.arrays["logits"], round_to(one.arrays["logits"], FORMATS["float16"]))


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("cross_entropy/none/float32/2x4/{}/0", "the case is called cross_entropy"),
        ("huber/none/float32/2x3/{}/0", "the case is called cross_entropy"),
        ("cross_entropy/none/float32/2x3/stored=nothing-00000000/0", "is unknown"),
        ("cross_entropy/none/float32/2x3/stored=..-00000000/0", "is unknown"),
    ],
)
def test_a_case_that_is_not_the_stored_one_is_refused(case, says):
    one = some()
    SHELF.remember(one)
    try:
        with pytest.raises(UsageError, match=says):
            parse_case(case.format(one.case.regime), LOSSES)
    finally:
        SHELF.forget(one.name)


def test_the_suite_of_the_worst_holds_every_file():
    found = unfold(load("worst"), LOSSES, Selection())
    assert {case.regime for case in found} == {f"stored={name}" for name in SHIPPED}
    assert set(found) <= set(unfold(load("full"), LOSSES, Selection()))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_case_fits_its_loss_and_says_what_it_shows(name):
    one = read(worst_folder() / f"{name}.toml")
    assert not one.fault(LOSSES[one.loss])
    assert one.shows
    for argument, array in one.arrays.items():
        domain = LOSSES[one.loss].arguments[argument].domain
        assert ((array >= domain.low) & (array <= domain.high)).all()


def test_cutting_keeps_labels_with_their_columns():
    loss, one = LOSSES["cross_entropy"], some()
    cut = taken(one, loss, 1, [1, 2])
    assert cut is not None
    assert cut.arrays["target"].tolist() == [0, 1]
    assert np.array_equal(cut.arrays["logits"], one.arrays["logits"][:, 1:])
    assert taken(one, loss, 1, [0, 1]) is None  # the second row's class would be gone
    term = term_of(one, loss, (1,))
    assert term is not None
    assert term.shape == (1, 3)
    wide = spread(term, loss, 5)
    assert (wide.arrays["logits"] == one.arrays["logits"][1]).all()
    assert wide.arrays["target"].tolist() == [2] * 5
