"""What an implementation dies of is a catch, even if it has died too often to be asked again."""

import numpy as np
import pytest

from lossbench.cases.inputs import Inputs
from lossbench.cases.stored import Literal
from lossbench.judging.catches import Catch
from lossbench.judging.hunting import MOST_DEATHS, Hunter
from lossbench.judging.probing import Sighting
from lossbench.losses import catalogue
from lossbench.records import Greeting, Implementation, Status, Target, Verdict

TARGET = Target("fakes")
NAMES = ("prediction", "target")
DYING = Implementation("squared_error", "it.dies", NAMES, NAMES, (), ("none",), ("float32",))


def death(case: str) -> Verdict:
    words = dict.fromkeys(["framework", "version", "device", "mode", "regime", "shape"], "")
    told = {"case": case, "loss": "squared_error", "via": "it.dies", "dtype": "float32", "reduction": "none"}
    return Verdict(**told, **words, status=Status.CRASHES, compared=0, note="killed by SIGSEGV")


def test_a_first_round_of_deaths_alone_leaves_a_catch(monkeypatch: pytest.MonkeyPatch) -> None:
    greeting = Greeting("fakes", "1", "3", "", ("cpu",), "cpu", 1, False, 0.0, (DYING,))
    hunter = Hunter(None, {TARGET: greeting}, catalogue(), ["squared_error"], ["float32"], 0, lambda i: True)

    def probe(cases, meant):
        place = (TARGET, DYING.key)
        asked = [n for n, case in enumerate(cases) if meant[case](TARGET, DYING)]
        return [Sighting(n, place, death(str(cases[n])), Inputs({}, np.zeros(0, bool))) for n in asked]

    for prober in (hunter.scout, hunter.prover):
        monkeypatch.setattr(prober, "probe", probe)
    hunter.round()
    assert hunter.bag.deaths[TARGET, DYING.key] >= MOST_DEATHS
    caught = [catch.verdict.status for catches in hunter.bag.catches.values() for catch in catches]
    assert caught
    assert set(caught) == {Status.CRASHES}


def test_who_dies_of_one_kind_of_input_is_still_asked_about_others(monkeypatch: pytest.MonkeyPatch) -> None:
    greeting = Greeting("fakes", "1", "3", "", ("cpu",), "cpu", 1, False, 0.0, (DYING,))
    hunter = Hunter(None, {TARGET: greeting}, catalogue(), ["squared_error"], ["float32"], 0, lambda i: True)
    asked: list[list[str]] = []

    def probe(cases, meant):
        place = (TARGET, DYING.key)
        mine = [n for n, case in enumerate(cases) if meant[case](TARGET, DYING)]
        asked[-1] += [cases[n].regime for n in mine]
        dead = [n for n in mine if "=zeros-" in cases[n].regime]
        return [Sighting(n, place, death(str(cases[n])), Inputs({}, np.zeros(0, bool))) for n in dead]

    for prober in (hunter.scout, hunter.prover):
        monkeypatch.setattr(prober, "probe", probe)
    for _ in range(12):
        asked.append([])
        hunter.round()
    deaths = sum("=zeros-" in regime for each in asked for regime in each)
    assert 1 <= deaths < MOST_DEATHS
    assert hunter.bag.deaths[TARGET, DYING.key] == deaths
    assert all(asked), "it was given up"


def test_when_time_is_up_nobody_dies_again_to_be_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    greeting = Greeting("fakes", "1", "3", "", ("cpu",), "cpu", 1, False, 0.0, (DYING,))
    hunter = Hunter(None, {TARGET: greeting}, catalogue(), ["squared_error"], ["float32"], 0, lambda i: True)
    arrays = {name: np.ones(4) for name in NAMES}
    literal = Literal("squared_error", (), (), "none", "float32", (4,), (), arrays)
    found = Catch((4, 0.0), death("it"), literal)

    def probe(cases, meant):
        raise AssertionError("asked again")

    for prober in (hunter.scout, hunter.prover):
        monkeypatch.setattr(prober, "probe", probe)
    assert hunter.shrunk((TARGET, DYING.key), found, "value_error", lambda: True) == (literal, found.verdict)
