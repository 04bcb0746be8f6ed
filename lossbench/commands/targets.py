"""Which targets a command runs on: chosen by name, or all frameworks there are."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lossbench import brought
from lossbench.cases.names import suggestion
from lossbench.cases.regimes import REGIMES
from lossbench.commands.examining import mended
from lossbench.commands.named_targets import named_targets
from lossbench.commands.own import Own, framework_of, hosts, see_alive
from lossbench.commands.packaged import asked_of_missing
from lossbench.errors import EnvironmentLacks, UsageError
from lossbench.floats import FORMATS
from lossbench.records import Greeting, Target
from lossbench.wire import Absence

FRAMEWORKS = ("torch", "paddle", "tensorflow", "jax")
NICKNAMES = {"pytorch": "torch", "paddlepaddle": "paddle", "tf": "tensorflow", "keras": "tensorflow", "optax": "jax"}
DEVICES = ("cpu", "cuda")


WRITTEN = re.compile(r"(?P<framework>[A-Za-z]\w*)(:(?P<mode>[\w-]+))?(@(?P<device>\w+))?(=(?P<python>.+))?")
BEHIND = re.compile(r"(?P<python>.+?)(:(?P<mode>[\w-]+))?(@(?P<device>\w+))?")  # an interpreter's path
UNMATCHED = "--map"  # what a worker says is missing where a user's own function cannot be called


def choose(frameworks: Sequence[str], device: str, written: Sequence[str] = (), own: Own | None = None) -> list[Target]:
    """The targets meant by names on the command line; none named means every framework lossbench knows.

    Args:
        frameworks: names of frameworks.
        device: where they run, unless a target says otherwise.
        written: targets as they are written after --target.
        own: a user's own implementation; it gets a target of its own beside each of those of its framework, and
            where nothing else is named it brings its framework alone.

    Raises:
        UsageError: a framework, target or device that lossbench does not know.
    """
    targets = [parse_target(text, device) for text in written]
    if frameworks or not written:
        targets = [*_by_framework(frameworks, device), *targets]
    if own:
        asked = list(dict.fromkeys(t.framework for t in targets)) if frameworks or written else []
        framework = framework_of(own, asked)
        same = [target for target in targets if target.framework == framework]
        targets = [t for t in targets if frameworks or written or t.framework == framework]
        targets += hosts(own, same or [Target(framework, device=device)], framework)
    return list(dict.fromkeys(targets))


def parse_target(text: str, device: str) -> Target:
    """The target that is written so: ``torch``, ``torch:compiled@cuda=PATH/TO/python``, or a name of the project's.

    Raises:
        UsageError: it does not read like one, or names what lossbench does not know.
    """
    named = named_targets()
    meant = named.get(text, text)
    parts = WRITTEN.fullmatch(meant)
    announced = brought.frameworks()
    name = parts["framework"] if parts else ""
    name = name if name in announced else NICKNAMES.get(name.lower(), name.lower())
    if parts is None or name not in (*FRAMEWORKS, "fakes", *announced):
        known = [*FRAMEWORKS, *NICKNAMES, *announced, *named]
        raise UsageError(
            f"--target {text!r}; {suggestion(text.partition('=')[0].partition(':')[0], known)} It is written "
            "FRAMEWORK[:MODE][@DEVICE][=PATH/TO/python], or is a name from [targets] in lossbench.toml"
        )
    python, mode, where = parts["python"] or "", parts["mode"], parts["device"]
    if python and not Path(python).exists() and (behind := BEHIND.fullmatch(python)):
        python, mode, where = behind["python"], mode or behind["mode"], where or behind["device"]
    if (where or device) not in DEVICES:
        raise UsageError(f"--target {text!r}: the device {where or device!r} may be {' or '.join(DEVICES)}")
    target = Target(name, _interpreter(python, text) if python else "", where or device, mode or "")
    told = text in named or bool(python)
    return replace(target, name=text) if told else target


def _interpreter(python: str, text: str) -> str:
    """The interpreter at a path, which may also be the folder of a virtual environment."""
    path = Path(python).expanduser().absolute()  # a link must stay one: it tells Python its environment
    if path.is_dir():
        if not (path / "bin" / "python").is_file():
            raise UsageError(
                f"--target {text!r}: the folder {path} is no virtual environment, it has no bin/python; "
                f"make one by `python3 -m venv {path}`"
            )
        path = path / "bin" / "python"
    if not path.is_file():
        raise UsageError(f"--target {text!r}: there is no interpreter {path}; make one by `python3 -m venv FOLDER`")
    if not os.access(path, os.X_OK):
        raise UsageError(f"--target {text!r}: {path} cannot be executed; if it is an interpreter, `chmod +x {path}`")
    return str(path)


def _by_framework(frameworks: Sequence[str], device: str) -> list[Target]:
    if device not in DEVICES:
        raise UsageError(f"--device {device!r}; it may be {' or '.join(DEVICES)}")
    targets = []
    announced = brought.frameworks()
    for word in frameworks or (*FRAMEWORKS, *announced):
        name = NICKNAMES.get(word.lower(), word if word in announced else word.lower())
        if name not in (*FRAMEWORKS, "fakes", *announced):
            raise UsageError(f"--framework {word!r}; {suggestion(word, [*FRAMEWORKS, *NICKNAMES, *announced])}")
        targets.append(Target(name, device=device))
    return targets


def checked(
    dtypes: Sequence[str], regimes: Sequence[str], seeds: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[int, ...]]:
    """Formats, regimes and seeds as given, each known to exist.

    Raises:
        UsageError: one of them does not.
    """
    for option, values, allowed in (("--dtype", dtypes, list(FORMATS)), ("--regime", regimes, list(REGIMES))):
        for value in values:
            if value not in allowed and not (option == "--regime" and REGIMES.knows(value)):
                raise UsageError(f"{option} {value!r}; {suggestion(value, allowed)}")
    for seed in seeds:
        if not (seed.isascii() and seed.removeprefix("-").isdigit()):
            raise UsageError(f"--seed {seed!r} should be whole numbers with commas between, such as 0,1,2")
    return tuple(dtypes), tuple(regimes), tuple(int(seed) for seed in seeds)


def installed_only(greetings: Mapping[Target, Greeting | Absence], asked_by_name: bool) -> dict[Target, Greeting]:
    """Those that answered.

    Raises:
        EnvironmentLacks: one that was asked for by name is not there, or none is.
    """
    present = {target: word for target, word in greetings.items() if isinstance(word, Greeting)}
    missing = {target: word for target, word in greetings.items() if isinstance(word, Absence)}
    for word in missing.values():
        if word.missing == UNMATCHED:
            raise UsageError(word.message)
    if any(target.guest and word.missing for target, word in missing.items()):
        asked_by_name = True
    missing = {target: word for target, word in missing.items() if word.missing or not target.guest}
    if missing and (asked_by_name or not present):
        lines = [f"{target}: {word.message}" for target, word in missing.items()]
        hints = [hint for target, word in missing.items() if (hint := install(target, word))]
        install_them = f"to install: {'; '.join(hints)}; " if hints else ""
        raise EnvironmentLacks("; ".join(lines) + f" ({install_them}`lossbench doctor` says more)")
    return present


def askable(
    words: Mapping[Target, Greeting | Absence], asked_by_name: bool, implementation: str = ""
) -> dict[Target, Greeting]:
    """Those that answered, for a command that has nothing to measure without the `implementation` it was told of.

    Raises:
        EnvironmentLacks: as by `installed_only`, or the package of all implementations of that name is not there.
        ResultsNotWritten: a user's own implementation did not live to be asked.
    """
    see_alive(words)
    greetings = installed_only(words, asked_by_name)
    asked_of_missing(implementation, greetings)
    return greetings


def install(target: Target, word: Absence) -> str:
    """What to type to have the framework; empty where it is there and only the device or the mode is missing."""
    if word.missing in (target.device, target.mode):
        return ""
    if target.interpreter:
        return mended(target.interpreter, target.framework)
    return "" if target.framework not in FRAMEWORKS else f"pip install 'lossbench[{target.framework}]'"


def check_one_each(targets: Sequence[Target]) -> None:
    """See that no framework is there twice, where results are kept by the names of frameworks.

    Raises:
        UsageError: one is.
    """
    for framework in {target.framework for target in targets}:
        mine = [str(target) for target in targets if target.framework == framework and not target.guest]
        if len(mine) > 1:
            raise UsageError(f"{' and '.join(mine)} are both {framework}; here one at a time can be told apart")
