"""In the worker: how a user's own function or class is called with the arguments of a loss."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lossbench.arrangement import Part
from lossbench.complaints import UserFileError, said
from lossbench.framework import Framework, Tensor
from lossbench.guest import Guest
from lossbench.guest_matching import Matching, Slot, match, slots

CLASSES_SECOND = ("torch", "paddle")  # whose convention for more than two axes it is


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
        if self.is_keras and passes and "reduction" not in {slot.name for slot in making}:
            making.append(Slot("reduction", "sum_over_batch_size", True, True))
        self.takes_dtype = self.is_keras and (passes or "dtype" in {slot.name for slot in making})
        making = [slot for slot in making if slot.name not in ("name", "dtype") or slot.needed]
        self.matching: Matching = match(guest, making, calling)
        self.made: dict[tuple[object, ...], Any] = {}  # of the user's class, by what they were made with
        self.picked = ""  # how the loss is taken out of what it returns
        self.second = self._classes_second()

    @property
    def is_keras(self) -> bool:
        """Whether it is a loss by Keras's own class."""
        keras = sys.modules.get("keras")
        base = getattr(getattr(keras, "losses", None), "Loss", None)
        kind = self.found if self.kind == "class" else type(self.found)
        return base is not None and isinstance(kind, type) and issubclass(kind, base)

    def call(
        self, arrays: Mapping[str, Tensor], parameters: Mapping[str, object], settings: Mapping[str, object]
    ) -> Any:
        """Call it with arrays and parameters by our names, and settings by its own.

        Raises:
            UserFileError: it raised something that is no `Exception`, or what it returned is no loss.
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
            raise UserFileError(said(error, self.framework.own)) from error

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
        if plain and key in self.made:
            return self.made[key]
        one = self.found(**making)
        if self.framework.device != "cpu" and hasattr(one, "to"):
            one = one.to(self.framework.device)
        if plain:
            self.made[key] = one
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
                raise UserFileError(f"returned a dict of {', '.join(map(str, result))}; say which by --output NAME")
            result, self.picked = result[name], f"[{name!r}]"
        elif isinstance(result, (tuple, list)):
            if wanted and not wanted.lstrip("-").isdigit():
                if not hasattr(result, wanted):
                    raise UserFileError(f"returned {len(result)} things; say which by --output 0, 1, ...")
                return getattr(result, wanted)
            if not result or int(wanted or 0) >= len(result):
                raise UserFileError(f"returned {len(result)} things; --output {wanted or 0} is none of them")
            result, self.picked = result[int(wanted or 0)], f"[{int(wanted or 0)}]"
        if result is None:
            raise UserFileError("returned None; does every way through it end in a return?")
        if isinstance(result, (bool, int, float, np.ndarray, np.generic)):
            raise UserFileError(f"returned a plain {type(result).__name__}, through which no gradient can flow")
        return result

    def source(self, settings: Mapping[str, Mapping[str, object]], optional: Sequence[str]) -> str:
        """The call as a function that stands alone, but for the user's own module, there called `own`."""
        guest, matching = self.guest, self.matching
        arrays = [*guest.required, *(f"{name}=None" for name in optional)]
        names = [*arrays, "*", *(f"{name}=None" for name in matching.parameters), "reduction"]
        lines = [f"def {guest.loss}({', '.join(names)}):"]
        if matching.reduction is not None:
            lines.append(f"    settings = { ({k: dict(v) for k, v in settings.items()})!r}[reduction]")
        for name in guest.classed if self.second else ():
            lines.append(f"    {name} = {name}.swapaxes(1, -1) if {name}.ndim == 3 else {name}")
        slots = [(slot.made_with, f"{slot.name}={ours}") for ours, slot in matching.parameters.items()]
        slots += [(made_with, f"{name}={value!r}") for name, (made_with, value) in matching.fixed.items()]
        if matching.reduction is not None:
            slots.append((matching.reduction.made_with, "**settings"))
        made = [text for made_with, text in slots if made_with]
        called = [text for made_with, text in slots if not made_with]
        given = [f"{name}={_code(part)}" if name else _code(part) for name, part in matching.arrays]
        head = f"own.{guest.name}" + {"class": f"({', '.join(made)})", "autograd": ".apply"}.get(self.kind, "")
        if self.kind == "autograd":
            given = [_code(part) for _, part in matching.arrays]
        return "\n".join([*lines, f"    return {head}({', '.join([*given, *called])}){self.picked}"])


def _code(part: Part) -> str:
    if part.kind == "list":
        return f"[{', '.join(map(_code, part.parts))}]"
    if part.kind == "dictionary":
        return "{" + ", ".join(f"{k!r}: {_code(p)}" for k, p in zip(part.keys, part.parts, strict=True)) + "}"
    return part.name or "None"


def _kind(found: Any) -> str:
    """How it is used: "function" (or an object that is called), "class", or "autograd" (torch.autograd.Function)."""
    if not inspect.isclass(found):
        return "function"
    bases = {f"{base.__module__.partition('.')[0]}.{base.__name__}" for base in found.__mro__}
    return "autograd" if bases & {"torch.Function", "paddle.PyLayer"} else "class"


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
