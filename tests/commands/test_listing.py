"""The commands `list`, `show` and `doctor`."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from running import InProcess

from lossbench.cases.regimes import REGIMES
from lossbench.commands import listing
from lossbench.crew import Crew
from lossbench.losses import catalogue
from lossbench.records import Greeting, Target, option_text
from lossbench.wire import Absence

FAKES = ("--framework", "fakes")
LOSSES = [loss for loss in catalogue().values() if not loss.variant]
Words = dict[Target, Greeting | Absence]


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paper on which nothing needs a second line."""
    monkeypatch.setenv("COLUMNS", "1000")


def squeezed(text: str) -> str:
    """Text without the white space that tables and indentation put in."""
    return "".join(text.split())


def in_parts(shown: str) -> dict[str, str]:
    """What `show` says of each loss, under the line that is its name."""
    parts: dict[str, str] = {}
    name = ""
    for line in shown.splitlines():
        name = line if line in catalogue() else name
        parts[name] = parts.get(name, "") + line + "\n"
    return parts


@pytest.fixture(
    scope="module",
    params=[
        "fakes",
        *(
            pytest.param(
                name,
                marks=[
                    pytest.mark.framework(name),
                    pytest.mark.skipif(find_spec(name) is None, reason=f"{name} is not installed"),
                ],
            )
            for name in ("torch", "paddle", "tensorflow", "jax")
        ),
    ],
)
def words(request: pytest.FixtureRequest) -> Words:
    """What a framework says of itself."""
    with Crew([Target(request.param)]) as crew:
        return crew.greet()


def test_list_names_every_loss_and_who_implements_it(
    words: Words, wide: None, lossbench: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "gather", lambda frameworks: words)
    done = lossbench("list")
    assert done.code == 0
    ((target, greeting),) = words.items()
    assert isinstance(greeting, Greeting)
    head, *lines = done.out.splitlines()
    assert head.split() == ["loss", target.framework]
    blocks: dict[str, str] = {}
    for line in lines:
        name = line.split()[0] if not line.startswith(" ") else list(blocks)[-1]
        blocks[name] = blocks.get(name, "") + line
    assert list(blocks) == [loss.name for loss in LOSSES]
    for implementation in greeting.implementations:
        last = implementation.via.split(" + ")[-1].partition("(")[0].rpartition(".")[2]
        assert last in blocks[implementation.loss], implementation.via
    for loss in LOSSES:
        offered = any(i.loss == loss.name for i in greeting.implementations)
        assert blocks[loss.name].split()[1:] != (["-"] if offered else [])


def test_show_has_everything_there_is_to_say(
    words: Words, wide: None, lossbench: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "gather", lambda frameworks: words)
    ((target, greeting),) = words.items()
    assert isinstance(greeting, Greeting)
    done = lossbench("show", *(loss.name for loss in LOSSES))
    assert done.code == 0
    parts = in_parts(done.out)
    assert sorted(parts) == sorted(loss.name for loss in LOSSES)
    for loss in LOSSES:
        part = parts[loss.name]
        shown = squeezed(part)
        assert all(squeezed(line) in shown for line in loss.doc.splitlines())
        for argument in loss.arguments.values():
            assert squeezed(f"{argument.name}{' (optional)' if argument.optional else ''}{argument.domain}") in shown
        for parameter in loss.parameters.values():
            assert squeezed(f"{parameter.name}{parameter.range or 'a choice'}, default ") in shown
            assert f"default{option_text(parameter.default)}" in shown
        assert squeezed(f"reductions: {', '.join(loss.reductions)}") in shown
        mine = [i for i in greeting.implementations if i.loss == loss.name]
        for implementation in mine:
            assert f"{target.framework}: {implementation.via}" in part
            assert squeezed(implementation.call) in shown
            assert f"reductions {', '.join(implementation.reductions)}" in part
            assert f"formats {', '.join(implementation.dtypes)}" in part
            for known in implementation.known:
                assert f"known: {known.reason}" in part
        assert (f"{target.framework}: no such loss" in part) == (not mine)


def test_show_takes_any_name_and_several(lossbench: InProcess) -> None:
    done = lossbench("show", "MSELoss", "huber_loss", *FAKES)
    assert done.code == 0
    assert {"squared_error", "huber"} <= set(done.out.splitlines())


def test_the_regimes_are_listed(wide: None, lossbench: InProcess) -> None:
    done = lossbench("list", "--regimes")
    assert done.code == 0
    for regime in REGIMES.values():
        assert any(line.split()[0] == regime.name and regime.doc in line for line in done.out.splitlines()), regime.name


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["show", "hubr", *FAKES], "did you mean huber?"),
        (["show", "", *FAKES], "`lossbench list`"),
        (["show", "huber", "--framework", "tourch"], "did you mean torch"),
        (["list", "--framework", "fakse"], "--framework 'fakse'"),
        (["list", "--regimes", *FAKES], "leave out --framework"),
    ],
)
def test_what_cannot_be_meant_is_said_in_one_line(arguments: list[str], says: str, lossbench: InProcess) -> None:
    done = lossbench(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert len(done.err.splitlines()) == 1
    assert says in done.err


@pytest.mark.parametrize("arguments", [["list"], ["show", "huber"]])
def test_a_missing_framework_is_said_and_is_3_if_asked_for_by_name(
    arguments: list[str], lossbench: InProcess, no_frameworks: None
) -> None:
    done = lossbench(*arguments)
    assert done.code == 0
    assert "huber" in done.out
    for name in ("torch", "paddle", "tensorflow", "jax"):
        assert f"{name} is not there: ModuleNotFoundError" in done.err
    done = lossbench(*arguments, "--framework", "torch")
    assert done.code == 3
    assert "pip install 'lossbench[torch]'" in done.err
    assert done.out == ""


def test_doctor_says_what_is_there_and_what_to_install(
    lossbench: InProcess, no_frameworks: None, wide: None, cache: Path
) -> None:
    done = lossbench("doctor")
    assert done.code == 0
    for name in ("torch", "paddle", "tensorflow", "jax"):
        assert f"{name} is not there: ModuleNotFoundError: No module named" in done.out
        assert f"pip install 'lossbench[{name}]'" in done.out
    assert str(cache) in done.out
    assert "cores" in done.out


def test_doctor_shows_versions_and_devices(
    words: Words, wide: None, lossbench: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "gather", lambda frameworks, device: words)
    done = lossbench("doctor")
    assert done.code == 0
    ((target, greeting),) = words.items()
    assert isinstance(greeting, Greeting)
    (line,) = [line for line in done.out.splitlines() if line.startswith(f"{target.framework} ")]
    assert greeting.version in line
    assert greeting.interpreter in line
    assert line.split()[-1] == str(len(greeting.implementations))
