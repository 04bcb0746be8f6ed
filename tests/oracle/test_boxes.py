"""The losses of boxes against areas counted by hand, identities, and slopes by differences of exact fractions."""

from fractions import Fraction
from math import atan, pi

import numpy as np
import pytest

from lossbench.cases.inputs import build
from lossbench.losses import catalogue
from lossbench.losses.boxes import draw_boxes
from lossbench.records import Case

LOSSES = catalogue()
NAMES = ("iou", "giou", "diou", "ciou")


def terms(name, prediction, target, epsilon=0.0):
    arrays = {"prediction": np.array([prediction], float), "target": np.array([target], float)}
    found = LOSSES[name](arrays, {"epsilon": epsilon})
    return float(found.value[0]), {side: slope[0] for side, slope in found.slopes.items()}


def value(name, prediction, target, epsilon=0.0):
    return terms(name, prediction, target, epsilon)[0]


OVERLAP = ((0, 0, 2, 2), (1, 1, 3, 3))  # 1 shared, 7 covered, 9 around; centres (1, 1) and (2, 2)
APART = ((0, 0, 1, 1), (2, 0, 3, 1))  # 2 covered, 3 around, centres 2 apart, diagonal² 10
NESTED = ((0, 0, 4, 4), (1, 1, 2, 3))  # 2 shared, 16 covered and around; centres (2, 2) and (1.5, 2)
LYING = ((0, 0, 2, 1), (0, 0, 1, 2))  # 1 shared, 3 covered, 4 around


@pytest.mark.parametrize(
    ("name", "pair", "expected"),
    [
        ("iou", OVERLAP, 6 / 7),
        ("giou", OVERLAP, 6 / 7 + 2 / 9),
        ("diou", OVERLAP, 6 / 7 + 2 / 18),
        ("ciou", OVERLAP, 6 / 7 + 2 / 18),  # two squares
        ("iou", APART, 1),
        ("giou", APART, 1 + 1 / 3),
        ("diou", APART, 1 + 4 / 10),
        ("iou", NESTED, 14 / 16),
        ("giou", NESTED, 14 / 16),
        ("diou", NESTED, 14 / 16 + 0.25 / 32),
        ("iou", LYING, 2 / 3),
        ("giou", LYING, 2 / 3 + 1 / 4),
        ("diou", LYING, 2 / 3 + 0.5 / 8),
    ],
)
def test_by_hand(name, pair, expected):
    assert value(name, *pair) == pytest.approx(expected, rel=1e-15)
    assert value(name, *reversed(pair)) == pytest.approx(expected, rel=1e-15)


def test_ciou_by_hand():
    v = 4 / pi**2 * (atan(0.5) - atan(2)) ** 2
    assert value("ciou", *LYING) == pytest.approx(2 / 3 + 0.5 / 8 + v * v / (2 / 3 + v), rel=1e-14)


def test_epsilon_stands_in_every_denominator():
    v = 4 / pi**2 * (atan(0.5) - atan(2)) ** 2
    lacks = 1 - 1 / 3.5
    assert value("iou", *LYING, 0.5) == pytest.approx(lacks, rel=1e-15)
    assert value("giou", *LYING, 0.5) == pytest.approx(lacks + 1 / 4.5, rel=1e-15)
    assert value("diou", *LYING, 0.5) == pytest.approx(lacks + 0.5 / 8.5, rel=1e-15)
    assert value("ciou", *LYING, 0.5) == pytest.approx(lacks + 0.5 / 8.5 + v * v / (lacks + v + 0.5), rel=1e-14)


def test_counting_the_unit_squares_of_boxes_on_a_grid():
    generator = np.random.default_rng(0)
    across, down = np.meshgrid(np.arange(12) + 0.5, np.arange(12) + 0.5)
    for _ in range(200):
        boxes = []
        for _ in range(2):
            low = generator.integers(0, 8, 2)
            boxes.append([*low, *(low + generator.integers(1, 5, 2))])
        inside = [(across > b[0]) & (across < b[2]) & (down > b[1]) & (down < b[3]) for b in boxes]
        both, either = (inside[0] & inside[1]).sum(), (inside[0] | inside[1]).sum()
        columns, rows = (
            (inside[0] | inside[1]).any(axis=0).nonzero()[0],
            (inside[0] | inside[1]).any(axis=1).nonzero()[0],
        )
        around = (np.ptp(columns) + 1) * (np.ptp(rows) + 1)
        assert value("iou", *boxes) == pytest.approx(1 - both / either, abs=1e-15)
        assert value("giou", *boxes) == pytest.approx(1 - both / either + (around - either) / around, abs=1e-15)


def exact(name, p, g):
    """iou, giou and diou in fractions."""
    inner = [max(Fraction(0), min(p[i + 2], g[i + 2]) - max(p[i], g[i])) for i in (0, 1)]
    outer = [max(p[i + 2], g[i + 2]) - min(p[i], g[i]) for i in (0, 1)]
    shared, around = inner[0] * inner[1], outer[0] * outer[1]
    union = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (p, g)) - shared
    loss = 1 - shared / union
    if name == "giou":
        loss += (around - union) / around
    if name == "diou":
        apart = [(p[i] + p[i + 2] - g[i] - g[i + 2]) / 2 for i in (0, 1)]
        loss += (apart[0] ** 2 + apart[1] ** 2) / (outer[0] ** 2 + outer[1] ** 2)
    return loss


@pytest.mark.parametrize("name", ["iou", "giou", "diou"])
@pytest.mark.parametrize(
    ("p", "g"),
    [
        ((0.125, 0.25, 2.5, 2.125), (1.0, 1.125, 3.0, 4.5)),
        ((0.125, 0.25, 1.5, 1.125), (2.0, 3.125, 3.0, 4.5)),
        ((0.5, 0.25, 8.5, 9.125), (2.0, 3.125, 3.0, 4.5)),
    ],
)
def test_slopes_are_the_limits_of_differences(name, p, g):
    step = Fraction(1, 10**9)
    _, slopes = terms(name, p, g)
    for side in (0, 1):
        for edge in range(4):
            moved = [[[Fraction(x) for x in box] for box in (p, g)] for _ in range(2)]
            moved[0][side][edge] += step
            moved[1][side][edge] -= step
            slope = float((exact(name, *moved[0]) - exact(name, *moved[1])) / (2 * step))
            assert slopes[("prediction", "target")[side]][edge] == pytest.approx(slope, abs=1e-14)


def test_the_weight_of_the_aspect_ratio_counts_as_a_constant():
    """The slope of a v is a times that of v, not that of v² / (1 - IoU + v)."""
    p, g = (0.0, 0.0, 2.0, 1.0), (0.25, 0.125, 1.0, 3.0)
    of = {name: terms(name, p, g)[1]["prediction"] for name in ("ciou", "diou")}
    turn = atan(0.75 / 2.875) - atan(2)
    v = 4 / pi**2 * turn**2
    weight = v / (value("iou", p, g) + v)
    by_width = weight * 8 / pi**2 * turn * -(1 / (2**2 + 1))
    by_height = weight * 8 / pi**2 * turn * (2 / (2**2 + 1))
    expected = [-by_width, -by_height, by_width, by_height]
    assert of["ciou"] - of["diou"] == pytest.approx(expected, rel=1e-13)
    assert value("ciou", p, g) - value("diou", p, g) == pytest.approx(weight * v, rel=1e-13)


@pytest.mark.parametrize("name", NAMES)
def test_moving_scaling_and_exchanging_the_boxes_changes_nothing(name):
    arrays = draw_boxes(np.random.default_rng(1), (50, 4))
    there = LOSSES[name](arrays, {"epsilon": 0.0})
    moved = LOSSES[name]({n: 8 * a + 64 for n, a in arrays.items()}, {"epsilon": 0.0})
    assert moved.value == pytest.approx(there.value, rel=1e-12, abs=1e-13)
    assert 8 * moved.slopes["target"] == pytest.approx(there.slopes["target"], rel=1e-10, abs=1e-11)
    exchanged = LOSSES[name]({"prediction": arrays["target"], "target": arrays["prediction"]}, {"epsilon": 0.0})
    assert exchanged.value == pytest.approx(there.value, rel=1e-15)
    # moving both boxes together changes nothing, so the slopes cancel, whatever edge they belong to
    both = there.slopes["prediction"] + there.slopes["target"]
    assert both[:, 0] + both[:, 2] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_box_twice_costs_nothing(name):
    assert value(name, (0.1, 0.2, 3, 4), (0.1, 0.2, 3, 4)) == 0


@pytest.mark.parametrize(("name", "worst"), [("iou", 1), ("giou", 2), ("diou", 2)])
def test_two_points_far_apart_cost_the_most(name, worst):
    assert value(name, (0, 0, 1e-9, 1e-9), (1, 1, 1 + 1e-9, 1 + 1e-9)) == pytest.approx(worst, abs=1e-8)


def test_only_iou_does_not_pull_boxes_together_that_are_apart():
    assert not terms("iou", *APART)[1]["prediction"].any()
    for name in NAMES[1:]:
        slopes = terms(name, *APART)[1]["prediction"]
        assert slopes[0] + slopes[2] < 0, name


def test_of_nothing_nothing_is_shared():
    point, line = (1, 1, 1, 1), (1, 0, 1, 2)
    assert [value(name, point, point) for name in NAMES] == [1, 1, 1, 1]
    assert [value(name, line, line) for name in NAMES] == [1, 1, 1, 1]
    assert all(np.isfinite(terms(name, point, line)[1]["prediction"]).all() for name in NAMES)


def test_the_draw_holds_every_way_two_boxes_can_lie():
    arrays = build(Case("iou", (), (), "none", "float32", (400, 4), "normal", 0), LOSSES["iou"]).arrays
    p, g = arrays["prediction"], arrays["target"]
    assert (p[:, 2:] >= p[:, :2]).all()
    assert (g[:, 2:] > g[:, :2]).all()
    reach = np.minimum(p[:, 2:], g[:, 2:]) - np.maximum(p[:, :2], g[:, :2])
    line = (p[:, 2:] == p[:, :2]).any(axis=1)
    kinds = {
        "overlap": (reach > 0).all(axis=1),
        "apart": (reach < 0).any(axis=1),
        "inside": ((p[:, :2] > g[:, :2]) & (p[:, 2:] < g[:, 2:])).all(axis=1) & ~line,
        "around": ((p[:, :2] < g[:, :2]) & (p[:, 2:] > g[:, 2:])).all(axis=1),
        "against": (reach[:, 0] == 0) & ~line,
        "line": line,
    }
    for kind, found in kinds.items():
        assert found.sum() >= 10, kind
