"""The clock's arithmetic, on a clock whose time passes only when told."""

import gc
from collections.abc import Callable

import pytest

from lossbench.clock import (
    FEWEST_SAMPLES,
    FEWEST_SETTLED,
    MOST_SAMPLES,
    Visit,
    measure,
    resolution,
    settled,
    turned,
    wall,
)


class Hands:
    """A clock that ticks at each reading, and calls that take a known time."""

    def __init__(self, tick: float = 0.0) -> None:
        self.now, self.tick, self.calls, self.waits = 0.0, tick, 0, 0

    def read(self) -> float:
        self.now += self.tick
        return self.now

    def lasting(self, *seconds: float, first: float | None = None) -> Callable[[], None]:
        def call() -> None:
            self.calls += 1
            self.now += first if first is not None and self.calls == 1 else seconds[self.calls % len(seconds)]

        return call

    def wait(self) -> None:
        self.waits += 1

    def measure(self, call: Callable[[], object], seconds: float) -> Visit:
        return measure([call], wall(self.wait, self.read), seconds, self.read)


def test_the_first_call_is_kept_apart_and_every_sample_is_exact() -> None:
    hands = Hands()
    visit = hands.measure(hands.lasting(2.0**-12, first=8.0), 1.0)
    assert visit.first_call == 8.0
    assert visit.loops == 8  # 8 / 4096 s is the first power of two of calls that lasts a millisecond
    assert visit.samples == (2.0**-12,) * FEWEST_SETTLED  # all the same: there is nothing more to learn


def test_what_was_spent_is_everything_but_the_first_call() -> None:
    hands = Hands()
    visit = hands.measure(hands.lasting(2.0**-12, first=8.0), 1.0)
    assert visit.spent == hands.now - 8.0
    assert visit.spent == (164 + 2 * (2 + 4 + 8) + FEWEST_SETTLED * 8) * 2.0**-12  # 164: warm-up of 0.04 s


def test_samples_that_do_not_settle_go_on_until_the_budget_is_spent() -> None:
    hands = Hands()
    visit = hands.measure(hands.lasting(2.0**-9, 2.0**-7, 2.0**-6), 0.5)
    assert 0.5 <= visit.spent < 0.5 + 2.0**-6
    assert len(visit.samples) > FEWEST_SETTLED
    assert set(visit.samples) == {2.0**-9, 2.0**-7, 2.0**-6}


def test_a_slow_call_gets_the_fewest_samples_of_one_call() -> None:
    hands = Hands()
    visit = hands.measure(hands.lasting(4.0), 1.0)
    assert (visit.samples, visit.loops, visit.first_call) == ((4.0,) * FEWEST_SAMPLES, 1, 4.0)
    assert hands.calls == hands.waits == 1 + 1 + 2 + FEWEST_SAMPLES  # first, warm-up, calibration, samples


def test_a_coarse_clock_gets_long_samples() -> None:
    hands = Hands(tick=2.0**-6)
    visit = hands.measure(hands.lasting(2.0**-6), 1.0)
    assert visit.loops == 1024  # the first power of two that lasts a thousand ticks of the clock
    assert visit.samples == (1025 / 1024 * 2.0**-6,) * FEWEST_SAMPLES


def test_one_long_call_does_not_end_calibration() -> None:
    hands = Hands()
    taken = iter([2.0**-12, *[2.0**-12] * 164, 1.0])  # the first call, the warm-up, one that was held up

    def call() -> None:
        hands.now += next(taken, 2.0**-12)

    assert hands.measure(call, 1.0).loops == 8


def test_samples_end_at_their_number_where_time_stands_still() -> None:
    steps = iter(range(10**9))
    visit = measure([lambda: None], lambda calls, loops: 1.0 + next(steps) * 0.618 % 1 * 10, 1.0, lambda: 0.0)
    assert len(visit.samples) == MOST_SAMPLES


def test_several_sets_of_inputs_take_turns_from_sample_to_sample() -> None:
    hands, seen = Hands(), []

    def on(number: int) -> Callable[[], None]:
        def call() -> None:
            seen.append(number)
            hands.now += 1.0

        return call

    measure([on(0), on(1), on(2)], wall(hands.wait, hands.read), 1.0, hands.read)
    assert seen[:4] == [0, 0, 0, 0]  # the first call, one to warm up, and two of calibration
    assert seen[4:] == [0, 1, 2, 0, 1]


def test_a_sample_of_several_calls_goes_round_the_sets() -> None:
    hands, seen = Hands(), []
    calls = [lambda n=n: seen.append(n) for n in range(3)]
    wall(hands.wait, hands.read)(calls, 5)
    assert (seen, hands.waits) == ([0, 1, 2, 0, 1], 1)
    assert turned("abc", 5) == ["c", "a", "b"]
    assert turned("abc", 6) == "abc"


def test_settled_is_one_percent_around_the_first_quarter() -> None:
    assert not settled([1.0] * (FEWEST_SETTLED - 1))
    assert settled([1.0] * 10 + [1.02] * 3 + [9.0] * 7)  # ranks 0.95 to 8.55 of twenty: the slow ones do not count
    assert not settled([1.0] * 9 + [1.03] * 11)


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
        Hands().measure(call, 0.0)
    assert seen == [False, False]
    assert gc.isenabled()


def test_what_the_processor_did_stands_beside_each_sample() -> None:
    hands, worked = Hands(), 0.0

    def call() -> None:
        nonlocal worked
        hands.now += 3.0  # of which others had two
        worked += 1.0

    def processor() -> float:
        nonlocal worked
        worked += 2.0**-20
        return worked

    visit = measure([call], wall(hands.wait, hands.read), 0.0, hands.read, processor)
    assert visit.samples == (3.0,) * FEWEST_SAMPLES
    assert visit.busy == (1.0 + 2.0**-20,) * FEWEST_SAMPLES


@pytest.mark.parametrize("step", [0.0, 2.0**-6])
def test_a_processor_s_clock_that_stands_still_or_jumps_is_not_asked(step: float) -> None:
    hands, readings = Hands(), [0.0]

    def processor() -> float:
        readings[0] += step
        return readings[0]

    assert measure([hands.lasting(2.0**-10)], wall(hands.wait, hands.read), 0.0, hands.read, processor).busy == ()


def test_samples_settle_by_what_the_processor_did() -> None:
    hands, worked = Hands(), 0.0
    lasts = iter(range(1, 10**6))

    def call() -> None:
        nonlocal worked
        hands.now += next(lasts)
        worked += 1.0

    def processor() -> float:
        nonlocal worked
        worked += 2.0**-20
        return worked

    visit = measure([call], wall(hands.wait, hands.read), 1e9, hands.read, processor)
    assert len(visit.samples) == FEWEST_SETTLED


def test_warm_up_lasts_until_every_call_has_run_on_memory_that_is_there() -> None:
    hands, pages, seen = Hands(), 0, []
    given = [5000, 40, 32, 5000, 32, 0]  # in calls two to seven

    def on(number: int) -> Callable[[], None]:
        def call() -> None:
            nonlocal pages
            hands.now += 1.0
            pages += [5000, *given, *[1] * 99][len(seen)]
            seen.append(number)

        return call

    measure([on(0), on(1)], wall(hands.wait, hands.read), 20.0, hands.read, faults=lambda: pages)
    assert seen[1:7] == [0, 1, 0, 1, 0, 1]  # until two in turn were given little; they tell how long a sample is, too
    assert seen[7:] == [0, 1] * 7  # samples until 20 s are over, six of which went into the warm-up


def test_memory_that_never_suffices_ends_the_warm_up_with_the_budget() -> None:
    hands, pages = Hands(), iter(range(0, 10**9, 1000))
    visit = measure([hands.lasting(1.0)], wall(hands.wait, hands.read), 20.0, hands.read, faults=lambda: next(pages))
    assert len(visit.samples) == FEWEST_SAMPLES
    assert visit.spent == 20.0 + FEWEST_SAMPLES
