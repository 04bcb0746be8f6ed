"""Time and memory on a device that is made of numbers, and the processor's own memory."""

from collections.abc import Callable

import numpy as np
import pytest

from lossbench import gauges
from lossbench.gauges import OUTGROWS, DeviceGauge, ProcessorGauge


class FakeDevice:
    """A device that keeps a stream of work: what is handed over takes its time only when it is waited for."""

    def __init__(self, marks: bool = True) -> None:
        self.marks, self.now, self.pending = marks, 0.0, 0.0
        self.bytes = self.most = 1000
        self.log: list[str] = []

    def work(self, seconds: float, size: int = 0) -> Callable[[], object]:
        def call() -> str:
            self.pending += seconds
            self.log.append("call")
            self.most = max(self.most, self.bytes + size)
            return "kept"

        return call

    def mark(self) -> float | None:
        self.log.append("mark")
        return self.now + self.pending if self.marks else None

    def between(self, earlier: float, later: float) -> float:
        assert self.pending == 0.0, "a mark was read before the device had passed it"
        return later - earlier

    def wait(self) -> None:
        self.log.append("wait")
        self.now, self.pending = self.now + self.pending, 0.0

    def finish(self, answer: object) -> None:
        self.log.append(f"finish {answer}")
        self.now, self.pending = self.now + self.pending, 0.0

    def fill(self, size: int) -> Callable[[], object]:
        self.log.append(f"buffer of {size}")
        return lambda: self.work(100.0)() and self.log.append("flush")

    def copy(self, size: int) -> Callable[[], object]:
        return self.work(float(size))

    def in_use(self) -> int | None:
        self.most = self.bytes
        return self.bytes

    def peak(self) -> int | None:
        return self.most


def test_a_device_is_timed_by_its_own_marks_after_its_cache_was_overwritten() -> None:
    device = FakeDevice()
    gauge = DeviceGauge(device)
    assert gauge.stopwatch([device.work(2.0), device.work(3.0)], 3) == 2.0 + 3.0 + 2.0  # and nothing of the flush
    assert device.log == [
        f"buffer of {OUTGROWS}", "call", "flush", "wait", "mark", "call", "call", "call", "mark", "wait"
    ]  # fmt: skip


def test_a_device_without_marks_is_timed_around_a_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    device = FakeDevice(marks=False)
    gauge = DeviceGauge(device, flush=False)
    monkeypatch.setattr(gauges.time, "perf_counter", lambda: device.now)
    assert gauge.stopwatch([device.work(2.0), device.work(3.0)], 3) == 7.0
    assert device.log == ["wait", "mark", "call", "call", "call", "finish kept"]


def test_memory_of_a_device_is_its_peak_above_what_was_there() -> None:
    device = FakeDevice()
    device.most = 10**9  # of long ago
    assert DeviceGauge(device, flush=False).memory(device.work(1.0, size=500)) == 500


def test_memory_nobody_counts_is_unknown() -> None:
    device = FakeDevice()
    device.peak = lambda: None  # type: ignore[method-assign]
    assert DeviceGauge(device, flush=False).memory(device.work(1.0)) is None


def test_copying_on_a_device_reads_and_writes_half_each() -> None:
    device = FakeDevice()
    DeviceGauge(device, flush=False).copy(64)()
    assert device.pending == 32.0


def test_memory_on_the_processor_is_what_one_call_adds() -> None:
    size = 64 << 20
    gauge = ProcessorGauge(lambda: None)
    grown = gauge.memory(lambda: np.ones(size // 8))
    assert grown is not None
    assert size <= grown <= 1.25 * size
    small = gauge.memory(lambda: None)
    assert small is not None
    assert small < 1 << 20


def test_memory_on_the_processor_is_unknown_where_the_system_does_not_tell(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setattr(gauges, "CLEAR", tmp_path_factory.mktemp("proc"))
    assert ProcessorGauge(lambda: None).memory(lambda: None) is None


@pytest.mark.parametrize("threads", [1, 3])
def test_copying_on_the_processor_copies_all_of_it(threads: int) -> None:
    copy = ProcessorGauge(lambda: None, threads).copy(1600)
    copy()
    arrays = [c.cell_contents for c in copy.__closure__ or ()]
    goals = [a for a in arrays if isinstance(a, np.ndarray)] or [goal for goal, _ in arrays[-1]]
    assert sum(a.size for a in goals) in (100, 200)  # of eight bytes; the source too where it is not cut
    assert all((a == 1).all() for a in goals)
