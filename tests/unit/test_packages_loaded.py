"""Packages of losses: found without being imported, imported once, and as good as missing where that fails."""

import json
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lossbench.packages import Deferred, Package, PackageLacking, sorted_out, unknown
from lossbench.records import Implementation


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that packages are found in; what a test imports from it is forgotten."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def put(site: Path, module: str, source: str) -> None:
    (site / f"{module}.py").write_text(source)
    folder = site / f"{module}-2.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module.replace('_', '-')}\nVersion: 2.0\n")


def used(package: Package, module: str) -> dict[str, object]:
    """The names of a file with an adapter for it."""
    space: dict[str, object] = {"losses": package.module(module), "other": 1}
    package.used_in(space)
    return space


def test_what_is_not_installed_says_what_to_type(site: Path) -> None:
    package = Package("no-such-losses", "no_such_losses", measured="1.5", beside="torch==2.0")
    assert package.version == ""
    assert package.lacks() == (
        "needs no-such-losses, which is not installed; to install it: "
        f"{sys.executable} -m pip install no-such-losses==1.5 torch==2.0"
    )
    with pytest.raises(PackageLacking, match="not installed"):
        package.load()


def test_it_is_imported_when_it_is_loaded_and_not_before(site: Path) -> None:
    put(site, "some_losses", "answer = 42")
    package = Package("some-losses", "some_losses", measured="1.0")
    space = used(package, "some_losses")
    assert (package.version, package.lacks()) == ("2.0", "")
    assert "some_losses" not in sys.modules
    assert isinstance(space["losses"], Deferred)
    package.load()
    package.load()
    assert space["losses"] is sys.modules["some_losses"]
    assert space["other"] == 1


@pytest.mark.parametrize("source", ["raise OSError('libother.so: no such file')", "raise SystemExit(3)", "import q_q"])
def test_an_import_that_fails_makes_it_lacking(site: Path, source: str) -> None:
    put(site, "broken_losses", source)
    package = Package("broken-losses", "broken_losses", measured="1.0", version="any")
    used(package, "broken_losses")
    assert package.lacks() == ""
    with pytest.raises(PackageLacking, match=r"2\.0 is installed and cannot be imported: "):
        package.load()
    assert "cannot be imported" in package.lacks()
    assert "pip install --force-reinstall --no-deps broken-losses" in package.lacks()


def test_implementations_are_told_apart_by_what_is_there(site: Path) -> None:
    put(site, "there_losses", "")
    put(site, "broken_losses", "1/0")
    packages = {}
    for name in ("there", "broken", "missing"):
        package = packages[f"{name}-losses"] = Package(f"{name}-losses", f"{name}_losses", measured="1.0")
        used(package, f"{name}_losses")
    all_of_them = [
        Implementation("huber", f"{name}.huber", (), (), (), (), (), package=name and f"{name}-losses")
        for name in ("", "there", "broken", "missing")
    ]
    there, missing = sorted_out(all_of_them, packages, tried=False)
    assert [one.package for one in there] == ["", "there-losses 2.0", "broken-losses 2.0"]
    assert [one.package for one in missing] == ["missing-losses"]
    there, missing = sorted_out(all_of_them, packages, tried=True)
    assert [one.package for one in there] == ["", "there-losses 2.0"]
    assert [(one.package, "division by zero" in one.lacks) for one in missing] == [
        ("broken-losses", True),
        ("missing-losses", False),
    ]


@pytest.mark.parametrize(
    ("via", "lacking"),
    [
        ("math.no_such_loss", "math.no_such_loss"),
        ("math.no_such_loss(reduction=)", "math.no_such_loss"),
        ("math.exp + math.no.such", "math.no.such"),
        ("math.exp(x, base=2) of x[..., None]", ""),
        ("math.exp of x[..., None]", ""),
        ("math.py:exp", ""),  # a user's own
        ("json.no_such_loss", ""),  # not the framework
        ("optax.no_such_loss", ""),  # not imported
    ],
)
def test_what_this_version_of_a_framework_does_not_have_is_found(via: str, lacking: str) -> None:
    assert math  # imported, as a framework is
    assert json
    assert unknown(via, {"math", "optax"}) == lacking
    one = Implementation("huber", via, (), (), (), (), ())
    there, missing = sorted_out([one], {}, tried=False, framework="math 3.1")
    assert len(there) == (not lacking)
    assert [one.lacks for one in missing] == ([f"needs {lacking}, which math 3.1 does not have"] if lacking else [])
    assert sorted_out([replace(one, recipe=True)], {}, tried=False)[0]
