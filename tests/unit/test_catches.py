"""What a hunt keeps: the worst in each respect, and of every declared deviation something of its own."""

import math
from dataclasses import replace

import numpy as np

from lossbench.cases.stored import Literal
from lossbench.judging.catches import KEPT_KNOWN, Bag, Catch
from lossbench.judging.explorer import Explorer
from lossbench.judging.shrinking import Defect, Shrinker
from lossbench.losses import catalogue
from lossbench.records import Implementation, Status, Target, Verdict

TARGET = Target("fakes")
KEY = ((TARGET, "squared_error:it"), "squared_error", "float32", "value_error", "any")
WORDS = dict.fromkeys(["framework", "version", "device", "mode", "regime", "shape", "case"], "")
VERDICT = Verdict(
    **WORDS, loss="squared_error", via="it", dtype="float32", reduction="none", status=Status.DEVIATES, compared=1
)


def catch(number: float, error: float, reason: str) -> Catch:
    arrays = {"prediction": np.array([number]), "target": np.array([0.0])}
    literal = Literal("squared_error", (), (), "none", "float32", (1,), (), arrays)
    return Catch((1, error), replace(VERDICT, note=reason, value_error=error), literal)


def test_a_deviation_without_bounds_leaves_room_for_another() -> None:
    bag = Bag()
    for number in range(1, 6):
        bag.keep(KEY, catch(number, math.inf, "overflows; and more"))
    assert bag.wants(KEY, (1, 1e6), "weighs rows")
    assert not bag.wants(KEY, (1, 1e6), "overflows")
    for number in range(6, 12):
        bag.keep(KEY, catch(number, 1e5 + number, "weighs rows"))
    kept = [(one.verdict.note, one.rank[1]) for one in bag.catches[KEY]]
    assert len(kept) == 2 * KEPT_KNOWN
    assert sorted(error for note, error in kept if note == "weighs rows") == [1e5 + 10, 1e5 + 11]
    assert [one.verdict.note for one in bag.each_reason(KEY)] == ["overflows; and more", "weighs rows"]


def test_where_terms_can_be_left_out_their_mean_is_asked_for_often() -> None:
    names = ("logits", "target")
    taking = Implementation("cross_entropy", "it", names, names, ("ignore_index",), ("none", "mean"), ("float32",))
    explorer = Explorer(catalogue()["cross_entropy"], "float32", [taking])
    made = [explorer.fresh(number, np.random.default_rng(number)) for number in range(400)]
    ignoring = [one for one in made if one is not None and "ignore_index" in dict(one.parameters)]
    means = [one for one in ignoring if one.reduction == "mean"]
    assert len(ignoring) > 40
    assert 0.25 < len(means) / len(ignoring) < 0.75
    others = [one for one in made if one is not None and "ignore_index" not in dict(one.parameters)]
    assert sum(one.reduction == "mean" for one in others) < 0.2 * len(others)


def test_a_mean_by_weights_is_asked_for_where_there_are_weights_alone() -> None:
    names = ("prediction", "target", "weight")
    reductions = ("none", "mean", "weighted_mean", "nonzero_mean")
    taking = Implementation("binary_cross_entropy", "it", names, names[:2], (), reductions, ("float32",))
    explorer = Explorer(catalogue()["binary_cross_entropy"], "float32", [taking])
    made = [explorer.fresh(number, np.random.default_rng(number)) for number in range(400)]
    weighed = [one for one in made if one is not None and one.reduction in ("weighted_mean", "nonzero_mean")]
    assert len(weighed) > 10
    assert all("weight" in one.given for one in weighed)


def test_a_mean_by_weights_does_not_lose_its_weights_as_it_shrinks() -> None:
    arrays = {name: np.array([0.5]) for name in ("prediction", "target", "weight")}
    literal = Literal("binary_cross_entropy", ("weight",), (), "weighted_mean", "float32", (1,), (), arrays)
    asked: list[Literal] = []

    def ask(literals):
        asked.extend(literals)
        return [None] * len(literals)

    verdict = replace(VERDICT, loss="binary_cross_entropy", value_error=1e6)
    Shrinker(literal, catalogue()["binary_cross_entropy"], Defect.of(verdict, "value_error"), ask).shrunk()
    assert any(one.reduction == "none" for one in asked)
    assert all(one.given for one in asked if one.reduction == "weighted_mean")
