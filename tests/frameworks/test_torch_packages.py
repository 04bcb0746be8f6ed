"""Losses of packages on top of torch, under this interpreter or the one that LOSSBENCH_PACKAGES_PYTHON names.

Each package is skipped by name where it is not installed.
"""

import os
from importlib.util import find_spec

import pytest

from lossbench.cases.suite import Selection, load
from lossbench.cases.unfolding import unfold
from lossbench.crew import Crew
from lossbench.judging.comparison import Comparison
from lossbench.losses import catalogue
from lossbench.records import Greeting, Status, Target, Verdict
from lossbench.reference.answers import Answers

PYTHON = os.environ.get("LOSSBENCH_PACKAGES_PYTHON", "")
pytestmark = [
    pytest.mark.framework("torch"),
    pytest.mark.skipif(not PYTHON and find_spec("torch") is None, reason="torch is not installed"),
]

TARGET = Target("torch", PYTHON)
PACKAGES = (
    "torchvision",
    "monai",
    "segmentation_models_pytorch",
    "pytorch-metric-learning",
    "kornia",
)
WRONG = (Status.DIFFERS, Status.REFUSES, Status.CRASHES, Status.HANGS, Status.ACCEPTS)


def test_every_package_is_offered_or_missing_by_name(greeting: Greeting) -> None:
    there = {one.package.partition(" ")[0] for one in greeting.implementations}
    missing = {one.package: one.lacks for one in greeting.missing}
    assert there | missing.keys() >= {*PACKAGES, "liger-kernel"}
    assert not there & missing.keys()
    assert all("-m pip install" in lacks for lacks in missing.values())


@pytest.mark.parametrize("package", PACKAGES)
def test_each_answers_rightly_or_as_is_declared(crew: Crew, greeting: Greeting, package: str) -> None:
    """On every kind of input of the suite `smoke`."""
    lacking = [one.lacks for one in greeting.missing if one.package == package]
    if lacking:
        pytest.skip(lacking[0])
    mine = [one for one in greeting.implementations if one.package.partition(" ")[0] == package]
    cases = unfold(load("smoke"), catalogue(), Selection(frozenset(one.loss for one in mine)))
    found: list[Verdict] = []
    comparison = Comparison(crew, {TARGET: greeting}, Answers(None), found.append, {}, lambda one: one in mine)
    comparison.run(cases)
    broken = [v.note for v in found if v.status is Status.ABSENT and "cannot be imported" in v.note]
    if broken:
        pytest.skip(broken[0])
    wrong = [v for v in found if v.status in WRONG]
    assert not wrong, "\n".join(f"{v.case} by {v.via}: {v.status}, {v.worst}, {v.note}" for v in wrong)
    assert {v.via for v in found if v.compared} == {one.via for one in mine}
    assert not comparison.totals.problems
