"""The commands that look for the worst: exhaust, sweep, repro."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from lossbench.cli_options import (
    As,
    Brought,
    Classes,
    Csv,
    Device,
    Dtypes,
    Form,
    Frameworks,
    Impl,
    Inputs,
    Item,
    Losses,
    Map,
    Order,
    Seeds,
    Settings,
    Targets,
    Words,
    own_of,
    split,
)

Plot = Annotated[Optional[Path], typer.Option("--plot", help="A folder for pictures of the errors.")]


def exhaust(
    losses: Losses = None,
    dtype: Annotated[str, typer.Option("--dtype", help="float16, bfloat16 or float32.")] = "bfloat16",
    framework: Frameworks = None,
    argument: Annotated[Words, typer.Option("--argument", help="Only these run through all patterns.")] = None,
    impl: Impl = "",
    as_: As = "",
    map_: Map = None,
    order: Order = "",
    item: Item = "",
    classes: Classes = "",
    target: Targets = None,
    device: Device = "cpu",
    all_options: Annotated[bool, typer.Option("--all-options", help="float32: labels and parameters, too.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the last run was interrupted.")] = False,
    csv: Csv = None,
    plot: Plot = None,
    brought: Brought = None,
    form: Form = "table",
) -> None:
    """Run every bit pattern of a format through elementwise losses: how far off each answer is."""
    from lossbench.commands.exhaust import Request
    from lossbench.commands.exhaust import main as run

    own = own_of(impl, as_, map_, order, item, classes)
    request = Request(
        losses=split(losses),
        dtype=dtype,
        frameworks=split(framework),
        arguments=split(argument),
        implementation="" if own else impl,
        targets=split(target),
        own=own,
        device=device,
        all_options=all_options,
        resume=resume,
        csv=csv,
        plot=plot,
        form=form,
    )
    raise typer.Exit(run(request))


def sweep(
    losses: Losses = None,
    over: Annotated[str, typer.Option("--over", help="scale, shift, gap, classes or length.")] = "scale",
    levels: Annotated[Words, typer.Option("--levels", help="Numbers instead of the usual ones.")] = None,
    dtype: Dtypes = None,
    framework: Frameworks = None,
    impl: Impl = "",
    as_: As = "",
    map_: Map = None,
    order: Order = "",
    item: Item = "",
    classes: Classes = "",
    target: Targets = None,
    shape: Annotated[
        str, typer.Option("--shape", help="Of the cases, such as 64x10; of long rows there are fewer otherwise.")
    ] = "",
    reduction: Annotated[str, typer.Option("--reduction", help="none, unless the loss has no such.")] = "",
    seed: Seeds = None,
    device: Device = "cpu",
    csv: Csv = None,
    plot: Plot = None,
    brought: Brought = None,
    form: Form = "table",
) -> None:
    """Turn one stress up and see how the errors of every implementation grow."""
    from lossbench.commands.sweep import Request
    from lossbench.commands.sweep import main as run

    own = own_of(impl, as_, map_, order, item, classes)
    request = Request(
        losses=split(losses),
        over=over,
        levels=split(levels),
        dtypes=split(dtype) or ("float32",),
        frameworks=split(framework),
        implementation="" if own else impl,
        targets=split(target),
        own=own,
        device=device,
        shape=shape,
        seeds=split(seed) or ("0", "1", "2"),
        reduction=reduction,
        csv=csv,
        plot=plot,
        form=form,
    )
    raise typer.Exit(run(request))


def repro(
    case: Annotated[
        str,
        typer.Argument(
            metavar="CASE", help="As printed by compare, such as huber/none/float32/6x5/tie/0; or a LOSS and --inputs."
        ),
    ],
    framework: Frameworks = None,
    impl: Impl = "",
    as_: As = "",
    map_: Map = None,
    order: Order = "",
    item: Annotated[str, typer.Option("--item", help="Which entry of what your own returns is the loss.")] = "",
    classes: Classes = "",
    target: Targets = None,
    device: Device = "cpu",
    markdown: Annotated[bool, typer.Option("--markdown", help="A bug report instead of the script alone.")] = False,
    output: Annotated[Optional[Path], typer.Option("-o", "--output", help="A file; else standard output.")] = None,
    run: Annotated[bool, typer.Option("--run/--no-run", help="Run the script once, to see that it shows it.")] = True,
    inputs: Inputs = None,
    settings: Settings = None,
    brought: Brought = None,
) -> None:
    """A case as a script that runs without lossbench: literal inputs, what came back, what should have."""
    from lossbench.commands.repro import Request
    from lossbench.commands.repro import main as reproduce

    own = own_of(impl, as_ or case.partition("/")[0] * (":" in impl), map_, order, item, classes)
    part = "" if own else impl
    request = Request(
        case, split(framework), part, device, markdown, output, run, inputs,
        settings=tuple(settings or ()), targets=split(target), own=own,
    )  # fmt: skip
    raise typer.Exit(reproduce(request))


def add_to(app: typer.Typer) -> None:
    """Enter the commands into the command line."""
    for command in (
        exhaust,
        sweep,
        repro,
    ):
        app.command()(command)
