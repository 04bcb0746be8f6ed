"""What all tests share."""

import pytest


@pytest.fixture(autouse=True)
def wide_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables as wide as on any other day, whoever runs the tests."""
    monkeypatch.setenv("COLUMNS", "120")
