"""Orders of arguments: what reads, what it makes of arrays, and what is refused."""

import pytest

from lossbench.arrangement import ArrangementError, parse

ARRAYS = {"logit": 1, "target": 2}


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("target,logit", [2, 1]),
        ("logit,[_,target]", [1, [None, 2]]),
        ("{maps: logit}, [ _, [target]]", [{"maps": 1}, [None, [2]]]),
        ("weight", [None]),
    ],
)
def test_an_order_makes_arguments_of_arrays(text: str, made: list[object]) -> None:
    parts = parse(text)
    assert [part.filled(ARRAYS) for part in parts] == made
    assert [part.filled(ARRAYS) for part in parse(",".join(map(str, parts)))] == made


@pytest.mark.parametrize("text", ["", "a,,b", "[a", "a]", "{a}", "a b", "1"])
def test_what_does_not_read_is_refused(text: str) -> None:
    with pytest.raises(ArrangementError):
        parse(text)
