"""One row of `exhaust`: what all bit patterns of one argument showed of one implementation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Exhausted:
    """What all bit patterns of one argument showed of one implementation: steps off the nearest right number.

    A step goes from one number of the format to the next. Worst input, got and want are those of the worst answer;
    `certified` is what the definition gives there, in as many digits as float64 has.
    """

    SCHEMA: ClassVar[int] = 1

    loss: str
    framework: str
    version: str
    via: str
    device: str
    dtype: str
    argument: str  # the one that ran through all patterns
    what: str  # the value, or which gradient
    compared: int
    exact: int
    one_step: int
    two_steps: int
    three_steps: int
    more_steps: int
    wrong: int  # NaN or infinity where a number belongs, or the reverse
    worst_steps: int
    worst_input: float
    worst_bits: str
    got: float
    want: float
    certified: float | None
    held: str  # what the other arguments and the parameters were there
    note: str = ""
