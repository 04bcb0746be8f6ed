"""What `--against` and `--mode` mean: which targets run, and which of their standings the others are held against."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lossbench.cases.names import suggestion
from lossbench.commands.targets import FRAMEWORKS, NICKNAMES
from lossbench.errors import UsageError
from lossbench.judging.standings import Standing
from lossbench.records import Target

MODES = ("eager", "compiled", "xla", "graph")


@dataclass(frozen=True, slots=True)
class Against:
    """The targets that run, and what picks the base of each case; None: the fastest."""

    targets: list[Target]
    base: Callable[[Standing], bool] | None = None


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


def against(targets: Sequence[Target], word: str) -> Against:
    """What a word after `--against` means.

    The path of an interpreter runs every framework under that one, too, as the base; a framework, with ``:mode``
    after it where it is not the usual one, or a part of a public name makes that one the base.

    Raises:
        UsageError: a path that nothing can be run from.
    """
    if not word:
        return Against(list(targets))
    if os.sep in word:
        path = shutil.which(word)
        if path is None:
            raise UsageError(f"--against {word!r} is no interpreter that can be run; give the path of a python")
        others = [replace(target, interpreter=word, name="") for target in targets]
        return Against([*targets, *others], lambda standing: standing.interpreter == word)
    name, _, mode = word.partition(":")
    framework = NICKNAMES.get(name.lower(), name.lower())
    if framework in (*FRAMEWORKS, "fakes"):
        target = Target(framework, mode=mode)
        added = [] if any(t.framework == framework and t.mode == target.mode for t in targets) else [target]
        added = [replace(each, device=targets[0].device) for each in added if targets]
        return Against(
            [*targets, *added], lambda standing: (standing.framework, standing.mode) == (framework, target.mode)
        )
    return Against(list(targets), lambda standing: standing.via == word or word in standing.via)
