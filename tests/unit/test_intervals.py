"""The statistics of times, exactly: ranks counted by hand and by brute force, verdicts on planted figures."""

import itertools
import math
import random
from collections import Counter

import pytest

from lossbench.judging.intervals import (
    Relation,
    against_itself,
    compared,
    located,
    narrow_enough,
    percentile,
    quiet,
    ranks_left_out,
    shift,
    signed_ranks_left_out,
    spread_across,
    spread_within,
)


def test_percentiles_lie_on_straight_lines_between_ranked_samples() -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], 0.25) == 1.75
    assert percentile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.5
    assert percentile([5.0, 1.0, 2.0, 3.0, 4.0], 0.25) == 2.0
    assert (percentile([7.0], 0.25), percentile([1.0, 2.0], 0.0), percentile([1.0, 2.0], 1.0)) == (7.0, 1.0, 2.0)
    with pytest.raises(ValueError, match="no samples"):
        percentile([], 0.25)


def test_spreads_are_exact_and_unknown_where_there_is_one_figure() -> None:
    assert spread_within([1.0, 2.0, 3.0, 4.0, 5.0]) == 1.0  # (4 - 2) / 2
    assert spread_within([1.0]) is None
    assert spread_across([4.0, 5.0, 3.0]) == 0.5  # (5 - 3) / 4
    assert spread_across([4.0]) is spread_across([]) is None


@pytest.mark.parametrize(("ours", "theirs"), [(1, 1), (3, 4), (5, 5), (6, 6), (2, 7)])
@pytest.mark.parametrize("chance", [0.5, 0.05, 0.01, 0.005])
def test_ranks_left_out_are_those_of_every_order_counted_one_by_one(ours: int, theirs: int, chance: float) -> None:
    counted = Counter(
        sum(place - number for number, place in enumerate(places))
        for places in itertools.combinations(range(ours + theirs), ours)
    )
    orders = math.comb(ours + theirs, ours)
    fitting = [
        most for most in range(ours * theirs + 1) if 2 * sum(counted[u] for u in range(most + 1)) <= chance * orders
    ]
    assert ranks_left_out(ours, theirs, chance) == (max(fitting) if fitting else None)


def test_tabled_critical_values_of_the_rank_sum() -> None:
    # two-sided 1 % and 5 % for equal groups, as printed in every table of Mann and Whitney's U
    assert [ranks_left_out(n, n, 0.01) for n in (5, 6, 8, 10, 20)] == [0, 2, 7, 16, 105]
    assert [ranks_left_out(n, n, 0.05) for n in (4, 5, 8, 10, 20)] == [0, 2, 13, 23, 127]


@pytest.mark.parametrize("rounds", [1, 5, 8, 10, 12])
@pytest.mark.parametrize("chance", [0.5, 0.05, 0.01, 0.0025])
def test_signed_ranks_left_out_are_those_of_every_choice_counted_one_by_one(rounds: int, chance: float) -> None:
    sums = Counter(
        sum(rank for rank, taken in enumerate(choice, 1) if taken)
        for choice in itertools.product((False, True), repeat=rounds)
    )
    fitting = [
        most for most in range(rounds * (rounds + 1) // 2 + 1)
        if 2 * sum(sums[t] for t in range(most + 1)) <= chance * 2**rounds
    ]  # fmt: skip
    assert signed_ranks_left_out(rounds, chance) == (max(fitting) if fitting else None)


def test_tabled_critical_values_of_the_signed_ranks() -> None:
    # two-sided 1 % and 5 %, as printed in every table of Wilcoxon's T
    assert [signed_ranks_left_out(n, 0.01) for n in (8, 10, 15, 20)] == [0, 3, 15, 37]
    assert [signed_ranks_left_out(n, 0.05) for n in (6, 10, 15, 20)] == [0, 8, 25, 52]
    assert signed_ranks_left_out(0, 0.5) is None


def test_rounds_that_move_both_sides_alike_tell_them_apart() -> None:
    busy = [1.0, 1.4, 1.2, 1.9, 1.1, 1.3, 1.0, 1.6, 1.5, 1.2]  # how slow the machine was in each round
    ours = [each * (1.051 if place % 2 else 1.049) for place, each in enumerate(busy)]
    assert compared(ours, busy).relation is Relation.AMBIGUOUS
    found = compared(ours, busy, rounds=list(zip(ours, busy, strict=True)))
    assert found.relation is Relation.SLOWER
    assert found.ratio == pytest.approx(1.05)
    assert found.low is not None
    assert found.low >= 1.049
    assert found.floor == pytest.approx(1.051 / 1.049 - 1)  # odd rounds against even ones
    few = list(zip(ours, busy, strict=True))[:9]  # of nine rounds no interval is as sure as is wanted
    assert compared(ours, busy, rounds=few) == compared(ours, busy)


def test_rounds_that_do_not_move_together_leave_the_verdict_to_all_pairs() -> None:
    ours = [1.0, 1.2, 1.01, 1.21, 1.02, 1.22, 1.0, 1.2, 1.01, 1.21]
    found = compared([2 * each for each in ours], ours[::-1], rounds=[(2 * a, b) for a, b in zip(ours, ours[::-1])])  # noqa: B905
    alone = compared([2 * each for each in ours], ours[::-1])
    assert (found.ratio, found.floor) == (alone.ratio, alone.floor)
    assert found.low is not None
    assert alone.low is not None
    assert found.low <= alone.low  # each of two intervals may miss half as often


def test_an_order_that_favours_whoever_comes_first_is_the_floor() -> None:
    rounds = [(1.03, 1.0) if place % 2 else (1.0, 1.03) for place in range(12)]
    found = compared([a for a, _ in rounds], [b for _, b in rounds], rounds=rounds)
    assert found.floor is not None
    assert found.floor > 0.029
    assert found.relation is Relation.SAME


def test_the_ratio_is_the_median_of_all_pairs() -> None:
    assert shift([2.0, 4.0, 8.0], [1.0, 2.0]) == pytest.approx(math.sqrt(2 * 4))  # 1 2 2 4 4 8: between 2 and 4
    assert shift([2.0, 2.0, 2000.0], [1.0, 1.0, 1.0]) == pytest.approx(2.0)  # one slow process pulls nothing away


def test_verdicts() -> None:
    quick = [1.00, 1.01, 1.02, 1.00, 1.01, 1.02]
    slow = compared([1.2 * each for each in quick], quick)
    assert slow.relation is Relation.SLOWER
    assert slow.ratio == pytest.approx(1.2)
    assert slow.low is not None
    assert slow.high is not None
    assert 1 < slow.low < slow.ratio < slow.high
    assert slow.floor is not None
    assert slow.floor <= 0.02
    assert compared(quick, [1.2 * each for each in quick]).relation is Relation.FASTER
    assert compared(quick, quick).relation is Relation.SAME
    noisy = [1.0, 1.3, 1.1, 0.9, 1.2, 1.0]
    assert compared([1.1 * each for each in noisy], noisy).relation is Relation.AMBIGUOUS


def test_too_few_processes_allow_no_verdict_and_no_interval() -> None:
    found = compared([100.0] * 5, [1.0] * 5)
    assert (found.low, found.high, found.relation) == (None, None, Relation.AMBIGUOUS)
    assert found.ratio == pytest.approx(100.0)
    assert compared([100.0] * 6, [1.0] * 6).relation is Relation.SLOWER


def test_one_percent_is_the_least_difference_however_sure() -> None:
    steady = [1.0] * 10
    assert compared([1.009] * 10, steady).relation is Relation.SAME
    assert compared([1.011] * 10, steady).relation is Relation.SLOWER


def test_a_difference_within_the_floor_is_not_called() -> None:
    wandering = [1.0, 1.2, 1.0, 1.2, 1.0, 1.2, 1.0, 1.2]  # odd rounds against even ones: 20 % apart
    assert against_itself(wandering) == pytest.approx(0.2)
    found = compared([1.205 * 1.0 for _ in wandering], wandering)
    assert found.low is not None
    assert found.low > 1
    assert found.floor == pytest.approx(0.2)
    assert found.relation is Relation.AMBIGUOUS


def test_more_rivals_widen_the_interval_but_never_beyond_all_pairs() -> None:
    ours = [1.10, 1.12, 1.14, 1.16, 1.18, 1.20]
    theirs = [1.00, 1.01, 1.02, 1.03, 1.04, 1.05]
    alone, among = compared(ours, theirs), compared(ours, theirs, rivals=50)
    assert alone.low is not None
    assert among.low == pytest.approx(1.10 / 1.05)
    assert among.low < alone.low
    assert among.relation is Relation.SLOWER


def test_the_floor_is_unknown_for_fewer_than_four_processes() -> None:
    assert against_itself([1.0, 2.0, 1.0]) is None
    assert against_itself([1.0, 2.0, 1.0, 2.0]) == pytest.approx(1.0)


def test_where_the_median_lies_by_ranks() -> None:
    assert located([3.0, 1.0, 2.0, 5.0, 4.0]) is None  # 2 / 32 > 5 %
    assert located([3.0, 1.0, 2.0, 6.0, 5.0, 4.0]) == (1.0, 6.0)  # 2 / 64
    assert located([float(n) for n in range(1, 10)]) == (2.0, 8.0)  # 2 (1 + 9) / 512 = 3.9 %


def test_most_of_the_processes_may_be_held_up() -> None:
    assert quiet([9.0, 1.0, 9.0, 2.0, 9.0, 3.0, 9.0, 9.0, 9.0]) == 2.0  # three of nine
    assert quiet([9.0, 1.0, 9.0, 2.0, 9.0, 3.0, 9.0, 9.0]) == 1.5  # two of eight
    assert quiet([4.0]) == 4.0
    assert quiet([]) is None


def test_narrow_enough_is_two_percent_to_either_side() -> None:
    assert narrow_enough([1.0, 1.04, 1.02, 1.02, 1.02, 1.02])
    assert not narrow_enough([1.0, 1.05, 1.02, 1.02, 1.02, 1.02])
    assert not narrow_enough([1.0] * 5)


def drawn(generator: random.Random, slower: float, processes: int, variation: float = 0.04) -> list[float]:
    """Processes' times: lognormal, one in twenty half as slow again."""
    return [
        slower * math.exp(generator.gauss(0, variation)) * (1.5 if generator.random() < 0.05 else 1.0)
        for _ in range(processes)
    ]


@pytest.mark.parametrize(
    ("slower", "processes", "called", "least", "most"),
    [
        (1.0, 12, (Relation.FASTER, Relation.SLOWER), 0, 5),  # of 500: 1 %
        (1.0, 33, (Relation.FASTER, Relation.SLOWER), 0, 5),
        (1.15, 12, (Relation.SLOWER,), 475, 500),
        (1.10, 33, (Relation.SLOWER,), 475, 500),
        (1.05, 33, (Relation.SLOWER,), 350, 500),
    ],
)
def test_identical_code_is_not_told_apart_and_planted_slow_downs_are(
    slower: float, processes: int, called: tuple[Relation, ...], least: int, most: int
) -> None:
    generator = random.Random(20)
    pairs = ((drawn(generator, slower, processes), drawn(generator, 1.0, processes)) for _ in range(500))
    assert least <= sum(compared(ours, theirs).relation in called for ours, theirs in pairs) <= most
