"""How `assert_loss` calls the function that a user's test hands over: which argument is which of the loss's.

A guest's worker finds that out by `lossbench.guest_matching`, from what the command line says and by trying. Here the
function itself is at hand, what it is told comes as Python values, and nothing is run that the test did not ask for.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from lossbench.cases.captured import SAME
from lossbench.cases.names import suggestion
from lossbench.errors import UsageError
from lossbench.loss import Loss
from lossbench.records import Option
from lossbench.signatures import signature_of


class TestedCall:
    """How a user's function is called as an adapter of a loss."""

    def __init__(
        self, call: Callable[..., Any], loss: Loss, names: Mapping[str, str], parameters: Mapping[str, Option]
    ) -> None:
        """Match the function's arguments to the loss's: as told, by name, by the usual other names, by position."""
        self.call, self.loss = call, loss
        own = [p for p in signature_of(call) if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
        has = {p.name: p for p in own}
        for word in (*names, *parameters):
            if word not in loss.arguments and word not in loss.parameters:
                known = [*loss.arguments, *loss.parameters]
                raise UsageError(f"{loss.name} has no {word!r}; {suggestion(word, known)}")
        for word in names.values():
            if word not in has:
                raise UsageError(f"names: the function has no argument {word!r}; it has {', '.join(has) or 'none'}")
        self.arrays: dict[str, str] = {}
        free = [p.name for p in own if p.name not in (*names.values(), *loss.parameters, "reduction")]
        for name, argument in loss.arguments.items():
            found = names.get(name) or next((w for w in [name, *usual(name)] if w in free), "")
            if not found and not argument.optional:
                found = next((w for w in free if not self._is_another(w, name)), "")
            if found:
                self.arrays[name] = found
                free = [word for word in free if word != found]
            elif not argument.optional:
                raise UsageError(
                    f"{loss.name} has an argument {name!r}, and the function ({', '.join(has) or 'no arguments'}) "
                    f"none for it; say which by names={{{name!r}: ...}}"
                )
        self.takes_reduction = "reduction" in has
        self.options = {n: names.get(n, n) for n in loss.parameters if names.get(n, n) in has}
        self.settings = loss.settings()
        for name, word in self.options.items():
            default = has[word].default
            if default is not inspect.Parameter.empty and (
                default is None or isinstance(default, (bool, int, float, str))
            ):
                kind = type(loss.parameters[name].default)
                self.settings[name] = float(default) if kind is float and isinstance(default, int) else default
        self.settings |= parameters

    def _is_another(self, word: str, name: str) -> bool:
        """Whether the word is a usual one for another of the loss's arguments."""
        return any(word in usual(other) or word == other for other in self.loss.arguments if other != name)

    @property
    def parameters(self) -> tuple[tuple[str, Option], ...]:
        """The loss's parameters that differ from its own defaults, as a case has them."""
        return self.loss.departures(self.settings)

    def adapter(self, **given: Any) -> Any:
        """Call the function by its own names."""
        handed = {self.arrays[n]: t for n, t in given.items() if n in self.arrays}
        handed |= {self.options[n]: v for n, v in given.items() if n in self.options}
        if "reduction" in given and self.takes_reduction:
            handed["reduction"] = given["reduction"]
        positional = [p.name for p in signature_of(self.call) if p.kind is p.POSITIONAL_ONLY]
        return self.call(*(handed.pop(word) for word in positional if word in handed), **handed)


def usual(name: str) -> tuple[str, ...]:
    """The names that people use for an argument of this name."""
    return next((words for words in SAME if name in words), ())
