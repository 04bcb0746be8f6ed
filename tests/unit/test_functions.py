"""The words of a definition, on plain numbers and on an object that merely has their methods."""

import math

import pytest

from lossbench import functions
from lossbench.functions import (
    absolute,
    arccos,
    clip,
    cosh,
    exactly,
    exp,
    lifting,
    log,
    logsumexp,
    maximum,
    minimum,
    norm,
    pi,
    power,
    sigmoid,
    sqrt,
    total,
    where,
    xlogy,
)


class Word:
    """Answers any method with its name and arguments."""

    def __init__(self, said=""):
        self.said = said

    def __getattr__(self, name):
        return lambda *arguments: (name, self.said, *arguments)


@pytest.mark.parametrize(
    ("word", "plain"),
    [
        ("exp", math.exp),
        ("log", math.log),
        ("sqrt", math.sqrt),
        ("tanh", math.tanh),
        ("cosh", math.cosh),
        ("sin", math.sin),
        ("cos", math.cos),
        ("arctan", math.atan),
        ("arccos", math.acos),
    ],
)
def test_words_dispatch_on_what_they_are_given(word, plain):
    function = getattr(functions, word)
    assert function(0.75) == plain(0.75)
    assert function(1) == plain(1)
    assert function(Word("x")) == (word, "x")
    with lifting(Word):
        assert function(0.75) == (word, 0.75)
    assert function(0.75) == plain(0.75)


def test_lifting_ends_with_an_error_too():
    with pytest.raises(KeyError), lifting(Word):
        raise KeyError
    assert exactly(2.0) == 2.0


def test_edges_of_plain_numbers():
    assert exp(1000.0) == cosh(-1000.0) == math.inf
    assert log(0.0) == -math.inf
    assert pi() == math.pi
    assert arccos(1.0) == 0
    with pytest.raises(ValueError, match=r"math domain|positive"):
        log(-1.0)


def test_maximum_minimum_absolute_clip():
    assert maximum(1, 3.0, 2) == 3.0
    assert minimum(1, 3.0, 2) == 1
    assert absolute(-2.5) == 2.5
    assert [clip(x, -1, 2) for x in (-5, 0.5, 7)] == [-1, 0.5, 2]
    x = Word("x")
    assert maximum(0, x, 1) == ("maximum", "x", 0, 1)
    assert minimum(x, 0) == ("minimum", "x", 0)
    assert absolute(x) == ("absolute", "x")


def test_where_calls_the_taken_branch_only():
    def forbidden():
        raise AssertionError

    assert where(True, lambda: 1, forbidden) == 1
    assert where(False, forbidden, 3.0) == 3.0


def test_xlogy_takes_the_limit():
    assert xlogy(0.0, 0.0) == xlogy(0, -5.0) == 0
    assert xlogy(2.0, math.e) == pytest.approx(2)
    assert xlogy(0.0, Word("y")) == 0
    assert xlogy(Word("x"), 0.5) == ("xlogy", "x", 0.5)


def test_power():
    assert power(0, 0) == power(0.0, 0.0) == 1
    assert power(-2.0, 3) == power(-2.0, 3.0) == -8
    assert power(2.0, 0.5) == math.sqrt(2)
    assert power(0.0, -1.5) == math.inf
    assert (power(1e200, 2), power(-1e200, 2), power(-1e200, 3)) == (math.inf, math.inf, -math.inf)
    assert power(Word("x"), 2.0) == ("power", "x", 2.0)
    with pytest.raises(ValueError, match=r"math domain|finite"):
        power(-2.0, 0.5)


def test_textbook_compositions():
    assert total([]) == 0
    assert total(iter([1, 2.5, 3])) == 6.5
    assert sigmoid(0.5) == 1 / (1 + math.exp(-0.5))
    assert sigmoid(-1000.0) == 0  # on plain floats the formula overflows and says so honestly
    assert logsumexp([0.0, math.log(3)]) == pytest.approx(math.log(4))


@pytest.mark.parametrize(
    ("p", "want"), [(1, 7.0), (2, 5.0), (2.0, 5.0), (3, 91 ** (1 / 3)), (1.5, 5.584250), (math.inf, 4.0)]
)
def test_norm(p, want):
    assert norm([3.0, 0.0, -4.0], p) == pytest.approx(want, rel=1e-6)
    assert norm([0.0, 0.0], p) == 0


def test_norm_refuses_what_is_none():
    with pytest.raises(ValueError, match=r"p >= 1, got p=0\.5"):
        norm([1.0], 0.5)


def test_all_lists_every_word():
    assert set(functions.__all__) == {
        name
        for name, thing in vars(functions).items()
        if callable(thing) and not name.startswith("_") and getattr(thing, "__module__", "") == functions.__name__
    }
    assert sqrt(4.0) == 2
