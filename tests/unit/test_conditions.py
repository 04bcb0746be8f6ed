"""What is noted of the machine, read from files that say what a test wants, and from none at all."""

import subprocess
from pathlib import Path

import pytest

from lossbench.judging import conditions


def test_the_processor_is_read_off_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = tmp_path / "cpuinfo"
    said.write_text("model name\t: Abacus 9\ncpu MHz\t\t: 1200.5\n\nmodel name\t: Abacus 9\ncpu MHz\t\t: 3100.25\n")
    monkeypatch.setattr(conditions, "CPUINFO", said)
    assert (conditions.processor(), conditions.frequency()) == ("Abacus 9", 3100.25)


def test_what_the_machine_does_not_say_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CPUINFO", "STAT", "CACHES"):
        monkeypatch.setattr(conditions, name, tmp_path / "nothing")
    assert conditions.frequency() is None
    assert conditions.Steal().share() is None
    assert conditions.cache_bytes() == conditions.UNKNOWN_CACHE


def test_steal_is_a_share_of_what_has_passed_since(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stat = tmp_path / "stat"
    monkeypatch.setattr(conditions, "STAT", stat)
    stat.write_text("cpu  100 0 0 100 0 0 0 10 99 99\ncpu0 1\n")
    steal = conditions.Steal()
    assert steal.share() is None  # nothing has passed
    stat.write_text("cpu  130 0 0 150 0 0 0 30 99 99\ncpu0 1\n")
    assert steal.share() == 0.2  # 20 of 100
    assert steal.share() is None


def test_the_largest_cache_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for index, size in enumerate(["32K", "1M", "2048K"]):
        (tmp_path / f"index{index}").mkdir()
        (tmp_path / f"index{index}" / "size").write_text(f"{size}\n")
    monkeypatch.setattr(conditions, "CACHES", tmp_path)
    assert conditions.cache_bytes() == 2 << 20


def test_the_graphics_card_says_its_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def told(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        if "event_reasons" in command[1] and len(asked) == 1:
            raise subprocess.CalledProcessError(2, command)  # an old driver does not know that name
        return subprocess.CompletedProcess(
            command, 0, "550.1, 1980 MHz, 2619 MHz, 41, 98.5 W, 0x0000000000000004\n", ""
        )

    monkeypatch.setattr(conditions.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(conditions.subprocess, "run", told)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    said = conditions.card("cuda")
    assert said == (
        "driver_version=550.1 clocks.sm=1980 MHz clocks.mem=2619 MHz temperature.gpu=41 power.draw=98.5 W "
        "clocks_throttle_reasons.active=0x0000000000000004"
    )
    assert "-i" not in asked[-1]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,1")
    assert "clocks_event_reasons" in conditions.card("cuda")
    assert asked[-1][-2:] == ["-i", "3"]
    assert conditions.slowed(said) == ("power cap",)
    assert conditions.card("cpu") == ""
    monkeypatch.setattr(conditions.shutil, "which", lambda name: None)
    assert conditions.card("cuda") == ""


def test_what_slows_a_card_is_said_in_words() -> None:
    def of(bits: str) -> tuple[str, ...]:
        return conditions.slowed(f"driver_version=1 clocks_event_reasons.active={bits}")

    assert of("0x0000000000000000") == of("0x0000000000000001") == of("[N/A]") == conditions.slowed("") == ()
    assert of("0x000000000000006c") == ("power cap", "hardware slowdown", "heat")
