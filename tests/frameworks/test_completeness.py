"""Every loss that a framework offers in public is mapped by an adapter: a new one turns this red."""

import json
import tomllib
from pathlib import Path

import pytest
from alone import alone
from installed import each_of
from namespaces import why

HERE = Path(__file__).parent
NAMESPACES = {
    "torch": ("torch.nn", "torch.nn.functional"),
    "paddle": ("paddle.nn", "paddle.nn.functional"),
    "tensorflow": ("keras.losses", "tf.nn", "tf.compat.v1.losses"),
    "jax": ("optax.losses",),
}
EXCLUSIONS = tomllib.loads((HERE / "exclusions.toml").read_text(encoding="utf-8"))
Survey = dict[str, dict[str, str]]


def survey(framework: str, *namespaces: str) -> Survey:
    """What looks like a loss in the namespaces, as found in a process of its own."""
    printed = alone(str(HERE / "namespaces.py"), framework, *namespaces)
    found: Survey = json.loads(printed.splitlines()[-1])
    return found


@pytest.fixture(
    scope="module",
    params=each_of(*NAMESPACES),
)
def surveyed(request: pytest.FixtureRequest) -> tuple[str, Survey]:
    """A framework and what looks like a loss in it."""
    return request.param, survey(f"lossbench.frameworks.{request.param}", *NAMESPACES[request.param])


def missing(framework: str, found: Survey) -> dict[str, str]:
    """What is neither mapped nor excluded, and why it looks like a loss."""
    excluded = EXCLUSIONS.get(framework, {})
    return {name: one["why"] for name, one in found.items() if not one["mapped"] and name not in excluded}


def test_every_public_loss_is_mapped_or_excluded_with_a_reason(surveyed: tuple[str, Survey]) -> None:
    framework, found = surveyed
    left = missing(framework, found)
    assert not left, "neither mapped by an adapter nor in exclusions.toml:\n" + "\n".join(
        f"  {name} (looks like a loss: {reason})" for name, reason in left.items()
    )


def test_no_exclusion_is_stale(surveyed: tuple[str, Survey]) -> None:
    framework, found = surveyed
    for name, reason in EXCLUSIONS[framework].items():
        assert name in found, f"{name} is excluded, but nothing there looks like a loss"
        assert not found[name]["mapped"], f"{name} is excluded, but mapped: {found[name]['mapped']}"
        assert len(reason.split()) >= 3, f"{name}: {reason!r} is no reason"


def test_the_survey_sees_the_mapped_ones(surveyed: tuple[str, Survey]) -> None:
    """Not by finding nothing at all is the first test passed."""
    framework, found = surveyed
    assert len([name for name, one in found.items() if one["mapped"]]) >= 2
    assert not {name.rpartition(".")[0] for name in found} - set(NAMESPACES[framework])


# a fake namespace: what a new version of a framework could bring

FAKE = '''
"""A framework that has just brought out a new version."""


class Module:
    """A layer."""


class _Criterion(Module):
    """What losses are made of."""


class L1Loss(Module):
    """Mapped by a class, with a function behind it."""

    def forward(self, input, target):
        return functional_l1(input, target)


def functional_l1(input, target):
    """The function behind the class."""


def mapped_loss(input, target):
    """Mapped by its adapter's call."""


def brand_new_loss(input, other):
    """Named like one."""


class BrandNew(_Criterion):
    """By its base alone."""


def brand_new(input, target, reduction="mean"):
    """By what it takes."""


class Newer(Module):
    """Takes a target when it is called."""

    def forward(self, input, target):
        return None


def newest(x, y):
    """Computes the loss of two inputs."""


newest.__module__ = "fakenn.elsewhere"


def hidden_by_module(x, y):
    """Nothing tells but where it stands."""


hidden_by_module.__module__ = "fakenn.modules.loss"


def relu(input, inplace=False):
    """Rectifies. See also the losses.

    Below the first paragraph a loss may be mentioned.
    """


class Linear(Module):
    """A layer with weights, max_pool2d_with_indices and all."""

    def forward(self, input):
        return input


def max_pool2d_with_indices(input, kernel):
    """Pools."""


def _private_loss(input, target):
    """Nobody's business."""
'''
ADAPTERS = """
import fakenn
from types import SimpleNamespace


def absolute_error(prediction, target):
    return fakenn.L1Loss()(prediction, target)


def another(prediction, target):
    return fakenn.mapped_loss(prediction, target)


def recipe(prediction, target):
    return fakenn.brand_new_loss(prediction, target)


def entry(via, adapter, recipe=False):
    return SimpleNamespace(via=via, recipe=recipe), adapter


framework = SimpleNamespace(table={
    "a": entry("fakenn.L1Loss", absolute_error),
    "b": entry("fakenn.Somewhere", another),
    "c": entry("fakenn.brand_new_loss", recipe, recipe=True),
})
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with that namespace and a table of adapters for what was there before."""
    (tmp_path / "fakenn.py").write_text(FAKE)
    (tmp_path / "fakeadapters.py").write_text(ADAPTERS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def test_a_new_loss_turns_it_red_however_it_can_be_told(fake: Path) -> None:
    found = survey("fakeadapters", "fakenn")
    assert set(missing("fakenn", found)) == {
        "fakenn.brand_new_loss",  # a recipe that calls it does not map it
        "fakenn.BrandNew",
        "fakenn.brand_new",
        "fakenn.Newer",
        "fakenn.newest",
        "fakenn.hidden_by_module",
    }
    assert found["fakenn.L1Loss"]["mapped"] == "fakenn.L1Loss"
    assert found["fakenn.functional_l1"]["mapped"] == "behind L1Loss"
    assert found["fakenn.mapped_loss"]["mapped"].startswith("called by")
    for name in ("relu", "Linear", "max_pool2d_with_indices", "_private_loss", "Module"):
        assert f"fakenn.{name}" not in found


def test_in_a_namespace_of_losses_everything_is_one() -> None:
    def plain(first: object, second: object) -> None:
        """Not a word of what it is."""

    assert why("plain", plain, "fakenn.losses")
    assert why("plain", plain, "fakenn.modules") == ""
