"""The options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from lossbench.cli_hunt import Words

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
