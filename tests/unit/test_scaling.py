"""Sweeps over sizes, the lines through their times, and what the words after --against and --mode mean."""

import sys
from dataclasses import replace

import pytest
from standing_made import standing

from lossbench.cases.sweep import read_sweep, sized, swept
from lossbench.commands.against import against, in_modes
from lossbench.errors import UsageError
from lossbench.judging.scaling import fitted, scalings
from lossbench.losses import catalogue
from lossbench.output.scaling_table import scaling_table
from lossbench.records import Case, Target

CASE = Case("squared_error", (), (), "mean", "float32", (256, 1000), "normal", 0)


def test_a_range_is_gone_through_by_factors_of_ten() -> None:
    assert read_sweep("1e3..1e6") == (1000, 10_000, 100_000, 1_000_000)
    assert read_sweep("100..1e2".replace("1e2", "1e7")) == (100, 1000, 10**4, 10**5, 10**6, 10**7)
    assert read_sweep("1000..8000") == (1000, 2000, 4000, 8000)  # four sizes at least


@pytest.mark.parametrize("text", ["", "1e3", "1e6..1e3", "0..10", "a..b", "1..1e12", "nan..10"])
def test_a_range_that_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"1e3\.\.1e6"):
        read_sweep(text)


def test_a_size_changes_the_first_axis_and_the_others_only_where_they_are_too_long() -> None:
    assert sized((256, 1000), 10**6) == (1000, 1000)
    assert sized((256, 1000), 2000) == (2, 1000)
    assert sized((256, 1000), 100) == (1, 100)
    assert sized((256,), 77) == (77,)
    assert sized((16, 64, 32), 10**5) == (49, 64, 32)


def test_each_case_is_swept_over_all_sizes() -> None:
    found = swept([CASE], (1000, 10_000), catalogue())
    assert [case.shape for case in found] == [(1, 1000), (10, 1000)]
    assert swept([CASE], (), catalogue()) == [CASE]


def test_a_line_without_noise_is_found_exactly() -> None:
    overhead, slope = fitted([(size, 5e-6 + 2e-9 * size) for size in (100, 10_000, 1_000_000)])
    assert overhead == pytest.approx(5e-6)
    assert slope == pytest.approx(2e-9)


def test_neither_overhead_nor_slope_is_below_zero() -> None:
    assert fitted([(1, 1.0), (2, 4.0), (3, 9.0)])[0] == 0.0
    assert fitted([(1, 3.0), (2, 2.0), (3, 1.0)])[1] == 0.0


def test_scalings_need_three_sizes_of_one_implementation() -> None:
    rows = [standing("a", 5e-6 + 1e-9 * size, elements=size) for size in (1000, 100_000, 10_000)]
    (found,) = scalings(rows)
    assert [size for size, _ in found.points] == [1000, 10_000, 100_000]
    assert found.overhead == pytest.approx(5e-6)
    assert found.misfit < 1e-6
    assert scaling_table([found]).row_count == 1
    assert scalings(rows[:2]) == []
    assert scalings([*rows[:2], standing("b", 1.0, elements=7)]) == []
    assert scalings([replace(row, answer="differs: 9 eps") for row in rows]) == []


TORCH, JAX = Target("torch"), Target("jax")


def test_modes_multiply_targets() -> None:
    assert in_modes([TORCH, JAX], ()) == [TORCH, JAX]
    assert in_modes([TORCH], ("eager", "compiled")) == [TORCH, Target("torch", mode="compiled")]
    with pytest.raises(UsageError, match="did you mean xla"):
        in_modes([TORCH], ("xlaa",))


def test_against_a_framework_adds_it_where_it_is_not_there() -> None:
    found = against([TORCH], "jax:eager")
    assert found.targets == [TORCH, Target("jax", mode="eager")]
    assert found.base is not None
    assert found.base(standing("a", 1.0, framework="jax", mode="eager"))
    assert not found.base(standing("a", 1.0, framework="jax", mode="compiled"))
    assert against([TORCH, JAX], "pytorch").targets == [TORCH, JAX]


def test_against_an_interpreter_runs_everything_twice() -> None:
    found = against([TORCH, JAX], sys.executable)
    assert [target.interpreter for target in found.targets] == ["", "", sys.executable, sys.executable]
    assert found.base is not None
    assert [found.base(standing("a", 1.0, interpreter=path)) for path in ("", sys.executable)] == [False, True]
    with pytest.raises(UsageError, match="no interpreter"):
        against([TORCH], "/no/such/python")


def test_against_a_public_name_and_against_nothing() -> None:
    found = against([TORCH], "HuberLoss")
    assert found.targets == [TORCH]
    assert found.base is not None
    assert found.base(standing("torch.nn.HuberLoss", 1.0))
    assert not found.base(standing("torch.nn.L1Loss", 1.0))
    assert against([TORCH], "").base is None
