"""Capturing a call as a graph, on a card that keeps a diary."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from lossbench.graphs import BEFORE, Graphed, captured


class Card:
    """What is used of torch.cuda: streams, and a graph that repeats what was done while it was captured."""

    def __init__(self) -> None:
        self.diary: list[str] = []
        self.capturing: list[Callable[[], None]] | None = None
        card = self

        class Stream:
            def wait_stream(self, other: object) -> None:
                card.diary.append("wait")

        class CUDAGraph:
            def __init__(self) -> None:
                self.kernels: list[Callable[[], None]] = []

            def replay(self) -> None:
                for kernel in self.kernels:
                    kernel()

        self.Stream, self.CUDAGraph, self.main = Stream, CUDAGraph, Stream()

    def current_stream(self) -> object:
        return self.main

    @contextmanager
    def stream(self, other: object) -> Iterator[None]:
        self.diary.append("aside")
        yield
        self.diary.append("back")

    @contextmanager
    def graph(self, graph: object) -> Iterator[None]:
        self.capturing = graph.kernels  # type: ignore[attr-defined]
        yield
        self.capturing = None

    def launch(self, kernel: Callable[[], None]) -> None:
        kernel() if self.capturing is None else self.capturing.append(kernel)


def test_a_replay_does_the_card_s_work_again_and_none_of_python_s() -> None:
    card, answer, python = Card(), [0], []

    def run() -> list[int]:
        python.append(1)
        card.launch(lambda: answer.__setitem__(0, answer[0] + 1))
        return answer

    replay = captured(run, card)
    assert (len(python), answer) == (BEFORE + 1, [BEFORE])  # what is captured is not done
    assert card.diary == ["wait", "aside", "back", "wait"]
    assert replay() is answer
    assert (len(python), answer) == (BEFORE + 1, [BEFORE + 1])
    replay()
    assert (len(python), answer) == (BEFORE + 1, [BEFORE + 2])


def test_what_no_graph_can_hold_is_raised() -> None:
    card = Card()

    def run() -> None:
        if card.capturing is not None:
            raise RuntimeError("operation not permitted when stream is capturing")

    with pytest.raises(RuntimeError, match="capturing"):
        captured(run, card)


def test_anywhere_else_the_adapter_is_called_as_it_stands() -> None:
    assert Graphed(lambda one, *, more: (one, more))(1, more=2) == (1, 2)
