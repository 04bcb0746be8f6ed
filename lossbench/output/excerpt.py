"""A function cut out of its file with all it needs, so that it stands alone: imports, constants, helpers."""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass, field
from pathlib import Path

PACKAGE = Path(__file__).parent.parent
OWN = "lossbench"


@dataclass(slots=True)
class Excerpt:
    """Source that runs without lossbench: import lines, and definitions in an order in which they can stand."""

    imports: list[str] = field(default_factory=list)
    definitions: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """The source as a whole."""
        return "\n".join(self.imports) + "\n\n\n" + "\n\n\n".join(self.definitions)


def excerpt(path: Path, name: str) -> Excerpt:
    """The function `name` of the file at `path`, without decorators and annotations, and what it refers to.

    Names that come from lossbench's own modules are followed into their files.

    Raises:
        OSError: a file cannot be read.
        LookupError: the file defines no such name.
    """
    found = Excerpt()
    _collect(path, name, found, set())
    return found


def takes_reduction(path: Path, name: str) -> bool:
    """Whether the function `name` of the file at `path` has a reduction to set."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    return any(argument.arg == "reduction" for argument in function.args.kwonlyargs)


def _collect(path: Path, name: str, found: Excerpt, seen: set[tuple[Path, str]]) -> None:
    if (path, name) in seen:
        return
    seen.add((path, name))
    tree = ast.parse(path.read_text(encoding="utf-8"))
    node = _definition(tree, name)
    if node is None:
        raise LookupError(f"{path} defines no {name}")
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        own = isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == OWN
        if own:
            assert isinstance(node, ast.ImportFrom)
            alias = next(a for a in node.names if (a.asname or a.name) == name)
            _collect(_file_of(node.module or ""), alias.name, found, seen)
        else:
            _keep(_import_line(node, name), found.imports)
        return
    if module := _deferred(node):
        _keep(f"import {module} as {name}", found.imports)
        return
    bare = _Bare().visit(node)
    for needed in _names(bare):
        if needed != name and not hasattr(builtins, needed) and _definition(tree, needed) is not None:
            _collect(path, needed, found, seen)
    _keep(ast.unparse(ast.fix_missing_locations(bare)), found.definitions)


def _definition(tree: ast.Module, name: str) -> ast.stmt | None:
    """The statement of a module that gives the name its meaning; the last one, as at run time."""
    meant: ast.stmt | None = None
    for node in tree.body:
        if name in _given_by(node):
            meant = node
    return meant


def _given_by(node: ast.stmt) -> list[str]:
    """The names that a statement gives a meaning."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [alias.asname or alias.name.split(".")[0] for alias in node.names]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    return []


def _deferred(node: ast.stmt) -> str:
    """The module of a package that a name stands for before the package is loaded; empty: it stands for none."""
    call = node.value if isinstance(node, ast.Assign) else None
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "module":
        told = call.args[0] if call.args else None
        return str(told.value) if isinstance(told, ast.Constant) and isinstance(told.value, str) else ""
    return ""


def _names(node: ast.AST) -> list[str]:
    """The names a definition reads, each once, in order."""
    found = (n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
    return list(dict.fromkeys(found))


def _import_line(node: ast.Import | ast.ImportFrom, name: str) -> str:
    alias = next(a for a in node.names if (a.asname or a.name.split(".")[0]) == name)
    renamed = f" as {alias.asname}" if alias.asname else ""
    if isinstance(node, ast.ImportFrom):
        return f"from {node.module} import {alias.name}{renamed}"
    return f"import {alias.name}{renamed}"


def _file_of(module: str) -> Path:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _keep(text: str, where: list[str]) -> None:
    if text not in where:
        where.append(text)


def _enters(decorator: str) -> bool:
    """Whether a decorator only enters its function into a table of lossbench's."""
    return "framework" in decorator or decorator.startswith("implements(") or ".implements(" in decorator


class _Bare(ast.NodeTransformer):
    """Takes away what only lossbench or a type checker reads: decorators, annotations, docstrings."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        node.decorator_list = [d for d in node.decorator_list if not _enters(ast.unparse(d))]
        node.returns = None
        if len(node.body) > 1 and ast.get_docstring(node) is not None:
            node.body = node.body[1:]  # it speaks of the house it comes from
        for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
            argument.annotation = None
        return node
