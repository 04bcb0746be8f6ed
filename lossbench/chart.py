"""The decision chart: questions, and the losses that the answers lead to. The chart itself is `chart.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

Answers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, which answers there are and what each means, and the one that goes without saying."""

    name: str
    text: str
    answers: Mapping[str, str]
    default: str = ""

    @property
    def is_switch(self) -> bool:
        """Whether it is answered by yes or no."""
        return set(self.answers) == {"yes", "no"}


@dataclass(frozen=True, slots=True)
class Leaf:
    """A loss, the answers it fits, and why."""

    loss: str
    when: Mapping[str, tuple[str, ...]]
    why: str

    def fits(self, answers: Answers) -> bool:
        """Whether no answer given so far speaks against it."""
        return all(answers.get(name, some[0]) in some for name, some in self.when.items())


@dataclass(frozen=True, slots=True)
class Chart:
    """All questions, in the order they are asked, all leaves, and the losses left out on purpose."""

    questions: tuple[Question, ...]
    leaves: tuple[Leaf, ...]
    advanced: Mapping[str, str]

    def left(self, answers: Answers) -> list[Leaf]:
        """The leaves that no answer speaks against."""
        return [leaf for leaf in self.leaves if leaf.fits(answers)]

    def next(self, answers: Answers) -> Question | None:
        """The first question, not answered yet, by which leaves that are left differ."""
        left = self.left(answers)
        for question in self.questions:
            if question.name not in answers and len(self.outcomes(question, answers)) > 1:
                asked = [question.name in leaf.when for leaf in left]
                if any(asked):
                    return question
        return None

    def outcomes(self, question: Question, answers: Answers) -> dict[str, frozenset[Leaf]]:
        """For each answer that leaves a loss, the leaves; none where every answer leaves the same."""
        found = {}
        for word in question.answers:
            left = self.left({**answers, question.name: word})
            if left:
                found[word] = frozenset(map(id, left))
        return found if len(set(found.values())) > 1 else {}  # type: ignore[return-value]

    def settled(self, answers: Answers) -> tuple[dict[str, str], Question | None]:
        """The answers with defaults where they go without saying, and the first question that has to be asked."""
        full = dict(answers)
        while (question := self.next(full)) is not None:
            if not question.default:
                return full, question
            full[question.name] = question.default
        for question in self.questions:  # what was never asked, because only one answer leads on, is not that answer
            others = [leaf for leaf in self.left(full) if question.default not in leaf.when.get(question.name, ("",))]
            if question.default and question.name not in full and any(question.name in leaf.when for leaf in others):
                full[question.name] = question.default
        return full, None


def resolve(name: str, forms: Mapping[str, str]) -> list[str]:
    """The losses that a leaf's name stands for: itself and its forms; none while the catalogue has no such loss.

    Args:
        name: as in the chart.
        forms: for every loss of the catalogue, the one it is a form of.
    """
    found = [loss for loss, form in forms.items() if name in (loss, form)]
    return found or [loss for loss in forms if loss.startswith(f"{name}_")]


@cache
def chart() -> Chart:
    """The chart as it ships.

    Raises:
        ValueError: it names a question or an answer that it does not have.
    """
    return read((Path(__file__).parent / "chart.toml").read_text(encoding="utf-8"))


def read(text: str) -> Chart:
    """A chart from its TOML.

    Raises:
        ValueError: it names a question or an answer that it does not have.
    """
    table = tomllib.loads(text)
    questions = tuple(
        Question(entry["id"], entry["text"], entry["answers"], entry.get("default", "")) for entry in table["question"]
    )
    leaves = tuple(
        Leaf(entry["loss"], {name: _words(some) for name, some in entry["when"].items()}, entry["why"])
        for entry in table["leaf"]
    )
    _check(questions, leaves)
    return Chart(questions, leaves, {entry["loss"]: entry["reason"] for entry in table.get("advanced", ())})


def _words(some: Any) -> tuple[str, ...]:
    return (some,) if isinstance(some, str) else tuple(some)


def _check(questions: Sequence[Question], leaves: Sequence[Leaf]) -> None:
    known = {question.name: question for question in questions}
    for question in questions:
        if question.default and question.default not in question.answers:
            raise ValueError(f"the question {question.name} has no answer {question.default!r}, its default")
    for leaf in leaves:
        for name, some in leaf.when.items():
            if name not in known:
                raise ValueError(f"the leaf {leaf.loss} names a question {name!r}, which the chart does not ask")
            for word in set(some) - set(known[name].answers):
                raise ValueError(f"the leaf {leaf.loss} names an answer {word!r}, which {name} does not have")


@dataclass(frozen=True, slots=True)
class Branch:
    """One step of the chart printed whole: how deep, the answer that leads here, and what is asked or found."""

    depth: int
    answer: str
    question: Question | None
    leaves: tuple[Leaf, ...] = ()


def walk(whole: Chart, answers: Answers | None = None, depth: int = 0, said: str = "") -> Iterator[Branch]:
    """The whole chart as a tree, by asking every question that matters, in order."""
    given = dict(answers or {})
    question = whole.next(given)
    if question is None:
        yield Branch(depth, said, None, tuple(whole.left(given)))
        return
    yield Branch(depth, said, question)
    words = whole.outcomes(question, given)
    merged: dict[frozenset[Leaf], list[str]] = {}
    for word, left in words.items():
        merged.setdefault(left, []).append(word)
    for some in merged.values():  # answers that lead to the same leaves stand together
        yield from walk(whole, {**given, question.name: some[0]}, depth + 1, " or ".join(some))
