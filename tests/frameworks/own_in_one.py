"""Many functions of one user's file judged one after another in a single process, which a test starts.

Each is entered as a worker enters a guest, and is put to the cases of the default command; of a defect the run ends
at the verdict that shows it. Prints for each name what was found, as JSON.
"""

import importlib.util
import json
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from lossbench import hosting
from lossbench.cases.suite import Selection, load
from lossbench.cases.unfolding import unfold
from lossbench.commands.own import Own, guest_of, with_their_defaults
from lossbench.judging.comparison import Comparison
from lossbench.judging.here import Here, engine_of
from lossbench.losses import catalogue
from lossbench.records import Greeting, Status, Target, Verdict
from lossbench.reference.answers import Answers
from lossbench.testimony import Testimony

WRONG = (Status.DIFFERS, Status.REFUSES, Status.CRASHES, Status.HANGS)


class Shown(Exception):
    """A defect was found."""


def tables(path: Path) -> ModuleType:
    """The module of functions, for its tables."""
    spec = importlib.util.spec_from_file_location("tables_of_own", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def judged(engine: Any, own: Own, wanted: str, answers: Answers) -> list[str]:
    """What was found of one function: the verdict that shows what was wanted, or all that is wrong."""
    guest = guest_of(own)
    hosting.enter(engine, guest, Testimony(None))
    offered = tuple(one for one, _ in engine.table.values())
    suite = load("own")
    cases = unfold(suite, catalogue(), Selection(frozenset([own.loss])))
    cases = with_their_defaults(cases, offered, catalogue())
    greeting = Greeting(engine.name, engine.version, "", "", (), "", 1, False, 0.0, offered)
    target = Target(engine.name, guest=guest.text())
    found: list[str] = []

    def emit(verdict: Verdict) -> None:
        said = f"{verdict.status} {verdict.case} {verdict.note} {verdict.worst}"
        if (wanted and verdict.status == wanted) or (wanted and wanted in verdict.note.replace(",", ";").split("; ")):
            found[:] = [said]
            raise Shown
        if verdict.status in WRONG:
            found.append(said)

    here: Any = Here(engine, target)
    try:
        Comparison(here, {target: greeting}, answers, emit, suite.limits).run(cases)
    except Shown:
        pass
    else:
        if wanted:
            found.insert(0, f"not found among {len(cases)} cases")
    return found


def main(path: Path, cache: Path) -> None:
    """Judge all of them."""
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    engine = engine_of("torch", "cpu")
    own, answers = tables(path), Answers(cache)
    told = {
        name: judged(engine, Own(f"{path}:{name}", loss, **dict(options)), wanted, answers)
        for name, (loss, options, wanted) in {**own.DEFECTS, **own.HONEST}.items()
    }
    print(json.dumps(told))


main(Path(sys.argv[1]), Path(sys.argv[2]))
