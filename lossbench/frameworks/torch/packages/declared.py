"""Deviations that several packages share, as declarations."""

from __future__ import annotations

import math

from lossbench.framework import FLOATS
from lossbench.records import Known, Symptom

# a quarter of each format's eps
LOST = {"float64": 2.0**-54, "float32": 2.0**-25, "float16": 2.0**-12, "bfloat16": 2.0**-9}


def by_subtraction(definition: str, reason: str) -> list[Known]:
    """A focal factor formed by subtraction, which is exactly 0 where the format cannot tell it from that."""
    return [Known(reason, definition=definition, sets=(("lost", LOST[dtype]),), dtypes=(dtype,)) for dtype in FLOATS]


def overflows(reason: str, *regimes: str) -> Known:
    """Numbers that are right but for those beyond the format's range on the way."""
    return Known(reason, regimes=regimes, error=math.inf)


def in_float32(reason: str, *dtypes: str) -> Known:
    """Computes and answers in float32."""
    return Known(reason, computes_in="float32", notes=(Symptom.OTHER_DTYPE,), dtypes=dtypes, contract=True)
