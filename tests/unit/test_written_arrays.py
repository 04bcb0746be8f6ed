"""Arrays as Python source: what is read back is what was written, however it was put."""

import numpy as np
import pytest

from lossbench.floats import FORMATS, round_to
from lossbench.output.written_arrays import PLAIN, needed, picked, written


def read(text: str) -> object:
    imports, functions = needed(text)
    space: dict[str, object] = {"nan": float("nan"), "inf": float("inf")}
    exec("\n".join([*imports, *functions, f"found = {text}"]), space)
    return space["found"]


def same(one: object, other: np.ndarray) -> bool:
    return np.array_equal(np.array(one, float).view(np.int64), np.asarray(other, float).view(np.int64))


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (5, 1000), (2, 3, 700)])
def test_numbers_of_every_format_come_back_bit_by_bit(dtype: str, shape: tuple[int, ...]) -> None:
    form = FORMATS[dtype]
    array = np.asarray(round_to(np.random.default_rng(1).normal(size=shape) * 100, form))
    if array.size > 2:
        array.reshape(-1)[:3] = [-0.0, np.inf, form.smallest_subnormal]
    found = read(written(array, form))
    assert np.shape(found) == shape
    assert same(round_to(np.array(found), form), array)  # as a framework does that is given decimals


def test_whole_numbers_come_back() -> None:
    for array in (np.arange(6).reshape(2, 3), np.arange(5000) - 100, np.full((2, 5000), -1)):
        found = np.array(read(written(array, None)))
        assert found.dtype.kind == "i"
        assert np.array_equal(found, array)


def test_a_long_array_with_few_exceptions_is_a_short_text() -> None:
    array = np.zeros((70_000, 3))
    array[85, 1], array[9, 0] = 2.5, -0.0
    text = written(array, FORMATS["float32"])
    assert len(text) < 80
    assert same(read(text), array)


def test_a_long_array_of_any_numbers_takes_less_than_its_decimals() -> None:
    array = np.asarray(round_to(np.random.default_rng(2).normal(size=(4, 5000)), FORMATS["bfloat16"]))
    assert len(written(array, FORMATS["bfloat16"])) < 3 * array.size


def test_of_few_wanted_numbers_all_are_there_and_none_where_nothing_is_asked() -> None:
    want, unasked = np.array([[1.0, np.nan], [np.inf, 0.1]]), np.array([[False, True], [False, False]])
    assert read(picked(want, None, unasked)) == [[1.0, None], [np.inf, 0.1]]
    assert read(picked(np.array(0.5), None, np.array(False))) == 0.5
    assert read(picked(np.array(0.5), None, np.array(True))) is None


def test_of_many_wanted_numbers_those_are_there_that_are_farthest_off() -> None:
    want = np.random.default_rng(3).uniform(1, 2, (20, PLAIN))
    got = want.copy()
    got[3, 5], got[7, 1], got[9, 9] = 1e9, np.nan, 0.0
    unasked = np.zeros(want.shape, bool)
    unasked[9, 9] = True
    found = read(picked(want, got, unasked, (11, 13)))
    assert isinstance(found, dict)
    assert {(3, 5), (7, 1), (11, 13), (0, 0)} <= set(found)
    assert (9, 9) not in found
    assert found[3, 5] == want[3, 5]
    assert len(found) < 30
