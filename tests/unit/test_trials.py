"""Who is timed on what, the least that has to be moved for it, and how many operations it takes."""

import math
from dataclasses import replace

import numpy as np
import pytest

from lossbench.cases.inputs import build
from lossbench.domains import Real
from lossbench.floats import FORMATS
from lossbench.judging import trials
from lossbench.judging.operations import Counted, operations
from lossbench.judging.traffic import LINE, bucket, impossible, touched
from lossbench.judging.trials import Load, load, plan
from lossbench.loss import Terms
from lossbench.loss import loss as declared
from lossbench.losses import catalogue
from lossbench.records import Case, Greeting, Implementation, Target
from lossbench.wire import WireArray

FAST, SLOW = Target("fast"), Target("slow")
CASE = Case("squared_error", (), (), "mean", "float32", (4, 8), "normal", 0)


def implementation(via: str, loss: str = "squared_error", **others: object) -> Implementation:
    names = ("prediction", "target")
    made = Implementation(loss, via, names, names, (), ("none", "mean"), ("float32",))
    return replace(made, **others)  # type: ignore[arg-type]


def greeting(name: str, *implementations: Implementation) -> Greeting:
    return Greeting(name, "1.0", "3.11", "python", ("cpu",), "cpu", 1, False, 0.0, implementations)


def test_what_cannot_take_a_case_is_left_out_and_counted() -> None:
    greetings = {FAST: greeting("fast", implementation("a"), implementation("b", "huber")), SLOW: greeting("slow")}
    found = plan(greetings, [CASE], catalogue())
    assert (list(found.jobs), found.trials, found.implementations) == ([FAST], 3, 1)
    half = plan(greetings, [replace(CASE, dtype="float16")], catalogue())
    assert (half.jobs, dict(half.left_out)) == ({}, {"has no float16": 1})


def test_one_without_the_reduction_is_timed_in_another_that_it_has() -> None:
    plain = implementation("plain", reductions=("none",))
    summing = implementation("summing", reductions=("sum", "none"))
    found = plan({FAST: greeting("fast", plain, summing)}, [CASE], catalogue())
    _, first, second = found.jobs[FAST]
    assert first.case == replace(CASE, reduction="none")
    assert second.case == replace(CASE, reduction="sum")
    assert {job.contest for job in (first, second)} == {CASE}
    nothing = implementation("nothing", reductions=("weighted_mean",))
    assert plan({FAST: greeting("fast", nothing)}, [CASE], catalogue()).left_out == {"has no reduction mean": 1}


def test_one_that_needs_an_array_is_timed_with_it_for_itself() -> None:
    names = ("prediction", "target", "weight")
    weighing = implementation("weighing", arrays=names, required=names)
    summing = implementation("summing", arrays=names, required=names, reductions=("weighted_mean",))
    found = plan({FAST: greeting("fast", implementation("plain"), weighing, summing)}, [CASE], catalogue())
    weighted = replace(CASE, given=("weight",))
    _, plain, alone, other = found.jobs[FAST]
    assert (plain.case, alone.case) == (CASE, weighted)
    assert other.case == replace(weighted, reduction="weighted_mean")
    assert [job.contest for job in (plain, alone, other)] == [CASE, weighted, weighted]
    assert not found.left_out


def test_a_loss_without_the_reduction_is_timed_in_one_that_it_has() -> None:
    def of(loss: str, reduction: str, seed: int = 0) -> Case:
        return replace(CASE, loss=loss, reduction=reduction, seed=seed)

    offered = [of("a", "mean"), of("b", "none"), of("b", "sum"), of("b", "sum", 1), of("c", "odd"), of("c", "none")]
    found = trials.standing_in([of("a", "mean")], offered)
    assert found == [of("a", "mean"), of("b", "sum"), of("b", "sum", 1), of("c", "none")]
    assert trials.standing_in([], [of("c", "odd")]) == [of("c", "odd")]


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("squared_error", ("prediction",)),
        ("cross_entropy", ("logits",)),
        ("soft_cross_entropy", ("logits",)),
        ("kl_div_log_target", ("log_prediction",)),
    ],
)
def test_targets_need_no_gradient(name: str, needed: tuple[str, ...]) -> None:
    loss = catalogue()[name]
    assert trials.learned(loss, loss.arguments) == needed


def test_every_loss_has_something_to_learn() -> None:
    for loss in catalogue().values():
        assert trials.learned(loss, loss.arguments), loss.name


def test_bytes_count_inputs_and_output_once_and_each_gradient_once_more() -> None:
    rows = Case("cross_entropy", (), (), "none", "float32", (4, 8), "normal", 0)
    counted = trials.load(rows, catalogue()["cross_entropy"]).traffic
    logits, labels, output = 4 * 8 * 4, 4 * 8, 4 * 4
    assert counted.forward == logits + labels + output
    assert counted.backward == counted.forward + logits
    assert (counted.output, counted.gradients) == (output, logits)
    mean, half = replace(rows, reduction="mean"), replace(rows, dtype="bfloat16")
    assert trials.load(mean, catalogue()["cross_entropy"]).traffic.forward == 128 + 32 + 4
    assert trials.load(half, catalogue()["cross_entropy"]).traffic.forward == 64 + 32 + 8


def test_of_what_a_loss_picks_only_the_lines_it_picks_count() -> None:
    rows = Case("nll", (), (), "mean", "float32", (100, 1000), "normal", 0)
    counted = trials.load(rows, catalogue()["nll"]).traffic
    assert counted.forward == 100 * LINE + 100 * 8 + 4  # one number a row, a label, and the mean
    assert counted.backward == counted.forward + 100 * 1000 * 4  # but the gradient is written whole
    narrow = trials.load(replace(rows, shape=(100, 3)), catalogue()["nll"]).traffic
    assert narrow.forward == 100 * 3 * 4 + 100 * 8 + 4  # never more than all of it


@pytest.mark.parametrize("name", ["cross_entropy", "huber", "hinge_embedding", "triplet_margin", "squared_error"])
def test_an_entry_without_slope_that_had_to_be_looked_at_counts(name: str) -> None:
    assert touched(Case(name, (), (), "mean", "float32", (64, 10), "normal", 0), catalogue()[name]) == {}


@pytest.mark.parametrize(
    ("name", "shape", "counted"),
    [
        ("squared_error", (4, 8), 32 * 3),  # a difference, its power, and the weight of 1
        ("cross_entropy", (2, 5), 2 * (5 + 5 + 6)),  # exponentials, sums; exp, quotient, log, sign, share, sum
    ],
)
def test_operations_are_those_of_the_definition(name: str, shape: tuple[int, ...], counted: int) -> None:
    assert operations(Case(name, (), (), "mean", "float32", shape, "normal", 0), catalogue()[name]) == counted


def test_a_term_too_long_to_be_followed_has_no_count() -> None:
    assert (
        operations(
            Case("cross_entropy", (), (), "mean", "float32", (2, 5000), "normal", 0), catalogue()["cross_entropy"]
        )
        is None
    )


def test_every_loss_has_its_operations_counted() -> None:
    for each in (loss for loss in catalogue().values() if not loss.variant):
        shape = each.small or (6, 5)
        found = operations(Case(each.name, (), (), each.reductions[0], "float32", shape, "normal", 0), each)
        assert found is not None, each.name


def test_numbers_that_count() -> None:
    count = [0]
    one, two = Counted(1.0, count), Counted(2.0, count)
    assert (one + 3).value == (3 + one).value == 4.0
    assert ((2 - one).value, (two / 4).value, (1 / two).value, (-one).value, abs(-two).value) == (1, 0.5, 0.5, -1, 2)
    assert two.exp().value == math.exp(2.0)
    assert one.maximum(5, two).value == 5.0
    assert one < two <= 2
    assert count == [10]  # comparisons are free
    assert math.isnan((one / 0).value)
    with pytest.raises(AttributeError):
        _ = one.nonsense


def test_sizes_of_copying_are_powers_of_four_within_reason() -> None:
    assert [bucket(size) for size in (1, 1 << 16, (1 << 18) - 1, 1 << 18, 1 << 40)] == [
        1 << 16, 1 << 16, 1 << 16, 1 << 18, 1 << 28
    ]  # fmt: skip


def test_impossible_is_twice_as_fast_as_copying() -> None:
    assert not impossible(0.5, 100, 100.0)
    assert impossible(0.499, 100, 100.0)


def load_of(size: int) -> Load:
    return Load(arrays=(WireArray("float32", np.zeros(size // 4, np.float32)),))


def test_sets_of_inputs_outgrow_the_cache_where_one_would_be_flattered() -> None:
    cache = 1 << 20
    assert [load_of(size).sets(cache) for size in (1024, cache // 4 - 4, cache // 4, cache, 2 * cache)] == [
        1, 1, 8, 2, 1
    ]  # fmt: skip


def test_an_argument_that_all_terms_share_is_read_whole() -> None:
    @declared(over="elements")
    def first_entry(prediction: Real) -> Terms:
        """Looks at the first entry alone."""
        value = np.zeros(prediction.shape) + prediction.flat[0]
        slope = np.zeros(prediction.shape)
        slope.flat[0] = 1.0
        return Terms(value, {"prediction": slope})

    found = touched(Case("first_entry", (), (), "mean", "float32", (4, 8), "normal", 0), first_entry)
    assert found == {"prediction": (1, 32)}


@pytest.mark.parametrize("dtype", FORMATS)
def test_inputs_are_read_back_from_what_travels(dtype: str) -> None:
    case = Case("cross_entropy", ("weight",), (), "mean", dtype, (6, 5), "normal", 0)
    loss = catalogue()[case.loss]
    drawn, back = build(case, loss), load(case, loss).inputs()
    assert list(back.arrays) == list(drawn.arrays)
    for name, array in drawn.arrays.items():
        np.testing.assert_array_equal(back.arrays[name], array)
    np.testing.assert_array_equal(back.poisoned, drawn.poisoned)
