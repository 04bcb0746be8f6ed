"""In the worker: a user's own function or class, loaded from a file or a module and entered as an implementation.

The file runs here and nowhere else. What it raises is told with the line of the user's own that raised it.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import inspect
import json
import linecache
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lossbench.framework import Adapter, Framework, Tensor
from lossbench.records import Implementation

VARIABLE = "LOSSBENCH_CHECK"  # what to load, as JSON, set by those who want it checked
FILES = "LOSSBENCH_LOSSES"  # files and modules of losses that the user brings, as JSON
CHECKED = "check"  # the loss under whose name a user's function stands in the table
PLAIN, OTHER, SAVED, COMPILED = "as it is", "with other settings", "saved and loaded", "compiled"
CALLS = ("forward", "call", "__call__")  # by which a class is called, in the order of preference


class UserFileError(Exception):
    """What the user gave cannot be used; the message says where in their own lines."""


class RaisedInside(Exception):
    """What a user's function raised, with the line that did."""


def enter_all(framework: Framework) -> None:
    """Enter what the environment says the user brings.

    Raises:
        UserFileError: it cannot be loaded.
    """
    if text := os.environ.get(FILES):
        for entry in json.loads(text):
            if entry["optional"] and importlib.util.find_spec(entry["module"].split(".")[0]) is None:
                continue  # a package of the parent's that this interpreter does not have
            load_module(entry["path"] or entry["module"])
        from lossbench import own

        own.enter(framework)
    if text := os.environ.get(VARIABLE):
        enter(framework, **json.loads(text))


def load_module(place: str) -> Any:
    """The module in a file (``losses.py``), or of a dotted name.

    Raises:
        UserFileError: it is not there, or raises while it is imported.
    """
    try:
        if not place.endswith(".py"):
            if os.getcwd() not in sys.path:
                sys.path.append(os.getcwd())
            return importlib.import_module(place)
        path = Path(place).resolve()
        name = f"lossbench_user_{path.stem}"
        known = sys.modules.get(name)
        if known is not None and known.__file__ == str(path):
            return known
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise UserFileError(f"there is no file {place!r}")
        if str(path.parent) not in sys.path:
            sys.path.append(str(path.parent))  # for the modules beside it
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return module
    except UserFileError:
        raise
    except (Exception, SystemExit) as error:
        raise UserFileError(f"{place} cannot be imported: {told(error)}") from error


def told(error: BaseException) -> str:
    """An exception, and the last line outside of lossbench and of installed packages that led to it."""
    text = f"{type(error).__name__}: {' '.join(str(error).split())[:240]}"
    home = str(Path(__file__).parent)
    frames = [
        (frame.filename, frame.lineno or 0)
        for frame in traceback.extract_tb(error.__traceback__)
        if not (frame.filename.startswith((home, "<")) or "site-packages" in frame.filename)
        and f"{os.sep}lib{os.sep}python" not in frame.filename
    ]
    if isinstance(error, SyntaxError) and error.filename:
        frames.append((error.filename, error.lineno or 0))
    if not frames:
        return text
    path, line = frames[-1]
    code = linecache.getline(path, line).strip()
    return f"{text} ({os.path.basename(path)}, line {line}: {code})"


def enter(framework: Framework, spec: str, options: Mapping[str, Any], output: str = "", compiled: bool = True) -> None:
    """Enter the user's function under `CHECKED`: as it is, saved and loaded if it is a class, and compiled.

    Raises:
        UserFileError: there is no such thing, or it cannot be called.
    """
    place, _, name = spec.rpartition(":")
    found = functools.reduce(_member, name.split("."), load_module(place))
    if inspect.isclass(found):
        one, arrays = _object(found, options), _arrays(_method(found))
        settings = _stirred(found, options)
        again = functools.partial(_reborn, found, settings)
        _put(framework, PLAIN, one, arrays, output)
        _put(framework, OTHER, _object(found, settings), arrays, output)
        _put(framework, SAVED, _Late(again), arrays, output)
    else:
        if not callable(found):
            raise UserFileError(f"{spec} is {type(found).__name__} {found!r:.80}, which cannot be called")
        target = _method(type(found)) if not hasattr(found, "__name__") else found
        one, arrays = functools.partial(found, **options) if options else found, _arrays(target)
        _put(framework, PLAIN, one, arrays, output)
    if compiled and (compiler := COMPILERS.get(framework.name)):
        _put(framework, COMPILED, _Late(functools.partial(compiler, one)), arrays, output)


def _member(owner: Any, name: str) -> Any:
    if not hasattr(owner, name):
        own = [n for n, v in vars(owner).items() if callable(v) and getattr(v, "__module__", "") == owner.__name__]
        has = ", ".join(own) or "no function or class of its own"
        raise UserFileError(f"{getattr(owner, '__file__', owner.__name__)} has no {name!r}; it has {has}")
    return getattr(owner, name)


def _method(kind: type) -> Callable[..., Any]:
    for name in CALLS:
        if name in {n for base in kind.__mro__ for n in vars(base) if base.__module__.split(".")[0] not in FOREIGN}:
            return functools.partial(getattr(kind, name), None)
    name = next((name for name in CALLS if hasattr(kind, name)), "__call__")  # one of the framework's own classes
    return functools.partial(getattr(kind, name), None)


FOREIGN = frozenset({"torch", "paddle", "keras", "tensorflow", "jax", "builtins", "flax"})


def signature_of(call: Any) -> list[inspect.Parameter]:
    """The parameters of a function, or of what an object does when it is called; empty where Python cannot tell."""
    inner = call if hasattr(call, "__name__") or isinstance(call, functools.partial) else _method(type(call))
    try:
        return list(inspect.signature(inner).parameters.values())
    except (TypeError, ValueError):
        return []


def _arrays(call: Callable[..., Any]) -> list[tuple[str, bool]]:
    """The arguments a call must have, in order, and whether each must be given by its name."""
    try:
        parameters = list(inspect.signature(call).parameters.values())
    except (TypeError, ValueError):
        return [("prediction", False), ("target", False)]
    needed = [p for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if not needed and any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return [("prediction", False), ("target", False)]
    return [(p.name, p.kind is p.KEYWORD_ONLY) for p in needed]


class _Late:
    """A call that is made when it is first needed, so that what cannot be made is that call's fault alone."""

    def __init__(self, make: Callable[[], Callable[..., Any]]) -> None:
        """Keep what makes it."""
        self._make = make
        self._made: Callable[..., Any] | None = None

    def __call__(self, *arrays: Tensor, **named: Tensor) -> Any:
        """Make it if need be, and call it."""
        if self._made is None:
            self._made = self._make()
        return self._made(*arrays, **named)


def _put(
    framework: Framework, via: str, call: Callable[..., Any], arrays: Sequence[tuple[str, bool]], output: str
) -> None:
    names = tuple(name for name, _ in arrays)
    implementation = Implementation(CHECKED, via, names, names, (), ("none",), ("float64", "float32"))
    framework.table[implementation.key] = (implementation, _adapter(call, arrays, output))


def _adapter(call: Callable[..., Any], arrays: Sequence[tuple[str, bool]], output: str) -> Adapter:
    def adapter(**given: Tensor) -> Tensor:
        try:
            positional = [given[name] for name, by_name in arrays if not by_name]
            result = call(*positional, **{name: given[name] for name, by_name in arrays if by_name})
            return taken(result, output)
        except Exception as error:
            raise RaisedInside(told(error)) from error

    return adapter


def taken(result: Any, output: str) -> Any:
    """The loss among what a function returned: itself, the entry named by `output`, or the only sensible one."""
    if isinstance(result, Mapping):
        name = output or ("loss" if "loss" in result else next(iter(result), ""))
        if name not in result:
            raise KeyError(f"it returned a dict of {', '.join(map(str, result))}; say which by --output")
        return result[name]
    if isinstance(result, (tuple, list)):
        return result[int(output) if output.lstrip("-").isdigit() else 0]
    return result


def _object(kind: type, options: Mapping[str, Any]) -> Any:
    try:
        return kind(**options)
    except Exception as error:
        raise UserFileError(
            f"{kind.__name__} cannot be made: {told(error)}; give what its constructor needs by --set NAME=VALUE"
        ) from error


def _stirred(kind: type, options: Mapping[str, Any]) -> dict[str, Any]:
    """Settings away from their defaults, where the class takes them: a default hides that a setting is forgotten."""
    try:
        parameters = inspect.signature(kind).parameters.values()
    except (TypeError, ValueError):
        return dict(options)
    stirred = dict(options)
    for parameter in parameters:
        if isinstance(parameter.default, float) and parameter.name not in options:
            with contextlib.suppress(Exception):
                changed = {**stirred, parameter.name: parameter.default / 2 or 0.25}
                kind(**changed)
                stirred = changed
    return stirred


def _reborn(kind: type, options: Mapping[str, Any]) -> Any:
    """An object that has been through its framework's own save and load.

    Keras rebuilds from `get_config`, so settings away from their defaults are what shows one that is forgotten; others
    fill a new object with the `state_dict` of the old one, and pickle it.
    """
    one = kind(**options)
    if hasattr(one, "get_config"):
        rebuild: Callable[..., Any] = getattr(kind, "from_config")  # noqa: B009
        return rebuild(one.get_config())
    if hasattr(one, "state_dict"):
        other = kind(**options)
        load = getattr(other, "load_state_dict", None) or other.set_state_dict
        load(one.state_dict())
        return other
    import pickle

    return pickle.loads(pickle.dumps(one))


def _torch(call: Callable[..., Any]) -> Callable[..., Any]:
    torch = importlib.import_module("torch")
    compiled: Callable[..., Any] = torch.compile(call, dynamic=False)
    return compiled


def _tensorflow(call: Callable[..., Any]) -> Callable[..., Any]:
    tf = importlib.import_module("tensorflow")
    graph: Callable[..., Any] = tf.function(call)
    return graph


def _paddle(call: Callable[..., Any]) -> Callable[..., Any]:
    paddle = importlib.import_module("paddle")
    static: Callable[..., Any] = paddle.jit.to_static(call, full_graph=True)
    return static


def _jax(call: Callable[..., Any]) -> Callable[..., Any]:
    """JAX's adapters are compiled anyway; beside them stands the call as it runs uncompiled."""
    jax = importlib.import_module("jax")

    def plain(*arrays: Any, **named: Any) -> Any:
        with jax.disable_jit():
            return call(*arrays, **named)

    return plain


COMPILERS: Mapping[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "torch": _torch,
    "tensorflow": _tensorflow,
    "paddle": _paddle,
    "jax": _jax,
}
