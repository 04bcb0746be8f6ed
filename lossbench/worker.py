"""The child: imports one framework, says what it offers, then answers questions until the pipe closes.

It runs by its path under any interpreter that has numpy and the framework, and puts neither its own folder nor the
parent's packages on the module search path.
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and not __package__:
    _home = __file__.rpartition("/")[0] or "."
    sys.path[:] = [entry for entry in sys.path if entry != _home]
    from importlib.util import module_from_spec, spec_from_file_location

    _spec = spec_from_file_location("lossbench", f"{_home}/__init__.py", submodule_search_locations=[_home])
    assert _spec is not None
    assert _spec.loader is not None
    sys.modules["lossbench"] = module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["lossbench"])

import argparse
import ctypes
import gc
import importlib
import os
import platform
import resource
import signal
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np

from lossbench import check_forms, cuda, hosting, own
from lossbench.answering import Bench
from lossbench.complaints import UserFileError
from lossbench.framework import Framework
from lossbench.guest import Guest
from lossbench.guest_matching import MatchingError
from lossbench.packages import TRY, sorted_out
from lossbench.records import Greeting, Implementation, Question, Trial
from lossbench.testimony import LOADING, Testimony
from lossbench.wire import Absence, Decoder, Message, WireArray, WireError, encode

CHUNK = 1 << 20
UNMATCHED = "--map"  # what is missing where a guest cannot be called without more being said
EXPLAIN = "LOSSBENCH_EXPLAIN"  # set by those who want every call taken apart, see `lossbench.spelling`


class Pipes:
    """The worker's private line to the crew."""

    def __init__(self, ask: int, reply: int, folder: Path | None) -> None:
        """Read questions from the descriptor `ask`, write answers to `reply`, large arrays to `folder`."""
        self._ask, self._reply, self._folder = ask, reply, folder
        self._decoder = Decoder(folder)

    def messages(self) -> Iterator[Message]:
        """What the crew asks, in order, until it hangs up."""
        while data := os.read(self._ask, CHUNK):
            yield from self._decoder.feed(data)

    def send(self, record: object, arrays: tuple[WireArray, ...] = ()) -> None:
        """Write one message, waiting for the crew to read where the pipe is full."""
        rest = memoryview(encode(record, arrays, self._folder))
        while rest:
            rest = rest[os.write(self._reply, rest) :]


def main(arguments: list[str]) -> None:
    """Live a worker's life, as told by the command line."""
    options = _parser().parse_args(arguments)
    _settle()
    guest = Guest.read(options.guest) if options.guest else None
    testimony = Testimony(options.folder) if guest or check_forms.place_in(os.environ) else None
    pipes = Pipes(options.ask, options.reply, options.folder)
    before = time.process_time()
    found = load(options.framework, options.device, options.mode, testimony)
    spent = time.process_time() - before
    if guest and testimony and not isinstance(found, Absence):
        try:
            hosting.enter(found, guest, testimony)
        except MatchingError as error:
            found = Absence(options.framework, UNMATCHED, str(error))
    if isinstance(found, Absence):
        pipes.send(found)
        return
    pipes.send(greeting(found, options.threads, spent))
    gc.freeze()  # a framework's own objects stay; walking them again before each measurement takes up to 0.3 s
    bench = Bench(found, options.mode)
    for message in pipes.messages():
        if isinstance(message.record, Question):
            for outcome, arrays in bench.outcomes(message.record, message.arrays):
                pipes.send(outcome, arrays)
        elif isinstance(message.record, Trial):
            pipes.send(*bench.measurement(message.record, message.arrays))
        else:
            raise WireError(f"a worker answers questions and trials, not {type(message.record).__name__}")


def load(name: str, device: str, mode: str, testimony: Testimony | None = None) -> Framework | Absence:
    """Import the framework called `name`, a module of lossbench.frameworks or any other by its dotted path."""
    module = _home_of(name)
    try:
        framework: Framework = importlib.import_module(module).framework
        framework.device = device
        devices = tuple(framework.devices())
    except (Exception, SystemExit) as error:
        missing = str(getattr(error, "name", "") or "")
        if missing == module:
            return Absence(name, missing, f"there is no framework called {name!r}: no module {module}")
        return Absence(name, missing, f"{type(error).__name__}: {error}"[:500])
    if device not in devices:
        why = f": {cuda.lacks(name, framework.built_for_cuda())}" if device == "cuda" else ""
        only = ", ".join(devices)
        return Absence(name, device, f"{name} {framework.version} cannot use {device!r} here, only {only}{why}")
    modes = tuple(framework.modes())
    if mode not in modes:
        return Absence(name, mode, f"{name} offers no mode {mode!r}, only {', '.join(map(repr, modes))}")
    if lacking := framework.mode_lacks(mode):
        return Absence(name, mode, f"{name} cannot run in the mode {mode!r} here: {lacking}")
    try:
        own.load_brought(framework)
        with testimony.limited(LOADING) if testimony else nullcontext():
            check_forms.enter_asked(framework)
    except UserFileError as error:
        return Absence(name, check_forms.VARIABLE, str(error)[:500])
    return framework


def _home_of(name: str) -> str:
    """The module that holds a framework: lossbench's own, that of its dotted path, or one that a package announces."""
    if "." in name:
        return name
    own = f"lossbench.frameworks.{name}"
    if (Path(__file__).parent / "frameworks" / name).is_dir():
        return own
    announced = entry_points(group="lossbench.frameworks", name=name)
    return next((point.module for point in announced), own)


def greeting(framework: Framework, threads: int, import_seconds: float) -> Greeting:
    """What this worker is and what it offers."""
    tried, explained = bool(os.environ.get(TRY)), bool(os.environ.get(EXPLAIN))
    offered = [implementation for implementation, _ in framework.table.values()]
    there, missing = sorted_out(
        offered, framework.packages, tried or explained, f"{framework.name} {framework.version}"
    )
    return Greeting(
        framework=framework.name,
        version=framework.version,
        python=platform.python_version(),
        interpreter=sys.executable,
        devices=tuple(framework.devices()),
        device_name=framework.device_name(),
        threads=threads,
        flushes_subnormals=flushes_subnormals(),
        import_seconds=import_seconds,
        modes=tuple(framework.modes()),
        implementations=spelled_out(framework, there) if explained else tuple(there),
        missing=tuple(missing),
    )


def spelled_out(framework: Framework, there: Iterable[Implementation]) -> tuple[Implementation, ...]:
    """The implementations, each with its call taken apart, which only those who read it want to wait for."""
    from lossbench.spelling import spell

    return tuple(
        one if one.recipe else replace(one, spelled=spell(one.via, framework.table[one.key][1])) for one in there
    )


def flushes_subnormals() -> bool:
    """Whether arithmetic in this process turns subnormal numbers, as operands or as results, into zero."""
    smallest = np.array([1], np.uint32).view(np.float32)  # compared by its bits: a comparison may flush, too
    normal = np.array([2.0**-126], np.float32)
    kept, halved = smallest * np.float32(1), normal * np.float32(0.5)
    return int(kept.view(np.uint32)[0]) != 1 or int(halved.view(np.uint32)[0]) != 1 << 22


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Answer lossbench's questions with one framework.")
    parser.add_argument("--framework", required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--mode", default="eager")
    parser.add_argument("--ask", type=int, required=True, help="descriptor that questions are read from")
    parser.add_argument("--reply", type=int, required=True, help="descriptor that answers are written to")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--guest", default="", help="a user's own function to run instead, as `Guest.text` has it")
    parser.add_argument("--folder", type=Path, help="where large arrays are exchanged; without it they use the pipe")
    return parser


def _settle() -> None:
    """Leave Ctrl-C to the parent, die with it, dump no core and print no warnings."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, int(signal.SIGKILL), 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    np.seterr(all="ignore")
    warnings.simplefilter("ignore")
    sys.argv = sys.argv[:1]  # some frameworks read the command line


if __name__ == "__main__":
    main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)  # a framework's own tear-down has nothing left to say
