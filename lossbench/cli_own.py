"""The commands for losses of your own: check, new."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from lossbench.cli_options import Csv, Device, Form, Words, split


def check(
    function: Annotated[
        str, typer.Argument(metavar="FILE.py:NAME", help="Your function or class; package.module:NAME as well.")
    ],
    framework: Annotated[str, typer.Option("--framework", help="Whose tensors it takes, if not all it imports.")] = "",
    inputs: Annotated[
        Optional[list[str]],
        typer.Option("--input", help="NAME=KIND, such as target=classes, where it is guessed wrong."),
    ] = None,
    options: Annotated[Optional[list[str]], typer.Option("--set", help="NAME=VALUE, handed to it.")] = None,
    output: Annotated[str, typer.Option("--output", help="Which entry of the dict or tuple it returns.")] = "",
    shape: Annotated[str, typer.Option("--shape", help="Of the inputs, the batch first.")] = "4x3",
    relation: Annotated[
        Words, typer.Option("--relation", help="What must hold, such as shifted-scores; a wrong name lists them.")
    ] = None,
    device: Device = "cpu",
    compiled: Annotated[bool, typer.Option("--compiled/--no-compiled", help="Compile it as well.")] = True,
    csv: Csv = None,
    form: Form = "table",
) -> None:
    """Check a function of your own without a reference: gradients, formats, extremes, classic mistakes."""
    from lossbench.commands.check import Request
    from lossbench.commands.check import main as run

    request = Request(
        spec=function,
        framework=framework,
        inputs=tuple(inputs or ()),
        options=tuple(options or ()),
        output=output,
        shape=shape,
        relations=split(relation),
        device=device,
        compiled=compiled,
        csv=csv,
        form=form,
    )
    raise typer.Exit(run(request))


def new(name: Annotated[str, typer.Argument(metavar="LOSS", help="What your loss is to be called.")]) -> None:
    """Write the commented skeleton of a loss of your own: definition, and a function for each framework."""
    from lossbench.commands.bringing import new as run

    raise typer.Exit(run(name, Path()))


def add_to(app: typer.Typer) -> None:
    """Enter the commands into the command line."""
    for command in (
        check,
        new,
    ):
        app.command()(command)
