"""What a user's file says of itself without being run: its framework, and the words that its code uses."""

from __future__ import annotations

import ast
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

from lossbench.errors import UsageError

FRAMEWORK_OF = {
    "torch": "torch",
    "paddle": "paddle",
    "tensorflow": "tensorflow",
    "keras": "tensorflow",
    "jax": "jax",
    "optax": "jax",
}
ROOTS = ("sigmoid", "softmax")  # the last part of a call's name that squashes scores
TAKES_SCORES = re.compile(
    r"with_logits|log_softmax|^cross_entropy$|^CrossEntropyLoss$|logsumexp|from_logits|BCEWithLogits"
)


@dataclass(frozen=True, slots=True)
class Word:
    """A call or a number in the code, and the line it stands on."""

    name: str
    line: int
    code: str


@dataclass(slots=True)
class Source:
    """A user's file, read and not run."""

    spec: str  # FILE.py:NAME or package.module:NAME, as the worker is told
    name: str
    path: Path
    framework: str
    is_class: bool
    calls: list[Word] = field(default_factory=list)
    numbers: list[tuple[float, Word]] = field(default_factory=list)
    text: str = ""

    def lines_with(self, *patterns: str) -> list[Word]:
        """The calls whose last name matches one of these patterns."""
        return [word for word in self.calls if any(re.search(pattern, word.name) for pattern in patterns)]

    def at(self, words: list[Word]) -> str:
        """Where these words stand, for a message."""
        seen = {word.line: word.code for word in words}
        return "; ".join(f"{self.path.name}, line {line}: {code}" for line, code in list(seen.items())[:3])


def read_source(spec: str, framework: str = "") -> Source:
    """Read the file that `spec` names.

    Raises:
        UsageError: it is not there, is no Python, has no such name, or does not tell its framework.
    """
    place, _, name = spec.partition(":")
    path = _path_of(place, spec)
    try:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text, str(path))
    except SyntaxError as error:
        raise UsageError(f"{path}, line {error.lineno}: {error.msg}: {(error.text or '').strip()}") from None
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    defined = {
        node.name: node
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
    }
    if not name:
        if len(defined) != 1:
            has = f"it has {', '.join(defined)}" if defined else "it has none"
            raise UsageError(
                f"{spec!r}: say which function or class, such as {place}:{next(iter(defined), 'NAME')}; {has}"
            )
        name = next(iter(defined))
    assigned = {t.id for n in tree.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)}
    imported = {
        a.asname or a.name for n in ast.walk(tree) if isinstance(n, (ast.Import, ast.ImportFrom)) for a in n.names
    }
    first = name.partition(".")[0]
    hidden = {n.name for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    if first not in {*hidden, *assigned, *imported} and place.endswith(".py"):
        raise UsageError(f"{path} has no {first!r}; it has {', '.join(defined) or 'no function or class'}")
    source = Source(
        f"{path if place.endswith('.py') else place}:{name}",
        name,
        path,
        framework or _framework(tree, path),
        isinstance(defined.get(name), ast.ClassDef),
        text=text,
    )
    lines = text.splitlines()
    for node in _reached(tree, first):
        _read(node, lines, source)
    source.calls.sort(key=lambda word: word.line)
    return source


def _path_of(place: str, spec: str) -> Path:
    if place.endswith(".py"):
        path = Path(place)
        if not path.is_file():
            raise UsageError(f"{spec!r}: there is no file {place!r}; it should read like losses.py:focal")
        return path.resolve()
    if not place or not all(part.isidentifier() for part in place.split(".")):
        raise UsageError(f"{spec!r} should read like losses.py:focal or package.module:focal")
    inside = Path(*place.split("."))
    for root in (os.getcwd(), *sys.path):
        for path in (Path(root) / inside.with_suffix(".py"), Path(root) / inside / "__init__.py"):
            if path.is_file():
                return path
    raise UsageError(f"{spec!r}: there is no module {place!r} here or on the module search path")


def _framework(tree: ast.Module, path: Path) -> str:
    modules = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules.append(node.module or "")
    found = list(dict.fromkeys(FRAMEWORK_OF[m.split(".")[0]] for m in modules if m.split(".")[0] in FRAMEWORK_OF))
    if len(found) != 1:
        what = f"imports {' and '.join(found)}" if found else "imports no framework"
        known = ", ".join(dict.fromkeys(FRAMEWORK_OF.values()))
        raise UsageError(f"{path} {what}; say whose tensors it takes by --framework ({known})")
    return found[0]


def _reached(tree: ast.Module, name: str) -> list[ast.AST]:
    """The definition of `name` and those of the file that it calls, so that others do not speak for it."""
    defined = {n.name: n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    if name not in defined:
        return [tree]
    reached, waiting = {name}, [name]
    while waiting:
        for node in ast.walk(defined[waiting.pop()]):
            if isinstance(node, ast.Name) and node.id in defined and node.id not in reached:
                reached.add(node.id)
                waiting.append(node.id)
    constants: list[ast.AST] = [n for n in tree.body if isinstance(n, ast.Assign)]
    return [*constants, *(defined[each] for each in reached)]


def _read(tree: ast.AST, lines: list[str], source: Source) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            words = [keyword.arg for keyword in node.keywords if keyword.arg == "from_logits"]
            if any(k.arg in ("dim", "axis") and getattr(k.value, "value", None) == 0 for k in node.keywords):
                words.append(f"{name} over axis 0")
            source.calls += [Word(n, node.lineno, lines[node.lineno - 1].strip()) for n in (name, *words) if n]
        elif isinstance(node, ast.Constant) and isinstance(node.value, float):
            source.numbers.append((node.value, Word("", node.lineno, lines[node.lineno - 1].strip())))
