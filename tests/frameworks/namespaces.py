"""What looks like a loss in a framework's public namespaces, and which of that the adapters map.

Run in a process of its own: ``python namespaces.py FRAMEWORK NAMESPACE...`` prints a JSON object of public names, each
with why it looks like a loss and how it is mapped (nothing: it is not). FRAMEWORK is the module that holds the table
of adapters.
"""

import ast
import inspect
import json
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

WORDS = re.compile(
    r"loss|cross_?entropy|nll|likelihood|hinge|diverg|kl_?d|_kl|error|mse(?!arch)|mae|mape|msle|logcosh|log_cosh|dice(?!s)|tversky"
    r"|focal|triplet|contrast|ctc|rnnt|perceptron|huber|poisson|cosine|ntxent|npair|circle|sparsemax|iou|nce$|penalty"
    r"|criterion|objective|margin|ranking|regret|surrogate|discrepan|wasserstein|bce",
    re.IGNORECASE,
)
TARGETS = {"target", "targets", "label", "labels", "y_true", "true_classes"}
WHOLE = re.compile(r"(^|\.)loss(es)?$")  # namespaces in which everything is a loss


def why(name: str, entry: Any, namespace: str) -> str:
    """Why a public callable looks like a loss; empty where it does not."""
    if WHOLE.search(namespace):
        return f"stands in {namespace}"
    if WORDS.search(name):
        return "its name"
    if inspect.isclass(entry) and any(WORDS.search(base.__name__) for base in entry.__mro__[1:]):
        return "its base class"
    if re.search(r"(^|[._])loss(es)?([._]|$)", getattr(entry, "__module__", "") or ""):
        return "the module it is defined in"
    if TARGETS & set(parameters(entry)):
        return "it takes a target"
    first = (inspect.getdoc(entry) or "").partition("\n\n")[0] if own_doc(entry) else ""
    return "its documentation" if re.search(r"\b(loss|criterion|cross.entropy)\b", first, re.IGNORECASE) else ""


def own_doc(entry: Any) -> bool:
    """Whether the documentation is its own, and not that of a base class."""
    return bool(vars(entry).get("__doc__")) if inspect.isclass(entry) else True


def parameters(entry: Any) -> list[str]:
    """The names of the parameters of a function, or of what an object of a class is called with."""
    if inspect.isclass(entry):
        entry = vars(entry).get("forward") or vars(entry).get("call") or vars(entry).get("__call__")
    try:
        return list(inspect.signature(entry).parameters) if entry is not None else []
    except (ValueError, TypeError):
        return []


def public(namespace: ModuleType) -> Iterator[tuple[str, Any]]:
    """The public callables of a namespace."""
    for name in dir(namespace):
        entry = getattr(namespace, name, None)
        if not name.startswith("_") and callable(entry) and not isinstance(entry, ModuleType) and not is_type(entry):
            yield name, entry


def is_type(entry: Any) -> bool:
    """Whether it only serves annotations, such as typing.Any."""
    return (getattr(entry, "__module__", "") or "").split(".")[0] in ("typing", "collections", "enum", "builtins")


def mapped(table: dict[str, tuple[Any, Callable[..., Any]]]) -> dict[int, str]:
    """By identity of the object, how it is mapped: by the name in `via`, by an adapter's call, or behind a class."""
    found: dict[int, str] = {}
    kept: list[Any] = []
    for implementation, adapter in table.values():
        if implementation.recipe:
            continue
        for part in implementation.via.split(" + "):
            if (entry := resolved(part.partition("(")[0].strip())) is not None:
                found.setdefault(id(entry), implementation.via)
                kept.append(entry)
        for entry in called(inspect.unwrap(adapter), inspect.unwrap(adapter).__globals__):
            found.setdefault(id(entry), f"called by the adapter of {implementation.via}")
    for kind in kept:
        if inspect.isclass(kind):
            scope = vars(sys.modules[kind.__module__])
            for entry in called(kind, scope, names_too=True):
                if not inspect.isclass(entry):  # a base class is not what it is the base of
                    found.setdefault(id(entry), f"behind {kind.__name__}")
    return found


def resolved(name: str) -> Any:
    """What a dotted name stands for; None where there is no such thing."""
    name = re.sub(r"^tf\.", "tensorflow.", name)
    try:
        return pkgutil.resolve_name(name)
    except (ImportError, AttributeError, ValueError):
        return None


def called(definition: Any, scope: dict[str, Any], names_too: bool = False) -> Iterator[Any]:
    """What a function calls, or a class names, as far as global names lead there."""
    try:
        tree = ast.parse(inspect.cleandoc("\n" + inspect.getsource(definition)))
    except (OSError, TypeError, SyntaxError):
        return
    for node in ast.walk(tree):
        expression = node.func if isinstance(node, ast.Call) else node if names_too else None
        if isinstance(expression, (ast.Name, ast.Attribute)):
            entry = follow(expression, scope)
            if callable(entry):
                yield entry


def follow(expression: ast.expr, scope: dict[str, Any]) -> Any:
    """The object that a dotted name leads to from the global names; None where it leads nowhere."""
    if isinstance(expression, ast.Name):
        return scope.get(expression.id)
    if isinstance(expression, ast.Attribute):
        owner = follow(expression.value, scope)
        return getattr(owner, expression.attr, None) if isinstance(owner, ModuleType) else None
    return None


def survey(table: dict[str, Any], namespaces: Sequence[str]) -> dict[str, dict[str, str]]:
    """Everything in the namespaces that looks like a loss: why, and how it is mapped."""
    known = mapped(table)
    found: dict[str, dict[str, str]] = {}
    for namespace in namespaces:
        module = resolved(namespace)
        for name, entry in public(module):
            reason = why(name, entry, namespace)
            if reason:
                found[f"{namespace}.{name}"] = {"why": reason, "mapped": known.get(id(entry), "")}
    return found


if __name__ == "__main__":
    framework = resolved(sys.argv[1]).framework
    print(json.dumps(survey(framework.table, sys.argv[2:])))
