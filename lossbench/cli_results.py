"""The commands that read results: their names, help and options. Each body is one import and one call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

Results = Annotated[
    Optional[list[Path]],
    typer.Argument(metavar="[RESULTS]...", help="Files that `--csv` has written, or folders; results/latest."),
]
Output = Annotated[Optional[Path], typer.Option("-o", "--output", help="Where it goes.", show_default=False)]


def report(
    results: Results = None,
    output: Output = None,
    join: Annotated[
        bool, typer.Option("--join", help="Take several files of verdicts as one instead of comparing two.")
    ] = False,
    title: Annotated[str, typer.Option("--title", help="What stands above the page.")] = "lossbench",
) -> None:
    """Results as a page for the browser, in one file; of two files of verdicts, what changed."""
    from lossbench.commands.reporting import Request
    from lossbench.commands.reporting import main as run

    raise typer.Exit(run(Request(tuple(results or ()), output, join, title)))


def accuracy(
    results: Results = None,
    form: Annotated[str, typer.Option("--format", help="table, csv, json or markdown.")] = "table",
    output: Output = None,
    losses: Annotated[
        Optional[list[str]],
        typer.Option("--loss", help="Only these losses; may be given several times."),
    ] = None,
) -> None:
    """How accurate every implementation is: worst, 99th percentile and median errors, by format, with the input."""
    from lossbench.commands.accuracy import Request
    from lossbench.commands.accuracy import main as run

    raise typer.Exit(run(Request(tuple(results or ()), form, output, tuple(losses or ()))))


def add_to(app: typer.Typer) -> None:
    """Make them commands of `app`."""
    app.command()(report)
    app.command()(accuracy)
