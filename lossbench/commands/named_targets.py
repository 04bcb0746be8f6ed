"""Targets by the names that a project gives them, in lossbench.toml or in pyproject.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from lossbench.errors import UsageError

KEYS = ("framework", "python", "mode", "device")


def named_targets(start: Path | None = None) -> dict[str, str]:
    """Names and what they stand for, as one would type it, from the nearest file that has any.

    ``[targets]`` in lossbench.toml, ``[tool.lossbench.targets]`` in pyproject.toml; an interpreter's path is read
    from the file's own folder.

    Raises:
        UsageError: a file that cannot be read, or an entry that does not say what it should.
    """
    folder = (start or Path.cwd()).resolve()
    for each in (folder, *folder.parents):
        for name, keys in (("lossbench.toml", ("targets",)), ("pyproject.toml", ("tool", "lossbench", "targets"))):
            path = each / name
            if path.is_file() and (table := _table(path, keys)) is not None:
                return {key: _written(key, value, path) for key, value in table.items()}
    return {}


def _table(path: Path, keys: tuple[str, ...]) -> Mapping[str, object] | None:
    try:
        found: object = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        if path.name == "pyproject.toml":  # somebody else's file
            return None
        raise UsageError(f"{path}: {error}") from None
    except (OSError, UnicodeDecodeError):
        return None
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def _written(name: str, value: object, path: Path) -> str:
    """An entry as one would type it."""
    if isinstance(value, str):
        head, equals, python = value.partition("=")
        return f"{head}={_placed(python, path)}" if equals else value
    wrong = next((key for key in value if key not in KEYS), None) if isinstance(value, dict) else ""
    if not isinstance(value, dict) or wrong is not None or not isinstance(value.get("framework"), str):
        raise UsageError(
            f'{path}: the target {name!r} should read like {name} = "torch=envs/old/bin/python", or be a table of '
            f"{', '.join(KEYS)}" + (f"; it has {wrong!r}" if wrong else "")
        )
    text = str(value["framework"])
    text += f":{value['mode']}" if value.get("mode") else ""
    text += f"@{value['device']}" if value.get("device") else ""
    return text + (f"={_placed(str(value['python']), path)}" if value.get("python") else "")


def _placed(python: str, path: Path) -> str:
    expanded = Path(python).expanduser()
    return str(expanded if expanded.is_absolute() else path.parent / expanded)
