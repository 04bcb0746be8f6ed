"""The most dangerous differences are all declared or tested; whether declared, each framework's own module asks."""

import tomllib
from pathlib import Path

from lossbench.losses import catalogue

HERE = Path(__file__).parent
DIFFERENCES = tomllib.loads((HERE / "dangerous.toml").read_text(encoding="utf-8"))["difference"]
DECLARED = [tuple(entry) for difference in DIFFERENCES for entry in difference.get("declared", [])]


def test_all_are_there_and_each_is_shown_somehow() -> None:
    assert len(DIFFERENCES) == 27
    for difference in DIFFERENCES:
        assert difference.get("declared") or difference.get("tests"), difference["what"]
    assert all(len(entry) == 4 and entry[1] in catalogue() for entry in DECLARED)


def test_the_tests_exist() -> None:
    for difference in DIFFERENCES:
        for name in difference.get("tests", []):
            module, _, test = name.partition("::")
            assert f"def {test}(" in (HERE / module).read_text(encoding="utf-8"), name
