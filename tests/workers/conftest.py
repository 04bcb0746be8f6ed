"""Crews of one worker with the fakes."""

from collections.abc import Iterator

import pytest
from fakes_questions import FAKES

from lossbench.crew import Crew


@pytest.fixture
def crew() -> Iterator[Crew]:
    """A crew of one worker with the fakes, with a generous deadline."""
    with Crew([FAKES], deadline=60) as crew:
        yield crew


@pytest.fixture(scope="session")
def shared_crew() -> Iterator[Crew]:
    """The same, for all tests that do their worker no harm."""
    with Crew([FAKES], deadline=60) as crew:
        yield crew
