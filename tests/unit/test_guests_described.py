"""What the command line says of a user's own loss and of targets, before any worker is started."""

import sys
from pathlib import Path

import pytest

from lossbench.cases.suite import parse_case
from lossbench.commands.named_targets import named_targets
from lossbench.commands.own import NOBODYS, framework_of, guest_of, told, with_their_defaults
from lossbench.commands.targets import choose, parse_target
from lossbench.errors import UsageError
from lossbench.guest import Guest
from lossbench.losses import catalogue
from lossbench.records import Implementation, Target


def test_a_part_of_a_public_name_is_no_loss_of_ones_own() -> None:
    assert told("Huber", "") == NOBODYS
    assert not told("", "")
    assert told("a.py:f", "huber", ["delta=beta"]).map == ("delta=beta",)
    assert told("package.module:Some.member", "huber")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("a.py:huber", ""), "perhaps --as huber"),
        (("a.py", "huber"), "a.py:NAME"),
        (("", "huber"), "there is no --impl"),
        (("a.py:f", "huber", ["delta"]), "should read like"),
        (("a.py:f", "huber", [], "", "", "first"), "last or second"),
    ],
)
def test_what_does_not_go_together_is_refused(given: tuple, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        told(*given)


@pytest.mark.parametrize(
    ("text", "framework"),
    [
        ("import torch\nf = 1", "torch"),
        ("from keras import losses\ndef f(): ...", "tensorflow"),
        ("import numpy\nclass f:\n  def g(self):\n    import paddle.nn", "paddle"),
        ("from beside import f", "jax"),
        ("from .beside import f", "jax"),
    ],
)
def test_the_framework_is_what_the_file_imports(tmp_path: Path, text: str, framework: str) -> None:
    (tmp_path / "beside.py").write_text("import jax.numpy as jnp\nf = jnp.exp\n")
    (tmp_path / "own.py").write_text(text)
    assert framework_of(told(f"{tmp_path}/own.py:f", "huber"), ()) == framework


def test_a_file_is_read_and_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "somebodys.py").write_text("raise SystemExit\nimport torch\ndef f(): ...\n")
    monkeypatch.chdir(tmp_path)
    assert framework_of(told("somebodys:f", "huber"), ()) == "torch"
    assert "somebodys" not in sys.modules


@pytest.mark.parametrize(
    ("text", "asked", "says"),
    [
        ("def f(): ...", (), "imports no framework"),
        ("import torch, jax\ndef f(): ...", (), "torch and jax; say which"),
        ("import torch\ndef fa(): ...", (), "did you mean fa"),
        ("def f(:", (), "own.py, line 1"),
    ],
)
def test_what_a_file_leaves_open_is_asked(tmp_path: Path, text: str, asked: tuple, says: str) -> None:
    (tmp_path / "own.py").write_text(text)
    with pytest.raises(UsageError, match=says):
        framework_of(told(f"{tmp_path}/own.py:f", "huber"), asked)


def test_the_description_survives_its_way_and_holds_no_answer() -> None:
    guest = guest_of(told("a.py:f", "binary_focal", ["gamma=focus"], "target,prediction"))
    assert Guest.read(guest.text()) == guest
    assert guest.targets == ("target",)
    assert {name for name, *_ in guest.trial} == {"logit", "target"}


def test_cases_come_again_at_their_defaults_and_by_their_reduction() -> None:
    case = parse_case("binary_focal/none/float32/6x5/confident/0", catalogue())
    defaults = (("alpha", 0.25), ("gamma", 2.0), ("normalizer", -1.0))
    one = Implementation("binary_focal", "v", (), (), (), ("mean",), (), defaults=defaults, told="x")
    found = [str(each) for each in with_their_defaults([case], [one], catalogue())]
    assert found == [str(case), "binary_focal/alpha=0.25/mean/float32/6x5/confident/0"]
    other = Implementation("binary_focal", "v", (), (), (), ("mean",), ())
    assert with_their_defaults([case], [other], catalogue()) == [case]


def test_targets_as_they_are_written() -> None:
    assert parse_target("pytorch", "cpu") == Target("torch")
    assert parse_target("torch:compiled@cuda", "cpu") == Target("torch", "", "cuda", "compiled")
    python = parse_target(f"torch={sys.executable}", "cpu")
    assert (python.interpreter, str(python)) == (sys.executable, f"torch={sys.executable}")
    behind = parse_target(f"torch={sys.executable}:compiled@cuda", "cpu")
    assert (behind.interpreter, behind.mode, behind.device) == (sys.executable, "compiled", "cuda")
    assert choose((), "cpu", ("torch", "paddle")) == [Target("torch"), Target("paddle")]


@pytest.mark.parametrize("text", ["torsh", "torch=/no/such/python", "torch@tpu", "=x", ""])
def test_targets_that_are_not_there_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--target"):
        parse_target(text, "cpu")


def test_a_project_names_its_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / "pyproject.toml").write_text('[tool.lossbench.targets]\nold = "torch=bin/python"\n')
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    old = parse_target("old", "cpu")
    assert (old.framework, old.interpreter, str(old)) == ("torch", str(tmp_path / "bin/python"), "old")
    table = '[targets]\nnew = { framework = "jax", device = "cuda", python = "../bin/python" }\n'
    (tmp_path / "inner" / "lossbench.toml").write_text(table)
    assert list(named_targets()) == ["new"]
    assert parse_target("new", "cpu").device == "cuda"
    (tmp_path / "inner" / "lossbench.toml").write_text('[targets]\nnew = { python = "x" }\n')
    with pytest.raises(UsageError, match=r"lossbench\.toml"):
        parse_target("new", "cpu")
