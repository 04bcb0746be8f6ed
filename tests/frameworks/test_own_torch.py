"""Files of users' own that do their worst, in torch's workers: each ends as a verdict, and nobody else is harmed."""

from importlib.util import find_spec

import pytest

from lossbench.cases.suite import parse_case
from lossbench.commands.own import Own, ended, guest_of
from lossbench.crew import Crew
from lossbench.judging.comparison import Comparison
from lossbench.losses import catalogue
from lossbench.records import Status, Target, Verdict
from lossbench.reference.answers import Answers
from lossbench.wire import Absence

pytestmark = [
    pytest.mark.framework("torch"),
    pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed"),
]
HEAD = "import torch\nimport torch.nn.functional as F\n\n"
FILES = {
    "leaves": "def own(x, y):\n    import os; os._exit(3)\n",
    "loops": "def own(x, y):\n    while True: x = x + 0\n",
    "grows": "kept = []\ndef own(x, y):\n    while x.shape[0] == 6: kept.append(torch.ones(1 << 22))\n",
    "replaces": "torch.nn.functional.huber_loss = torch.sigmoid = lambda *given, **named: given[0]\n"
    "def own(x, y):\n    return F.smooth_l1_loss(x, y, reduction='none')\n",
    "prints": "def own(x, y):\n    print('x' * (1 << 25))\n    return F.huber_loss(x, y, reduction='none')\n",
    "dies_early": "import os; os.abort()\ndef own(x, y): ...\n",
}
CASES = ("huber/none/float32/6x5/normal/0", "huber/none/float32/6x5/tie/0")


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Verdict]]:
    """What came of each file, and of torch's own beside them; all are asked at once."""
    folder, patch = tmp_path_factory.mktemp("own"), pytest.MonkeyPatch()
    patch.setattr("lossbench.crew.GUESTS_DEADLINE", 6.0)
    patch.setattr("lossbench.watch.MOST_MEMORY", 700 << 20)
    targets = {"": Target("torch")}
    for name, text in FILES.items():
        (folder / f"{name}.py").write_text(HEAD + text)
        targets[name] = Target("torch", guest=guest_of(Own(f"{folder}/{name}.py:own", "huber")).text())
    found: dict[str, list[Verdict]] = {name: [] for name in targets}
    with Crew(list(targets.values())) as crew:
        words = crew.greet()
        for name, target in targets.items():
            word = words[target]
            if isinstance(word, Absence):
                found[name].append(ended(target, word))
            else:
                one = Comparison(crew, {target: word}, Answers(None), found[name].append, {})
                one.run([parse_case(text, catalogue()) for text in CASES])
    patch.undo()
    return found


@pytest.mark.parametrize(
    ("name", "status", "note"),
    [
        ("leaves", Status.CRASHES, "exited with code 3 (leaves.py, line 5, in own: import os; os._exit(3))"),
        ("loops", Status.HANGS, "(loops.py, line 5, in own: while True: x = x + 0)"),
        ("grows", Status.CRASHES, "took more than 0.7 GB of memory and was ended (grows.py, line 6, in own"),
        ("replaces", Status.AGREES, "its file has replaced torch.sigmoid, torch.nn.functional.huber_loss"),
        ("prints", Status.AGREES, "which were thrown away"),
        ("dies_early", Status.CRASHES, "while it was imported or tried: killed by SIGABRT (dies_early.py, line 4"),
    ],
)
def test_the_worst_that_a_file_can_do_is_a_verdict(
    verdicts: dict[str, list[Verdict]], name: str, status: Status, note: str
) -> None:
    assert {verdict.status for verdict in verdicts[name]} == {status}, verdicts[name]
    assert any(note in verdict.note for verdict in verdicts[name]), [verdict.note for verdict in verdicts[name]]


def test_the_frameworks_own_are_unharmed(verdicts: dict[str, list[Verdict]]) -> None:
    told = [verdict for verdict in verdicts[""] if verdict.status is not Status.ABSENT]
    assert len(told) >= len(CASES)
    assert {verdict.status for verdict in told} == {Status.AGREES}
