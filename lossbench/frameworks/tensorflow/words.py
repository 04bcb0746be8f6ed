"""What the adapters of Keras share: its words for the reductions, and what is known of all its classes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lossbench.framework import FLOATS
from lossbench.records import Known, Symptom

Word = str | None

# A function of elements has already averaged the last axis when Keras reduces; "sum" would add up those means.
OVER_LAST_AXIS = {"mean_last": None, "mean": "sum_over_batch_size"}
# With a last axis of length 1 there is nothing to average, and every word means what it says; so it does for rows.
OVER_TERMS = {"none": None, "mean": "sum_over_batch_size", "sum": "sum"}
OVER_WEIGHTED_TERMS = {**OVER_TERMS, "weighted_mean": "mean_with_sample_weight"}

# The plain classes are asked in these formats only: what they do to the 16-bit ones is the same conversion.
PLAIN = ("float64", "float32")

# What becomes of Keras's epsilon, of one minus it, and of a quarter of eps, as each format holds them; and from what
# number on a reciprocal of something above epsilon is infinite.
AS_HELD = {
    "float64": {"low": 1e-7, "high": 1 - 1e-7, "lost": 2.0**-54, "overflow": math.inf},
    "float32": {"low": float.fromhex("0x1.ad7f2ap-24"), "high": 1 - 2.0**-23, "lost": 2.0**-25, "overflow": math.inf},
    "float16": {"low": 2.0**-23, "high": 1.0, "lost": 2.0**-12, "overflow": 65520.0},
    "bfloat16": {"low": float.fromhex("0x1.aep-24"), "high": 1.0, "lost": 2.0**-9, "overflow": math.inf},
}

IN_FLOAT32 = Known(
    "computes and answers in float32 unless dtype= is given",
    computes_in="float32",
    notes=(Symptom.OTHER_DTYPE,),
    dtypes=("float64", "float16", "bfloat16"),
    contract=True,
)
SLOPE_P_MINUS_Y = Known(
    "takes the target to sum to 1: the slope is p - y",
    definition="soft_cross_entropy_slope_p_minus_y",
)
EMPTY = Known(
    "gives an empty batch back as an empty array, whatever the reduction",
    notes=(Symptom.OTHER_SHAPE,),
    regimes=("empty",),
    reductions=("sum",),
    error=math.inf,
)
FLUSHED = Known(
    "takes a probability below 2^-126 for 0: beyond a gap of about 87 the loss is infinite and pulls nowhere",
    definition="ctc_with_probabilities_flushed",
)
REFUSES_EMPTY = Known("refuses a batch of no samples", raises=True, regimes=("empty",))


def as_held(reason: str, definition: str, names: Sequence[str], *, contract: bool = False) -> list[Known]:
    """A formula with constants in each format as that holds them."""
    return [
        Known(
            reason,
            definition=definition,
            sets=tuple((name, AS_HELD[dtype][name]) for name in names),
            dtypes=(dtype,),
            contract=contract,
        )
        for dtype in FLOATS
    ]


def as_held_by_float32(reason: str, definition: str, names: Sequence[str], *, contract: bool = False) -> list[Known]:
    """A formula of a plain class: its constants are those of float32 whatever the input."""
    sets = tuple((name, AS_HELD["float32"][name]) for name in names)
    return [IN_FLOAT32, Known(reason, definition=definition, sets=sets, contract=contract)]
