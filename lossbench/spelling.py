"""How an adapter spells a loss: which of the framework's own arguments each of the loss's arguments becomes.

It is read off the adapter's source and the signature of what that calls, in the worker, where the framework is there
to be asked. Nothing is declared a second time.
"""

from __future__ import annotations

import ast
import copy
import inspect
import pkgutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from lossbench.records import Spelled

DESCRIPTIVE = {"dtype", "shape", "ndim", "device"}  # of a tensor: no number of it flows through these
HOME = {"lossbench", "numpy", "builtins", *sys.stdlib_module_names}
LONGEST_DEFAULT = 30
CUSTOMARY = {"tf"}  # short names of modules that everybody knows them by


@dataclass(frozen=True, slots=True)
class Handed:
    """One argument of a call: the name it has there, the expression, and the framework's default."""

    argument: str
    value: ast.expr
    default: str


@dataclass(frozen=True, slots=True)
class Called:
    """A call of something of the framework's: its public name, and what it is handed."""

    function: str
    handed: tuple[Handed, ...]
    makes: bool = False  # it makes an object that is then called with `then`
    then: tuple[Handed, ...] = ()
    node: ast.Call | None = None  # where it stands in the answer

    def takes(self, names: set[str]) -> set[str]:
        """Those of `names` whose numbers flow into it."""
        return {name for one in (*self.handed, *self.then) for name in flowing(one.value, names)}


def spell(via: str, adapter: Callable[..., Any]) -> tuple[Spelled, ...]:
    """The adapter's call, argument by argument; empty where its source or the callee cannot be read."""
    adapter = inspect.unwrap(adapter)
    try:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(adapter))).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return ()
    if not isinstance(tree, ast.FunctionDef):
        return ()
    names = set(inspect.signature(adapter).parameters)
    returned = answers(tree.body)
    calls = [
        called
        for answer in returned
        for node in ast.walk(answer)
        if isinstance(node, ast.Call) and (called := read(node, adapter.__globals__, via)) is not None
    ]
    # the call that most arguments flow into; of several the innermost, which ast.walk meets last
    calls.sort(key=lambda called: len(called.takes(names)))
    if not calls:
        return ()
    if handed_on(returned, names, adapter.__globals__) > len(calls[-1].takes(names)):
        return ()  # a helper of the adapter's own makes the call
    main, spelled = as_class(calls[-1], via), dict[tuple[str, str, str], Spelled]()
    missing = names - main.takes(names)
    for called in [main, *reversed(calls[:-1])]:
        for one in entries(called, names, adapter.__globals__):
            wanted = called is main or one.name in missing
            if wanted:
                spelled.setdefault((one.name, one.function, one.argument), one)
        missing -= called.takes(names)
    after = around(main, returned, adapter.__globals__)
    return (*spelled.values(), *([Spelled("", "", "", after)] if after else []))


def handed_on(returned: Sequence[ast.expr], names: set[str], known: Mapping[str, Any]) -> int:
    """The most arguments that flow into one helper of lossbench's own."""
    most = 0
    for node in (node for answer in returned for node in ast.walk(answer)):
        if isinstance(node, ast.Call) and found(node.func, known)[0].partition(".")[0] == "lossbench":
            most = max(most, len({name for part in (*node.args, *node.keywords) for name in flowing(part, names)}))
    return most


def around(called: Called, returned: Sequence[ast.expr], known: Mapping[str, Any]) -> str:
    """What is done to a call's result before it is returned, with ``_`` for the result; empty: nothing."""

    class Blank(ast.NodeTransformer):
        def visit_Call(self, node: ast.Call) -> ast.expr:
            return ast.Name("_") if node is called.node else (self.generic_visit(node), node)[1]

    for answer in returned:
        if answer is not called.node and any(node is called.node for node in ast.walk(answer)):
            return ast.unparse(in_full(Blank().visit(answer), known))
    return ""


def answers(body: Sequence[ast.stmt]) -> list[ast.expr]:
    """What a function may return, with its local names replaced by what they stand for."""
    local: dict[str, ast.expr] = {}
    found: list[ast.expr] = []
    for statement in (node for top in body for node in ast.walk(top)):
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target, value = statement.targets[0], expanded(statement.value, local)
            if isinstance(target, ast.Name):
                local[target.id] = value
            elif isinstance(target, ast.Tuple):
                parts = value.elts if isinstance(value, ast.Tuple) else [value] * len(target.elts)
                local |= {
                    name.id: part for name, part in zip(target.elts, parts, strict=False) if isinstance(name, ast.Name)
                }
        elif isinstance(statement, ast.Return) and statement.value is not None:
            found.append(expanded(statement.value, local))
    return found


def expanded(expression: ast.expr, local: Mapping[str, ast.expr]) -> ast.expr:
    """The expression with local names replaced."""

    class Replace(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return copy.deepcopy(local.get(node.id, node))

    done: ast.expr = Replace().visit(copy.deepcopy(expression))
    return done


def flowing(expression: ast.AST, names: set[str]) -> Iterator[str]:
    """The names whose numbers an expression depends on, not those of which it reads the shape or format alone."""
    if isinstance(expression, ast.Attribute) and expression.attr in DESCRIPTIVE:
        return
    if isinstance(expression, ast.Name) and expression.id in names:
        yield expression.id
    for child in ast.iter_child_nodes(expression):
        yield from flowing(child, names)


def read(node: ast.Call, known: Mapping[str, Any], via: str) -> Called | None:
    """A call as far as it is of something of the framework's, else None."""
    if isinstance(node.func, ast.Call):
        made = read(node.func, known, via)
        kind = found(node.func.func, known)[1]
        if made is None or not inspect.isclass(kind):
            return None
        return replace(made, makes=True, then=handed(node, method(kind)), node=node)
    name, callee = found(node.func, known)
    if not callable(callee) or name.partition(".")[0] in HOME:
        return None
    return Called(public(name, via), handed(node, callee), node=node)


def found(expression: ast.expr, known: Mapping[str, Any]) -> tuple[str, Any]:
    """The dotted name of a global and what it is; nothing where the expression is something else."""
    if isinstance(expression, ast.Name):
        entry = known.get(expression.id)
        if isinstance(entry, ModuleType):
            return entry.__name__, entry
        home = getattr(entry, "__module__", "") or ""
        return f"{home}.{getattr(entry, '__name__', expression.id)}", entry
    if isinstance(expression, ast.Attribute):
        name, owner = found(expression.value, known)
        return f"{name}.{expression.attr}", getattr(owner, expression.attr, None)
    return "", None


def public(name: str, via: str) -> str:
    """The name as users write it: the one in `via`, where that ends alike."""
    for part in via.split(" + "):
        dotted = part.partition("(")[0].strip()
        if dotted.rpartition(".")[2] == name.rpartition(".")[2]:
            return dotted
    return name.replace("tensorflow._api.v2", "tf").replace("tensorflow.", "tf.")


def handed(node: ast.Call, callee: Callable[..., Any]) -> tuple[Handed, ...]:
    """The arguments of a call by the callee's own names."""
    parameters = signature(callee)
    names = [
        name
        for name, one in parameters.items()
        if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD, one.VAR_POSITIONAL)
    ]
    values: list[tuple[str, ast.expr]] = []
    for number, value in enumerate(positional(node)):
        values.append((names[number] if number < len(names) else f"argument {number + 1}", value))
    for keyword in node.keywords:
        values += [(keyword.arg, keyword.value)] if keyword.arg else displayed(keyword.value)
    return tuple(Handed(name, value, default(parameters.get(name))) for name, value in values)


def positional(node: ast.Call) -> list[ast.expr]:
    """The positional arguments, those in a starred tuple one by one."""
    parts: list[ast.expr] = []
    for value in node.args:
        starred = isinstance(value, ast.Starred) and isinstance(value.value, ast.Tuple)
        parts += value.value.elts if starred else [value]  # type: ignore[attr-defined]
    return parts


def displayed(expression: ast.expr) -> list[tuple[str, ast.expr]]:
    """What ``**`` hands over: the entries of the dictionary displays in the expression, else the whole of it."""
    entries = [
        (str(key.value), value)
        for display in ast.walk(expression)
        if isinstance(display, ast.Dict)
        for key, value in zip(display.keys, display.values, strict=True)
        if isinstance(key, ast.Constant)
    ]
    return entries or [("**", expression)]


def signature(callee: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The callee's parameters by name; none where Python cannot tell."""
    try:
        parameters = inspect.signature(callee).parameters
    except (ValueError, TypeError):
        return {}
    return {name: one for name, one in parameters.items() if name != "self"}


def default(parameter: inspect.Parameter | None) -> str:
    """A default as written in Python."""
    if parameter is None or parameter.default is parameter.empty:
        return ""
    text = repr(parameter.default)
    return text if len(text) <= LONGEST_DEFAULT else "..."


def method(kind: type) -> Callable[..., Any]:
    """What an object of this class runs when it is called."""
    found: Callable[..., Any] = getattr(kind, "forward", None) or kind.__call__
    return found


def as_class(called: Called, via: str) -> Called:
    """The call of the class that `via` names, where the adapter calls the function behind it."""
    if called.makes:
        return called
    for part in reversed(via.split(" + ")):
        name = part.partition("(")[0].strip()
        try:
            kind = pkgutil.resolve_name(name)
        except (ImportError, AttributeError, ValueError):
            continue
        if inspect.isclass(kind):
            return made_of(kind, name, called)
    return called


def made_of(kind: type, name: str, called: Called) -> Called:
    """The call of a function as a class is made and called; as it was where the class does not take the same."""
    settings = signature(kind)
    made = [replace(one, default=default(settings[one.argument])) for one in called.handed if one.argument in settings]
    rest = [one for one in called.handed if one.argument not in settings]
    taken = list(signature(method(kind)))
    if len(rest) > len(taken):
        return called
    order = rest if all(one.argument in taken for one in rest) else None
    names = [one.argument for one in order] if order else taken
    then = [replace(one, argument=name) for one, name in zip(rest, names, strict=False)]
    return Called(name, tuple(made), makes=True, then=tuple(then), node=called.node)


def entries(called: Called, names: set[str], known: Mapping[str, Any]) -> Iterator[Spelled]:
    """One entry for each argument and each name that flows into it."""
    for function, arguments in ((called.function, called.handed), (f"{called.function}(...)", called.then)):
        for one in arguments:
            for name in dict.fromkeys(flowing(one.value, names)) or ("",):
                text, said = ast.unparse(in_full(one.value, known)), helpers(one.value, known)
                yield Spelled(name, function, one.argument, text, one.default, said)


def in_full(expression: ast.expr, known: Mapping[str, Any]) -> ast.expr:
    """The expression with the names of modules in full: torch.nn.functional where the adapter says F."""
    modules = {name: entry.__name__ for name, entry in known.items() if isinstance(entry, ModuleType)}
    names = {name: path for name, path in modules.items() if name not in CUSTOMARY and "._" not in path}
    return expanded(expression, {name: ast.parse(path, mode="eval").body for name, path in names.items()})


def helpers(expression: ast.expr, known: Mapping[str, Any]) -> str:
    """What the helpers of lossbench's own do that an expression calls: their docstrings' first sentences."""
    said: dict[str, None] = {}
    for node in ast.walk(expression):
        if isinstance(node, ast.Call):
            name, helper = found(node.func, known)
            if name.partition(".")[0] == "lossbench" and helper is not None:
                said[f"{name.rpartition('.')[2]}: {(inspect.getdoc(helper) or '').partition('. ')[0].rstrip('.')}"] = (
                    None
                )
    return "; ".join(said)
