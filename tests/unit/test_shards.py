"""Shards: each case in one of them, whoever asks and in whatever order; each accepted row where its cases are."""

import pytest

from lossbench.cases.shards import Shard, read_shard
from lossbench.cases.suite import Selection, load
from lossbench.cases.unfolding import unfold
from lossbench.errors import UsageError
from lossbench.judging.accepted import recipe_of
from lossbench.losses import catalogue


@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_the_shards_of_a_suite_are_the_suite(of: int) -> None:
    suite = load("gate")
    whole = unfold(suite, catalogue(), Selection())
    parts = [unfold(suite, catalogue(), Selection(shard=Shard(n, of))) for n in range(1, of + 1)]
    assert sorted(case for part in parts for case in part) == sorted(whole)
    assert min(map(len, parts)) > 0.7 * len(whole) / of


def test_a_row_is_in_the_shard_of_all_its_cases() -> None:
    for case in unfold(load("full"), catalogue(), Selection(losses=frozenset({"nll", "huber"}))):
        assert Shard(2, 3).has_case(case) == Shard(2, 3).has(recipe_of(str(case)))


def test_shards_are_read() -> None:
    assert read_shard("") is None
    assert read_shard("2/4") == Shard(2, 4)
    assert str(Shard(2, 4)) == "2/4"


@pytest.mark.parametrize("text", ["0/4", "5/4", "2", "/", "2/", "a/b", "1/0", "-1/3", "1/2/3", "²/4", "1/1000000"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="should read like 2/4"):
        read_shard(text)
