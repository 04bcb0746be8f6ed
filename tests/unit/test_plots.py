"""Pictures, where matplotlib is there, and what is said where it is not."""

import sys
from pathlib import Path

import pytest
from standing_made import PLAIN, standing

from lossbench.errors import EnvironmentLacks, UsageError
from lossbench.judging.standings import COPY
from lossbench.output import plots

COPYING = standing("", None, loss=COPY, case="", contest="", least_bytes=1 << 16)
SWEPT = [standing("a", 1e-6 * size, elements=size, gigabytes_per_second=1.0) for size in (10, 100, 1000)]


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(EnvironmentLacks, match=r"pip install 'lossbench\[plot\]'"):
        plots.needed()


@pytest.fixture
def matplotlib() -> None:
    pytest.importorskip("matplotlib")


@pytest.mark.usefixtures("matplotlib")
def test_pictures_are_written_as_svg_and_png(tmp_path: Path) -> None:
    written = plots.draw([COPYING, *SWEPT], tmp_path / "pictures")
    assert [path.name for path in written] == ["scaling-huber.svg", "scaling-huber.png", "roofline.svg", "roofline.png"]
    for path in written:
        start = path.read_bytes()[:8]
        assert start == b"\x89PNG\r\n\x1a\n" if path.suffix == ".png" else start.startswith(b"<?xml")


@pytest.mark.usefixtures("matplotlib")
def test_pictures_of_the_same_times_are_the_same(tmp_path: Path) -> None:
    once, again = (plots.draw([COPYING, *SWEPT], tmp_path / name) for name in ("once", "again"))
    assert [path.read_bytes() for path in once] == [path.read_bytes() for path in again]


@pytest.mark.usefixtures("matplotlib")
def test_what_is_not_there_is_not_drawn(tmp_path: Path) -> None:
    assert plots.draw([PLAIN], tmp_path) == []  # one size, and nothing copied


@pytest.mark.usefixtures("matplotlib")
def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="another folder to --plot"):
        plots.draw([COPYING, *SWEPT], tmp_path / "file")
