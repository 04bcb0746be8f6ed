"""One worker for each file of tests: the file says its `TARGET`, `BLOCKS` of (options, formats), and `SHAPES`."""

from collections.abc import Iterator

import pytest

from lossbench.cases.suite import Block, Selection, Suite
from lossbench.cases.unfolding import unfold
from lossbench.crew import Crew
from lossbench.judging.comparison import Comparison
from lossbench.losses import catalogue
from lossbench.records import Greeting, Verdict
from lossbench.reference.answers import Answers

pytest.register_assert_rewrite("every_framework")


@pytest.fixture(scope="module")
def crew(request: pytest.FixtureRequest) -> Iterator[Crew]:
    """One worker that has imported the framework."""
    with Crew([request.module.TARGET], deadline=60) as crew:
        yield crew


@pytest.fixture(scope="module")
def greeting(crew: Crew, request: pytest.FixtureRequest) -> Greeting:
    """What the worker offers."""
    found = crew.greet()[request.module.TARGET]
    assert isinstance(found, Greeting), found
    return found


@pytest.fixture(scope="module")
def verdicts(crew: Crew, greeting: Greeting, request: pytest.FixtureRequest) -> list[Verdict]:
    """Every implementation on ordinary inputs, in the blocks and at the shapes of the file."""
    asked = request.module
    blocks = [Block((), ("normal",), dtypes, ("all",), options, (0,), asked.SHAPES) for options, dtypes in asked.BLOCKS]
    offered = frozenset(i.loss for i in greeting.implementations)
    cases = unfold(Suite(greeting.framework, tuple(blocks)), catalogue(), Selection(offered))
    found: list[Verdict] = []
    Comparison(crew, {asked.TARGET: greeting}, Answers(None), found.append, {}).run(cases)
    return found
