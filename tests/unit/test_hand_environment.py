"""What a worker's environment holds, so that its results and times are steady."""

import pytest

from lossbench.hand import environment


def test_memory_comes_in_large_pages_unless_somebody_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    assert environment("cpu", 1, {})["GLIBC_TUNABLES"] == "glibc.malloc.hugetlb=1"
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.check=3")
    assert environment("cpu", 1, {})["GLIBC_TUNABLES"] == "glibc.malloc.check=3"


def test_threads_are_as_many_as_told_and_what_is_told_for_a_worker_wins() -> None:
    assert environment("cpu", 2, {})["OMP_NUM_THREADS"] == "2"
    assert environment("cpu", 2, {"OMP_NUM_THREADS": "3"})["OMP_NUM_THREADS"] == "3"


def test_cards_are_hidden_from_workers_on_the_processor() -> None:
    assert environment("cpu", 1, {})["CUDA_VISIBLE_DEVICES"] == ""
    assert environment("cuda", 1, {"CUDA_VISIBLE_DEVICES": "1"})["CUDA_VISIBLE_DEVICES"] == "1"
