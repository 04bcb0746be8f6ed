"""What `--against` and `--mode` mean: which targets run, and which of their standings the others are held against."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lossbench.cases.names import suggestion
from lossbench.commands.named_targets import named_targets
from lossbench.commands.targets import FRAMEWORKS, NICKNAMES, WRITTEN, parse_target
from lossbench.errors import UsageError
from lossbench.judging.standings import Standing
from lossbench.records import Target

MODES = ("eager", "compiled", "xla", "graph", "classes")


@dataclass(frozen=True, slots=True)
class Against:
    """The targets that run, and what picks the base of each case; None: the fastest."""

    targets: list[Target]
    base: Callable[[Standing], bool] | None = None
    bases: tuple[Target, ...] = ()  # those that others are held against, where whole targets were meant


def in_modes(targets: Sequence[Target], modes: Sequence[str]) -> list[Target]:
    """The targets in each of these modes; none given leaves each in its own.

    Raises:
        UsageError: a mode that no framework has.
    """
    for mode in modes:
        if mode not in MODES:
            raise UsageError(f"--mode {mode!r}; {suggestion(mode, list(MODES))}")
    if not modes:
        return list(targets)
    return [replace(target, mode=mode) for target in targets for mode in dict.fromkeys(modes)]


def in_suites_modes(targets: Sequence[Target], modes: Sequence[str], whose: str = "the suite") -> list[Target]:
    """The targets in the modes that a suite names; one that was asked for in a mode of its own keeps that alone.

    Args:
        targets: as the command line has them.
        modes: ``eager`` for every framework, ``tensorflow:xla`` for one alone; none leaves each in its own.
        whose: where they stand, for messages.

    Raises:
        UsageError: a mode that no framework has.
    """
    for word in modes:
        framework, colon, mode = word.rpartition(":")
        if mode not in MODES or (colon and framework not in FRAMEWORKS and framework != "fakes"):
            raise UsageError(
                f"{whose}: modes has {word!r}; it may be {', '.join(MODES)}, or one of them for one framework, such as "
                "tensorflow:xla"
            )
    found: list[Target] = []
    for target in targets:
        own = [m for f, _, m in (word.rpartition(":") for word in modes) if f in ("", target.framework)]
        keeps = not own or target.mode != target.usual_mode
        found += [target] if keeps else [replace(target, mode=mode) for mode in own]
    return list(dict.fromkeys(found))


def against(targets: Sequence[Target], word: str) -> Against:
    """What a word after `--against` means.

    A target, as it is named or written for --target, is the base, and runs if it does not anyway. The path of an
    interpreter, or of its environment, runs every framework under that one, too, as the base; a framework, with
    ``:mode`` after it where it is not the usual one, or a part of a public name makes that one the base.

    Raises:
        UsageError: a path that nothing can be run from, or a target that cannot be meant.
    """
    if not word:
        return Against(list(targets))
    device = targets[0].device if targets else "cpu"
    if target := _target(targets, word):
        added = [] if target in targets else [target]
        return Against([*targets, *added], lambda standing: standing.target == str(target), (target,))
    if os.path.isdir(word):  # of a virtual environment
        word = os.path.join(word, "bin", "python")
    if os.sep in word:
        path = shutil.which(word)
        if path is None:
            raise UsageError(f"--against {word!r} is no interpreter that can be run; give the path of a python")
        others = [replace(target, interpreter=word, name="") for target in targets]
        return Against([*targets, *others], lambda standing: standing.interpreter == word, tuple(others))
    name, _, mode = word.partition(":")
    framework = NICKNAMES.get(name.lower(), name.lower())
    if framework in (*FRAMEWORKS, "fakes"):
        target = Target(framework, device=device, mode=mode)
        mine = [t for t in targets if t.framework == framework and t.mode == target.mode and not t.guest]
        return Against(
            [*targets, *([] if mine else [target])],
            lambda standing: (standing.framework, standing.mode) == (framework, target.mode),
            tuple(mine or [target]),
        )
    return Against(list(targets), lambda standing: standing.via == word or word in standing.via)


def _target(targets: Sequence[Target], word: str) -> Target | None:
    """The target that a word names or writes out; None where it means something else."""
    for target in targets:
        if word == target.name:
            return target
    parts = WRITTEN.fullmatch(word)
    framework = NICKNAMES.get(parts["framework"].lower(), parts["framework"].lower()) if parts else ""
    told = parts is not None and framework in (*FRAMEWORKS, "fakes") and bool(parts["python"] or parts["device"])
    known = told or word in named_targets()
    return parse_target(word, targets[0].device if targets else "cpu") if known else None
