"""In the worker: a user's own function entered in the forms that `check` asks for.

As it is; a class with other settings, and saved and loaded by its framework's own means; and compiled.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lossbench.complaints import UserFileError, said
from lossbench.framework import Adapter, Framework, Tensor
from lossbench.loading import load, own_places
from lossbench.records import Implementation
from lossbench.signatures import method_of

VARIABLE = "LOSSBENCH_CHECK"  # what to load, as JSON, set by those who want it checked
CHECKED = "check"  # the loss under whose name a user's function stands in the table
PLAIN, OTHER, SAVED, COMPILED = "as it is", "with other settings", "saved and loaded", "compiled"


def place_in(environment: Mapping[str, str]) -> str:
    """The file or module that is to be checked, as the environment says it; empty: there is none."""
    text = environment.get(VARIABLE)
    return str(json.loads(text)["spec"]).rpartition(":")[0] if text else ""


def enter_asked(framework: Framework) -> None:
    """Enter what the environment asks to have checked, if it does.

    Raises:
        UserFileError: it cannot be loaded or made.
    """
    if text := os.environ.get(VARIABLE):
        enter(framework, **json.loads(text))


def enter(framework: Framework, spec: str, options: Mapping[str, Any], output: str = "", compiled: bool = True) -> None:
    """Enter the user's function under `CHECKED`: as it is, saved and loaded if it is a class, and compiled.

    Raises:
        UserFileError: there is no such thing, or it cannot be called.
    """
    place, _, name = spec.rpartition(":")
    framework.own = own_places(place)
    found = load(place, name)
    framework.own = own_places(place, found)
    if inspect.isclass(found):
        one, arrays = _object(found, options, framework.own), _arrays(method_of(found))
        settings = _stirred(found, options)
        again = functools.partial(_reborn, found, settings)
        _put(framework, PLAIN, one, arrays, output)
        _put(framework, OTHER, _object(found, settings, framework.own), arrays, output)
        _put(framework, SAVED, _Late(again), arrays, output)
    else:
        target = method_of(type(found)) if not hasattr(found, "__name__") else found
        one, arrays = functools.partial(found, **options) if options else found, _arrays(target)
        _put(framework, PLAIN, one, arrays, output)
    if compiled and (compiler := COMPILERS.get(framework.name)):
        _put(framework, COMPILED, _Late(functools.partial(compiler, one)), arrays, output)


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
        positional = [given[name] for name, by_name in arrays if not by_name]
        return taken(call(*positional, **{name: given[name] for name, by_name in arrays if by_name}), output)

    return adapter


def taken(result: Any, output: str) -> Any:
    """The loss among what a function returned: itself, the entry named by `output`, or the only sensible one."""
    if isinstance(result, Mapping):
        name = output or ("loss" if "loss" in result else next(iter(result), ""))
        if name not in result:
            raise UserFileError(f"it returned a dict of {', '.join(map(str, result))}; say which by --output")
        return result[name]
    if isinstance(result, (tuple, list)):
        return result[int(output) if output.lstrip("-").isdigit() else 0]
    return result


def _object(kind: type, options: Mapping[str, Any], own: Sequence[str]) -> Any:
    try:
        return kind(**options)
    except Exception as error:
        raise UserFileError(
            f"{kind.__name__} cannot be made: {said(error, own)}; give what its constructor needs by --set NAME=VALUE"
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
