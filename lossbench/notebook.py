"""lossbench from Python: the words of the command line, answered with DataFrames and arrays.

`import lossbench` offers these names and imports nothing else until one of them is used. The command line runs the
same engines; here nothing is printed, and rows are returned instead of written.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lossbench.errors import EnvironmentLacks, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from lossbench.loss import Loss
    from lossbench.records import Option
    from lossbench.reference.expectation import Expectation

__all__ = ["EnvironmentLacks", "Numbers", "UsageError", "certified", "compare", "reference", "speed"]

Words = str | Iterable[str]
NOWHERE = Path(os.devnull)


@dataclass(frozen=True)
class Numbers:
    """What a loss should give: its value, and the gradient of its sum by each differentiable argument, in float64.

    `proven` says of each term whether its numbers are certified: the definition evaluated with a proof of every
    digit. `low` holds what the rounding to float64 leaves over, where it is known: value + low is good to about 106
    bits.
    """

    value: np.ndarray
    gradients: dict[str, np.ndarray]
    proven: np.ndarray
    low: np.ndarray
    gradient_lows: dict[str, np.ndarray]

    def __float__(self) -> float:
        """The value, where it is a single number."""
        return float(self.value)


def compare(
    *losses: str,
    suite: str = "",
    framework: Words = (),
    dtype: Words = (),
    regime: Words = (),
    seed: int | Iterable[int] = (),
    device: str = "cpu",
    impl: str = "",
    as_: str = "",
    map: Words = (),
    order: str = "",
    output: str = "",
    classes: str = "",
    target: Words = (),
    case: Words = (),
    inputs: str | Path | None = None,
    settings: dict[str, Any] | None = None,
    losses_from: str | Path | Iterable[str | Path] = (),
) -> pd.DataFrame:
    """Judge implementations against the reference: a row for each case and implementation.

    Args:
        losses: names, ours or any framework's; none means all.
        suite: a suite's name, or the path of its .toml file; smoke unless given, or own for a function of your own.
        framework: one name or several; all that are installed unless given.
        dtype: float64, float32, float16, bfloat16; the suite's unless given.
        regime: kinds of input; the suite's unless given.
        seed: one or several; the suite's unless given.
        device: cpu or cuda.
        impl: only implementations whose public name contains this; or FILE.py:NAME or package.module:NAME, a function
            or class of your own, which is run in a process of its own.
        as_: which loss your own is.
        map: names and values of your own, such as "gamma=focus" and "alpha=None".
        order: its arguments, such as "target,prediction".
        output: which entry of what it returns is the loss.
        classes: its axis of classes, "last" or "second".
        target: targets as written after --target.
        case: cases by their printed names, instead of those of a suite.
        inputs: tensors of your own (.npz or .safetensors) instead of a suite's.
        settings: the loss's parameters beside `inputs`.
        losses_from: files of losses of your own.

    Returns:
        The columns of the CSV file that the command line writes (`lossbench.records.Verdict`).

    Raises:
        UsageError: a name or value that cannot be meant; the message says what would be accepted.
        EnvironmentLacks: a framework that was named is not installed.
    """
    from lossbench.commands.compare import Request, Run, perform, why_nothing
    from lossbench.commands.own import told
    from lossbench.records import Verdict

    _bring(losses_from)
    own = told(impl, as_, _words(map), order, output, classes)
    request = Request(
        losses=losses,
        suite=suite or ("own" if own else "smoke"),
        frameworks=_words(framework),
        dtypes=_words(dtype),
        regimes=_words(regime),
        seeds=tuple(str(s) for s in ([seed] if isinstance(seed, int) else seed)),
        device=device,
        implementation="" if own else impl,
        cases=_words(case),
        inputs=None if inputs is None else Path(inputs),
        settings=_settings(settings),
        targets=_words(target),
        own=own,
    )
    run = Run()
    with _quiet():
        perform(request, NOWHERE, run)
    if not run.verdicts:
        raise UsageError(f"nothing was measured: {why_nothing(request, run)}")
    return _frame(run.verdicts, Verdict)


def speed(
    *losses: str,
    suite: str = "speed",
    framework: Words = (),
    dtype: Words = (),
    device: str = "cpu",
    shape: Words = (),
    reduction: Words = (),
    processes: int = 3,
    seconds: float = 0.1,
    threads: int = 1,
    impl: str = "",
    as_: str = "",
    map: Words = (),
    order: str = "",
    output: str = "",
    classes: str = "",
    target: Words = (),
    inputs: str | Path | None = None,
    settings: dict[str, Any] | None = None,
    losses_from: str | Path | Iterable[str | Path] = (),
) -> pd.DataFrame:
    """Time implementations, forward and with their gradient, in fresh processes: a row for each sample set.

    Args:
        losses: names, ours or any framework's; none means all.
        suite: a suite's name, or the path of its .toml file.
        framework: one name or several; all that are installed unless given.
        dtype: formats instead of the suite's.
        device: cpu or cuda.
        shape: shapes instead of the suite's, such as "4096x1000".
        reduction: reductions instead of the suite's.
        processes: fresh processes for each framework.
        seconds: of samples for each measurement.
        threads: that a framework may use.
        impl: only implementations whose public name contains this; or FILE.py:NAME or package.module:NAME, a function
            or class of your own, which is run in a process of its own.
        as_: which loss your own is.
        map: names and values of your own, such as "gamma=focus" and "alpha=None".
        order: its arguments, such as "target,prediction".
        output: which entry of what it returns is the loss.
        classes: its axis of classes, "last" or "second".
        target: targets as written after --target.
        inputs: tensors of your own (.npz or .safetensors) instead of a suite's.
        settings: the loss's parameters beside `inputs`.
        losses_from: files of losses of your own.

    Returns:
        The columns of the CSV file that the command line writes (`lossbench.records.Timing`); times in seconds.

    Raises:
        UsageError: a name or value that cannot be meant; the message says what would be accepted.
        EnvironmentLacks: a framework that was named is not installed.
    """
    from lossbench.commands.own import told
    from lossbench.commands.speed import Request, Run, perform
    from lossbench.timings import Timing

    _bring(losses_from)
    own = told(impl, as_, _words(map), order, output, classes)
    request = Request(
        losses=losses,
        suite=suite,
        frameworks=_words(framework),
        dtypes=_words(dtype),
        device=device,
        shapes=_words(shape),
        reductions=_words(reduction),
        processes=processes,
        seconds=seconds,
        threads=threads,
        implementation="" if own else impl,
        inputs=None if inputs is None else Path(inputs),
        settings=_settings(settings),
        targets=_words(target),
        own=own,
    )
    run = Run()
    with _quiet():
        perform(request, NOWHERE, run)
    return _frame(run.timings, Timing)


def reference(
    loss: str, /, *, reduction: str = "", cotangent: Any = None, certify: bool | None = None, **given: Any
) -> Numbers:
    """The value and gradients that a loss should give, in float64.

    Arrays and parameters go by the loss's own names (`lossbench show LOSS` prints them), or the usual other ones for
    prediction and target. Up to 8192 numbers the certified definition is used, above that the closed form.

    Args:
        loss: its name, ours or an alias.
        reduction: none, mean, sum ...; as the terms are, unless given.
        cotangent: what the gradients are taken against; ones unless given.
        certify: False leaves the definition out, whatever the size.
        given: the loss's arrays and parameters by name.

    Raises:
        UsageError: an unknown loss, argument, reduction or shape.
    """
    return _numbers(loss, reduction, cotangent, certify is not False, given)


def certified(loss: str, /, *, reduction: str = "", cotangent: Any = None, **given: Any) -> Numbers:
    """As `reference`, and every number of it proven: the definition in arithmetic that carries its own error bounds.

    Raises:
        UsageError: as `reference`; or a term could not be proven, or there are more than 8192 numbers.
    """
    found = _numbers(loss, reduction, cotangent, True, given)
    if not found.proven.all():
        count = int((~found.proven).sum())
        raise UsageError(
            f"{count} of {found.proven.size} terms of {loss} could not be certified: more than 8192 numbers, inputs "
            "that are not finite, or no value by definition; lossbench.reference gives the closed form there"
        )
    return found


def _numbers(name: str, reduction: str, cotangent: Any, certify: bool, given: dict[str, Any]) -> Numbers:
    from dataclasses import replace

    from lossbench.cases.inputs import Inputs
    from lossbench.judging.comparison import open_answers
    from lossbench.reference.expectation import expect, reduced

    loss = _loss(name, given)
    arrays, parameters, shape = _taken(loss, given)
    plain = loss if certify else replace(loss, textbook=None)
    word = reduction or ("none" if "none" in loss.reductions else loss.reductions[0])
    if word not in loss.reductions:
        raise UsageError(f"reduction {word!r}: {loss.name} has {', '.join(loss.reductions)}")
    with open_answers() as answers:
        expectation = expect(plain, parameters, Inputs(arrays, np.zeros(0, bool)), shape, answers)
        above = None if cotangent is None else np.asarray(cotangent, float)
        wanted = reduced(expectation, word, above)
        answers.save()
    return Numbers(
        value=wanted.value[0],
        gradients={name: pair[0] for name, pair in wanted.gradients.items()},
        proven=_proven(expectation),
        low=wanted.value[1],
        gradient_lows={name: pair[1] for name, pair in wanted.gradients.items()},
    )


def _proven(expectation: Expectation) -> np.ndarray:
    return np.asarray(expectation.proven.copy())


def _loss(name: str, given: dict[str, Any]) -> Loss:
    from lossbench.cases.names import find_losses
    from lossbench.losses import catalogue

    losses = catalogue()
    if name in losses:
        return losses[name]
    found = sorted(find_losses([name], losses, []))
    fitting = [n for n in found if all(word in {**losses[n].arguments, **losses[n].parameters} for word in given)]
    chosen = fitting or found
    if len(chosen) > 1:
        raise UsageError(f"{name!r} may be {' or '.join(chosen)}; say which")
    return losses[chosen[0]]


def _taken(loss: Loss, given: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Option], tuple[int, ...]]:
    from lossbench.cases.captured import SAME, check_shapes, shape_of
    from lossbench.cases.names import suggestion

    arrays: dict[str, np.ndarray] = {}
    parameters: dict[str, Option] = {n: p.default for n, p in loss.parameters.items()}
    for word, value in given.items():
        name = word
        if word not in loss.arguments and word not in loss.parameters:
            group = next((words for words in SAME if word in words), ())
            mine = [n for n in loss.arguments if n in group and n not in given]
            name = mine[0] if len(mine) == 1 else word
        if name in loss.parameters:
            parameters[name] = value
        elif name in loss.arguments:
            integer = loss.arguments[name].domain.integer
            arrays[name] = _array(value, integer, word)
        else:
            has = [*loss.arguments, *loss.parameters]
            raise UsageError(f"{loss.name} has no {word!r}; {suggestion(word, has)} (it has {', '.join(has)})")
    missing = [n for n, a in loss.arguments.items() if not a.optional and n not in arrays]
    if missing:
        raise UsageError(f"{loss.name} needs {', '.join(missing)}; given were {', '.join(given) or 'none'}")
    ordered = {name: arrays[name] for name in loss.arguments if name in arrays}
    shape = shape_of(loss, ordered)
    check_shapes(loss, ordered, shape, loss.name)
    return ordered, parameters, shape


def _array(value: Any, integer: bool, word: str) -> np.ndarray:
    """A list, an array or any framework's tensor as numbers of our own."""
    for step in ("detach", "cpu"):  # a torch tensor that is being learned says no to numpy
        value = getattr(value, step)() if hasattr(value, step) else value
    try:
        array = np.asarray(value)
        found = array.astype(np.int64 if integer else np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{word} cannot be read as numbers: {error}") from error
    if integer and (found != array).any():
        raise UsageError(f"{word} holds fractions; whole numbers belong there")
    return found


def _bring(files: str | Path | Iterable[str | Path]) -> None:
    paths = [files] if isinstance(files, (str, Path)) else list(files)
    if paths:
        from lossbench.brought import is_brought
        from lossbench.commands.bringing import bring

        bring([Path(path) for path in paths if not is_brought(Path(path))])


def _words(words: Words) -> tuple[str, ...]:
    return (words,) if isinstance(words, str) else tuple(words)


def _settings(settings: dict[str, Any] | None) -> tuple[str, ...]:
    from lossbench.records import option_text

    return tuple(f"{name}={option_text(value)}" for name, value in (settings or {}).items())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the command line's progress, which is for terminals."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stderr(nowhere):
        yield


def _frame(rows: Sequence[Any], record: type[Any]) -> pd.DataFrame:
    import pandas as pd

    names = [field.name for field in fields(record)]
    return pd.DataFrame([[_plain(getattr(row, name)) for name in names] for row in rows], columns=names)


def _plain(value: Any) -> Any:
    from enum import Enum

    return value.value if isinstance(value, Enum) else value
