"""Packages that announce losses and frameworks by entry points: found once installed, and judged like any other."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import InProcess, before_others, read

from lossbench import brought, own
from lossbench.losses import catalogue

LOSSES = '''
from lossbench.defined import defined
from lossbench.domains import Real
from lossbench.own import implements

@defined(over="elements")
def sixth_power(prediction: Real, target: Real):
    """The sixth power of the residual."""
    return (prediction - target) ** 6

def terms(prediction, target, reduction):
    from lossbench.frameworks.fakes.engine import numbers, reduced
    d = numbers(prediction).astype("float64") - numbers(target)
    return reduced(d**6, {"prediction": 6 * d**5, "target": -6 * d**5}, reduction, prediction.dtype)

@implements("toy", sixth_power, via="toy.sixth")
def in_toy(prediction, target, *, reduction):
    return terms(prediction, target, reduction)
'''
FRAMEWORK = """
from lossbench.frameworks.fakes.engine import Fakes

class Toy(Fakes):
    name, version = "toy", "0.7"

framework = Toy()

@framework.implements(via="toy.squared_error")
def squared_error(prediction, target, *, reduction):
    from lossbench.frameworks.fakes.engine import numbers, reduced
    d = numbers(prediction) - numbers(target)
    return reduced(d * d, {"prediction": 2 * d, "target": -2 * d}, reduction, prediction.dtype)
"""


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What a test brings is gone before the next."""
    yield
    brought._losses.clear()
    brought._entries.clear()
    brought._points.cache_clear()
    own._brought.clear()
    catalogue.cache_clear()
    for name in [name for name in sys.modules if name.startswith("toy_package")]:
        del sys.modules[name]


@pytest.fixture
def installed(lossbench: InProcess, folder: Path, monkeypatch: pytest.MonkeyPatch):
    """Installs a package of these modules with these entry points, as pip leaves it behind; gives the command line."""

    def install(losses: str, framework: str, *points: str) -> InProcess:
        place = folder / "site"
        (place / "toy_package").mkdir(parents=True)
        (place / "toy_package" / "__init__.py").write_text("")
        (place / "toy_package" / "losses.py").write_text(losses)
        (place / "toy_package" / "engine.py").write_text(framework)
        about = place / "toy_package-0.7.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-package\nVersion: 0.7\n")
        (about / "entry_points.txt").write_text("\n".join(points) + "\n")
        monkeypatch.syspath_prepend(place)
        monkeypatch.setenv("PYTHONPATH", before_others(place))
        brought._points.cache_clear()
        catalogue.cache_clear()
        return lossbench

    return install


BOTH = ("[lossbench.losses]", "mine = toy_package.losses", "[lossbench.frameworks]", "toy = toy_package.engine")


def test_a_loss_and_a_framework_of_packages_are_judged(installed, folder: Path) -> None:
    lossbench = installed(LOSSES, FRAMEWORK, *BOTH)
    done = lossbench("compare", "sixth_power", "squared_error", "--framework", "toy", "--csv", "rows.csv")
    assert done.code == 0, done.err
    rows = [row for row in read(folder / "rows.csv") if row["status"] != "absent"]
    assert {row["via"] for row in rows} == {"toy.sixth", "toy.squared_error"}
    assert {(row["framework"], row["version"]) for row in rows} == {("toy", "0.7")}
    plain = {row["status"] for row in rows if row["dtype"] == "float32" and row["regime"] == "normal"}
    assert plain == {"agrees"}
    named = lossbench("compare", "squared_error", "--target", "toy", "--regime", "normal", "--csv", "rows.csv")
    assert named.code == 0, named.err


def test_they_are_listed_and_shown(installed) -> None:
    lossbench = installed(LOSSES, FRAMEWORK, *BOTH)
    assert "sixth_power" in lossbench("list", "--framework", "toy").out
    shown = lossbench("show", "sixth_power", "--framework", "toy", "--no-run")
    assert "The sixth power of the residual" in shown.out, shown.err


@pytest.mark.parametrize(
    ("losses", "says"),
    [
        ("import torch\n", "torch is a framework"),
        ("x = 1 / 0\n", "ZeroDivisionError: division by zero (losses.py, line 1: x = 1 / 0)"),
        (LOSSES.replace("sixth_power", "huber"), "there is already a loss called 'huber'"),
    ],
)
def test_a_package_that_cannot_be_used_is_named(installed, losses: str, says: str) -> None:
    done = installed(losses, FRAMEWORK, *BOTH)("compare", "huber", "--framework", "toy")
    assert done.code == 2, done.err
    assert says in " ".join(done.err.split())
    assert "toy_package.losses" in done.err
    assert "Traceback" not in done.err


def test_a_framework_that_cannot_be_imported_is_missing_and_nobody_else(installed) -> None:
    lossbench = installed(LOSSES, "import no_such_library\n", *BOTH)
    done = lossbench("compare", "huber", "--framework", "toy", "--regime", "normal")
    assert done.code == 3
    assert "toy: ModuleNotFoundError: No module named 'no_such_library'" in " ".join(done.err.split())
    wrong = lossbench("compare", "huber", "--framework", "toi")
    assert wrong.code == 2
    assert "toy" in wrong.err
