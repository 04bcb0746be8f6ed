"""Workers die, hang, shout and are killed; each costs its own implementation, and the run goes on."""

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from fakes_questions import FAKES, HONEST, question, trouble

from lossbench import hand
from lossbench.crew import Crew
from lossbench.records import Ended, Greeting, Target
from lossbench.wire import Absence

HERE = Path(__file__).parent


def plugin(folder: Path, text: str, name: str = "plugin.one") -> dict[str, str]:
    """The variables under which a worker finds a framework module with this text."""
    path = folder / f"{name.replace('.', '/')}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return {"PYTHONPATH": str(folder)}


def test_each_trouble_costs_its_own_implementation_only() -> None:
    troubles = {
        "exits": (Ended.DIED, "exited with code 3"),
        "segfaults": (Ended.DIED, "killed by SIGSEGV; it last printed: about to touch a wild pointer"),
        "sleeps": (Ended.HUNG, "no answer within 1 s"),
        "raises": (Ended.RAISED, "ValueError"),
        "closes_pipes": (Ended.DIED, "Bad file descriptor"),
        "shouts": (Ended.ANSWERED, ""),
    }
    keys = [key for what in troubles for key in (trouble(what), HONEST)]
    with Crew([FAKES], deadline=1.0) as crew:
        crew.greet()
        crew.ask(FAKES, *question(1, keys))
        crew.ask(FAKES, *question(2, [HONEST, HONEST]))
        assert crew.outstanding(FAKES) == len(keys) + 2
        outcomes = [reply.outcome for reply in crew.replies()]
        assert crew.outstanding(FAKES) == 0
        assert [(outcome.identity, outcome.implementation) for outcome in outcomes] == [
            *((1, key) for key in keys),
            (2, HONEST),
            (2, HONEST),
        ]
        for (ended, message), outcome, after in zip(troubles.values(), outcomes[::2], outcomes[1::2], strict=False):
            assert outcome.ended is ended
            assert message in outcome.message
            assert after.ended is Ended.ANSWERED
        greeting = crew.greet()[FAKES]
        assert isinstance(greeting, Greeting)
        assert crew.import_seconds > greeting.import_seconds  # the restarts count


def test_many_questions_with_large_arrays_fill_both_pipes_and_leave_nothing(crew: Crew) -> None:
    asked = [question(identity, [HONEST, trouble("shouts")], shape=(300_000,)) for identity in range(10)]
    asked += [question(100 + identity, [HONEST], shape=(60_000,)) for identity in range(40)]
    for record, arrays in asked:
        crew.ask(FAKES, record, arrays)
    for reply in crew.replies():
        assert reply.outcome.ended is Ended.ANSWERED
        arrays = {record.identity: arrays for record, arrays in asked}[reply.identity]
        residual = arrays[0].data - arrays[1].data
        assert np.array_equal(reply.arrays[0].data, residual**2)
    folder = crew._folder
    assert list(folder.glob("*/*")) == []
    crew.close()
    assert not folder.exists()


def test_a_worker_that_dies_with_large_arrays_unread_leaves_no_files(crew: Crew) -> None:
    for identity in range(2):
        crew.ask(FAKES, *question(identity, [trouble("exits"), HONEST], shape=(300_000,)))
    assert [reply.outcome.ended for reply in crew.replies()] == [Ended.DIED, Ended.ANSWERED] * 2
    assert list(crew._folder.glob("*/*")) == []


def test_a_worker_killed_from_outside_is_replaced(crew: Crew) -> None:
    crew.greet()
    for identity in range(30):
        crew.ask(FAKES, *question(identity, [HONEST]))
    ends = []
    for reply in crew.replies():
        ends.append(reply.outcome)
        hand = crew._members[FAKES].hand
        if len(ends) == 10 and hand:
            os.kill(hand.process.pid, signal.SIGKILL)
    assert [end.identity for end in ends] == list(range(30))
    assert all(end.ended is Ended.ANSWERED for end in ends)  # what was under way is asked of a fresh worker again
    assert all("SIGKILL" in text for text in crew.unexplained)


def test_an_idle_worker_that_dies_costs_nothing(crew: Crew) -> None:
    crew.greet()
    hand = crew._members[FAKES].hand
    assert hand
    os.kill(hand.process.pid, signal.SIGKILL)
    hand._gone_within(10)
    assert crew.poll() == []
    crew.ask(FAKES, *question(1, [HONEST]))
    assert [reply.outcome.ended for reply in crew.replies()] == [Ended.ANSWERED]


def test_a_parent_that_was_away_blames_nobody(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    crew.greet()
    for identity in range(20):
        crew.ask(FAKES, *question(identity, [HONEST], shape=(60_000,)))
    clock = time.monotonic
    replies = crew.poll()
    for absence in range(1, 100):
        hand = crew._members[FAKES].hand
        assert hand
        if not hand.sent:
            break
        select.select([hand.reply], [], [], 60)  # the worker has answered something
        monkeypatch.setattr(time, "monotonic", lambda absence=absence: clock() + 1000 * absence)
        replies += crew.poll()
    replies += crew.replies()
    assert [reply.outcome.ended for reply in replies] == [Ended.ANSWERED] * 20


def test_waiting_can_be_given_up(crew: Crew) -> None:
    crew.greet()
    crew.ask(FAKES, *question(1, [trouble("sleeps")]))
    assert list(crew.replies(timeout=0.05)) == []
    assert crew.outstanding(FAKES) == 1


def test_a_crash_at_import_is_an_absence(tmp_path: Path) -> None:
    variables = plugin(tmp_path, "import os, signal\nprint('loading', flush=True)\nos.kill(os.getpid(), signal.SIGFPE)")
    target = Target("plugin.one")
    with Crew([target], variables=variables) as crew:
        absence = crew.greet()[target]
        assert isinstance(absence, Absence)
        assert "killed by SIGFPE; it last printed: loading" in absence.message


def test_a_hang_at_import_is_an_absence(tmp_path: Path) -> None:
    target = Target("plugin.one")
    with Crew([target], start_deadline=0.3, variables=plugin(tmp_path, "import time\ntime.sleep(3600)")) as crew:
        absence = crew.greet()[target]
        assert isinstance(absence, Absence)
        assert "no greeting within 0.3 s" in absence.message


def test_a_worker_that_cannot_be_restarted_ends_its_questions(tmp_path: Path) -> None:
    text = (
        "import pathlib\n"
        "from lossbench.frameworks.fakes import framework\n"
        "once = pathlib.Path(__file__).with_name('once')\n"
        "if once.exists(): raise RuntimeError('only once')\n"
        "once.touch()\n"
    )
    target = Target("plugin.one")
    with Crew([target], variables=plugin(tmp_path, text)) as crew:
        crew.ask(target, *question(1, [HONEST, trouble("exits"), HONEST]))
        crew.ask(target, *question(2, [HONEST]))
        outcomes = [reply.outcome for reply in crew.replies()]
        assert [outcome.ended for outcome in outcomes] == [Ended.ANSWERED, Ended.DIED, Ended.DIED, Ended.DIED]
        assert "exited with code 3" in outcomes[1].message
        assert all("RuntimeError: only once" in outcome.message for outcome in outcomes[2:])
        assert isinstance(crew.greet()[target], Greeting)


def test_several_workers_answer_side_by_side(tmp_path: Path) -> None:
    other = Target("lossbench.frameworks.fakes")
    with Crew([FAKES, other, FAKES]) as crew:
        for identity in range(50):
            crew.ask((FAKES, other)[identity % 2], *question(identity, [HONEST]))
        replies = list(crew.replies())
        assert sorted(reply.identity for reply in replies) == list(range(50))
        assert all(reply.target == (FAKES, other)[reply.identity % 2] for reply in replies)


def test_closing_twice_is_closing_once(crew: Crew) -> None:
    crew.ask(FAKES, *question(1, [trouble("sleeps")]))
    crew.greet()
    crew.poll()
    hand = crew._members[FAKES].hand
    assert hand
    crew.close()
    crew.close()
    assert hand.process.returncode is not None


def gone(pid: int) -> bool:
    """Whether a process is gone, or about to be collected."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in "ZX"


@pytest.mark.skipif(sys.platform != "linux", reason="dying with the parent is Linux's")
@pytest.mark.parametrize("at", [1, 2])
def test_ctrl_c_while_closing_leaves_closing_to_be_done_once_more(at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    crew, closed = Crew([FAKES]), []
    crew.greet()
    close = os.close

    def interrupted(descriptor: int) -> None:
        close(descriptor)
        closed.append(descriptor)
        if len(closed) == at:
            raise KeyboardInterrupt

    monkeypatch.setattr(hand.os, "close", interrupted)
    with pytest.raises(KeyboardInterrupt):
        crew.close()
    crew.close()
    assert len(set(closed)) == len(closed)


@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGKILL])
def test_an_ended_parent_leaves_no_child(blow: signal.Signals) -> None:
    script = (
        "from lossbench.crew import Crew\n"
        "from fakes_questions import FAKES, question, trouble\n"
        "with Crew([FAKES]) as crew:\n"
        "    crew.greet()\n"
        "    crew.ask(FAKES, *question(1, [trouble('sleeps')]))\n"
        "    crew.poll()\n"
        "    print(crew._members[FAKES].hand.process.pid, crew._folder, flush=True)\n"
        "    list(crew.replies())\n"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as parent:
        assert parent.stdout
        pid, folder = parent.stdout.readline().split()
        parent.send_signal(blow)
        assert parent.wait(30) != 0
    until = time.monotonic() + 30
    while not gone(int(pid)) and time.monotonic() < until:
        time.sleep(0.01)
    assert gone(int(pid))
    if blow is signal.SIGKILL:  # nobody was left to clear up: the next crew does
        os.utime(folder, (0, 0))
        Crew([]).close()
    assert not Path(folder).exists()
