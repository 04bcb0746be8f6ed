"""Records and arrays as frames over a pipe, spoken alike by the parent and by every worker.

A frame is a mark, two lengths, a JSON header and the bytes of the arrays. How a record turns into JSON and back is
derived from its fields and their annotations. An array above a megabyte travels through a file instead, which the
receiver unlinks as soon as it has mapped it.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import mmap
import os
import struct
import tempfile
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lossbench import records

MAPPED_ABOVE = 1 << 20  # bytes
LONGEST_HEADER = 1 << 26  # bytes; beyond it a length is taken for garbage
LONGEST_PAYLOAD = (1 << 32) - 1

_MARK = b"LB01"
_PREFIX = struct.Struct("<4sII")
_ALIGNMENT = 16
_KINDS = frozenset(
    ["bool", "complex64", "complex128", "float16", "float32", "float64"]
    + [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
)


class WireError(Exception):
    """What came over a pipe, or was about to be sent, is not a well-formed message."""


@dataclass(frozen=True, slots=True)
class Absence:
    """What a worker says instead of a greeting when it cannot work, or what the crew says in its place."""

    framework: str
    missing: str  # the module, device, mode or interpreter that is not there; empty where it is none of these
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class WireArray:
    """An array with the name of its format; bfloat16 is held as uint16 bits.

    Raises:
        WireError: the array's own type is not the one in which the format is stored.
    """

    dtype: str
    data: np.ndarray

    def __post_init__(self) -> None:
        """Refuse an array that does not hold what its format says."""
        if self.data.dtype != storage(self.dtype):
            raise WireError(f"a {self.dtype} array must be stored as {storage(self.dtype)}, got {self.data.dtype}")


class Message(NamedTuple):
    """One decoded frame: a record and the arrays that came with it."""

    record: Any
    arrays: tuple[WireArray, ...]


@functools.cache
def storage(dtype: str) -> np.dtype[Any]:
    """The numpy type that holds the format `dtype`; raises WireError for a format that cannot travel."""
    if dtype == "bfloat16":
        return np.dtype(np.uint16)
    if dtype not in _KINDS:
        raise WireError(f"arrays of {dtype!r} cannot travel; known are bfloat16 and {', '.join(sorted(_KINDS))}")
    return np.dtype(dtype)


def flat_bytes(data: np.ndarray) -> np.ndarray:
    """The array's contents in C order, as a row of bytes; a copy only where the array is not contiguous."""
    return np.asarray(data, order="C").reshape(-1).view(np.uint8)


def fingerprint(arrays: Iterable[WireArray]) -> str:
    """A short hash over format, shape and every byte of the arrays, in their order."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(f"{array.dtype}{array.data.shape}".encode())
        digest.update(flat_bytes(array.data).data)
    return digest.hexdigest()


def encode(record: object, arrays: Sequence[WireArray] = (), folder: Path | None = None) -> bytes:
    """One frame; large arrays go through files in `folder`, or along in the frame where there is none or no room.

    Raises:
        WireError: the record is of no known class, holds what JSON cannot, or the frame exceeds 4 GiB.
    """
    if type(record).__name__ not in _known_records():
        raise WireError(f"{record!r} is no record; known are {', '.join(_known_records())}")
    contents = [flat_bytes(array.data) for array in arrays]
    files = [_write_file(content, folder) if content.size > MAPPED_ABOVE else None for content in contents]
    listed = [(array.dtype, array.data.shape, file) for array, file in zip(arrays, files, strict=True)]
    try:
        header = _JSON.encode([type(record).__name__, record, listed]).encode()
    except (TypeError, ValueError) as error:
        raise WireError(f"{record!r} cannot be written as JSON: {error}") from error
    payload: list[memoryview | bytes] = []
    for content, file in zip(contents, files, strict=True):
        if file is None:
            payload += [content.data, bytes(-content.size % _ALIGNMENT)]
    length = sum(len(part) for part in payload)
    if len(header) > LONGEST_HEADER or length > LONGEST_PAYLOAD:
        raise WireError(f"a frame of {len(header)} + {length} bytes is too long to send")
    return b"".join([_PREFIX.pack(_MARK, len(header), length), header, *payload])


class Decoder:
    """Turns the bytes of a pipe, in whatever pieces they come, back into messages."""

    def __init__(self, folder: Path | None = None) -> None:
        """Look for large arrays in `folder`."""
        self._folder = folder
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """Take in some bytes and return the messages they complete; raises WireError on a malformed frame."""
        self._buffer += data
        messages = []
        while len(self._buffer) >= _PREFIX.size:
            mark, header_length, payload_length = _PREFIX.unpack_from(self._buffer)
            if mark != _MARK or header_length > LONGEST_HEADER:
                raise WireError(f"not the start of a frame: {bytes(self._buffer[:40])!r}")
            start = _PREFIX.size + header_length
            end = start + payload_length
            if len(self._buffer) < end:
                break
            header, payload = (bytes(self._buffer[_PREFIX.size : start]), bytes(self._buffer[start:end]))
            del self._buffer[:end]
            messages.append(self._message(header, payload))
        return messages

    def _message(self, header: bytes, payload: bytes) -> Message:
        try:
            name, content, listed = json.loads(header)
            build = _builder(_known_records()[name])
            listed = [(str(dtype), tuple(map(int, shape)), file) for dtype, shape, file in listed]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise WireError(f"malformed header {header[:80]!r}: {error!r}") from error
        arrays, offset = [], 0
        for dtype, shape, file in listed:
            kind = storage(dtype)
            count = math.prod(shape)
            size = count * kind.itemsize
            if min(shape, default=0) < 0 or (file is None and offset + size > len(payload)):
                raise WireError(f"an array {dtype}{shape} does not fit its frame of {len(payload)} bytes")
            source = payload if file is None else _map_file(file, self._folder, size)
            data = np.frombuffer(source, kind, count, 0 if file is not None else offset) if count else np.empty(0, kind)
            arrays.append(WireArray(dtype, data.reshape(shape)))
            offset += 0 if file is not None else size + -size % _ALIGNMENT
        if offset != len(payload):
            raise WireError(f"the arrays take {offset} bytes of a payload of {len(payload)}")
        return Message(build(content), tuple(arrays))


def _write_file(content: np.ndarray, folder: Path | None) -> str | None:
    """The name of a new file in `folder` that holds `content`; None where none can be written."""
    if folder is None:
        return None
    try:
        descriptor, path = tempfile.mkstemp(prefix="array-", dir=folder)
    except OSError:
        return None
    try:
        with open(descriptor, "wb", buffering=0) as file:
            rest = content.data
            while rest:
                rest = rest[file.write(rest) :]
    except OSError:
        os.unlink(path)
        return None
    return os.path.basename(path)


def _map_file(name: object, folder: Path | None, size: int) -> mmap.mmap:
    if folder is None or not isinstance(name, str) or os.path.basename(name) != name:
        raise WireError(f"an array was announced in file {name!r}, which is not in this worker's folder {folder}")
    path = folder / name
    try:
        with path.open("rb") as file:
            path.unlink()
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise WireError(f"the array announced in {path} cannot be mapped: {error}") from error
    if len(mapped) != size:
        raise WireError(f"{path} holds {len(mapped)} bytes, announced were {size}")
    return mapped


def _as_fields(record: Any) -> dict[str, object]:
    if not is_dataclass(record):
        raise TypeError(f"{type(record).__name__} {record!r} is neither a record nor plain JSON")
    return {field.name: getattr(record, field.name) for field in fields(record)}


_JSON = json.JSONEncoder(default=_as_fields, separators=(",", ":"))


@functools.cache
def _known_records() -> dict[str, type]:
    found = [kind for kind in vars(records).values() if isinstance(kind, type) and is_dataclass(kind)]
    return {kind.__name__: kind for kind in [*found, Absence]}


Builder = Callable[[Any], Any]


@functools.cache
def _builder(hint: Any) -> Builder:
    """How to make a value of the annotated type `hint` out of what JSON gave; it raises WireError where it cannot."""
    arguments = typing.get_args(hint)
    if is_dataclass(hint):
        return _record_builder(typing.cast("type", hint))
    if isinstance(hint, types.UnionType):
        return _union_builder(arguments)
    if typing.get_origin(hint) is tuple:
        return _tuple_builder(arguments)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _guarded(hint, hint)
    accepted = {float: (float, int), types.NoneType: (types.NoneType,)}.get(hint, (hint,))
    return _guarded(hint, lambda value: _exactly(value, accepted, float if hint is float else None))


def _exactly(value: Any, accepted: tuple[type, ...], convert: type | None) -> Any:
    if type(value) not in accepted:
        raise ValueError(f"expected {' or '.join(kind.__name__ for kind in accepted)}")
    return convert(value) if convert else value


def _guarded(hint: Any, build: Builder) -> Builder:
    def guarded(value: Any) -> Any:
        try:
            return build(value)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise WireError(f"{value!r} is not a valid {getattr(hint, '__name__', hint)}: {error}") from error

    return guarded


def _record_builder(kind: type) -> Builder:
    builders = {name: _builder(hint) for name, hint in typing.get_type_hints(kind).items()}
    return _guarded(kind, lambda content: kind(**{name: builders[name](value) for name, value in content.items()}))


def _tuple_builder(arguments: tuple[Any, ...]) -> Builder:
    if arguments[-1] is Ellipsis:
        each = _builder(arguments[0])
        return _guarded(tuple, lambda values: tuple(each(value) for value in _exactly(values, (list,), None)))
    builders = [_builder(argument) for argument in arguments]
    return _guarded(tuple, lambda values: tuple(build(value) for build, value in zip(builders, values, strict=True)))


def _union_builder(arguments: tuple[Any, ...]) -> Builder:
    builders = {argument: _builder(argument) for argument in arguments}

    def build(value: Any) -> Any:
        if type(value) in builders:
            return value
        for builder in builders.values():
            try:
                return builder(value)
            except WireError:
                continue
        raise WireError(f"{value!r} is none of {', '.join(map(str, arguments))}")

    return build
