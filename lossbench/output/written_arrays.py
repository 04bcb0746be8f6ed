"""Arrays as Python source: plain lists while they are short, else what is usual in them and what is not."""

from __future__ import annotations

import base64
import textwrap
import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from lossbench.decimals import literal, number
from lossbench.floats import FORMATS, Format, encode

PLAIN = 400  # numbers that are written one by one, whatever they are
WIDTH = 100
FARTHEST, FIRST = 12, 3  # wanted numbers of many that are shown
TINIEST = FORMATS["float64"].smallest_subnormal
# What the functions that a script needs for long arrays look like there.
FULL = """
def full(shape, usual, but={}):
    flat = [usual] * prod(shape)
    for place, number in but.items():
        flat[place] = number
    return nested(flat, shape)
"""
NESTED = """
def nested(flat, shape):
    for length in reversed(shape[1:]):
        flat = [flat[start : start + length] for start in range(0, len(flat), length)]
    return flat
"""
UNPACKED = """
def unpacked(text, code, shape):  # numbers of the format as they lie in memory, compressed
    data = zlib.decompress(base64.b64decode(text))
    if code == "bfloat16":
        data, code = b"".join(b"\\0\\0" + data[at : at + 2] for at in range(0, len(data), 2)), "f"
    return nested([number for (number,) in struct.iter_unpack("<" + code, data)], shape)
"""
CODES = {"float64": "d", "float32": "f", "float16": "e", "bfloat16": "bfloat16"}
NEEDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # imports and functions by the word that a text has
    "full(": (("from math import prod",), (NESTED, FULL)),
    "unpacked(": (("import base64", "import struct", "import zlib"), (NESTED, UNPACKED)),
}


def written(array: np.ndarray, form: Format | None) -> str:
    """An expression for the array's numbers as nested lists; `form` None: they are whole numbers.

    A long array is one number everywhere and its exceptions, or the bits in base64: shortest decimals would take
    twice the room, and seconds to find.
    """
    if array.size <= PLAIN:
        return _plain(array, form)
    mostly = _mostly(array, form)
    if mostly is not None:
        return mostly
    return _packed(array, form) if form else min(_packed(array, form), _plain(array, form), key=len)


def picked(
    want: np.ndarray, got: np.ndarray | None = None, unasked: np.ndarray | None = None, place: Sequence[int] = ()
) -> str:
    """An expression for the wanted numbers; None stands where nothing is asked.

    Of many numbers that are not mostly the same, those alone where what came back is farthest off, the one at `place`,
    and the first.
    """
    nothing = np.zeros(want.shape, bool) if unasked is None else np.broadcast_to(unasked, want.shape)
    if want.size <= PLAIN:
        return _with_gaps(want, nothing)
    told = [int(np.ravel_multi_index(tuple(place), want.shape))] if len(place) == want.ndim else []
    if not (told or nothing.any()) and (mostly := _mostly(want, FORMATS["float64"])) is not None:
        return mostly
    off = np.zeros(want.size)
    if got is not None and got.size == want.size:
        with np.errstate(all="ignore"):
            off = np.abs(got.reshape(-1) - want.reshape(-1)) / np.fmax(np.abs(want.reshape(-1)), TINIEST)
        alike = np.isnan(got.reshape(-1)) & np.isnan(want.reshape(-1)) | (got.reshape(-1) == want.reshape(-1))
        off = np.where(alike, 0.0, np.where(np.isnan(off), np.inf, off))
    off[nothing.reshape(-1)] = -1.0
    places = sorted({*told, *np.argsort(-off, kind="stable")[:FARTHEST].tolist(), *range(FIRST)})
    entries = [
        f"    {tuple(int(i) for i in np.unravel_index(at, want.shape))}: {_one(want.flat[at], FORMATS['float64'])},"
        for at in places
        if off[at] >= 0
    ]
    return "\n".join([f"{{  # some of {want.size} numbers", *entries, "}"])


def _with_gaps(want: np.ndarray, nothing: np.ndarray) -> str:
    if want.ndim == 0:
        return "None" if nothing else _one(float(want), FORMATS["float64"])
    return f"[{', '.join(_with_gaps(a, b) for a, b in zip(want, nothing, strict=True))}]"


def needed(text: str) -> tuple[list[str], list[str]]:
    """The imports and functions that a text of such expressions needs."""
    imports: dict[str, None] = {}
    functions: dict[str, None] = {}
    for word, (lines, sources) in NEEDS.items():
        if word in text:
            imports |= dict.fromkeys(lines)
            functions |= dict.fromkeys(sources)
    return list(imports), [source.strip("\n") for source in functions]


def _plain(array: np.ndarray, form: Format | None) -> str:
    return str(array.tolist()) if form is None else literal(array, form)


def _mostly(array: np.ndarray, form: Format | None) -> str | None:
    """One number everywhere but in a few places; None where they are not few."""
    flat = array.reshape(-1)
    bits = flat.astype(np.int64 if form is None else float).view(np.int64)  # -0.0 among zeros is an exception
    kinds, counts = np.unique(bits, return_counts=True)
    usual = kinds[counts.argmax()]
    apart = np.flatnonzero(bits != usual).tolist()
    if len(apart) > PLAIN:
        return None
    value = flat[int(np.flatnonzero(bits == usual)[0])]
    but = ", ".join(f"{at}: {_one(flat[at], form)}" for at in apart)
    exceptions = f", {{{but}}}" if apart else ""
    return f"full({list(array.shape)}, {_one(value, form)}{exceptions})"


def _one(value: float, form: Format | None) -> str:
    return str(int(value)) if form is None else number(float(value), form)


def _packed(array: np.ndarray, form: Format | None) -> str:
    """The bits, compressed, in lines."""
    data = array.astype("<i8") if form is None else encode(array, FORMATS[form.name])
    data = data.astype(data.dtype.newbyteorder("<"))
    text = base64.b64encode(zlib.compress(np.ascontiguousarray(data).tobytes(), 9)).decode("ascii")
    lines = "\n".join(f'    "{line}"' for line in textwrap.wrap(text, WIDTH))
    code = "q" if form is None else CODES[form.name]
    return f'unpacked((\n{lines}\n    ), "{code}", {list(array.shape)})'
