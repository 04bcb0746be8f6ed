"""In the worker: somebody's own function or class, loaded from a file or module and entered as an implementation.

Nothing of the user's runs anywhere else. What cannot be loaded becomes an implementation that raises, so that it ends
as a verdict; what cannot be matched with the loss's arguments is told before anything is asked.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import linecache
import math
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lossbench import tampering
from lossbench.framework import FLOATS, Adapter, Framework, Tensor
from lossbench.guest import Guest
from lossbench.matching import Matching, Slot, match, slots
from lossbench.records import Implementation, Option
from lossbench.testimony import LOADING, TRYING, Testimony

WORDS: Mapping[str, tuple[str | None, ...]] = {  # how a reduction is called
    "none": ("none", None),
    "mean": ("mean", "sum_over_batch_size"),
    "sum": ("sum",),
}
CLASSES_SECOND = ("torch", "paddle")  # whose convention for more than two axes it is
CLOSE = 1e-3  # twice a sum in float32 is no worse than this
OWN_FOLDER = str(Path(__file__).parent)


class GuestError(Exception):
    """Something of the user's that cannot be used as it is; the message says what."""


def enter(framework: Framework, guest: Guest, testimony: Testimony) -> None:
    """Make the guest the framework's only implementation.

    Raises:
        MatchingError: its signature does not say how it is to be called.
    """
    framework.table.clear()
    before = tampering.snapshot(framework.name)
    framework.own = (guest.place,)
    try:
        with testimony.limited(LOADING):
            found = load(guest)
        framework.own = own_places(guest, found)
        hosted = Hosted(framework, guest, found)
    except (GuestError, ImportError, SyntaxError) as error:
        _broken(framework, guest, error)
        return
    framework.remark = functools.partial(tampering.replaced, before)
    with testimony.limited(TRYING):
        for reading in hosted.readings():
            implementation, adapter = hosted.entry(reading)
            framework.table[implementation.key] = (implementation, adapter)


def load(guest: Guest) -> Any:
    """What the guest's name stands for, its file imported.

    Raises:
        GuestError: it raised while it was imported, or there is nothing of that name.
    """
    try:
        module = _module(guest.place)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        raise GuestError(f"cannot be imported: {said(error, (guest.place,))}") from error
    found: Any = module
    for part in guest.name.split("."):
        if not hasattr(found, part):
            names = ", ".join(n for n, v in vars(module).items() if callable(v) and not n.startswith("_"))
            raise GuestError(f"{guest.place} has no {guest.name!r}; it has {names or 'nothing that can be called'}")
        found = getattr(found, part)
    if not callable(found):
        raise GuestError(f"{guest.name} is {type(found).__name__}, which cannot be called")
    return found


def _module(place: str) -> Any:
    if not place.endswith(".py"):
        sys.path.insert(0, os.getcwd())
        return importlib.import_module(place)
    path = Path(place)
    if (path.parent / "__init__.py").is_file():  # part of a package: imported as such, for its relative imports
        root = path.parent
        while (root / "__init__.py").is_file():
            root = root.parent
        sys.path.insert(0, str(root))
        return importlib.import_module(".".join(path.relative_to(root).with_suffix("").parts))
    sys.path.insert(0, str(path.parent))  # as Python does for a script
    name = path.stem if path.stem not in sys.modules else f"own_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise GuestError(f"{place} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def own_places(guest: Guest, found: Any) -> tuple[str, ...]:
    """The paths that are the user's own: the file, and the folder that it stands in."""
    try:
        path = guest.place if guest.place.endswith(".py") else (inspect.getsourcefile(inspect.unwrap(found)) or "")
    except TypeError:  # an object
        path = inspect.getsourcefile(type(found)) or ""
    return tuple(dict.fromkeys(p for p in (guest.place, path, str(Path(path).parent) + os.sep) if p))


def complaint(error: BaseException, own: Sequence[str]) -> str:
    """What is told of an exception that a guest raised."""
    return str(error) if isinstance(error, GuestError) else said(error, own)


def said(error: BaseException, own: Sequence[str]) -> str:
    """An exception in a line, with the line of the user's own that it came from."""
    text = " ".join(str(error).split())
    head = f"{type(error).__name__}: {text}"[:300] if text else type(error).__name__
    return f"{head}{located(error, own)}"


def located(error: BaseException, own: Sequence[str]) -> str:
    """Where in the user's own lines an exception came from: `` (losses.py, line 7, in focal: ...)``, or nothing."""
    chain: list[BaseException] = []
    step: BaseException | None = error
    while step is not None and step not in chain:
        chain.append(step)
        step = step.__cause__ or step.__context__
    for each in chain:
        if isinstance(each, SyntaxError) and each.filename and _is_own(each.filename, own):
            return f" ({os.path.basename(each.filename)}, line {each.lineno}: {(each.text or '').strip()})"
        frames = [f for f in traceback.extract_tb(each.__traceback__) if _is_own(f.filename, own)]
        if frames:
            frame = frames[-1]
            line = linecache.getline(frame.filename, frame.lineno or 0).strip()
            return f" ({os.path.basename(frame.filename)}, line {frame.lineno}, in {frame.name}: {line[:120]})"
    return ""


def _is_own(path: str, own: Sequence[str]) -> bool:
    if path.startswith(OWN_FOLDER):
        return False
    foreign = "site-packages" in path and not any("site-packages" in each for each in own)
    return not foreign and any(path == each or (each.endswith(os.sep) and path.startswith(each)) for each in own)


def _broken(framework: Framework, guest: Guest, error: BaseException) -> None:
    """Enter an implementation that raises what kept the guest from being one."""
    told = complaint(error, framework.own)

    def adapter(*, reduction: str, **given: Any) -> Tensor:
        raise GuestError(told)

    names = tuple(name for name, _ in guest.parameters)
    arrays = (*guest.required, *guest.optional)
    one = Implementation(guest.loss, guest.via, arrays, guest.required, names, guest.reductions, FLOATS, call=told)
    framework.table[one.key] = (one, adapter)


@dataclass(frozen=True, slots=True)
class Reading:
    """A way to understand what comes back: for each reduction offered, what to set; and how that was found."""

    settings: Mapping[str, Mapping[str, object]]
    how: str
    suffix: str = ""


@dataclass(slots=True)
class Made:
    """Objects made of the user's class, by what they were made with."""

    objects: dict[tuple[object, ...], Any] = field(default_factory=dict)


class Hosted:
    """A guest that has been loaded, and how it is called."""

    def __init__(self, framework: Framework, guest: Guest, found: Any) -> None:
        """Read its signature; raises MatchingError where that does not say enough."""
        self.framework, self.guest, self.found = framework, guest, found
        self.kind = _kind(found)
        making, passes = slots(_maker(found), True) if self.kind == "class" else ([], False)
        calling, _ = slots(_caller(found, self.kind), False)
        self.calling = [slot.name for slot in calling]
        self.only_named = {slot.name for slot in calling if slot.by_name}
        if self._is_keras and passes and "reduction" not in {slot.name for slot in making}:
            making.append(Slot("reduction", "sum_over_batch_size", True, True))
        self.takes_dtype = self._is_keras and (passes or "dtype" in {slot.name for slot in making})
        making = [slot for slot in making if slot.name not in ("name", "dtype") or slot.needed]
        self.matching: Matching = match(guest, making, calling)
        self.made = Made()
        self.second = self._classes_second()

    @property
    def _is_keras(self) -> bool:
        keras = sys.modules.get("keras")
        base = getattr(getattr(keras, "losses", None), "Loss", None)
        kind = self.found if self.kind == "class" else type(self.found)
        return base is not None and isinstance(kind, type) and issubclass(kind, base)

    def call(
        self, arrays: Mapping[str, Tensor], parameters: Mapping[str, object], settings: Mapping[str, object]
    ) -> Any:
        """Call it with arrays and parameters by our names, and settings by its own.

        Raises:
            GuestError: it raised something that is no `Exception`, or what it returned is no loss.
        """
        matching = self.matching
        theirs: dict[str, tuple[bool, object]] = {
            matching.parameters[n].name: (matching.parameters[n].made_with, v) for n, v in parameters.items()
        }
        theirs |= matching.fixed
        if matching.reduction is not None:
            theirs |= {name: (matching.reduction.made_with, value) for name, value in settings.items()}
        given = {name: self._laid_out(name, array) for name, array in arrays.items()}
        making = {name: value for name, (made_with, value) in theirs.items() if made_with}
        for name, part in matching.arrays:  # an optional array that the constructor takes
            slot_made = name not in self.calling and bool(name)
            if slot_made and part.name in given:
                making[name] = given[part.name]
        if self.takes_dtype and given:
            making.setdefault("dtype", _dtype_name(next(iter(given.values()))))
        calling = {name: value for name, (made_with, value) in theirs.items() if not made_with}
        try:
            return self._picked(self._run(given, making, calling))
        except (SystemExit, KeyboardInterrupt, GeneratorExit) as error:
            raise GuestError(said(error, self.framework.own)) from error

    def _run(self, given: Mapping[str, Tensor], making: dict[str, object], calling: dict[str, object]) -> Any:
        callee = self._object(making) if self.kind == "class" else self.found
        positional: list[Any] = []
        named: dict[str, Any] = dict(calling)
        places = {name: part for name, part in self.matching.arrays if name in self.calling or not name}
        for number, (name, part) in enumerate(places.items()):
            missing = part.kind == "array" and part.name not in given
            if missing:
                continue
            in_turn = number == len(positional) and (not name or self.calling[number] == name)
            if in_turn and name not in self.only_named:
                positional.append(part.filled(given))
            else:
                named[name] = part.filled(given)
        if self.kind == "autograd":
            return self.found.apply(*positional, *named.values())
        return callee(*positional, **named)

    def _object(self, making: dict[str, object]) -> Any:
        key = tuple(sorted((n, repr(v)) for n, v in making.items() if not hasattr(v, "shape")))
        plain = not any(hasattr(value, "shape") for value in making.values())
        if plain and key in self.made.objects:
            return self.made.objects[key]
        one = self.found(**making)
        if self.framework.device != "cpu" and hasattr(one, "to"):
            one = one.to(self.framework.device)
        if plain:
            self.made.objects[key] = one
        return one

    def _laid_out(self, name: str, array: Tensor) -> Tensor:
        """The array with the classes where the guest wants them."""
        if not self.second or name not in self.guest.classed or len(array.shape) < 3:
            return array
        last = len(array.shape) - 1
        axes = [0, last, *range(1, last)]
        if self.framework.name == "torch":
            return array.permute(*axes)
        if self.framework.name == "paddle":
            return array.transpose(axes)
        module = importlib.import_module("jax.numpy" if self.framework.name == "jax" else "tensorflow")
        return module.transpose(array, axes)

    def _classes_second(self) -> bool:
        if self.guest.layout:
            return self.guest.layout == "second"
        return self.framework.name in CLASSES_SECOND

    def _picked(self, result: Any) -> Any:
        """The loss among what came back."""
        wanted = self.guest.output
        if isinstance(result, Mapping):
            name = wanted or ("loss" if "loss" in result else next(iter(result)) if len(result) == 1 else "")
            if name not in result:
                raise GuestError(f"returned a dict of {', '.join(map(str, result))}; say which by --output NAME")
            result = result[name]
        elif isinstance(result, (tuple, list)):
            if wanted and not wanted.lstrip("-").isdigit():
                if not hasattr(result, wanted):
                    raise GuestError(f"returned {len(result)} things; say which by --output 0, 1, ...")
                return getattr(result, wanted)
            if not result or int(wanted or 0) >= len(result):
                raise GuestError(f"returned {len(result)} things; --output {wanted or 0} is none of them")
            result = result[int(wanted or 0)]
        if result is None:
            raise GuestError("returned None; does every way through it end in a return?")
        if isinstance(result, (bool, int, float, np.ndarray, np.generic)):
            raise GuestError(f"returned a plain {type(result).__name__}, through which no gradient can flow")
        return result

    # what it returns, tried on ordinary inputs

    def readings(self) -> list[Reading]:
        """The ways to understand its reductions, found by trying; more than one where trying does not tell."""
        slot, offered = self.matching.reduction, self.guest.reductions
        if slot is None:
            return self._read_fixed({}, "")
        if slot.name == "reduction":
            words = self._words(slot, offered)
            if words:
                how = ", ".join(f"{ours}={next(iter(s.values()))!r}" for ours, s in words.items())
                return [Reading(words, f"its reduction tried: {how}")]
            plain = {ours: {slot.name: ours} for ours in offered if ours in WORDS}
            return [Reading(plain, "its reduction could not be tried")]
        found: dict[str, Mapping[str, object]] = {}
        for value in (False, True):
            for reading in self._read_fixed({slot.name: value}, "")[:1]:
                found |= {ours: settings for ours, settings in reading.settings.items() if ours not in found}
        return [Reading(found, ", ".join(f"{slot.name}={next(iter(s.values()))} is {n}" for n, s in found.items()))]

    def _words(self, slot: Slot, offered: Sequence[str]) -> dict[str, Mapping[str, object]]:
        found: dict[str, Mapping[str, object]] = {}
        for ours in offered:
            for word in WORDS.get(ours, ()):
                back = self._tried({slot.name: word})
                if back is not None and (back.shape == self.guest.terms) == (ours == "none" or not self.guest.terms):
                    found[ours] = {slot.name: word}
                    break
        return found

    def _read_fixed(self, settings: Mapping[str, object], suffix: str) -> list[Reading]:
        """What it returns under fixed settings: one number for each term, or a sum or mean of them."""
        terms, offered = self.guest.terms, self.guest.reductions
        back = self._tried(settings)
        scalars: list[str] = [name for name in ("mean", "sum") if name in offered]
        if back is None:
            every = [name for name in ("none", *scalars) if name in offered] or list(offered)
            return [Reading(dict.fromkeys(every, settings), "what it returns could not be tried")]
        if terms and back.shape == terms:
            return [Reading({"none": settings}, "returns one number for each term")]
        if back.shape == terms[:-1] and len(terms) > 1 and {"mean_last", "sum_last"} & set(offered):
            grown = self._growth(settings, -1)
            name = "sum_last" if grown == 2 else "mean_last"
            return [Reading({name: settings}, f"returns one number for each row: {name}")]
        if back.size != 1:
            return [Reading({"none": settings}, f"returns shape {back.shape} where the terms have {terms}")]
        if not terms:
            return [Reading(dict.fromkeys(offered, settings), "returns one number")]
        rows, last = self._growth(settings, 0), self._growth(settings, -1) if len(terms) > 1 else None
        name = {1: "mean", 2: "sum"}.get(rows or 0, "")
        if last is not None and last != rows:
            name = "batchmean" if (rows, last) == (1, 2) else ""
        if name in offered:
            times = "the same" if rows == 1 else "twice as much"
            return [Reading({name: settings}, f"returns one number, {times} for a batch given twice: read as {name}")]
        return [
            Reading({each: settings}, f"returns one number; read as {each}", f" (read as {each})")
            for each in (*scalars, *(offered if not scalars else ()))
        ]

    def _growth(self, settings: Mapping[str, object], axis: int) -> int | None:
        """How many times as much comes back when every array is given twice along an axis: 1, 2 or neither."""
        once, twice = self._tried(settings), self._tried(settings, axis)
        if once is None or twice is None or (once.size != 1 and axis == 0):
            return None
        first, second = float(np.sum(once)), float(np.sum(twice))
        if not (math.isfinite(first) and math.isfinite(second) and first):
            return None
        return next((n for n in (1, 2) if abs(second / first - n) < CLOSE), None)

    def _tried(
        self,
        settings: Mapping[str, object],
        twice: int | None = None,
        parameters: Mapping[str, object] | None = None,
    ) -> np.ndarray | None:
        """What it makes of the inputs to try, as float64; None where it raises."""
        given = {}
        for name, dtype, shape, numbers in self.guest.trial:
            array = np.array(numbers, dtype).reshape(shape)
            grows = name not in self.guest.whole and (twice is None or twice == 0 or len(shape) > 1)
            if twice is not None and grows:
                array = np.concatenate([array, array], axis=twice)
            given[name] = self.framework.tensor(array, dtype, False)
        if parameters is None:
            parameters = {n: s.default for n, s in self.matching.parameters.items() if not s.needed}
            ours = dict(self.guest.parameters)
            parameters |= {n: ours[n] for n, s in self.matching.parameters.items() if s.needed}
        try:
            dtype, data = self.framework.array(self.call(given, parameters, settings))
        except Exception:
            return None
        return data.astype(float) if dtype in ("float64", "float32") else None

    def entry(self, reading: Reading) -> tuple[Implementation, Adapter]:
        """The table's entry."""
        guest, matching = self.guest, self.matching
        settings = dict(reading.settings)
        ours = dict(guest.parameters)
        defaults = {
            name: slot.default
            for name, slot in matching.parameters.items()
            if not slot.needed and isinstance(slot.default, Option) and slot.default != ours[name]
        }
        some = next(iter(settings.values()), {})
        usual = {n: s.default for n, s in matching.parameters.items() if not s.needed}
        refused = [
            name
            for name in defaults
            if self._tried(some, parameters=usual) is not None
            and self._tried(some, parameters={**usual, name: ours[name]}) is None
        ]
        hosted = self

        def adapter(*, reduction: str, **given: Any) -> Tensor:
            arrays = {name: value for name, value in given.items() if name not in matching.parameters}
            parameters = {name: value for name, value in given.items() if name in matching.parameters}
            return hosted.call(arrays, parameters, settings.get(reduction, {}))

        taken = matching.given()
        optional = [name for name in guest.optional if name in taken]
        kept = f"; {reading.how}" if reading.how else ""
        one = Implementation(
            loss=guest.loss,
            via=guest.via + reading.suffix,
            arrays=(*guest.required, *optional),
            required=(*guest.required, *refused),
            parameters=tuple(matching.parameters),
            reductions=tuple(settings),
            dtypes=("float32",) if self._is_keras and not self.takes_dtype else FLOATS,
            call=f"{matching}{kept}" + (", classes second" if self.second and guest.classed else ""),
            home=(guest.place, guest.name),
            defaults=tuple(defaults.items()),
        )
        return one, adapter


def _kind(found: Any) -> str:
    """How it is used: "function" (or an object that is called), "class", or "autograd" (torch.autograd.Function)."""
    if not inspect.isclass(found):
        return "function"
    return "autograd" if hasattr(found, "apply") and hasattr(found, "backward") else "class"


def _maker(kind: type) -> Callable[..., Any]:
    """What tells the parameters of a class's constructor."""
    return functools.partial(kind.__init__, None)  # type: ignore[misc]


def _caller(found: Any, kind: str) -> Callable[..., Any]:
    """What tells the parameters of a call: the user's own method where a framework's stands before it."""
    if kind == "autograd":
        return functools.partial(found.forward, None)
    if kind == "function" and inspect.isroutine(getattr(found, "python_function", found)):
        return getattr(found, "python_function", found)  # type: ignore[no-any-return]
    owner = found if kind == "class" else type(found)
    if kind == "function" and hasattr(found, "__wrapped__"):  # a compiled function
        return found  # type: ignore[no-any-return]
    for name in ("forward", "call", "__call__"):
        method = getattr(owner, name, None)
        if method is not None and name in {n for base in owner.__mro__ for n in vars(base)}:
            return functools.partial(method, None)
    return found  # type: ignore[no-any-return]


def _dtype_name(tensor: Tensor) -> str:
    return str(getattr(tensor.dtype, "name", tensor.dtype)).rpartition(".")[2]
