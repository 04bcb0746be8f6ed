"""The words a textbook definition may use, on plain numbers or on anything that has methods of these names.

A definition is written once, as in the textbook, with no numerical trick. On floats and ints these words fall back on
``math``; on certified balls (``lossbench.reference.balls``) they call the method of that name. While a definition is
being certified, plain numbers are lifted to exact balls first (see ``lifting``), so that ``log(2)`` is certified too.
Division of two plain literals is not seen by anyone: write ``exactly(1) / 3``, never ``1 / 3``.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

__all__ = [
    "absolute",
    "arccos",
    "arctan",
    "clip",
    "cos",
    "cosh",
    "exactly",
    "exp",
    "frozen",
    "lifting",
    "log",
    "logsumexp",
    "maximum",
    "minimum",
    "norm",
    "pi",
    "power",
    "sigmoid",
    "sin",
    "sqrt",
    "tanh",
    "total",
    "where",
    "xlogy",
]

# A scalar is an int, a float, or an object with the arithmetic operators and the methods named as the words are.
Scalar = Any

_PLAIN = (float, int)

_lift: Callable[[float], Any] | None = None


@contextmanager
def lifting(lift: Callable[[float], Any]) -> Iterator[None]:
    """Within this context, plain numbers given to the words below pass through ``lift`` first."""
    global _lift  # noqa: PLW0603 - ambient on purpose: a definition takes no extra argument
    previous, _lift = _lift, lift
    try:
        yield
    finally:
        _lift = previous


def exactly(number: Scalar) -> Scalar:
    """The number itself, so held that arithmetic on it is as exact as that on the definition's arguments."""
    return _lift(number) if _lift is not None and isinstance(number, _PLAIN) else number


def _overflowing(function: Callable[[float], float]) -> Callable[[float], float]:
    """The function, with infinity in place of OverflowError."""

    def overflowing(x: float) -> float:
        try:
            return function(x)
        except OverflowError:
            return math.inf

    return overflowing


_ON_FLOATS: dict[str, Callable[[float], float]] = {
    "exp": _overflowing(math.exp),
    "log": lambda x: math.log(x) if x != 0 else -math.inf,
    "sqrt": math.sqrt,
    "tanh": math.tanh,
    "cosh": _overflowing(math.cosh),
    "sin": math.sin,
    "cos": math.cos,
    "arctan": math.atan,
    "arccos": math.acos,
}


def _of_number(word: str, x: float) -> Scalar:
    """A word applied to a plain number: by ``math``, or lifted where a definition is being certified."""
    return _ON_FLOATS[word](x) if _lift is None else getattr(_lift(x), word)()


def exp(x: Scalar) -> Scalar:
    """The exponential of x; infinity where a float overflows."""
    return _of_number("exp", x) if isinstance(x, _PLAIN) else x.exp()


def log(x: Scalar) -> Scalar:
    """Natural logarithm of x >= 0; -infinity at 0."""
    return _of_number("log", x) if isinstance(x, _PLAIN) else x.log()


def sqrt(x: Scalar) -> Scalar:
    """Square root of x >= 0."""
    return _of_number("sqrt", x) if isinstance(x, _PLAIN) else x.sqrt()


def tanh(x: Scalar) -> Scalar:
    """Hyperbolic tangent."""
    return _of_number("tanh", x) if isinstance(x, _PLAIN) else x.tanh()


def cosh(x: Scalar) -> Scalar:
    """Hyperbolic cosine; infinity where a float overflows."""
    return _of_number("cosh", x) if isinstance(x, _PLAIN) else x.cosh()


def sin(x: Scalar) -> Scalar:
    """Sine of x radians."""
    return _of_number("sin", x) if isinstance(x, _PLAIN) else x.sin()


def cos(x: Scalar) -> Scalar:
    """Cosine of x radians."""
    return _of_number("cos", x) if isinstance(x, _PLAIN) else x.cos()


def arctan(x: Scalar) -> Scalar:
    """Inverse tangent, in radians within ±pi/2."""
    return _of_number("arctan", x) if isinstance(x, _PLAIN) else x.arctan()


def arccos(x: Scalar) -> Scalar:
    """Inverse cosine of -1 <= x <= 1, in radians from 0 to pi."""
    return _of_number("arccos", x) if isinstance(x, _PLAIN) else x.arccos()


def pi() -> Scalar:
    """The circle's constant, as exact as everything else around it."""
    return arccos(-1)


def absolute(x: Scalar) -> Scalar:
    """|x|; at 0 its slope may be anything from -1 to 1."""
    return abs(x) if isinstance(x, _PLAIN) else x.absolute()


def maximum(*arguments: Scalar) -> Scalar:
    """The largest argument; where several tie, the slope may go to any of them."""
    return _extreme("maximum", max, arguments)


def minimum(*arguments: Scalar) -> Scalar:
    """The smallest argument; where several tie, the slope may go to any of them."""
    return _extreme("minimum", min, arguments)


def _extreme(word: str, builtin: Callable[[Sequence[Any]], Any], arguments: Sequence[Scalar]) -> Scalar:
    """Hand the arguments to the first that is not a plain number, or to the builtin."""
    for index, argument in enumerate(arguments):
        if not isinstance(argument, _PLAIN):
            return getattr(argument, word)(*arguments[:index], *arguments[index + 1 :])
    return builtin(arguments)


def where(condition: Any, then: Scalar | Callable[[], Scalar], otherwise: Scalar | Callable[[], Scalar]) -> Scalar:
    """One of two branches; a branch may be a function of no argument, which is then called only if taken."""
    taken = condition.resolve() if hasattr(condition, "resolve") else bool(condition)
    branch = then if taken else otherwise
    return branch() if callable(branch) else branch


def clip(x: Scalar, low: Scalar, high: Scalar) -> Scalar:
    """The number of [low, high] nearest to x."""
    return minimum(maximum(x, low), high)


def xlogy(x: Scalar, y: Scalar) -> Scalar:
    """The product x log(y) by its limit: 0 where x is exactly 0, whatever y."""
    if isinstance(x, _PLAIN):
        return 0.0 if x == 0 else x * log(y)
    return x.xlogy(y)


def frozen(x: Scalar) -> Scalar:
    """The same number as a constant: the definition takes no slope through it."""
    return x if isinstance(x, _PLAIN) else x.frozen()


def power(x: Scalar, exponent: Scalar) -> Scalar:
    """The power of x >= 0; any x where the exponent is an integer, and 1 where it is 0.

    An integer exponent means repeated multiplication. At x = 0 a negative exponent gives infinity.
    """
    if _lift is not None or not (isinstance(x, _PLAIN) and isinstance(exponent, _PLAIN)):
        return exactly(x).power(exponent)
    if x == 0 and exponent < 0:
        return math.inf
    try:
        # math.pow refuses a negative base with a fraction in the exponent, where ** would turn complex.
        return math.pow(x, exponent)
    except OverflowError:
        return -math.inf if x < 0 and exponent % 2 == 1 else math.inf


def total(terms: Iterable[Scalar]) -> Scalar:
    """The sum of the terms; 0 of none."""
    return functools.reduce(lambda running, term: running + term, terms, 0)


def sigmoid(x: Scalar) -> Scalar:
    """1 / (1 + exp(-x))."""
    return 1 / (1 + exp(-x))


def logsumexp(terms: Iterable[Scalar]) -> Scalar:
    """log(sum of exp(term))."""
    return log(total(exp(term) for term in terms))


def norm(components: Sequence[Scalar], p: Scalar) -> Scalar:
    """The p-norm of a vector, 1 <= p, which may be infinity.

    At exactly the zero vector there is a kink for every p. Its slopes are a ball (that of the dual norm); the corners
    offered are those of the maximum norm, plus and minus each unit vector, with 0 in their midst.
    """
    if not p >= 1:
        raise ValueError(f"norm needs p >= 1, got p={p!r}")
    if p == math.inf:
        return maximum(*(absolute(x) for x in components))
    if p == 1:
        return total(absolute(x) for x in components)
    # The squares say whether the vector is zero without a kink of their own, unlike absolute values.
    squares = total(x * x for x in components)

    def length() -> Scalar:
        if p == 2:
            return sqrt(squares)
        return power(total(power(absolute(x), p) for x in components), exactly(1) / p)

    return where(squares > 0, length, lambda: maximum(*(signed for x in components for signed in (x, -x))))
