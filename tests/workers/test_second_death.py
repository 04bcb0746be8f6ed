"""A death is blamed on an implementation only once it died again in a fresh worker."""

from pathlib import Path

from fakes_questions import FAKES, HONEST, question, trouble

from lossbench.crew import Crew
from lossbench.records import Ended, Target

ONCE = """
import os, pathlib
from lossbench.frameworks.fakes import framework
from lossbench.frameworks.fakes.honest import squared_error

@framework.implements("squared_error", via="fakes.dies_once")
def dies_once(prediction, target, *, reduction):
    mark = pathlib.Path(__file__).with_name("dead")
    if not mark.exists():
        mark.touch()
        os._exit(7)
    return squared_error(prediction, target, reduction=reduction)
"""


def plugin(folder: Path) -> dict[str, str]:
    path = folder / "plugin" / "one.py"
    path.parent.mkdir()
    path.write_text(ONCE)
    return {"PYTHONPATH": str(folder)}


def test_what_answers_in_a_fresh_worker_is_not_blamed_for_the_death_of_another(tmp_path: Path) -> None:
    target = Target("plugin.one")
    with Crew([target], variables=plugin(tmp_path)) as crew:
        crew.ask(target, *question(1, [HONEST, "squared_error:fakes.dies_once", HONEST]))
        crew.ask(target, *question(2, [HONEST]))
        outcomes = [reply.outcome for reply in crew.replies()]
        assert [outcome.identity for outcome in outcomes] == [1, 1, 1, 2]
        assert all(outcome.ended is Ended.ANSWERED for outcome in outcomes)
        (cleared,) = crew.unexplained
        assert "plugin.one" in cleared
        assert "squared_error:fakes.dies_once" in cleared
        assert "exited with code 7" in cleared
        assert "fresh" in cleared


def test_what_dies_twice_is_blamed_once() -> None:
    with Crew([FAKES]) as crew:
        crew.greet()
        crew.ask(FAKES, *question(1, [HONEST, trouble("exits"), HONEST]))
        ends = [reply.outcome.ended for reply in crew.replies()]
        assert ends == [Ended.ANSWERED, Ended.DIED, Ended.ANSWERED]
        assert crew.deaths == 2
        assert crew.unexplained == []
        assert crew.outstanding(FAKES) == 0


def test_a_hang_is_not_asked_again() -> None:
    with Crew([FAKES], deadline=0.5) as crew:
        crew.greet()
        crew.ask(FAKES, *question(1, [trouble("sleeps"), HONEST]))
        assert [reply.outcome.ended for reply in crew.replies()] == [Ended.HUNG, Ended.ANSWERED]
        assert crew.deaths == 1
