"""Forty losses as people write them, each with a defect of another kind: the default command finds them all."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from alone import alone

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What is found of each function of `own_defects.py`, in one process that imports torch."""
    if find_spec("torch") is None:
        pytest.skip("torch is not installed")
    cache = tmp_path_factory.mktemp("cache") / "answers"
    said = alone(str(HERE / "own_in_one.py"), str(HERE / "own_defects.py"), str(cache))
    told: dict[str, list[str]] = json.loads(said)
    return told


@pytest.mark.framework("torch")
def test_every_defect_is_found_and_nobody_honest_is_blamed(found: dict[str, list[str]]) -> None:
    text = (HERE / "own_defects.py").read_text()
    planted, odd = text.partition("\n# --- odd and right ---")[0], text.partition("\n# --- odd and right ---")[2]
    names = [line[4:].partition("(")[0] for line in planted.splitlines() if line.startswith("def ")]
    defects = [name for name in names if name in found]
    assert len(defects) >= 40
    assert {name: found[name] for name in defects if not found[name] or found[name][0].startswith("not found")} == {}
    honest = [name for name in found if name not in defects]
    assert len(honest) >= 8
    assert all(f"{name}(" in odd for name in honest)
    assert {name: found[name] for name in honest if found[name]} == {}
