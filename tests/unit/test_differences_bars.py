"""The bar of the dangerous differences: it knows all of them, and a row counts by its numbers alone."""

import importlib.util
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from lossbench.losses import catalogue

TESTS = Path(__file__).parents[1]
ROW = {
    "framework": "paddle",
    "loss": "cross_entropy",
    "via": "paddle.nn.CrossEntropyLoss",
    "status": "deviates",
    "dtype": "float32",
    "case": "cross_entropy/none/float32/6x5/confident/0",
    "regime": "confident",
    "value_error": "1e7",
    "gradient_error": "",
    "value_worst": "value[2]: got 64, want 90.5",
    "gradient_worst": "",
    "reference": "certified",
    "note": "clips",
    "worst": "",
}


@pytest.fixture(scope="module")
def bars() -> ModuleType:
    spec = importlib.util.spec_from_file_location("differences_bars", TESTS / "bench" / "differences_bars.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_dangerous_difference_is_looked_for(bars: ModuleType) -> None:
    table = tomllib.loads((TESTS / "frameworks" / "dangerous.toml").read_text(encoding="utf-8"))
    looked_for = bars.differences()
    dangerous = [entry["what"] for entry in table["difference"]]
    assert [what for what, _ in looked_for][: len(dangerous)] == dangerous
    for what, parts in looked_for:
        assert parts, what
        for part in parts:
            assert part.check or part.loss in catalogue(), part
            assert part.side or part.check or part.note or part.status != bars.FOUND, part  # by something measured


@pytest.mark.parametrize(
    ("changed", "shows"),
    [
        ({}, True),
        ({"value_worst": "value[2]: got 63.99, want 90.5"}, True),
        ({"value_worst": "value[2]: got 66, want 90.5"}, False),
        ({"value_error": "30"}, False),
        ({"value_error": ""}, False),
        ({"value_error": "inf"}, True),
        ({"status": "agrees"}, False),
        ({"via": "paddle.nn.NLLLoss"}, False),
        ({"framework": "torch"}, False),
        ({"dtype": "float64", "value_error": "1e7"}, False),
        ({"note": ""}, True),
    ],
)
def test_a_row_shows_it_by_its_numbers(changed: dict[str, str], shows: bool, bars: ModuleType) -> None:
    part = bars.Part("clips", *(ROW[name] for name in ("framework", "loss", "via")), side="value", got=64, least=0.01)
    assert part.shown_by(ROW | changed) is shows


def test_the_bar_fails_where_nothing_shows_it(
    bars: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text(",".join(ROW) + "\n" + ",".join(f'"{cell}"' for cell in ROW.values()) + "\n", encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["differences_bars.py", str(rows), "--only", "3", "--no-hunts"])
    assert bars.main() == 1
    out = capsys.readouterr().out
    assert "got 64, want 90.5" in out
    assert "1 of 4 parts shown" in out
    monkeypatch.setattr(sys, "argv", ["differences_bars.py", str(tmp_path / "none.csv")])
    assert bars.main() == 2
