"""Of a gradient that is a sum over terms, those on or across a kink are excused, and no others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from submissions import right, verdict

from lossbench.judging.judge import Submission
from lossbench.records import Status
from lossbench.reference.expectation import reduced

PLAIN = "linear_cross_entropy/linear_bias/none/float32/6x4x5/normal/0"


def on_a_kink(size: float) -> Submission:
    """Six terms of which the third lies on a kink: its slope by the bias is +-size, that of all others what it was."""
    made = right(PLAIN)
    expected = made.expectation
    slope = expected.slopes["linear_bias"][0].copy()
    slope[2] = size
    widths = {name: pair[0][0].size for name, pair in expected.slopes.items() if name == "features"}
    assert widths == {"features": 4}
    rest = np.zeros(4 + 20)
    corners = np.array([np.concatenate([rest, np.full(5, sign * size)]) for sign in (1, -1)])
    for name in ("features", "linear_weight"):
        expected.slopes[name][0][2] = 0.0
    kinked = replace(
        expected,
        slopes={**expected.slopes, "linear_bias": (slope, np.zeros(slope.shape))},
        slope_magnitudes={**expected.slope_magnitudes, "linear_bias": np.abs(slope)},
        corners={(2,): corners},
        certified_arguments=("features", "linear_weight", "linear_bias"),
    )
    answers = []
    for cotangent, answer in zip(made.cotangents, made.answers, strict=True):
        wanted = reduced(kinked, "none", cotangent)
        gradients = {name: np.float32(high + low).astype(float) for name, (high, low) in wanted.gradients.items()}
        answers.append(replace(answer, gradients=gradients))
    return replace(made, expectation=kinked, answers=answers)


@pytest.mark.parametrize(
    ("moved", "status"), [(0.0, "agrees"), (-1.0, "agrees"), (-2.0, "agrees"), (0.5, "differs"), (-2.5, "differs")]
)
def test_a_term_on_a_kink_leaves_room_for_its_own_slopes_alone(moved: float, status: str):
    """The kinked term's slope is +1 or -1: the sum may be 0 to 2 of it smaller, and no more."""
    made = on_a_kink(1.0)
    answers = [
        replace(a, gradients={**a.gradients, "linear_bias": a.gradients["linear_bias"] + moved * c[2]})
        for a, c in zip(made.answers, made.cotangents, strict=True)
    ]
    assert verdict(replace(made, answers=answers)).status == status


def test_a_term_across_a_kink_leaves_room_for_its_own_slopes_alone():
    made = right(PLAIN)
    across = np.arange(6) == 2
    unsure = replace(made, expectation=replace(made.expectation, across=across))
    assert verdict(unsure).status is Status.AGREES
    far = [
        replace(a, gradients={**a.gradients, "linear_weight": a.gradients["linear_weight"] + 100})
        for a in unsure.answers
    ]
    assert verdict(replace(unsure, answers=far)).status is Status.DIFFERS
