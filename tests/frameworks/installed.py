"""Tests that need a framework: under its mark, and skipped by name where it is not installed."""

from importlib.util import find_spec
from typing import Any

import pytest


def needs(name: str) -> list[pytest.MarkDecorator]:
    """The marks of what needs one framework."""
    return [
        pytest.mark.framework(name),
        pytest.mark.skipif(find_spec(name) is None, reason=f"{name} is not installed"),
    ]


def each_of(*names: str) -> list[Any]:
    """Frameworks as parameters of a test or a fixture."""
    return [pytest.param(name, marks=needs(name)) for name in names]
