"""Single cases asked of single implementations, for tests of what is known to be dangerous."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec

import pytest

from lossbench.cases.suite import parse_case
from lossbench.crew import Crew
from lossbench.judging.comparison import Comparison
from lossbench.losses import catalogue
from lossbench.records import Greeting, Target, Verdict
from lossbench.reference.answers import Answers

EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
Ask = Callable[[str, str], Verdict]


def needs(framework: str) -> pytest.MarkDecorator:
    """The test asks this framework, and is skipped where there is none."""
    marks = [
        pytest.mark.framework(framework),
        pytest.mark.skipif(find_spec(framework) is None, reason=f"{framework} is not installed"),
    ]
    return pytest.mark.parametrize(
        "ask", [pytest.param(framework, id=framework, marks=marks)], indirect=True, scope="module"
    )


@pytest.fixture(scope="module")
def ask(request: pytest.FixtureRequest) -> Iterator[Ask]:
    """Asks a case of an implementation, and gives the verdict."""
    target = Target(request.param)
    with Crew([target], deadline=60) as crew:
        greeting = crew.greet()[target]
        assert isinstance(greeting, Greeting), greeting

        def one(case: str, via: str) -> Verdict:
            found: list[Verdict] = []
            chosen = Comparison(crew, {target: greeting}, Answers(None), found.append, {}, lambda i: i.via == via)
            chosen.run([parse_case(case, catalogue())])
            (verdict,) = found
            return verdict

        yield one


def worst(verdict: Verdict) -> tuple[float, float]:
    """What came back and what was wanted, where the error is worst."""
    got, want = verdict.worst.partition("got ")[2].split(", want ")
    return float(got), float(want)


def relative(verdict: Verdict, error: float | None) -> float:
    """An error as a fraction of the scale."""
    assert error is not None
    return error * EPS[verdict.dtype]
