"""Numbers of a format as the shortest decimals that mean them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lossbench.floats import FORMATS, Format, round_to

LEAST_PLAIN, MOST_PLAIN = 1e-4, 1e6  # sizes written without an exponent


def literal(array: np.ndarray, form: Format) -> str:
    """The array as nested lists of the shortest decimals that round to its numbers."""
    if np.ndim(array) == 0:
        return number(float(array), form)
    return f"[{', '.join(literal(part, form) for part in array)}]"


def number(value: float, form: Format) -> str:
    """The shortest decimal that rounds to this number of the format, directly and by way of float32."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else ("-inf" if value < 0 else "inf")
    if value == 0:
        return "-0.0" if math.copysign(1.0, value) < 0 else "0.0"
    for digits in range(1, 18):
        text = f"{value:.{digits}g}"
        if _means(text, value, form):
            if "e" in text and LEAST_PLAIN <= abs(value) < MOST_PLAIN:
                text = repr(float(text))  # 100.0 rather than 1e+02
            return text if any(c in text for c in ".en") else f"{text}.0"
    return repr(value)


def _means(text: str, value: float, form: Format) -> bool:
    read = float(text)
    steps: Sequence[float] = [read]
    if form.bits < FORMATS["float32"].bits:
        with np.errstate(all="ignore"):
            steps = [read, float(np.float32(read))]
    return all(float(round_to(np.array(step), form)) == value for step in steps)
