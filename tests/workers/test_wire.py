"""Whatever goes into a frame comes out of it, in any pieces; what is no frame is refused."""

import json
import math
import struct
import types
import typing
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lossbench.records import Ended, Outcome, Question
from lossbench.wire import (
    MAPPED_ABOVE,
    Absence,
    Decoder,
    WireArray,
    WireError,
    _known_records,
    encode,
    fingerprint,
)

RECORDS = [*_known_records().values()]
FORMATS = ["bfloat16", "float16", "float32", "float64", "int32", "int64", "uint8", "bool"]


def samples(hint: Any) -> list[Any]:
    """Values of the annotated type, the awkward ones among them."""
    arguments = typing.get_args(hint)
    if isinstance(hint, types.UnionType):
        return [value for argument in arguments for value in samples(argument)]
    if typing.get_origin(hint) is tuple:
        if arguments[-1] is Ellipsis:
            return [(), tuple(samples(arguments[0]))]
        columns = [samples(argument) for argument in arguments]
        return [tuple(column[turn % len(column)] for column in columns) for turn in range(max(map(len, columns)))]
    if is_dataclass(hint):
        return instances(typing.cast("type", hint))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return list(hint)
    plain: dict[Any, list[Any]] = {
        bool: [True, False],
        int: [1, 2**62],
        str: ["", 'naïve "∂"\n'],
        types.NoneType: [None],
    }
    return plain.get(hint, [0.1, -0.0, math.inf, -math.inf, 5e-324])


def instances(kind: type) -> list[Any]:
    """Enough instances that each field takes each of its samples."""
    hints = typing.get_type_hints(kind)
    columns = {field.name: samples(hints[field.name]) for field in fields(kind)}
    longest = max(len(column) for column in columns.values())
    return [kind(**{n: column[turn % len(column)] for n, column in columns.items()}) for turn in range(longest)]


def through(record: object, *arrays: WireArray, folder: Path | None = None) -> Any:
    """The one message that a frame decodes to."""
    (message,) = Decoder(folder).feed(encode(record, arrays, folder))
    return message


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
def test_every_record_comes_back_equal_and_of_the_same_types(kind: type) -> None:
    for record in instances(kind):
        back = through(record).record
        assert back == record
        assert repr(back) == repr(record)  # tells True from 1, -0.0 from 0.0, and an enum from its text


def test_the_records_are_all_there() -> None:
    assert {"Case", "Greeting", "Question", "Outcome", "Trial", "Measurement", "Verdict", "Absence"} <= {
        kind.__name__ for kind in RECORDS
    }


def test_nan_comes_back() -> None:
    outcome = through(Outcome(1, "x", Ended.ANSWERED, seconds=math.nan)).record
    assert math.isnan(outcome.seconds)


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0, 2), (5, 7)])
def test_arrays_come_back_bit_by_bit(dtype: str, shape: tuple[int, ...]) -> None:
    kind = np.dtype("uint16" if dtype == "bfloat16" else dtype)
    bits = np.random.default_rng(1).integers(0, 2 if dtype == "bool" else 256, 8 * math.prod(shape), np.uint8)
    data = bits.view(kind)[: math.prod(shape)].reshape(shape)
    other = WireArray("uint8", np.arange(3, dtype=np.uint8))
    first, _, third = through(Absence("", "", ""), WireArray(dtype, data), other, WireArray(dtype, data)).arrays
    for back in (first, third):
        assert (back.dtype, back.data.shape, back.data.dtype) == (dtype, shape, kind)
        assert back.data.tobytes() == data.tobytes()
        assert back.data.flags.aligned


def test_strided_arrays_come_back_by_their_values() -> None:
    data = np.arange(24, dtype=np.float64).reshape(4, 6)[::-2, ::3]
    (back,) = through(Absence("", "", ""), WireArray("float64", data)).arrays
    assert np.array_equal(back.data, data)
    assert fingerprint([back]) == fingerprint([WireArray("float64", data)])


def test_frames_may_come_in_any_pieces() -> None:
    frames = b"".join(
        encode(Outcome(identity, "x", Ended.ANSWERED), [WireArray("float32", np.full(identity, 2, np.float32))])
        for identity in range(4)
    )
    for step in (1, 7, 64, len(frames)):
        decoder = Decoder()
        messages = [m for at in range(0, len(frames), step) for m in decoder.feed(frames[at : at + step])]
        assert [m.record.identity for m in messages] == [0, 1, 2, 3]
        assert [m.arrays[0].data.size for m in messages] == [0, 1, 2, 3]


def test_large_arrays_go_through_a_file_that_is_gone_afterwards(tmp_path: Path) -> None:
    large = WireArray("uint8", np.random.default_rng(0).integers(0, 256, MAPPED_ABOVE + 1, np.uint8))
    small = WireArray("uint8", large.data[:-1])
    frame = encode(Absence("", "", ""), [large, small, large], tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    assert len(frame) < MAPPED_ABOVE + 1000
    (message,) = Decoder(tmp_path).feed(frame)
    assert list(tmp_path.iterdir()) == []
    assert [array.data.tobytes() for array in message.arrays] == [a.data.tobytes() for a in (large, small, large)]


def test_large_arrays_go_along_in_the_frame_where_no_file_can_be_written(tmp_path: Path) -> None:
    large = WireArray("uint8", np.ones(MAPPED_ABOVE + 1, np.uint8))
    missing = tmp_path / "missing"
    (message,) = Decoder(missing).feed(encode(Absence("", "", ""), [large], missing))
    assert np.array_equal(message.arrays[0].data, large.data)


def header(content: object) -> bytes:
    """A frame with this header and no payload."""
    text = json.dumps(content).encode()
    return struct.pack("<4sII", b"LB01", len(text), 0) + text


GOOD = {"framework": "", "missing": "", "message": ""}


@pytest.mark.parametrize(
    "frame",
    [
        b"Segmentation fault (core dumped)",
        struct.pack("<4sII", b"LB01", 1 << 31, 0),
        struct.pack("<4sII", b"LB01", 3, 0) + b"{]!",
        header({}),
        header(["Nobody", {}, []]),
        header(["Absence", [], []]),
        header(["Absence", {"framework": ""}, []]),
        header(["Absence", {**GOOD, "more": 1}, []]),
        header(["Absence", {**GOOD, "missing": 1}, []]),
        header(["Absence", GOOD, [["float32", [2], None]]]),
        header(["Absence", GOOD, [["float32", [-1], None]]]),
        header(["Absence", GOOD, [["object", [0], None]]]),
        header(["Absence", GOOD, [["float32", [2], "../passwd"]]]),
        header(["Absence", GOOD, [["float32", [2], "missing"]]]),
        header(["Outcome", {"identity": True, "implementation": "", "ended": "died"}, []]),
        header(["Outcome", {"identity": 1, "implementation": "", "ended": "bored"}, []]),
        struct.pack("<4sII", b"LB01", 0, 8) + bytes(8),
    ],
)
def test_malformed_frames_are_refused(frame: bytes, tmp_path: Path) -> None:
    with pytest.raises(WireError):
        Decoder(tmp_path).feed(frame)


def test_what_cannot_travel_is_refused() -> None:
    with pytest.raises(WireError, match="is no record"):
        encode(ValueError("x"))
    with pytest.raises(WireError, match="neither a record nor plain JSON"):
        encode(Question(1, (), (), (), (("p", typing.cast("Any", object())),), "none", 0, ""))
    with pytest.raises(WireError, match="must be stored as uint16"):
        WireArray("bfloat16", np.zeros(1, np.float32))
    with pytest.raises(WireError, match="cannot travel"):
        WireArray("string", np.zeros(1))


def test_the_fingerprint_sees_format_shape_and_every_bit() -> None:
    base = np.array([0.0, 1.0, 2.0, 3.0], np.float32)
    others = [
        WireArray("float32", base.reshape(2, 2)),
        WireArray("int32", base.view(np.int32)),
        WireArray("float32", np.array([-0.0, 1.0, 2.0, 3.0], np.float32)),
        WireArray("float32", base[::-1]),
    ]
    assert len({fingerprint([array]) for array in [WireArray("float32", base), *others]}) == 5
    assert fingerprint(others[:2]) != fingerprint(others[1::-1])
