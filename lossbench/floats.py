"""The floating-point formats under test: rounding, neighbours, spacing and distance in ulps, all carried by float64.

Every function is vectorized. *Values* are float64 arrays that may hold numbers finer than the format; the spacing
(ulp) of a format is a power of two, so dividing by it and multiplying back is exact, which is what makes each result
here correct by construction and not by tolerance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "FORMATS",
    "Format",
    "decode",
    "encode",
    "format_named",
    "next_above",
    "next_below",
    "round_to",
    "ulp",
    "ulps_between",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Format:
    """A binary floating-point format of the IEEE 754 kind: subnormals, infinities, nearest-even rounding.

    Attributes:
        name: what users call it, as in ``float32``.
        bits: storage size, in bits.
        precision: significand size in bits, the implicit one included.
        smallest_exponent: e such that 2**e is the smallest normal number.
        largest_exponent: e such that 2**e is the largest power of two.
    """

    name: str
    bits: int
    precision: int
    smallest_exponent: int
    largest_exponent: int

    @property
    def eps(self) -> float:
        """Distance from 1 to the next number above."""
        return 2.0 ** (1 - self.precision)

    @property
    def unit_roundoff(self) -> float:
        """Largest relative error of one rounding to nearest: half of eps."""
        return 2.0**-self.precision

    @property
    def smallest_normal(self) -> float:
        """Smallest positive number held to full precision."""
        return 2.0**self.smallest_exponent

    @property
    def smallest_subnormal(self) -> float:
        """Smallest positive number, which is also the spacing of all subnormals."""
        # As a shift, because 2.0 ** -1074 by way of a quotient would underflow.
        return 2.0 ** (self.smallest_exponent - self.precision + 1)

    @property
    def largest(self) -> float:
        """Largest finite number."""
        return 2.0**self.largest_exponent * (2.0 - self.eps)

    @property
    def overflow_threshold(self) -> float:
        """Smallest float64 whose magnitude rounds to infinity; for float64 itself, infinity."""
        if self.largest_exponent == FORMATS["float64"].largest_exponent:
            return float("inf")
        return 2.0**self.largest_exponent * (2.0 - self.unit_roundoff)

    @property
    def storage(self) -> np.dtype[Any]:
        """The numpy type of stored arrays: the float of that size, and for bfloat16 its bits as uint16."""
        return np.dtype(np.uint16 if self.name == "bfloat16" else self.name)


FORMATS: dict[str, Format] = {
    format.name: format
    for format in (
        Format("bfloat16", bits=16, precision=8, smallest_exponent=-126, largest_exponent=127),
        Format("float16", bits=16, precision=11, smallest_exponent=-14, largest_exponent=15),
        Format("float32", bits=32, precision=24, smallest_exponent=-126, largest_exponent=127),
        Format("float64", bits=64, precision=53, smallest_exponent=-1022, largest_exponent=1023),
    )
}


def format_named(name: str) -> Format:
    """The format of that name; ValueError lists the names there are."""
    try:
        return FORMATS[name]
    except KeyError:
        raise ValueError(f"format {name!r} is unknown: expected one of {', '.join(FORMATS)}") from None


def ulp(values: ArrayLike, format: Format) -> Floats:
    """Spacing of the format in the binade that holds each |value|: same shape; NaN where a value is not finite.

    Below the smallest normal number it is the subnormal spacing. Above the largest finite number it goes on as if the
    exponent range did, so that distances across the border of overflow stay measurable.
    """
    values = np.asarray(values, np.float64)
    finite = np.isfinite(values)
    # frexp answers a fraction in [1/2, 1), hence the exponent is one more than the binade's.
    binade = np.frexp(np.where(finite, values, 0.0))[1] - 1
    binade = np.where(values == 0, format.smallest_exponent, np.maximum(binade, format.smallest_exponent))
    return np.where(finite, np.ldexp(1.0, binade - (format.precision - 1)), np.nan)


def round_to(values: ArrayLike, format: Format) -> Floats:
    """Each value rounded once, to nearest even in the format: subnormals kept, overflow to infinity, NaN kept."""
    values = np.asarray(values, np.float64)
    if format.precision == FORMATS["float64"].precision:
        return values.copy()
    if format.storage.kind == "f":  # numpy rounds to these once, as the standard has it, in a fraction of the time
        return decode(encode(values, format), format)
    finite = np.isfinite(values)
    known = np.where(finite, values, 0.0)
    spacing = ulp(known, format)
    # Both the quotient and the product are exact: the spacing is a power of two, far inside float64's range for
    # every narrower format. A quotient too small for float64 could only be one that rounds to zero anyway.
    with np.errstate(over="ignore"):
        rounded = np.rint(known / spacing) * spacing
    rounded = np.where(np.abs(rounded) > format.largest, np.copysign(np.inf, known), rounded)
    return np.where(finite, rounded, values)


def encode(values: ArrayLike, format: Format) -> NDArray[Any]:
    """The values rounded to nearest even and stored as the format stores them: same shape, type ``storage``."""
    if format.storage.kind == "f":
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            return np.asarray(np.asarray(values, np.float64).astype(format.storage))
    rounded = round_to(values, format)
    # Every bfloat16 is a float32 whose lower half is zero, so this conversion rounds nothing.
    bits = rounded.astype(np.float32).view(np.uint32)
    return np.asarray((bits >> np.uint32(16)).astype(np.uint16))


def decode(stored: NDArray[Any], format: Format) -> Floats:
    """The stored numbers as float64, exactly: same shape; TypeError where the array is not of type ``storage``."""
    stored = np.asarray(stored)
    if stored.dtype != format.storage:
        raise TypeError(f"{format.name} is stored as {format.storage}, but the array is {stored.dtype}")
    if format.name == "bfloat16":
        stored = (stored.astype(np.uint32) << np.uint32(16)).view(np.float32)
    with np.errstate(invalid="ignore"):  # a signalling NaN becomes a quiet one
        return np.asarray(stored.astype(np.float64))


def next_above(values: ArrayLike, format: Format) -> Floats:
    """Smallest number of the format above each value: infinity above the largest, NaN kept."""
    values = np.asarray(values, np.float64)
    if format.precision == FORMATS["float64"].precision:
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(np.nextafter(values, np.inf))
    nearest = round_to(values, format)
    size = ulp(nearest, format)
    # Towards zero from a negative power of two the numbers lie twice as dense, but not among the subnormals.
    at_edge = (nearest == -np.ldexp(0.5, np.frexp(nearest)[1])) & (nearest < -format.smallest_normal)
    with np.errstate(invalid="ignore"):
        stepped = nearest + np.where(at_edge, size / 2, size)
    stepped = np.where(stepped > format.largest, np.inf, stepped)
    stepped = np.where(nearest == -np.inf, -format.largest, stepped)
    stepped = np.where(nearest == np.inf, np.inf, stepped)
    # A value between two numbers may have been rounded up already; one rounded up from below the smallest
    # number of the format has its neighbour in the result of rounding.
    return np.where(nearest > values, nearest, stepped)


def next_below(values: ArrayLike, format: Format) -> Floats:
    """Largest number of the format below each value: -infinity below the lowest, NaN kept."""
    return -next_above(-np.asarray(values, np.float64), format)


def ulps_between(got: ArrayLike, want_high: ArrayLike, want_low: ArrayLike, format: Format) -> Floats:
    """How far each answer lies from the wanted high + low, in ulps of the format at the wanted number.

    The wanted number is an unevaluated sum, finer than float64. An infinite answer is 0 ulps away where the wanted
    number rounds to that infinity, and infinitely far where it does not; NaN is 0 away from NaN and infinitely far
    from all else. A finite answer to a wanted number beyond the largest is measured as if the exponents went on.
    """
    got, high, low = np.broadcast_arrays(*(np.asarray(part, np.float64) for part in (got, want_high, want_low)))
    with np.errstate(invalid="ignore", over="ignore"):
        # got - high is exact or nearly so when the two are close, which is when the low part matters.
        ulps = np.abs(((got - high) - low) / ulp(high, format))
        overflows = np.isinf(high) | (np.abs(high) >= format.overflow_threshold)
    right_infinity = np.isinf(got) & overflows & (np.sign(got) == np.sign(high))
    both_nan = np.isnan(got) & np.isnan(high)
    ulps = np.where(np.isfinite(got) & np.isfinite(high), ulps, np.inf)
    return np.where(right_infinity | both_nan, 0.0, ulps)
