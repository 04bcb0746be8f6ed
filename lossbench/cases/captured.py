"""Tensors that a user captured, as the inputs of cases: read from a file, named as the loss names them, cut."""

from __future__ import annotations

import hashlib
import json
import math
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lossbench.cases.draft import Draft
from lossbench.cases.regimes.registry import REGIMES, Regime
from lossbench.errors import UsageError
from lossbench.floats import FORMATS, decode
from lossbench.loss import Loss, Over
from lossbench.records import Case, Option

PREFIX = "captured-"
Part = tuple[slice, ...]  # along the axes of the case, from the first
# Numpy has no bfloat16, which is why the safetensors package cannot read such a file into it.
STORED = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip
SAME = (
    ("prediction", "predictions", "logit", "logits", "score", "scores", "input", "inputs", "pred", "preds", "output",
     "outputs", "y_pred", "prob", "probs", "probability", "probabilities"),
    ("target", "targets", "label", "labels", "y", "y_true", "gt", "truth", "ground_truth", "sign"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Captured:
    """What a file holds: arrays by name as float64 carriers (or integers), and the format of each."""

    path: Path
    arrays: Mapping[str, np.ndarray]
    formats: Mapping[str, str]
    digest: str

    @property
    def regime(self) -> str:
        """The word that stands for it in the names of cases."""
        return f"{PREFIX}{self.digest}"

    def given_to(self, loss: Loss) -> dict[str, np.ndarray]:
        """The arrays by the loss's own names, class axis last.

        Raises:
            UsageError: one is missing, or cannot be what the loss takes.
        """
        found: dict[str, np.ndarray] = {}
        for name, source in _named(loss, self.arrays, str(self.path)).items():
            array = self.arrays[source]
            if loss.arguments[name].domain.integer:
                if not (np.isfinite(array) & (array == np.rint(array))).all():
                    raise UsageError(f"{self.path}: {source} holds fractions; {loss.name} takes whole numbers there")
                found[name] = array.astype(np.int64)
            else:
                found[name] = array.astype(float)
        return _class_last(loss, found)

    def cases(self, loss: Loss, parameters: Mapping[str, Option], dtypes: Sequence[str]) -> list[Case]:
        """The cases that these arrays make for a loss: unreduced, and its mean.

        Raises:
            UsageError: the arrays or parameters do not fit the loss.
        """
        arrays = self.given_to(loss)
        shape = shape_of(loss, arrays)
        check_shapes(loss, arrays, shape, str(self.path))
        self.announce(self.regime, outside(loss, arrays))
        for name in parameters:
            if name not in loss.parameters:
                has = ", ".join(loss.parameters) or "none"
                raise UsageError(f"--set {name}: {loss.name} has no such parameter; it has {has}")
        given = tuple(name for name in arrays if loss.arguments[name].optional)
        set_so = loss.departures(parameters)
        first = "none" if "none" in loss.reductions else loss.reductions[0]
        reductions = dict.fromkeys([first, *(["mean"] if "mean" in loss.reductions else [])])
        return [
            Case(loss.name, given, set_so, reduction, dtype, shape, self.regime, 0)
            for dtype in dtypes or (self.format_for(loss),)
            for reduction in reductions
        ]

    def format_for(self, loss: Loss) -> str:
        """The format in which the loss was computed: that of its first floating argument."""
        names = _named(loss, self.arrays, str(self.path))
        kinds = [self.formats[s] for n, s in names.items() if not loss.arguments[n].domain.integer]
        return next((kind for kind in kinds if kind in FORMATS), "float32")

    def announce(self, word: str, outside: bool = False) -> None:
        """Let cases name these arrays, or a part of them, by `word`.

        Where some lie outside of their domains they are left there, and whoever refuses them is right.
        """
        if word not in REGIMES or REGIMES[word].invalid < outside:
            part = read_part(word)

            def season(draft: Draft) -> None:
                arrays = self.given_to(draft.loss)
                whole = shape_of(draft.loss, arrays)
                draft.arrays.clear()
                draft.arrays.update(cut(draft.loss, arrays, whole, part))
                draft.poisoned = poisoned(draft.loss, draft.arrays, draft.shape)

            season.__doc__ = f"Captured by the user: {self.path}."
            REGIMES[word] = Regime(word, season, (), invalid=outside, captured=True)


def open_captured(path: Path) -> Captured:
    """Read a file of arrays: ``.npz`` as numpy writes it, or ``.safetensors``.

    Raises:
        UsageError: it is not there or cannot be read.
    """
    if not path.is_file():
        raise UsageError(
            f"--inputs {str(path)!r}: there is no such file; numpy.savez(FILE, logit=..., target=...) writes one"
        )
    try:
        stored = _safetensors(path) if path.suffix == ".safetensors" else _npz(path)
    except (OSError, ValueError, KeyError, TypeError, EOFError, struct.error, zipfile.BadZipFile) as error:
        raise UsageError(f"--inputs {path}: cannot be read as {path.suffix or 'npz'}: {error}") from error
    if not stored:
        raise UsageError(f"--inputs {path}: it holds no arrays")
    arrays, formats = {}, {}
    digest = hashlib.blake2b(digest_size=4)
    for name, (kind, data) in stored.items():
        digest.update(f"{name}{kind}{data.shape}".encode() + np.ascontiguousarray(data).tobytes())
        formats[name] = kind
        arrays[name] = decode(data, FORMATS[kind]) if kind in FORMATS else data
    found = Captured(path, arrays, formats, digest.hexdigest())
    found.announce(found.regime)
    return found


def _npz(path: Path) -> dict[str, tuple[str, np.ndarray]]:
    if not zipfile.is_zipfile(path):
        raise ValueError("it is no such file; numpy.savez(FILE, logit=..., target=...) writes one")
    with np.load(path, allow_pickle=False) as file:
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise ValueError("a single array; save several by their names with numpy.savez")
        found = {}
        for name in file.files:
            data = file[name]
            if data.dtype.kind not in "fiub":
                raise ValueError(f"{name} holds {data.dtype}, which is no number")
            native = data.astype(data.dtype.newbyteorder("="))
            kind = str(native.dtype)
            found[name] = (
                (kind, native) if kind in FORMATS or data.dtype.kind in "iub" else ("float64", native.astype(float))
            )
        return found


def _safetensors(path: Path) -> dict[str, tuple[str, np.ndarray]]:
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    found = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] not in STORED:
            raise ValueError(f"{name} holds {entry['dtype']}; known are {', '.join(STORED)}")
        kind = STORED[entry["dtype"]]
        storage = np.dtype("uint16" if kind == "bfloat16" else kind)
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        shape = tuple(int(n) for n in entry["shape"])
        if end - begin != math.prod(shape) * storage.itemsize or end > len(data):
            raise ValueError(f"{name} does not have the bytes that its header says")
        found[name] = (kind, np.frombuffer(data[begin:end], storage).reshape(shape))
    return found


def _named(loss: Loss, arrays: Mapping[str, np.ndarray], where: str) -> dict[str, str]:
    """For each of the loss's arguments, the array in the file that it is."""
    found = {name: name for name in loss.arguments if name in arrays}
    for words in SAME:
        mine = [n for n, a in loss.arguments.items() if n in words and n not in found and not a.optional]
        theirs = [name for name in arrays if name.lower() in words and name not in found.values()]
        if len(mine) == 1 and len(theirs) == 1:
            found[mine[0]] = theirs[0]
    missing = [name for name, a in loss.arguments.items() if not a.optional and name not in found]
    if missing:
        takes = ", ".join(f"{n} (may be left out)" if a.optional else n for n, a in loss.arguments.items())
        raise UsageError(
            f"{where} holds {', '.join(arrays)}; {loss.name} takes {takes}: name {missing[0]} so in the file, as in "
            f"numpy.savez(FILE, {missing[0]}=...)"
        )
    return {name: found[name] for name in loss.arguments if name in found}


def _class_last(loss: Loss, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Scores with their classes along the second axis, as frameworks have them, with the classes last."""
    per_row = [n for n in arrays if loss.over is Over.ROWS and loss.arguments[n].domain.integer]
    if not per_row:
        return arrays
    labels = arrays[per_row[0]].shape
    turned = dict(arrays)
    for name, array in arrays.items():
        second = array.ndim > 2 and (array.shape[0], *array.shape[2:]) == labels
        if second and array.shape[:-1] != labels:
            turned[name] = np.moveaxis(array, 1, -1)
    return turned


def shape_of(loss: Loss, arrays: Mapping[str, np.ndarray]) -> tuple[int, ...]:
    """The shape of the case that these arrays make: that of the first argument that has it.

    Raises:
        UsageError: none has, so that it cannot be told.
    """
    for name, array in arrays.items():
        if loss.arguments[name].domain.axes == "all":
            return array.shape
    raise UsageError(f"--inputs cannot tell the shape of a case of {loss.name} from its arrays; it needs a case's name")


def check_shapes(loss: Loss, arrays: Mapping[str, np.ndarray], shape: tuple[int, ...], where: str) -> None:
    """Refuse arrays that do not have the shapes of a case.

    Raises:
        UsageError: one has not.
    """
    for name, array in arrays.items():
        wanted = loss.argument_shape(name, shape)
        if array.shape != wanted:
            raise UsageError(
                f"{where}: {name} has the shape {array.shape}; for a case of {shape} it should be {wanted}"
            )


def outside(loss: Loss, arrays: Mapping[str, np.ndarray]) -> bool:
    """Whether some numbers lie outside of the domains of their arguments."""
    domains = {name: loss.arguments[name].domain for name in arrays}
    with np.errstate(invalid="ignore"):
        return any(bool(((a < domains[n].low) | (a > domains[n].high)).any()) for n, a in arrays.items())


def poisoned(loss: Loss, arrays: Mapping[str, np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Terms of whose inputs some are not finite."""
    marks = np.zeros(loss.term_shape(shape), bool)
    bad = {n: ~np.isfinite(a) for n, a in arrays.items() if a.dtype.kind == "f"}
    if any(mark.any() for mark in bad.values()):
        for index in np.ndindex(*marks.shape):
            marks[index] = any(np.any(loss.slice_of(name, mark, index)) for name, mark in bad.items())
    return marks


def part_axes(loss: Loss, shape: tuple[int, ...]) -> int:
    """Along how many axes of a case it can be cut without cutting through a term; a batch's along its first."""
    return len(loss.term_shape(shape)) or 1


def cut(loss: Loss, arrays: Mapping[str, np.ndarray], shape: tuple[int, ...], part: Part) -> dict[str, np.ndarray]:
    """The arrays of a part of a case."""
    found = {}
    for name, array in arrays.items():
        axes = loss.arguments[name].domain.axes
        if axes == "shared":
            found[name] = array
        elif axes == "last":
            found[name] = array[part[len(shape) - 1]] if len(part) == len(shape) else array
        else:
            found[name] = array[part[: array.ndim]]
    return found


def part_word(word: str, part: Part) -> str:
    """The name of a part: ``captured-1a2b3c4d@12.7`` for row 12 and column 7, ``@4-8`` for rows 4 to 7."""
    pieces = [str(p.start) if p.stop == p.start + 1 else f"{p.start}-{p.stop}" for p in part]
    return f"{word.partition('@')[0]}@{'.'.join(pieces)}" if part else word


def read_part(word: str) -> Part:
    """Read back what `part_word` wrote.

    Raises:
        UsageError: it does not read like a part.
    """
    _, at, text = word.partition("@")
    try:
        ends = [[int(n) for n in piece.split("-")] for piece in text.split(".")] if at else []
    except ValueError:
        raise UsageError(f"{word!r}: a part should read like @12, @12.7 or @4-8") from None
    return tuple(slice(each[0], each[-1] if len(each) > 1 else each[0] + 1) for each in ends)
