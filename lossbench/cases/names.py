"""The names people know losses by, and what to suggest when a name is unknown."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

from lossbench.errors import UsageError
from lossbench.loss import Loss
from lossbench.records import Implementation


def suggestion(word: str, allowed: Sequence[str]) -> str:
    """What to type next: the nearest allowed words, or all of them where none is near."""
    near = difflib.get_close_matches(word.lower(), allowed, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"it may be one of: {', '.join(allowed)}" if allowed else "nothing may stand there"


def simple(name: str) -> str:
    """A name without case, underscores and a trailing "Loss", so that CrossEntropyLoss finds cross_entropy."""
    bare = name.lower().replace("_", "").replace("-", "")
    return bare[:-4] if bare.endswith("loss") and len(bare) > 4 else bare


def spellings(losses: Mapping[str, Loss], implementations: Iterable[Implementation]) -> dict[str, set[str]]:
    """For every simple name, the losses it may stand for."""
    names: dict[str, set[str]] = {}
    for loss in losses.values():
        if not loss.variant:
            for word in (loss.name, loss.form_of, *loss.aliases):
                names.setdefault(simple(word), set()).add(loss.name)
    framework_names: dict[str, set[str]] = {}
    for implementation in implementations:
        for part in implementation.via.split(" + "):
            word = part.split("(")[0].split(".")[-1].strip()
            framework_names.setdefault(simple(word), set()).add(implementation.loss)
    for word, found in framework_names.items():
        names.setdefault(word, found)
    return names


def find_losses(
    words: Sequence[str], losses: Mapping[str, Loss], implementations: Iterable[Implementation]
) -> frozenset[str]:
    """The losses meant by `words`: canonical names, aliases, or any framework's name for them.

    Raises:
        UsageError: a word stands for no loss.
    """
    names = spellings(losses, implementations)
    found: set[str] = set()
    for word in words:
        if simple(word) not in names:
            near = difflib.get_close_matches(simple(word), list(names), n=3, cutoff=0.6)
            near = near or [name for name in names if simple(word) and simple(word) in name]
            known = sorted({loss for name in near for loss in names[name]})
            hint = f"did you mean {' or '.join(known)}?" if known else "`lossbench list` prints them all"
            raise UsageError(f"there is no loss {word!r}; {hint}")
        found |= names[simple(word)]
    return frozenset(found)
