"""The clock's arithmetic, on a clock whose time passes only when told."""

import gc
from collections.abc import Callable

import pytest

from lossbench.clock import FEWEST_SAMPLES, MOST_SAMPLES, measure, resolution


class Hands:
    """A clock that ticks at each reading, and calls that take a known time."""

    def __init__(self, tick: float = 0.0) -> None:
        self.now, self.tick, self.calls, self.waits = 0.0, tick, 0, 0

    def read(self) -> float:
        self.now += self.tick
        return self.now

    def lasting(self, seconds: float, first: float | None = None) -> Callable[[], None]:
        def call() -> None:
            self.calls += 1
            self.now += first if first is not None and self.calls == 1 else seconds

        return call

    def wait(self) -> None:
        self.waits += 1


def test_the_first_call_is_kept_apart_and_every_sample_is_exact() -> None:
    hands = Hands()
    samples, loops, first_call = measure(hands.lasting(2.0**-12, first=8.0), hands.wait, 1.0, hands.read)
    assert first_call == 8.0
    assert loops == 8  # 8 / 4096 s is the first power of two of calls that lasts a millisecond
    assert set(samples) == {2.0**-12}
    assert len(samples) == 512  # 1 s of samples of 8 / 4096 s


def test_a_slow_call_gets_the_fewest_samples_of_one_call() -> None:
    hands = Hands()
    samples, loops, first_call = measure(hands.lasting(4.0), hands.wait, 1.0, hands.read)
    assert (samples, loops, first_call) == ((4.0,) * FEWEST_SAMPLES, 1, 4.0)
    assert hands.calls == hands.waits == 1 + 1 + 1 + FEWEST_SAMPLES  # first, warm-up, calibration, samples


def test_a_coarse_clock_gets_long_samples() -> None:
    hands = Hands(tick=2.0**-6)
    samples, loops, _ = measure(hands.lasting(2.0**-6), hands.wait, 1.0, hands.read)
    assert loops == 1024  # the first power of two that lasts a thousand ticks of the clock
    assert samples == (1025 / 1024 * 2.0**-6,) * FEWEST_SAMPLES


def test_samples_end_at_their_number_where_time_stands_still() -> None:
    hands = Hands()
    samples, _, _ = measure(hands.lasting(2.0**-9), hands.wait, 1e9, hands.read)
    assert len(samples) == MOST_SAMPLES


def test_resolution_is_the_smallest_step() -> None:
    steps = iter([0.0, 4.0, 4.0, 4.5, 8.0])
    assert resolution(lambda: next(steps), 5) == 0.5
    assert resolution(lambda: 1.0) == 0.0


def test_the_garbage_collector_rests_and_is_woken_even_after_an_error() -> None:
    seen = []

    def call() -> None:
        seen.append(gc.isenabled())
        if len(seen) > 1:
            raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        measure(call, lambda: None, 0.0, Hands().read)
    assert seen == [False, False]
    assert gc.isenabled()
