"""The options of `hunt`, kept apart from the other commands for their number; `cli` enters them."""

from __future__ import annotations

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
    Item,
    Losses,
    Map,
    Order,
    Targets,
    own_of,
    split,
)


def hunt(
    losses: Losses = None,
    seconds: Annotated[float, typer.Option("--seconds", help="Two thirds to search, the rest to shrink.")] = 60.0,
    rounds: Annotated[
        Optional[int], typer.Option("--rounds", help="So many rounds instead, however long they take.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed and rounds find the same.")] = 0,
    dtype: Dtypes = None,
    framework: Frameworks = None,
    impl: Impl = "",
    as_: As = "",
    map_: Map = None,
    order: Order = "",
    item: Item = "",
    classes: Classes = "",
    target: Targets = None,
    device: Device = "cpu",
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the last hunt was interrupted.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Make what is wrong a part of the suites: suites/worst.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 if anything differs unexplained.")] = False,
    csv: Csv = None,
    brought: Brought = None,
    form: Form = "table",
) -> None:
    """Search for the worst input of every implementation, and shrink it to the smallest that shows the defect."""
    from lossbench.commands.hunt import Request
    from lossbench.commands.hunt import main as run

    own = own_of(impl, as_, map_, order, item, classes)
    request = Request(
        losses=split(losses),
        seconds=seconds,
        rounds=rounds,
        seed=seed,
        dtypes=split(dtype) or ("float32",),
        frameworks=split(framework),
        implementation="" if own else impl,
        device=device,
        resume=resume,
        keep=keep,
        strict=strict,
        csv=csv,
        targets=split(target),
        own=own,
        form=form,
    )
    raise typer.Exit(run(request))
