"""Certified arithmetic: numbers with a proven radius (Arb balls), reverse-mode gradients over them, and ``certify``.

A definition is run as the textbook writes it; precision is doubled until value and gradient are proven. Balls neither
overflow nor underflow, so exp(3e38) is an ordinary number here.

Where a definition has a kink, both sides of it stand. A comparison of exactly equal numbers (or of numbers that the
highest precision cannot tell apart) is a *tie*. The definition is run once for each way to resolve the ties it meets,
and the gradients of these runs are the *corners* of the set of right answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flint import arb

FIRST_PRECISION = 128  # bits
LAST_PRECISION = 4096  # bits
MOST_CORNERS = 64
MOST_RUNS = 256  # ties that change no slope cost a run as well
TINY = arb(2) ** -1090  # far enough below float64's last subnormal that only zero is left of it
INFINITY = arb("inf")


class Undecided(ArithmeticError):
    """The precision in force cannot tell two numbers apart; a higher one may."""


class Undefined(ArithmeticError):
    """The definition has no value there, such as the logarithm of a negative number."""


class Tape:
    """What one run of a definition leaves behind: the balls in order of creation, and the ties it met.

    Attributes:
        nodes: every ball made from others, each after those it was made from.
        ties: for each tie met, the number of ways to resolve it, the ball it gave and those it chose among
            (None and nothing where it chose a branch).
        choices: how to resolve the first ties; those after take their first way.
        last: whether the highest precision is in force, so that what it cannot decide is a tie.
        guessed: whether there was such a tie.
    """

    __slots__ = ("choices", "guessed", "last", "nodes", "ties")

    def __init__(self, choices: tuple[int, ...] = (), last: bool = False) -> None:
        self.nodes: list[Ball] = []
        self.ties: list[tuple[int, Ball | None, Sequence[Ball]]] = []
        self.choices, self.last, self.guessed = choices, last, False

    def choose(self, ways: int) -> int:
        """The way to resolve the tie met now, from 0 to ways - 1."""
        met = len(self.ties)
        self.ties.append((ways, None, ()))
        return self.choices[met] if met < len(self.choices) else 0

    def pick(self, value: Any, tied: Sequence[Ball], slopes: Sequence[Any]) -> Ball:
        """A ball of that value whose slope goes to one of the tied balls."""
        way = self.choose(len(tied))
        node = Ball(value, ((tied[way], slopes[way]),))
        self.ties[-1] = (len(tied), node, tied)
        return node


_tape = Tape()
_record = _tape.nodes.append


def begin(tape: Tape) -> Tape:
    """Make this the tape that balls are recorded on."""
    global _tape, _record  # ambient on purpose: operators take no extra argument
    _tape, _record = tape, tape.nodes.append
    return tape


class Comparison:
    """The answer to a comparison of balls, for ``where`` to act on; at a tie, both answers stand."""

    __slots__ = ("balls", "outcome", "tied")

    def __init__(self, outcome: bool, tied: bool, balls: tuple[Any, ...]) -> None:
        self.outcome, self.tied, self.balls = outcome, tied, balls

    def resolve(self) -> bool:
        """The answer to act on in this run; equal constants are no kink."""
        if self.tied:
            self.tied = False
            if any(map(_depends, self.balls)):
                self.outcome ^= bool(_tape.choose(2))
        return self.outcome

    def __bool__(self) -> bool:
        """The answer where only constants were compared; TypeError otherwise."""
        if any(map(_depends, self.balls)):
            raise TypeError(
                "a comparison of differentiable numbers cannot steer if, and, or, not, min() or max(): "
                "write where(condition, then, otherwise), maximum() or minimum(), and join conditions by & | ~"
            )
        return self.outcome

    def __and__(self, other: Comparison | bool) -> Comparison:
        if not isinstance(other, Comparison):
            other = Comparison(bool(other), False, ())
        tied = (self.tied and (other.tied or other.outcome)) or (other.tied and self.outcome)
        return Comparison(self.outcome and other.outcome, tied, self.balls + other.balls)

    def __or__(self, other: Comparison | bool) -> Comparison:
        return ~(~self & (~other if isinstance(other, Comparison) else not other))

    def __invert__(self) -> Comparison:
        return Comparison(not self.outcome, self.tied, self.balls)

    __rand__, __ror__ = __and__, __or__


class Ball:
    """A real number known to within a proven radius, which remembers how it was made.

    ``parents`` are (ball, local slope) pairs, a slope of None meaning 1; a leaf has none, a constant has None in their
    place. ``adjoint`` is the slope of the result with respect to this ball once the reverse sweep is done; None if the
    result does not depend on it.
    """

    __slots__ = ("adjoint", "parents", "value")
    __array_ufunc__ = None  # so that numpy's scalars leave arithmetic with balls to balls

    def __init__(self, value: Any, parents: tuple[tuple[Ball, Any], ...] | None = None) -> None:
        self.value = value
        self.parents = parents
        self.adjoint: Any = None
        if parents:
            _record(self)

    def __repr__(self) -> str:
        return f"Ball({self.value})"

    def __bool__(self) -> bool:
        """Refuse: whether a ball is zero may be undecided."""
        raise TypeError("a ball is neither true nor false: compare it, and branch by where()")

    def __add__(self, other: Any) -> Ball:
        if isinstance(other, Ball):
            return Ball(self.value + other.value, ((self, None), (other, None)))
        return Ball(self.value + other, ((self, None),)) if other else self

    def __sub__(self, other: Any) -> Ball:
        if isinstance(other, Ball):
            return Ball(self.value - other.value, ((self, None), (other, -1)))
        return Ball(self.value - other, ((self, None),))

    def __rsub__(self, other: float) -> Ball:
        return Ball(other - self.value, ((self, -1),))

    def __neg__(self) -> Ball:
        return Ball(-self.value, ((self, -1),))

    def __mul__(self, other: Any) -> Ball:
        if isinstance(other, Ball):
            return Ball(self.value * other.value, ((self, other.value), (other, self.value)))
        return Ball(self.value * other, ((self, other),))

    def __truediv__(self, other: Any) -> Ball:
        """Quotient; Undefined where the divisor is exactly zero."""
        if not isinstance(other, Ball):
            other = constant(other)
        if other.value.is_zero():
            raise Undefined(f"{self!r} is divided by exactly zero")
        inverse = 1 / other.value
        quotient = self.value * inverse
        return Ball(quotient, ((self, inverse), (other, -quotient * inverse)))

    def __rtruediv__(self, other: float) -> Ball:
        return constant(other) / self

    def __pow__(self, exponent: Any) -> Ball:
        return self.power(exponent)

    def __rpow__(self, base: float) -> Ball:
        return constant(base).power(self)

    def __lt__(self, other: Any) -> Comparison:
        order = _order(self, other)
        return Comparison(order < 0, order == 0, (self, other))

    def __le__(self, other: Any) -> Comparison:
        order = _order(self, other)
        return Comparison(order <= 0, order == 0, (self, other))

    def __gt__(self, other: Any) -> Comparison:
        order = _order(self, other)
        return Comparison(order > 0, order == 0, (self, other))

    def __ge__(self, other: Any) -> Comparison:
        order = _order(self, other)
        return Comparison(order >= 0, order == 0, (self, other))

    def __eq__(self, other: Any) -> Comparison:  # type: ignore[override]
        """Equal: never a tie, as a definition that singles out one point means that point alone."""
        return Comparison(_order(self, other) == 0, False, (self, other))

    def __ne__(self, other: Any) -> Comparison:  # type: ignore[override]
        return Comparison(_order(self, other) != 0, False, (self, other))

    __hash__ = None  # type: ignore[assignment]
    __radd__, __rmul__ = __add__, __mul__

    def exp(self) -> Ball:
        """Exponential."""
        value = self.value.exp()
        return Ball(value, ((self, value),))

    def log(self) -> Ball:
        """Natural logarithm: -infinity at exactly 0, Undefined below."""
        x = self.value
        if x < 0:
            raise Undefined(f"log of {self!r}, which is negative")
        if x.is_zero():
            return Ball(-INFINITY, ((self, INFINITY),))
        return Ball(x.log(), ((self, 1 / x),))

    def sqrt(self) -> Ball:
        """Square root: its slope is infinite at exactly 0; Undefined below."""
        if self.value < 0:
            raise Undefined(f"sqrt of {self!r}, which is negative")
        root = self.value.sqrt()
        return Ball(root, ((self, INFINITY if root.is_zero() else 1 / (2 * root)),))

    def tanh(self) -> Ball:
        """Hyperbolic tangent."""
        # The slope as sech² keeps its relative accuracy where 1 - tanh² would cancel.
        return Ball(self.value.tanh(), ((self, self.value.sech() ** 2),))

    def cosh(self) -> Ball:
        """Hyperbolic cosine."""
        sinh, cosh = self.value.sinh_cosh()
        return Ball(cosh, ((self, sinh),))

    def sin(self) -> Ball:
        """Sine, of radians."""
        sine, cosine = self.value.sin_cos()
        return Ball(sine, ((self, cosine),))

    def cos(self) -> Ball:
        """Cosine, of radians."""
        sine, cosine = self.value.sin_cos()
        return Ball(cosine, ((self, -sine),))

    def frozen(self) -> Ball:
        """The same number as a constant."""
        return Ball(self.value)

    def arctan(self) -> Ball:
        """Inverse tangent, in radians."""
        return Ball(self.value.atan(), ((self, 1 / (1 + self.value**2)),))

    def arccos(self) -> Ball:
        """Inverse cosine, in radians: its slope is -infinity at exactly ±1; Undefined outside of [-1, 1]."""
        if abs(self.value) > 1:
            raise Undefined(f"arccos of {self!r}, which is outside of [-1, 1]")
        root = ((1 - self.value) * (1 + self.value)).sqrt()
        return Ball(self.value.acos(), ((self, -INFINITY if root.is_zero() else -1 / root),))

    def power(self, exponent: Any) -> Ball:
        """Power: of x >= 0, of any x where the exponent is an integer; infinite where 0 has a negative exponent."""
        x, e = self.value, exponent.value if isinstance(exponent, Ball) else arb(exponent)
        if e.is_zero() and not _depends(exponent):
            return constant(1)
        if x.is_zero():
            slope = INFINITY if 0 < e < 1 else -INFINITY if e < 0 else arb(1 if e == 1 else 0)
            return Ball(INFINITY if e < 0 else arb(0), ((self, slope),))
        if x < 0 and not e.is_integer():
            raise Undefined(f"{self!r} to the power {e}: a negative base needs an integer exponent")
        value = x**e
        base = (self, e * x ** (e - 1))
        return Ball(value, (base, (exponent, value * x.log())) if _depends(exponent) else (base,))

    def xlogy(self, other: Any) -> Ball:
        """The product with the logarithm of another, by its limit: 0 where this is exactly 0, whatever the other."""
        y = other.value if isinstance(other, Ball) else arb(other)
        if not self.value.is_zero() or 0 < y < INFINITY:
            return self * (other if isinstance(other, Ball) else constant(other)).log()
        # In y the product is 0 all along; in x its slope is log(y), which 0 · log(0) takes to its limit.
        return Ball(arb(0), ((self, -INFINITY),)) if y.is_zero() else constant(0)

    def absolute(self) -> Ball:
        """Magnitude; at 0 both slopes, +1 and -1, stand."""
        order = _order(self, 0)
        if order == 0 and _depends(self):
            return _tape.pick(abs(self.value), (self, self), (None, -1))
        return self if order >= 0 else -self

    __abs__ = absolute

    def maximum(self, *others: Any) -> Ball:
        """The largest of these; where several tie, the slope may go to any of them."""
        return _extreme((self, *others), 1, arb.max)

    def minimum(self, *others: Any) -> Ball:
        """The smallest of these; where several tie, the slope may go to any of them."""
        return _extreme((self, *others), -1, arb.min)


def constant(number: float) -> Ball:
    """An exact number of which no slope is taken."""
    return Ball(arb(number))


def _depends(ball: Any) -> bool:
    """Whether a ball was made from leaves, and not from constants alone."""
    open_balls, seen = [ball], {id(ball)}
    while open_balls:
        parents = getattr(open_balls.pop(), "parents", None)
        if parents == ():
            return True
        for parent, _ in parents or ():
            if id(parent) not in seen:
                seen.add(id(parent))
                open_balls.append(parent)
    return False


def _order(left: Ball, right: Any) -> int:
    """-1, 0 or 1 as left is below, equal to or above right; Undecided where a higher precision is needed to tell."""
    x, y = left.value, right.value if isinstance(right, Ball) else right
    if x < y:
        return -1
    if x > y:
        return 1
    if x == y or left is right:
        return 0
    if not _tape.last:
        raise Undecided(f"{left!r} against {right!r}")
    _tape.guessed = True
    return 0


def _extreme(arguments: Sequence[Any], sign: int, extreme: Callable[[Any, Any], Any]) -> Ball:
    """The largest (sign 1) or smallest (sign -1) argument, or a tie among several."""
    balls = [each if isinstance(each, Ball) else constant(each) for each in arguments]
    tied = balls[:1]
    for ball in balls[1:]:
        order = _order(ball, tied[0]) * sign
        if order > 0:
            tied = [ball]
        elif order == 0 and not any(ball is other for other in tied):
            tied.append(ball)
    if len(tied) == 1 or not any(map(_depends, tied)):
        return tied[0]
    value = tied[0].value
    for ball in tied[1:]:
        value = extreme(value, ball.value)  # where precision cannot tell them apart, this holds them all
    return _tape.pick(value, tied, [None] * len(tied))
