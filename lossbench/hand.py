"""The parent's hold on one worker process: starting it, what it was sent, what it owes, and how it ended."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import platformdirs

from lossbench import brought, check_forms, own
from lossbench.guest import Guest
from lossbench.losses import catalogue
from lossbench.records import Ended, Measurement, Outcome, Question, Target, Trial
from lossbench.testimony import FILE
from lossbench.watch import Watch, ask_where, timed_out, where
from lossbench.wire import Decoder, Message, WireArray, encode

WORKER = Path(__file__).resolve().with_name("worker.py")
CHUNK = 1 << 20
PIPE_BYTES = 1 << 20
MOST_QUESTIONS = 8  # in flight
MOST_BYTES = 32 << 20  # in flight
TAIL_BYTES, TAIL_CHARACTERS = 4096, 300
CAPTURED_BYTES = 16 << 20  # beyond this, what a worker printed is thrown away
SHARED_MEMORY = Path("/dev/shm")
ROOM = 1 << 30  # bytes free in shared memory, below which large arrays go to the temporary folder
PREFIX = "lossbench-crew-"
ABANDONED_AFTER = 60.0  # seconds; a younger folder may be one that is not locked yet
PATIENCE = 1.0  # seconds for a worker that hung up to be gone


Landed = Outcome | Measurement


@dataclass(slots=True, eq=False)
class Task:
    """A request on its way: what it still waits for, and who is told of its results."""

    request: Question | Trial
    arrays: tuple[WireArray, ...]
    waiting: deque[str]
    deadline: float  # seconds for each implementation
    deliver: Callable[[Landed, tuple[WireArray, ...]], None]
    last_byte: int = 0  # where it ends in the stream of bytes written to the worker
    suspicion: str = ""  # how a worker died at the implementation that is due; a fresh one is asked once more

    @property
    def size(self) -> int:
        """Bytes of arrays that it carries."""
        return sum(array.data.nbytes for array in self.arrays)

    def settle(self, landed: Landed, arrays: tuple[WireArray, ...] = ()) -> None:
        """Deliver what became of the implementation that was due."""
        self.suspicion = ""
        self.waiting.popleft()
        self.deliver(landed, arrays)

    def fail(self, ended: Ended, message: str) -> None:
        """Deliver that the implementation that was due came to a bad end."""
        if isinstance(self.request, Question):
            self.settle(Outcome(self.request.identity, self.waiting[0], ended, message))
        else:
            self.settle(Measurement(self.request.identity, ended, message=message))

    def is_answered_by(self, record: object) -> bool:
        """Whether `record` is about the implementation that is due."""
        if isinstance(self.request, Question):
            due = (self.request.identity, self.waiting[0])
            return isinstance(record, Outcome) and (record.identity, record.implementation) == due
        return isinstance(record, Measurement) and record.identity == self.request.identity

    def encoded(self, folder: Path) -> bytes:
        """The request as it still stands, as a frame."""
        if isinstance(self.request, Question):
            return encode(replace(self.request, implementations=tuple(self.waiting)), self.arrays, folder)
        return encode(self.request, self.arrays, folder)


class Hand:
    """One running worker process and its pipes; the crew starts another when it is gone."""

    def __init__(self, target: Target, threads: int, environment: Mapping[str, str], folder: Path) -> None:
        """Start the process; raises OSError where the interpreter cannot be run."""
        self.sent: deque[Task] = deque()
        self.began = self.alive = time.monotonic()  # `alive`: when the head of the work last made progress
        self.watched = False  # whether the selector waits for the pipe to take more
        self._refused = False  # the worker no longer reads
        self._folder, self._decoder = folder, Decoder(folder)
        self._outgoing: deque[memoryview] = deque()
        self._queued_bytes = self._written_bytes = 0  # since the start
        self.last_words = ""  # what the process printed last, once it has ended
        self.stopped_at = ""  # a guest's own line at which it ended
        self._captured = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as the process)
        fcntl.fcntl(self._captured, fcntl.F_SETFL, fcntl.fcntl(self._captured, fcntl.F_GETFL) | os.O_APPEND)
        ask_end, self.ask = _pipe()
        self.reply, reply_end = _pipe()
        command = [target.interpreter or sys.executable, str(WORKER), "--framework", target.framework]
        command += ["--device", target.device, "--mode", target.mode, "--threads", str(threads)]
        command += ["--ask", str(ask_end), "--reply", str(reply_end), "--folder", str(folder)]
        command += ["--guest", target.guest] if target.guest else []
        (folder / FILE).unlink(missing_ok=True)
        # where a user's own lines stand
        self._place = Guest.read(target.guest).place if target.guest else check_forms.place_in(environment)
        try:
            self.process = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=self._captured,
                stderr=self._captured,
                pass_fds=(ask_end, reply_end),
                start_new_session=True,  # Ctrl-C is the parent's; and the whole session can be ended at once
            )
        except OSError:
            for descriptor in (self.ask, self.reply):
                os.close(descriptor)
            self._captured.close()
            raise
        finally:
            os.close(ask_end)
            os.close(reply_end)
        os.set_blocking(self.ask, False)
        os.set_blocking(self.reply, False)
        self.watch: Watch | None = None
        self._testimony = folder / FILE
        if self._place:
            self.watch = Watch(self.process.pid, self._captured.fileno(), self._testimony)

    def has_room(self, task: Task) -> bool:
        """Whether `task` may be sent now without too much being in flight."""
        if not self.sent:
            return True
        return len(self.sent) < MOST_QUESTIONS and sum(each.size for each in self.sent) + task.size <= MOST_BYTES

    def send(self, task: Task) -> None:
        """Queue the task's bytes; raises WireError where they are too many for a frame."""
        frame = task.encoded(self._folder)
        if not self.sent:
            self.alive = time.monotonic()
        self._queued_bytes += len(frame)
        task.last_byte = self._queued_bytes
        self._outgoing.append(memoryview(frame))
        self.sent.append(task)

    def flush(self) -> bool:
        """Write what the pipe takes now; true where something is left to be written later."""
        while self._outgoing and not self._refused:
            try:
                written = os.writev(self.ask, tuple(islice(self._outgoing, MOST_QUESTIONS)))
            except BlockingIOError:
                return True
            except BrokenPipeError:
                self._refused = True  # the end of the other pipe will tell how it died
                return False
            if self.sent and self._written_bytes < self.sent[0].last_byte:
                self.alive = time.monotonic()
            self._written_bytes += written
            while self._outgoing and written >= len(self._outgoing[0]):
                written -= len(self._outgoing.popleft())
            if written:
                self._outgoing[0] = self._outgoing[0][written:]
        return False

    def receive(self) -> tuple[list[Message], bool]:
        """The messages that can be read now, and whether the worker hung up; raises WireError on nonsense."""
        messages: list[Message] = []
        while True:
            try:
                data = os.read(self.reply, CHUNK)
            except BlockingIOError:
                return messages, False
            if not data:
                return messages, True
            self.alive = time.monotonic()
            messages += self._decoder.feed(data)

    def due(self) -> float | None:
        """When the head of the work is overdue, by the monotonic clock; None where there is none."""
        return self.alive + self.sent[0].deadline if self.sent else None

    def trim_captured(self) -> None:
        """Throw away what the worker printed, where it has become very much."""
        if os.fstat(self._captured.fileno()).st_size > CAPTURED_BYTES:
            os.ftruncate(self._captured.fileno(), 0)

    def hang_up(self) -> None:
        """Close the pipe of questions, upon which an idle worker goes; safe to call twice."""
        ask, self.ask = self.ask, -1  # first, as a second Ctrl-C may come between
        if ask >= 0:
            os.close(ask)

    def end(self, patience: float = 0.0) -> str:
        """Make sure that the process and its children are gone, and say how it ended.

        It is given `patience` seconds to go by itself. Safe to call twice; the second time it says nothing.
        """
        if self._captured.closed:
            return ""
        self.hang_up()
        if self.watch:
            self.watch.end()
        by_itself = True
        if self.process.returncode is None:  # else it was collected before somebody broke in here
            by_itself = self._gone_within(patience)
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        code = self.process.wait()
        reply, self.reply = self.reply, -1
        if reply >= 0:
            os.close(reply)
        self.last_words = self._tail()
        self.stopped_at = where(self._testimony, self._place) if self._place else ""
        late = timed_out(self._testimony) if self._place else ""
        self._captured.close()
        for left in self._folder.glob("array-*"):
            left.unlink(missing_ok=True)
        if self.watch and self.watch.ending:
            return self.watch.ending
        if late:
            return late
        return _ending(code) if by_itself else "lost its pipe and was killed"

    def ask_where(self) -> None:
        """Have a guest's worker print at which line it is."""
        if self.watch:
            ask_where(self.process.pid, self._testimony)

    def account(self) -> str:
        """What is to be said beside how it ended: the user's own line, or what it printed last."""
        if self.stopped_at:
            return f" ({self.stopped_at})"
        return f"; it last printed: {self.last_words}" if self.last_words else ""

    def _tail(self) -> str:
        """The end of what the worker printed."""
        with suppress(OSError, ValueError):
            descriptor = self._captured.fileno()
            size = os.fstat(descriptor).st_size
            text = os.pread(descriptor, TAIL_BYTES, max(0, size - TAIL_BYTES)).decode(errors="replace")
            return " | ".join(line.strip() for line in text.splitlines() if line.strip())[-TAIL_CHARACTERS:]
        return ""

    def _gone_within(self, patience: float) -> bool:
        """Whether the process ends so soon; it is not reaped, so that its group keeps its number."""
        until = time.monotonic() + patience
        while os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if time.monotonic() >= until:
                return False
            time.sleep(0.002)
        return True


def _ending(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _pipe() -> tuple[int, int]:
    """A pipe's reading and writing end, widened where the system lets us."""
    read_end, write_end = os.pipe()
    with suppress(OSError, AttributeError):
        fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return read_end, write_end


def environment(device: str, threads: int, variables: Mapping[str, str]) -> dict[str, str]:
    """The parent's environment variables, with those that keep a worker's results and times steady."""
    count = str(threads)
    large = str(1 << 30)  # beyond it some C libraries ignore the setting
    steady = {
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "TF_NUM_INTRAOP_THREADS": count,
        "TF_NUM_INTEROP_THREADS": count,
        "MALLOC_MMAP_THRESHOLD_": large,
        "MALLOC_TRIM_THRESHOLD_": large,
        # Which pages of 4 KiB a process happens to get moves its times by 6 %; large pages leave 3 %.
        "GLIBC_TUNABLES": os.environ.get("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"),
        "PYTHONHASHSEED": "0",
        "LOSSBENCH_CACHE": platformdirs.user_cache_dir("lossbench"),
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "GLOG_minloglevel": "2",
        # On a graphics card TensorFlow and JAX would each take most of the memory before there is anything to do.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }
    if device == "cpu":
        steady["CUDA_VISIBLE_DEVICES"] = ""
    if brought.announced():
        catalogue()  # which takes in what packages announce, for the workers to load as well
    if losses := brought.for_workers():
        steady[own.FILES] = losses
    return {**os.environ, **steady, **variables}


def private_folder() -> tuple[Path, int]:
    """A new folder for arrays too large for a pipe, in memory where there is room, and a lock that says it is in use.

    What crews that were killed left there is cleared away.
    """
    root = Path(tempfile.gettempdir())
    with suppress(OSError):
        room = os.statvfs(SHARED_MEMORY)
        if room.f_bavail * room.f_frsize >= ROOM and os.access(SHARED_MEMORY, os.W_OK):
            root = SHARED_MEMORY
    for folder in root.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > ABANDONED_AFTER:
                os.close(_lock(folder))
                clear_away(folder)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
    return folder, _lock(folder)


def clear_away(folder: Path) -> None:
    """Remove a crew's folder and the arrays in it, but nothing else that someone may have put there."""
    for array in folder.glob("*/array-*"):
        array.unlink(missing_ok=True)
    for each in (*folder.iterdir(), folder):
        with suppress(OSError):
            each.rmdir()


def _lock(folder: Path) -> int:
    """A descriptor that holds the folder's lock until it is closed; raises OSError where another process has it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
