"""The options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from lossbench.commands.own import Own

Words = Optional[list[str]]  # of an option that may be given several times, or once with commas between

Losses = Annotated[Optional[list[str]], typer.Argument(metavar="[LOSS]...", help="Names, ours or any framework's.")]
SuiteName = Annotated[str, typer.Option("--suite", help="A suite's name, or the path of its .toml file.")]
Frameworks = Annotated[Words, typer.Option("--framework", help="Names with commas between; all that are installed.")]
Dtypes = Annotated[Words, typer.Option("--dtype", help="float64, float32, float16, bfloat16.")]
Regimes = Annotated[Words, typer.Option("--regime", help="Kinds of input; `lossbench list --regimes` names them.")]
Seeds = Annotated[Words, typer.Option("--seed", help="Seeds instead of the suite's own, commas between.")]
Device = Annotated[str, typer.Option("--device", help="cpu or cuda.")]
Inputs = Annotated[
    Optional[Path],
    typer.Option("--inputs", help="Tensors of your own, .npz or .safetensors, instead of a suite.", show_default=False),
]
Settings = Annotated[Optional[list[str]], typer.Option("--set", help="NAME=VALUE, a parameter beside --inputs.")]
Csv = Annotated[Optional[Path], typer.Option("--csv", help="Where the rows go.", show_default=False)]
ShardText = Annotated[str, typer.Option("--shard", metavar="I/N", help="Part I of N of the suite; they count from 1.")]
Form = Annotated[str, typer.Option("--format", help="table, csv, json or markdown.")]

Impl = Annotated[
    str,
    typer.Option("--impl", help="Part of a public name; or FILE.py:NAME or package.module:NAME, a loss of your own."),
]
As = Annotated[str, typer.Option("--as", help="Which loss your own --impl is.")]
Map = Annotated[
    Words, typer.Option("--map", help="Names and values of your own: gamma=focus,alpha=None.", show_default=False)
]
Order = Annotated[str, typer.Option("--order", help="Its arguments: target,prediction or logit,[_,target].")]
Item = Annotated[str, typer.Option("--output", "--item", help="Which entry of what it returns is the loss.")]
Classes = Annotated[str, typer.Option("--classes", help="Its axis of classes: last or second.")]
Targets = Annotated[
    Words,
    typer.Option("--target", help="FRAMEWORK[:MODE][@DEVICE][=PYTHON] or a name of yours.", show_default=False),
]


def own_of(impl: str, loss: str, mapped: Words, order: str, item: str, classes: str) -> Own:
    """What --impl and the options beside it say of a loss of the user's own."""
    from lossbench.commands.own import told

    pairs = [piece.strip() for text in mapped or () for piece in re.split(r",(?=\s*\w+=)", text)]
    return told(impl, loss, pairs, order, item, classes)


def _bring(files: Optional[list[Path]]) -> None:
    if files:
        from lossbench.commands.bringing import bring

        bring(files)


Brought = Annotated[
    Optional[list[Path]],
    typer.Option(
        "--losses", callback=_bring, expose_value=False, show_default=False, help="Files of losses of your own."
    ),
]


def split(texts: Iterable[str] | None) -> tuple[str, ...]:
    """The words of an option that may be given several times, or once with commas between."""
    return tuple(word for text in texts or () for word in (text.replace(",", " ").split() or [text]))
