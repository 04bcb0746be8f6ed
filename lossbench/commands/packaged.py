"""What `--impl` means where implementations come from packages beside the framework, installed or not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from lossbench.cases.applicability import lacks_device
from lossbench.errors import EnvironmentLacks
from lossbench.packages import TO_INSTALL
from lossbench.records import Greeting, Implementation, Target


def named(word: str, implementation: Implementation) -> bool:
    """Whether a word is part of the public name; a package's name may be written as pip has it, too."""
    return word in implementation.via or word.replace("-", "_") in implementation.via


def asked_of_missing(word: str, greetings: Mapping[Target, Greeting]) -> list[Implementation]:
    """The implementations that are meant by the name of their package, and whose package is not there.

    Where the word means nobody else, a part of their public names is enough.

    Raises:
        EnvironmentLacks: they are all that the word means.
    """
    if not word:
        return []
    missing = [i for greeting in greetings.values() for i in greeting.missing if named(word, i)]
    there = any(named(word, i) for greeting in greetings.values() for i in greeting.implementations)
    if missing and not there:
        lines = dict.fromkeys(
            f"{target}: {one.via} {lacks_device(one, target.device)}"
            for target, greeting in greetings.items()
            for one in {i.package: i for i in reversed(greeting.missing) if named(word, i)}.values()
        )
        raise EnvironmentLacks(f"--impl {word!r}: {'; '.join(lines)}")
    package = word.replace("-", "_").partition(".")[0]
    return [i for i in missing if i.via.partition(".")[0] == package]


def with_missing(greetings: Mapping[Target, Greeting], chosen: Collection[Implementation]) -> dict[Target, Greeting]:
    """The greetings with those that were asked for among what is offered, so that each is told to be absent."""
    return {
        target: replace(word, implementations=(*word.implementations, *(i for i in word.missing if i in chosen)))
        for target, word in greetings.items()
    }


def packages_of(word: Greeting) -> tuple[list[str], list[str]]:
    """The packages that are there, with their versions, and what is to be said of what is not.

    Of those that are not installed that is one sentence, with one line for pip.
    """
    there = dict.fromkeys(i.package for i in word.implementations if i.package)
    said: list[str] = []
    names: list[str] = []
    wanted: dict[str, None] = {}
    command, beside = "", ""
    for text in dict.fromkeys(one.lacks for one in word.missing):
        about, found, line = text.partition(TO_INSTALL)
        if not found:
            said.append(text)
            continue
        command, _, rest = line.partition(" install ")
        requirement, _, beside = rest.partition(" ")
        names.append(about.removeprefix("needs "))
        wanted[requirement] = None
    if names:
        said.append(f"has no {', '.join(names)}; to install: {command} install {' '.join([*wanted, beside]).rstrip()}")
    return list(there), said
