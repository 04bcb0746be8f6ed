"""The option `--losses` and the command `new`: losses of a user's own, held to their definitions before they judge."""

from __future__ import annotations

import keyword
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lossbench.cases.inputs import build
from lossbench.cases.regimes import REGIMES
from lossbench.cases.suite import Block, Selection, Suite
from lossbench.cases.unfolding import unfold
from lossbench.complaints import said
from lossbench.errors import ResultsNotWritten, UsageError
from lossbench.judging.audit import Audit, audit
from lossbench.loading import own_places
from lossbench.loss import Loss
from lossbench.losses import bring as bring_into_catalogue
from lossbench.losses import catalogue
from lossbench.records import Case
from lossbench.reference.answers import Answers

SHAPES = {"elements": ((6, 5),), "rows": ((6, 5),), "samples": ((3, 12),), "batch": ((6, 5),)}
SKELETON = Path(__file__).parent.parent / "skeleton.txt"


def bring(files: Sequence[Path]) -> None:
    """Enter the losses of these files into the catalogue.

    Raises:
        UsageError: a file cannot be used, or a closed form of its disagrees with its definition.
    """
    for path in files:
        for loss in bring_into_catalogue(path):
            if not hasattr(loss.function, "__wrapped__") or loss.textbook is not loss.function.__wrapped__:
                hold(loss, str(path))


def hold(loss: Loss, where: str) -> None:
    """Hold a loss's closed form to its definition, on every regime it has.

    Raises:
        UsageError: they disagree, with the input that shows it.
    """
    blocks = (
        Block(
            (), tuple(n for n in REGIMES if not REGIMES[n].invalid), ("float64",), ("plain",), "default", (0,), SHAPES
        ),
        Block((), ("normal",), ("float64",), ("plain",), "each", (0,), SHAPES),
    )
    for case in unfold(Suite(where, blocks), {loss.name: loss}, Selection()):
        try:
            found = audit(case, loss, Answers(None))
        except Exception as error:  # the user's own code, whatever it does
            raise UsageError(f"{where}: {loss.name} fails on {case}: {said(error, own_places(where))}") from error
        if not found.passed:
            raise UsageError(
                f"{where}: the closed form of {loss.name} disagrees with its definition by {found.error:.3g} eps: "
                f"{found.worst} by the definition, at {_input(found, case, loss)} ({case}); mend the one that is "
                "wrong, or leave the closed form out with @defined(...), and the definition serves as reference"
            )


def _input(found: Audit, case: Case, loss: Loss) -> str:
    """The numbers that the worst term depends on, as they would be typed."""
    arrays = build(case, loss).arrays
    text = found.worst.partition(":")[0].partition("[")[2].rstrip("]")
    index = tuple(int(part) for part in text.split(",") if part.strip().lstrip("-").isdigit())
    index = index[: len(loss.term_shape(case.shape))]
    parts = []
    for name, array in arrays.items():
        part = np.asarray(loss.slice_of(name, array, index)) if len(index) else array
        numbers = part.tolist() if part.size <= 16 else f"an array of shape {part.shape}"
        parts.append(f"{name}={numbers!r}")
    return ", ".join([*parts, *(f"{name}={value!r}" for name, value in case.parameters)])


def new(name: str, folder: Path) -> int:
    """Write the commented skeleton of a loss to a file of its name.

    Raises:
        UsageError: the name cannot be a function's, is taken, or the file is there already.
        ResultsNotWritten: there is no room for it.
    """
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_") or not name.isascii():
        raise UsageError(f"{name!r} cannot be the name of a function in Python; such as smooth_hinge")
    if (folder / f"{name}.py").exists():
        raise UsageError(f"{folder / f'{name}.py'} is there already; remove it first, or choose another name")
    if name in catalogue():
        raise UsageError(f"there is already a loss called {name!r} (`lossbench show {name}`); choose another name")
    path = folder / f"{name}.py"
    text = SKELETON.read_text(encoding="utf-8").replace("LOSS", name)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} is there already; remove it first, or choose another name") from None
    except OSError as error:
        if path.is_file() and path.stat().st_size < len(text):
            path.unlink(missing_ok=True)
        raise ResultsNotWritten(f"cannot write {path}: {error.strerror}") from error
    print(f"{path} is written; edit it, then type: lossbench compare {name} --losses {path}")
    return 0
