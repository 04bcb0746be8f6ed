"""Which targets a command runs on: chosen by name, or all frameworks there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lossbench import brought
from lossbench.cases.names import suggestion
from lossbench.cases.regimes import REGIMES
from lossbench.errors import EnvironmentLacks, UsageError
from lossbench.floats import FORMATS
from lossbench.records import Greeting, Target
from lossbench.wire import Absence

FRAMEWORKS = ("torch", "paddle", "tensorflow", "jax")
NICKNAMES = {"pytorch": "torch", "paddlepaddle": "paddle", "tf": "tensorflow", "keras": "tensorflow", "optax": "jax"}
DEVICES = ("cpu", "cuda")


def choose(frameworks: Sequence[str], device: str) -> list[Target]:
    """The targets meant by names on the command line; none named means every framework lossbench knows.

    Raises:
        UsageError: a framework or device that lossbench does not know.
    """
    if device not in DEVICES:
        raise UsageError(f"--device {device!r}; it may be {' or '.join(DEVICES)}")
    targets = []
    announced = brought.frameworks()
    for word in frameworks or (*FRAMEWORKS, *announced):
        name = NICKNAMES.get(word.lower(), word if word in announced else word.lower())
        if name not in (*FRAMEWORKS, "fakes", *announced):
            raise UsageError(f"--framework {word!r}; {suggestion(word, [*FRAMEWORKS, *NICKNAMES, *announced])}")
        targets.append(Target(name, device=device))
    return list(dict.fromkeys(targets))


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
    if missing and (asked_by_name or not present):
        lines = [f"{target}: {word.message}" for target, word in missing.items()]
        hints = [hint for target, word in missing.items() if (hint := install(target, word))]
        install_them = f"to install: {'; '.join(hints)}; " if hints else ""
        raise EnvironmentLacks("; ".join(lines) + f" ({install_them}`lossbench doctor` says more)")
    return present


def install(target: Target, word: Absence) -> str:
    """What to type to have the framework; empty where it is there and only the device or the mode is missing."""
    here = word.missing in (target.device, target.mode) or target.framework not in FRAMEWORKS
    return "" if here else f"pip install 'lossbench[{target.framework}]'"
